import { useEffect, useMemo, useState } from 'react';
import { emptyConversation, type Chat, type ChatState, type Conversation } from '../chat.ts';
import { texts } from '../texts.ts';
import { clock, dayName, shortly } from '../time.ts';
import { Avatar } from './avatar.tsx';
import { Banner } from './banner.tsx';
import { Composer } from './composer.tsx';
import { useVisible } from './hooks.ts';
import { MessageList } from './message_list.tsx';

interface Props {
  chat: Chat;
  state: ChatState;
  peer: string;
  tools: boolean;
  onBack: () => void;
  onTools: () => void;
  onTrace: (messageId: string) => void;
}

export function ChatWindow({ chat, state, peer, tools, onBack, onTools, onTrace }: Props) {
  const known = state.conversations.get(peer);
  const one = useMemo(() => known ?? emptyConversation(peer), [known, peer]);
  const visible = useVisible();
  const [atEnd, setAtEnd] = useState(true);
  const online = state.connection.status === 'online';

  useEffect(() => {
    if (online) chat.open(peer);
  }, [chat, peer, online]);
  const newest = one.last?.seq;
  useEffect(() => {
    if (visible && atEnd && one.loaded) chat.markRead(peer);
  }, [chat, peer, visible, atEnd, newest, one.loaded]);

  return (
    <section className="chat" aria-label={texts.chat.messages(peer)}>
      <header className="chat-head">
        <button type="button" className="icon-button back" aria-label={texts.chat.back} onClick={onBack}>
          <span aria-hidden="true" className="glyph glyph-back" />
        </button>
        <Avatar user={peer} online={one.presence?.online} />
        <div className="who">
          <h1 className="name"><bdi>{peer}</bdi></h1>
          <Presence one={one} />
        </div>
        <button type="button" className="icon-button" aria-label={texts.tools.open} aria-expanded={tools} onClick={onTools}>
          <span aria-hidden="true" className="glyph glyph-tools" />
        </button>
      </header>
      <Banner chat={chat} connection={state.connection} />
      <MessageList chat={chat} one={one} me={state.me} visible={visible} onAtEnd={setAtEnd} onTrace={onTrace} />
      <Composer chat={chat} peer={peer} />
    </section>
  );
}

function Presence({ one }: { one: Conversation }) {
  const { presence, typing } = one;
  if (typing) return <span className="hint typing-text">{texts.presence.typing}</span>;
  if (!presence) return <span className="hint">{'\u00a0'}</span>;
  if (presence.online) return <span className="hint">{texts.presence.online}</span>;
  if (!presence.lastSeen) return <span className="hint">{texts.presence.offline}</span>;
  const day = shortly(presence.lastSeen);
  const when = day === clock(presence.lastSeen) ? day : `${dayName(presence.lastSeen)}, ${clock(presence.lastSeen)}`;
  return <span className="hint">{texts.presence.lastSeen(when)}</span>;
}
