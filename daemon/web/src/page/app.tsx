import { useCallback, useEffect, useState } from 'react';
import { Chat, unreadTotal } from '../chat.ts';
import { texts } from '../texts.ts';
import { ChatWindow } from './chat_window.tsx';
import { ConversationList } from './conversation_list.tsx';
import { Drawer } from './drawer.tsx';
import { useChat, useOpenPeer } from './hooks.ts';
import { forget, remember, remembered, type Credentials } from './session.ts';
import { SignIn } from './sign_in.tsx';

export function App() {
  const [credentials, setCredentials] = useState(remembered);
  const [chat, setChat] = useState<Chat>();
  const [refusal, setRefusal] = useState<string>();

  useEffect(() => {
    if (!credentials) return;
    const made = new Chat(credentials);
    setChat(made);
    return () => {
      made.close();
      setChat(undefined);
    };
  }, [credentials]);

  const enter = (next: Credentials) => {
    remember(next);
    setRefusal(undefined);
    setCredentials(next);
  };
  const leave = useCallback((why?: string) => {
    forget();
    setRefusal(why);
    setCredentials(undefined);
    location.hash = '';
  }, []);

  if (!credentials) return <SignIn onEnter={enter} refusal={refusal} />;
  return chat ? <Messenger chat={chat} credentials={credentials} onLeave={leave} /> : null;
}

interface MessengerProps {
  chat: Chat;
  credentials: Credentials;
  onLeave: (why?: string) => void;
}

function Messenger({ chat, credentials, onLeave }: MessengerProps) {
  const state = useChat(chat);
  const [peer, setPeer] = useOpenPeer();
  const [tools, setTools] = useState(false);
  const [traced, setTraced] = useState<string>();
  const unread = unreadTotal(state);
  const { status, reason, connects } = state.connection;

  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) ${texts.title}` : texts.title;
  }, [unread]);
  useEffect(() => {
    // Refused before anything was seen: the credentials are wrong, so ask again.
    if (status === 'refused' && !state.listed && connects <= 1) onLeave(reason);
  }, [status, reason, connects, state.listed, onLeave]);

  const trace = useCallback((id: string) => {
    setTraced(id);
    setTools(true);
  }, []);
  return (
    <div className={`messenger ${peer === undefined ? 'shows-list' : 'shows-chat'} ${tools ? 'shows-tools' : ''}`}>
      <ConversationList state={state} open={peer} onOpen={setPeer} onLeave={() => onLeave()} />
      <main className="main">
        {peer === undefined ? (
          <NothingOpen tools={tools} onTools={() => setTools(!tools)} />
        ) : (
          <ChatWindow key={peer} chat={chat} state={state} peer={peer} tools={tools}
            onBack={() => setPeer(undefined)} onTools={() => setTools(!tools)} onTrace={trace} />
        )}
      </main>
      {tools && (
        <Drawer chat={chat} state={state} peer={peer} credentials={credentials} traced={traced} onClose={() => setTools(false)} />
      )}
    </div>
  );
}

function NothingOpen({ tools, onTools }: { tools: boolean; onTools: () => void }) {
  return (
    <div className="nothing-open">
      <h1 className="unseen">{texts.title}</h1>
      <div className="corner">
        <button type="button" className="icon-button" aria-label={texts.tools.open} aria-expanded={tools} onClick={onTools}>
          <span aria-hidden="true" className="glyph glyph-tools" />
        </button>
      </div>
      <span aria-hidden="true" className="glyph glyph-bubble" />
      <p>{texts.chat.nothingOpen}</p>
    </div>
  );
}
