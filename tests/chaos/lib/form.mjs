// How much of each test is run. The short form is for every landing; the full one takes half an hour:
//   CHAOS_FULL=1 meson test -C build-gcc --suite chaos --timeout-multiplier 0 --num-processes 1
// One figure alone by its own variable, as CHAOS_KILLS=50. CHAOS_SEED repeats the choices of a run.
export const full = process.env.CHAOS_FULL === '1';

// The value of CHAOS_<name>, or that of the form.
export const size = (name, short, whole) => Number(process.env[`CHAOS_${name}`] ?? (full ? whole : short));

export const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 32));

// How long it must stay quiet before the sets are compared: what comes late or twice comes within it.
export const quietMs = full ? 10_000 : 1000;
