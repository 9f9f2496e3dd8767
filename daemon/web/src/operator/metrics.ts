// Reads the text that /metrics answers (Prometheus 0.0.4), and makes rates and quantiles of two of
// them.

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export interface Snapshot {
  /** In milliseconds. */
  at: number;
  /** What each name is: counter, gauge or histogram. */
  types: Map<string, string>;
  samples: Sample[];
}

const kLine = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([^ ]+)/;
const kLabel = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

export function parseMetrics(text: string, at: number): Snapshot {
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\S+) (\S+)/.exec(line);
    if (type) types.set(type[1]!, type[2]!);
    const sample = line.startsWith('#') ? null : kLine.exec(line);
    if (!sample) continue;
    const labels: Record<string, string> = {};
    for (const [, name, value] of (sample[2] ?? '').matchAll(kLabel)) labels[name!] = value!.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
    const value = sample[3] === '+Inf' ? Infinity : Number(sample[3]);
    samples.push({ name: sample[1]!, labels, value });
  }
  return { at, types, samples };
}

/** The sum of a name's samples over its labels; nothing if there is none. */
export function valueOf(snapshot: Snapshot, name: string): number | undefined {
  const found = snapshot.samples.filter((sample) => sample.name === name);
  return found.length > 0 ? found.reduce((sum, sample) => sum + sample.value, 0) : undefined;
}

/** A second's increase of a counter. A counter that fell was restarted: it began at 0. */
export function rateOf(before: Snapshot, after: Snapshot, name: string): number | undefined {
  const [from, to] = [valueOf(before, name), valueOf(after, name)];
  if (from === undefined || to === undefined || after.at <= before.at) return undefined;
  return ((to >= from ? to - from : to) * 1000) / (after.at - before.at);
}

/** The mean of what a histogram has taken in between; nothing if that is nothing. */
export function meanOf(before: Snapshot, after: Snapshot, name: string): number | undefined {
  const count = (valueOf(after, `${name}_count`) ?? 0) - (valueOf(before, `${name}_count`) ?? 0);
  const sum = (valueOf(after, `${name}_sum`) ?? 0) - (valueOf(before, `${name}_sum`) ?? 0);
  return count > 0 && sum >= 0 ? sum / count : undefined;
}

/** The upper bound of the bucket that has the quantile `q` of what came in between. */
export function quantileOf(before: Snapshot, after: Snapshot, name: string, q: number): number | undefined {
  const buckets = (snapshot: Snapshot) => {
    const counts = new Map<number, number>();
    for (const { name: one, labels, value } of snapshot.samples) {
      if (one !== `${name}_bucket`) continue;
      const bound = labels['le'] === '+Inf' ? Infinity : Number(labels['le']);
      counts.set(bound, (counts.get(bound) ?? 0) + value);
    }
    return counts;
  };
  const old = buckets(before);
  const counts = [...buckets(after)].map(([bound, count]) => [bound, count - (old.get(bound) ?? 0)] as const).sort((a, b) => a[0] - b[0]);
  const total = counts.at(-1)?.[1] ?? 0;
  if (total <= 0) return undefined;
  const bound = counts.find(([, count]) => count >= q * total)?.[0];
  // Above the last bound nothing more is known than that.
  return bound === Infinity ? counts.at(-2)?.[0] : bound;
}

const kRefusals = /refused|turned_away|failed|closed/;

/** What counts something that did not go well, with its total, by name and labels. */
export function refusals(snapshot: Snapshot): Map<string, number> {
  const found = new Map<string, number>();
  for (const { name, labels, value } of snapshot.samples) {
    if (snapshot.types.get(name) !== 'counter' || !kRefusals.test(name) || value === 0) continue;
    const words = name.replace(/^chatd_/, '').replace(/_total$/, '').replaceAll('_', ' ');
    const details = Object.values(labels).map((label) => label.replaceAll('_', ' ')).join(', ');
    found.set(details ? `${words}: ${details}` : words, value);
  }
  return found;
}
