import { useState, type FormEvent } from 'react';
import { texts } from '../texts.ts';

interface Props {
  call: (path: string, method?: string) => Promise<Response>;
}

/** The sessions of a user, and the end of one. */
export function Sessions({ call }: Props) {
  const [user, setUser] = useState('');
  const [found, setFound] = useState<{ user: string; ids: string[] }>();
  const [problem, setProblem] = useState<string>();

  const attempt = async (work: () => Promise<void>) => {
    setProblem(undefined);
    await work().catch((error: Error) => setProblem(texts.operator.failed(error.message)));
  };
  const find = async (of: string) => {
    const response = await call(`/v1/sessions?userId=${encodeURIComponent(of)}`);
    const body = await response.json();
    if (!response.ok) throw new Error(body.detail ?? body.title);
    setFound({ user: of, ids: body.sessions.map((session: { id: string }) => session.id) });
  };
  const disconnect = async (id: string) => {
    const response = await call(`/v1/sessions/${id}?userId=${encodeURIComponent(found!.user)}`, 'DELETE');
    if (!response.ok && response.status !== 404) throw new Error(String(response.status));
    setFound({ ...found!, ids: found!.ids.filter((one) => one !== id) });
  };
  const onFind = (event: FormEvent) => {
    event.preventDefault();
    if (user.trim()) void attempt(() => find(user.trim()));
  };
  return (
    <section className="panel">
      <h2>{texts.operator.sessionsHeading}</h2>
      <form className="row" onSubmit={onFind}>
        <label htmlFor="session-user">{texts.operator.user}</label>
        <input id="session-user" value={user} dir="auto" autoCapitalize="none" onChange={(event) => setUser(event.target.value)} />
        <button type="submit">{texts.operator.find}</button>
      </form>
      <div aria-live="polite">
        {problem && <p className="problem">{problem}</p>}
        {found && found.ids.length === 0 && <p className="hint">{texts.operator.none}</p>}
        {found && found.ids.length > 0 && (
          <ul className="sessions">
            {found.ids.map((id) => (
              <li key={id}>
                <span>{texts.operator.session} <code>{id}</code></span>
                <button type="button" onClick={() => void attempt(() => disconnect(id))}>{texts.operator.disconnect}</button>
              </li>
            ))}
          </ul>
        )}
      </div>
    </section>
  );
}
