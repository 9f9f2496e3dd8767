import { StrictMode, useCallback, useEffect, useState, type FormEvent } from 'react';
import { createRoot } from 'react-dom/client';
import '../styles.css';
import './operator.css';
import { texts } from '../texts.ts';
import { Chart, type Line } from './chart.tsx';
import { meanOf, parseMetrics, quantileOf, rateOf, refusals, valueOf, type Snapshot } from './metrics.ts';
import { Sessions } from './sessions.tsx';

const kEveryMs = 2_000;
const kPoints = 150; // five minutes
const kKey = 'chat-operator-key';
const t = texts.operator;

const count = (value: number) => new Intl.NumberFormat(undefined, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
const milliseconds = (value: number) => `${count(value * 1000)} ms`;
const bytes = (value: number) => (value < 10_240 ? `${count(value)} B` : value < 10_485_760 ? `${count(value / 1024)} KiB` : `${count(value / 1_048_576)} MiB`);

function Operator() {
  const [key, setKey] = useState(() => sessionStorage.getItem(kKey) ?? '');
  const [snapshots, setSnapshots] = useState<readonly Snapshot[]>([]);
  const [problem, setProblem] = useState<'key' | 'lost'>();
  const call = useCallback(
    (path: string, method = 'GET') => fetch(path, { method, headers: key ? { authorization: `Bearer ${key}` } : {} }),
    [key],
  );

  useEffect(() => {
    const look = async () => {
      const response = await call('/metrics');
      if (response.status === 401 || response.status === 403) return setProblem('key');
      if (!response.ok) throw new Error(String(response.status));
      const snapshot = parseMetrics(await response.text(), performance.now());
      setProblem(undefined);
      setSnapshots((before) => [...before.slice(-kPoints), snapshot]);
    };
    const lookSafely = () => void look().catch(() => setProblem('lost'));
    lookSafely();
    const timer = setInterval(lookSafely, kEveryMs);
    return () => clearInterval(timer);
  }, [call]);

  const enter = (entered: string) => {
    sessionStorage.setItem(kKey, entered);
    setKey(entered);
  };
  return (
    <main className="operator">
      <header>
        <img src="/icon.svg" alt="" width="32" height="32" />
        <h1>{t.heading}</h1>
        <span className="hint">{t.minutes}</span>
      </header>
      <div role="status">{problem === 'lost' && <p className="banner">{t.lost}</p>}</div>
      {problem === 'key' ? <Key onEnter={enter} /> : (
        <>
          <Charts snapshots={snapshots} />
          <div className="panels">
            <Refusals snapshots={snapshots} />
            <Sessions call={call} />
          </div>
        </>
      )}
    </main>
  );
}

function Key({ onEnter }: { onEnter: (key: string) => void }) {
  const [key, setKey] = useState('');
  const enter = (event: FormEvent) => {
    event.preventDefault();
    onEnter(key.trim());
  };
  return (
    <form className="panel row" onSubmit={enter}>
      <p className="hint">{t.keyHint}</p>
      <label htmlFor="key">{t.key}</label>
      <input id="key" type="password" autoComplete="off" value={key} onChange={(event) => setKey(event.target.value)} />
      <button type="submit">{t.enter}</button>
    </form>
  );
}

type Between = (before: Snapshot, after: Snapshot) => number | undefined;

function Charts({ snapshots }: { snapshots: readonly Snapshot[] }) {
  const line = (name: string, between: Between): Line => ({
    name,
    points: snapshots.slice(1).map((after, i) => between(snapshots[i]!, after)),
  });
  const gauge = (label: string, name: string) => line(label, (_, after) => valueOf(after, name));
  const rate = (label: string, name: string) => line(label, (before, after) => rateOf(before, after, name));
  const latency = (name: string) => [
    line(t.mean, (before, after) => meanOf(before, after, name)),
    line(t.p99, (before, after) => quantileOf(before, after, name, 0.99)),
  ];
  const charts: [string, Line[], (value: number) => string][] = [
    [t.connections, [gauge(t.registered, 'chatd_registered_connections'), gauge(t.users, 'chatd_users_online')], count],
    [t.messages, [rate(t.messages.toLowerCase(), 'chatd_messages_committed_total'), rate(t.events, 'chatd_events_sent_total')], count],
    [t.commit, latency('chatd_append_seconds'), milliseconds],
    [t.queue, [gauge(t.queue.toLowerCase(), 'chatd_queued_bytes')], bytes],
    [t.waiting, [gauge(t.commits, 'chatd_inbox'), gauge(t.reads, 'chatd_reads')], count],
  ];
  return (
    <div className="charts">
      {charts.map(([title, lines, format]) => (
        <Chart key={title} title={title} lines={lines} length={kPoints} format={format} hint={t.minutes} />
      ))}
    </div>
  );
}

function Refusals({ snapshots }: { snapshots: readonly Snapshot[] }) {
  const newest = snapshots.at(-1);
  const totals = newest ? refusals(newest) : new Map<string, number>();
  const before = snapshots.length > 0 ? refusals(snapshots.at(-30) ?? snapshots[0]!) : new Map<string, number>();
  return (
    <section className="panel">
      <h2>{t.refusedHeading}</h2>
      {totals.size === 0 ? <p className="hint">{t.refusedNone}</p> : (
        <table>
          <thead>
            <tr><th scope="col">{t.what}</th><th scope="col">{t.perMinute}</th><th scope="col">{t.total}</th></tr>
          </thead>
          <tbody>
            {[...totals].map(([what, total]) => (
              <tr key={what}><th scope="row">{what}</th><td>{count(total - (before.get(what) ?? 0))}</td><td>{count(total)}</td></tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

createRoot(document.getElementById('page')!).render(<StrictMode><Operator /></StrictMode>);
