import { useState, type FormEvent } from 'react';
import { byLatest, stateOf, type ChatState, type Conversation } from '../chat.ts';
import { texts } from '../texts.ts';
import { shortly } from '../time.ts';
import { Avatar } from './avatar.tsx';
import { hashOf, isUserId } from './hooks.ts';
import { Ticks } from './ticks.tsx';

interface Props {
  state: ChatState;
  open: string | undefined;
  onOpen: (peer: string) => void;
  onLeave: () => void;
}

export function ConversationList({ state, open, onOpen, onLeave }: Props) {
  const list = byLatest(state).filter((one) => one.last || one.drafts.length > 0 || one.peer === open);
  return (
    <nav className="list" aria-label={texts.list.label}>
      <header className="list-head">
        <Avatar user={state.me} />
        <div className="who">
          <span className="hint">{texts.list.signedInAs}</span>
          <bdi className="name">{state.me}</bdi>
        </div>
        <button type="button" className="link" onClick={onLeave}>{texts.list.signOut}</button>
      </header>
      <NewConversation onOpen={onOpen} />
      {list.length > 0 ? (
        <ul className="conversations">
          {list.map((one) => <Item key={one.peer} one={one} me={state.me} isOpen={one.peer === open} />)}
        </ul>
      ) : (
        <p className="hint empty">{state.listed ? texts.list.empty : texts.list.loading}</p>
      )}
    </nav>
  );
}

function NewConversation({ onOpen }: { onOpen: (peer: string) => void }) {
  const [name, setName] = useState('');
  const start = (event: FormEvent) => {
    event.preventDefault();
    const peer = name.trim();
    if (!isUserId(peer)) return;
    setName('');
    onOpen(peer);
  };
  return (
    <form className="new-conversation" onSubmit={start}>
      <input aria-label={texts.list.newLabel} placeholder={texts.list.newPlaceholder} value={name} dir="auto"
        autoComplete="off" autoCapitalize="none" spellCheck={false} onChange={(event) => setName(event.target.value)} />
      <button type="submit" className="icon-button" aria-label={texts.list.start} disabled={!isUserId(name.trim())}>
        <span aria-hidden="true" className="glyph glyph-plus" />
      </button>
    </form>
  );
}

function Item({ one, me, isOpen }: { one: Conversation; me: string; isOpen: boolean }) {
  const { last, unread, peer } = one;
  return (
    <li>
      <a href={hashOf(peer)} className={`item ${unread > 0 ? 'has-unread' : ''}`} aria-current={isOpen ? 'page' : undefined}>
        <Avatar user={peer} online={one.presence?.online} />
        <bdi className="name">{peer}</bdi>
        {last && <time className="when" dateTime={last.createdAt}>{shortly(last.createdAt)}</time>}
        <span className="last" dir="auto"><Preview one={one} me={me} /></span>
        {unread > 0 && (
          <span className="badge">
            <span aria-hidden="true">{unread > 99 ? '99+' : unread}</span>
            <span className="unseen">{texts.list.unread(unread)}</span>
          </span>
        )}
        {one.presence?.online && <span className="unseen">{texts.presence.online}</span>}
      </a>
    </li>
  );
}

function Preview({ one, me }: { one: Conversation; me: string }) {
  const draft = one.drafts.at(-1);
  if (one.typing) return <em className="typing-text">{texts.presence.typing}</em>;
  if (draft) return <>{texts.list.draft}{beginning(draft.text)}</>;
  if (!one.last) return <>{texts.list.noMessages}</>;
  if (one.last.senderId !== me) return <>{beginning(one.last.textMessage)}</>;
  return <><Ticks state={stateOf(one, one.last)} /> {texts.list.you}{beginning(one.last.textMessage)}</>;
}

const beginning = (text: string) => text.slice(0, 200);
