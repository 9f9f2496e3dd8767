import { Fragment, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { stateOf, type Chat, type Conversation, type WireMessage } from '../chat.ts';
import { texts } from '../texts.ts';
import { dayName, sameDay } from '../time.ts';
import { DraftMessage, Message } from './message.tsx';

const kNearEnd = 80; // pixels that still count as the end
const kNearTop = 400;
const kTogetherMs = 180_000; // messages of one person within this stand close together

interface Props {
  chat: Chat;
  one: Conversation;
  me: string;
  visible: boolean;
  onAtEnd: (atEnd: boolean) => void;
  onTrace: (messageId: string) => void;
}

export function MessageList({ chat, one, me, visible, onAtEnd, onTrace }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const marker = useMarker(one, visible);
  const { atEnd, below, toEnd, onScroll } = useScroll(box, chat, one, me, onAtEnd);
  const { messages, drafts } = one;
  return (
    <div className="messages-frame">
      <div ref={box} className="messages" role="log" aria-live="off" aria-label={texts.chat.messages(one.peer)} tabIndex={0} onScroll={onScroll}>
        <p className="hint edge">
          {!one.loaded ? texts.chat.loading : one.hasOlder ? texts.chat.loadingOlder : texts.chat.beginning(one.peer)}
        </p>
        {messages.map((message, i) => {
          const before = messages[i - 1];
          const newDay = !before || !sameDay(before.createdAt, message.createdAt);
          const isFirstNew = marker !== undefined && message.seq > marker && (before?.seq ?? 0) <= marker && message.senderId !== me;
          const mine = message.senderId === me;
          return (
            <Fragment key={message._id}>
              {newDay && <h2 className="day"><span>{dayName(message.createdAt)}</span></h2>}
              {isFirstNew && <div className="new-marker" role="separator"><span>{texts.chat.newMessages}</span></div>}
              <Message message={message} mine={mine} state={mine ? stateOf(one, message) : undefined}
                follows={!newDay && !isFirstNew && isClose(before, message)} onTrace={onTrace} />
            </Fragment>
          );
        })}
        {drafts.map((draft, i) => <DraftMessage key={draft.clientMessageId} chat={chat} draft={draft} follows={i > 0} />)}
      </div>
      <Announcer one={one} me={me} />
      {!atEnd && (
        <button type="button" className="jump" onClick={toEnd}>
          {texts.chat.jump(below)} <span aria-hidden="true">↓</span>
        </button>
      )}
    </div>
  );
}

function isClose(before: WireMessage | undefined, message: WireMessage): boolean {
  if (!before || before.senderId !== message.senderId) return false;
  return Date.parse(message.createdAt) - Date.parse(before.createdAt) < kTogetherMs;
}

// Up to where had been read when the conversation was opened, or the tab was left: what is above it
// is new. Nothing, if there is nothing new.
function useMarker(one: Conversation, visible: boolean): number | undefined {
  const [marker, setMarker] = useState<number>();
  const loaded = one.loaded;
  const latest = useRef(one);
  latest.current = one;
  useLayoutEffect(() => {
    const { unread, read } = latest.current;
    if (loaded && visible && unread > 0) setMarker(read);
    if (!visible) setMarker(undefined);
  }, [loaded, visible]);
  return marker;
}

// Keeps the end in view while one is there, and the view still while older pages come in above it.
function useScroll(box: React.RefObject<HTMLDivElement | null>, chat: Chat, one: Conversation, me: string, onAtEnd: (atEnd: boolean) => void) {
  const [atEnd, setAtEnd] = useState(true);
  const [leftAt, setLeftAt] = useState(0); // the newest sequence when the end was left
  const last = useRef({ atEnd: true, height: 0, first: 0, drafts: 0 });
  const { peer, messages, drafts } = one;
  const newest = messages.at(-1)?.seq ?? 0;

  const measure = () => {
    const { scrollHeight, scrollTop, clientHeight } = box.current!;
    const now = scrollHeight - scrollTop - clientHeight < kNearEnd;
    if (now === last.current.atEnd) return;
    last.current.atEnd = now;
    setAtEnd(now);
    setLeftAt(newest);
    onAtEnd(now);
  };
  const toEnd = () => {
    box.current!.scrollTop = box.current!.scrollHeight;
    measure();
  };

  useLayoutEffect(() => {
    const element = box.current!;
    const before = last.current;
    const first = messages[0]?.seq ?? 0;
    const wrote = drafts.length > before.drafts && drafts.length > 0;
    if (before.atEnd || wrote) element.scrollTop = element.scrollHeight;
    else if (first < before.first) element.scrollTop += element.scrollHeight - before.height;
    last.current = { ...before, height: element.scrollHeight, first, drafts: drafts.length };
    measure();
  }, [messages, drafts, one.typing]);

  // The frame becomes smaller (a keyboard, a longer draft): the end stays in view.
  useEffect(() => {
    const watcher = new ResizeObserver(() => {
      if (last.current.atEnd) box.current!.scrollTop = box.current!.scrollHeight;
    });
    watcher.observe(box.current!);
    return () => watcher.disconnect();
  }, [box]);

  const loadOlder = () => {
    if (box.current!.scrollTop < kNearTop && one.hasOlder) void chat.loadOlder(peer);
  };
  useEffect(loadOlder);

  const onScroll = () => {
    measure();
    loadOlder();
  };
  const below = messages.filter((message) => message.seq > leftAt && message.senderId !== me).length;
  return { atEnd, below: atEnd ? 0 : below, toEnd, onScroll };
}

// Tells screen readers of what comes in, without reading pages of history out.
function Announcer({ one, me }: { one: Conversation; me: string }) {
  const [said, setSaid] = useState('');
  const seen = useRef<number | undefined>(undefined);
  const { last, loaded } = one;
  useEffect(() => {
    const before = seen.current;
    if (loaded) seen.current = last?.seq ?? 0;
    if (before === undefined || !last || last.seq <= before || last.senderId === me) return;
    setSaid(`${texts.chat.from(last.senderId)}: ${last.textMessage.slice(0, 300)}`);
  }, [last, loaded, me]);
  return <div className="unseen" aria-live="polite" role="status">{said}</div>;
}
