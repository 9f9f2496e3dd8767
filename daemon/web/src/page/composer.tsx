import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import type { Chat } from '../chat.ts';
import { texts } from '../texts.ts';

const kTextBytesMax = 65_536; // docs/protocol.md, "Limits"

export function Composer({ chat, peer }: { chat: Chat; peer: string }) {
  const [text, setText] = useState('');
  const field = useRef<HTMLTextAreaElement>(null);
  const over = text.length > kTextBytesMax / 4 ? new TextEncoder().encode(text).length - kTextBytesMax : 0;
  const canSend = text.trim() !== '' && over <= 0;

  useEffect(() => {
    // On a phone the keyboard would hide what one has come to read.
    if (matchMedia('(pointer: fine)').matches) field.current?.focus();
  }, []);
  useEffect(() => {
    const { current } = field;
    if (!current) return;
    current.style.height = 'auto';
    current.style.height = `${current.scrollHeight}px`;
  }, [text]);

  const send = () => {
    if (!canSend) return;
    chat.send(peer, text.trim());
    setText('');
    field.current?.focus();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <form className="composer" onSubmit={(event) => { event.preventDefault(); send(); }}>
      <textarea ref={field} rows={1} dir="auto" value={text} enterKeyHint="send"
        aria-label={texts.composer.label(peer)} placeholder={texts.composer.placeholder}
        onKeyDown={onKey}
        onChange={(event) => {
          setText(event.target.value);
          chat.typing(peer, event.target.value !== '');
        }} />
      {over > 0 && <span role="alert" className="problem">{texts.composer.tooLong(over)}</span>}
      <button type="submit" className="send" aria-label={texts.composer.send} disabled={!canSend}>
        <span aria-hidden="true" className="glyph glyph-send" />
      </button>
    </form>
  );
}
