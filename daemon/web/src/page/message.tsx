import { memo, useState } from 'react';
import type { Chat, Draft, SendState, WireMessage } from '../chat.ts';
import { linkify } from '../linkify.ts';
import { texts } from '../texts.ts';
import { clock } from '../time.ts';
import { Ticks } from './ticks.tsx';

const kLong = 1_200; // characters, above which a text is shown in part
const kEmoji = /^(?:\p{Extended_Pictographic}|\p{Emoji_Component}|\s){1,24}$/u;
const kDigits = /[\d#*]/u; // are emoji components too

interface Props {
  message: WireMessage;
  mine: boolean;
  state: SendState | undefined;
  follows: boolean; // the message before it is of the same person and minute
  onTrace: (messageId: string) => void;
}

export const Message = memo(function Message({ message, mine, state, follows, onTrace }: Props) {
  return (
    <article className={`message ${mine ? 'mine' : 'theirs'} ${follows ? 'follows' : ''}`} data-seq={message.seq}>
      <span className="unseen">{mine ? texts.chat.youWrote : texts.chat.from(message.senderId)}</span>
      <div className="bubble">
        <Text text={message.textMessage} />
        <span className="meta">
          <time dateTime={message.createdAt}>{clock(message.createdAt)}</time>
          {state && <Ticks state={state} />}
        </span>
      </div>
      <button type="button" className="trace" aria-label={texts.chat.trace} title={texts.chat.trace} onClick={() => onTrace(message._id)}>
        <span aria-hidden="true" className="glyph glyph-info" />
      </button>
    </article>
  );
});

/** A message that is not confirmed yet. */
export const DraftMessage = memo(function DraftMessage({ chat, draft, follows }: { chat: Chat; draft: Draft; follows: boolean }) {
  const failed = draft.error !== undefined;
  const id = draft.clientMessageId;
  return (
    <article className={`message mine draft ${failed ? 'failed' : ''} ${follows ? 'follows' : ''}`}>
      <span className="unseen">{texts.chat.youWrote}</span>
      <div className="bubble">
        <Text text={draft.text} />
        <span className="meta">
          <time dateTime={new Date(draft.writtenAt).toISOString()}>{clock(new Date(draft.writtenAt).toISOString())}</time>
          <Ticks state={failed ? 'failed' : 'sending'} />
        </span>
      </div>
      {failed && (
        <p className="failure" role="alert">
          {texts.failure[draft.error!] ?? texts.failed}
          <button type="button" className="link" onClick={() => chat.retry(id)}>{texts.chat.retry}</button>
          <button type="button" className="link" onClick={() => chat.discard(id)}>{texts.chat.discard}</button>
        </p>
      )}
    </article>
  );
});

function Text({ text }: { text: string }) {
  const [whole, setWhole] = useState(false);
  const long = text.length > kLong || text.split('\n', 26).length > 25;
  const shown = long && !whole ? `${text.split('\n', 20).join('\n').slice(0, kLong)}…` : text;
  const emoji = text.length <= 24 && kEmoji.test(text) && !kDigits.test(text);
  return (
    <>
      <p dir="auto" className={emoji ? 'text emoji' : 'text'}>
        {linkify(shown).map((part, i) =>
          part.href
            ? <a key={i} href={part.href} target="_blank" rel="noopener noreferrer nofollow">{part.text}</a>
            : part.text)}
      </p>
      {long && (
        <button type="button" className="link" aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? texts.chat.less : texts.chat.more}
        </button>
      )}
    </>
  );
}
