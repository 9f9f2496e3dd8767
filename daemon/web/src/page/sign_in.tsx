import { useEffect, useState, type FormEvent } from 'react';
import { texts } from '../texts.ts';
import { isUserId } from './hooks.ts';
import { takesNames, type Credentials } from './session.ts';

interface Props {
  onEnter: (credentials: Credentials) => void;
  refusal: string | undefined;
}

export function SignIn({ onEnter, refusal }: Props) {
  const [byName, setByName] = useState(true);
  const [value, setValue] = useState('');
  const [wrong, setWrong] = useState(false);

  useEffect(() => {
    void takesNames().then(setByName);
  }, []);

  const enter = (event: FormEvent) => {
    event.preventDefault();
    const entered = value.trim();
    if (byName && !isUserId(entered)) return setWrong(true);
    if (entered) onEnter(byName ? { user: entered } : { token: entered });
  };
  const label = byName ? texts.signIn.name : texts.signIn.token;
  return (
    <main className="sign-in">
      <form className="card" onSubmit={enter}>
        <img src="/icon.svg" alt="" width="48" height="48" />
        <h1>{texts.signIn.heading}</h1>
        {refusal && <p role="alert" className="problem">{texts.refused(refusal)}</p>}
        <p className="hint">{byName ? texts.signIn.byName : texts.signIn.byToken}</p>
        <label htmlFor="sign-in">{label}</label>
        <input id="sign-in" key={label} autoFocus autoComplete={byName ? 'username' : 'off'} autoCapitalize="none" spellCheck={false}
          dir="auto" value={value} onChange={(event) => setValue(event.target.value)} aria-invalid={wrong} />
        {wrong && <p role="alert" className="problem">{texts.signIn.invalidName}</p>}
        <button type="submit" className="primary">{texts.signIn.enter}</button>
        <button type="button" className="link" onClick={() => setByName(!byName)}>
          {byName ? texts.signIn.toToken : texts.signIn.toName}
        </button>
      </form>
    </main>
  );
}
