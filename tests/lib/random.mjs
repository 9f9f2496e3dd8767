// Random numbers in [0, 1) that a seed repeats (mulberry32).
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// The same as whole numbers below a limit.
export function randomBelow(seed) {
  const next = random(seed);
  return (limit) => Math.floor(next() * limit);
}
