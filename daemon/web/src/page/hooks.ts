import { useEffect, useState, useSyncExternalStore } from 'react';
import type { Chat, ChatState } from '../chat.ts';

export function useChat(chat: Chat): ChatState {
  return useSyncExternalStore(
    (listener) => chat.store.subscribe(listener),
    () => chat.store.get(),
  );
}

/** The conversation that is open: the part of the address behind "#/". */
export function useOpenPeer(): [string | undefined, (peer: string | undefined) => void] {
  const read = () => (location.hash.startsWith('#/') ? decode(location.hash.slice(2)) : undefined);
  const [peer, setPeer] = useState(read);
  useEffect(() => {
    const changed = () => setPeer(read());
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return [peer, (next) => (location.hash = next === undefined ? '' : hashOf(next))];
}

export function hashOf(peer: string): string {
  return `#/${encodeURIComponent(peer)}`;
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part) || undefined;
  } catch {
    return undefined;
  }
}

/** Is the tab in front? */
export function useVisible(): boolean {
  return useSyncExternalStore(
    (listener) => {
      document.addEventListener('visibilitychange', listener);
      return () => document.removeEventListener('visibilitychange', listener);
    },
    () => document.visibilityState === 'visible',
  );
}

/** Can a user have this name? As the server sees it (docs/protocol.md, "Values"). */
export function isUserId(name: string): boolean {
  const bytes = new TextEncoder().encode(name).length;
  return bytes >= 1 && bytes <= 128 && !/[\u0000-\u001f\u007f-\u009f]/u.test(name);
}
