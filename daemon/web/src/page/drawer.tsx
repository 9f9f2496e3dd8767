import { useEffect, useRef, useState } from 'react';
import type { Chat, ChatState } from '../chat.ts';
import { texts } from '../texts.ts';
import { call, type Credentials } from './session.ts';

const kMany = 100;

interface Props {
  chat: Chat;
  state: ChatState;
  peer: string | undefined;
  credentials: Credentials;
  traced: string | undefined;
  onClose: () => void;
}

/** Things to break the chat with, and what shows that it holds. */
export function Drawer({ chat, state, peer, credentials, traced, onClose }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => event.key === 'Escape' && onClose();
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [onClose]);

  const { status } = state.connection;
  const away = status === 'offline' || status === 'ended' || status === 'refused';
  const sendMany = () => {
    for (let i = 1; i <= kMany; ++i) chat.send(peer!, `${i} / ${kMany}`);
  };
  return (
    <aside className="drawer" aria-label={texts.tools.heading}>
      <header>
        <h1 ref={heading} tabIndex={-1}>{texts.tools.heading}</h1>
        <button type="button" className="icon-button" aria-label={texts.tools.close} onClick={onClose}>
          <span aria-hidden="true" className="glyph glyph-close" />
        </button>
      </header>
      <section>
        <h2>{texts.tools.breakHeading}</h2>
        <p className="hint">{texts.tools.breakHint}</p>
        <div className="tools">
          <button type="button" onClick={() => (away ? chat.reconnect() : chat.goOffline())}>
            {away ? texts.tools.comeBack : texts.tools.goOffline}
          </button>
          <button type="button" onClick={() => chat.reconnect()} disabled={away}>{texts.tools.reconnect}</button>
          <button type="button" onClick={() => window.open(location.href)}>{texts.tools.anotherTab}</button>
          <button type="button" onClick={sendMany} disabled={peer === undefined}>{texts.tools.sendMany(kMany)}</button>
        </div>
      </section>
      <Facts state={state} />
      <section>
        <h2>{texts.tools.traceHeading}</h2>
        {traced ? <Trace key={traced} id={traced} credentials={credentials} state={state} /> : <p className="hint">{texts.tools.traceHint}</p>}
      </section>
      <p><a href="/operator" target="_blank" rel="noopener">{texts.tools.operator}</a></p>
    </aside>
  );
}

function Facts({ state }: { state: ChatState }) {
  const { status, transport, sid, recovered, offset, connects } = state.connection;
  const t = texts.tools;
  const facts: [string, string][] = [
    [t.status, t.statuses[status]],
    [t.transport, transport ?? t.none],
    [t.sid, sid ?? t.none],
    [t.recovered, recovered ? t.yes : t.no],
    [t.offset, offset ?? t.none],
    [t.connects, String(connects)],
  ];
  return (
    <section>
      <h2>{t.facts}</h2>
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd data-fact={name}>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

// What the server tells of a message (GET /v1/messages/{id}/trace), again after each event and every
// two seconds: that a client has confirmed it comes with no event where it was read before.
function Trace({ id, credentials, state }: { id: string; credentials: Credentials; state: ChatState }) {
  const [shown, setShown] = useState<unknown>();
  const [problem, setProblem] = useState<string>();
  const { offset } = state.connection;
  useEffect(() => {
    let left = false;
    const show = (value: unknown, why?: string) => {
      if (left) return;
      setShown(value);
      setProblem(why);
    };
    const load = () =>
      call(credentials, `/v1/messages/${id}/trace`)
        .then(async (response) => (response.ok ? show(await response.json()) : show(undefined, texts.tools.traceNone)))
        .catch(() => show(undefined, texts.tools.traceLost));
    void load();
    const timer = setInterval(load, 2000);
    return () => {
      left = true;
      clearInterval(timer);
    };
  }, [id, credentials, offset]);
  return (
    <div aria-live="polite">
      <code className="hint">{id}</code>
      {problem && <p>{problem}</p>}
      {shown !== undefined && <Value value={shown} />}
    </div>
  );
}

function Value({ value }: { value: unknown }) {
  if (Array.isArray(value)) return <ol className="value">{value.map((one, i) => <li key={i}><Value value={one} /></li>)}</ol>;
  if (typeof value !== 'object' || value === null) return <>{String(value)}</>;
  return (
    <dl className="value">
      {Object.entries(value).map(([name, one]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd><Value value={one} /></dd>
        </div>
      ))}
    </dl>
  );
}
