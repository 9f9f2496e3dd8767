// What a front end knows of one conversation, as immutable values, and the functions that bring
// them forward. No connection, no browser.
import type { Draft } from './outbox.ts';

/** A message as the server sends it (docs/protocol.md, "A message"). */
export interface WireMessage {
  _id: string;
  conversationId: string;
  seq: number;
  senderId: string;
  receiverId: string;
  textMessage: string;
  clientMessageId?: string;
  createdAt: string;
  updatedAt: string;
}

/** A conversation as the server sends it (docs/protocol.md, "A conversation"). */
export interface WireConversation {
  conversationId: string;
  userId: string;
  lastMessage?: WireMessage;
  unread: number;
  delivered: number;
  read: number;
  peerDelivered: number;
  peerRead: number;
}

export interface WireMark {
  conversationId: string;
  userId: string;
  seq: number;
}

export interface WirePresence {
  userId: string;
  online: boolean;
  lastSeen?: string;
}

export type SendState = 'sending' | 'sent' | 'delivered' | 'read' | 'failed';

export interface Conversation {
  /** The other member. */
  readonly peer: string;
  /** The server's id; missing until the first message is stored. */
  readonly id?: string;
  /** Stored messages without gaps, oldest first: a window that ends at the newest one known. */
  readonly messages: readonly WireMessage[];
  /** Has the newest page been fetched? Until then `messages` is empty. */
  readonly loaded: boolean;
  /** Are there messages above the window's beginning? */
  readonly hasOlder: boolean;
  /** The newest message, also where the window is not loaded. */
  readonly last?: WireMessage;
  /** Written here or in another tab, and not confirmed; in the order they were written. */
  readonly drafts: readonly Draft[];
  /** Messages of the other member that are not read. */
  readonly unread: number;
  /** Marks, as sequences: up to where oneself has read, and the other has received and read. */
  readonly read: number;
  readonly peerDelivered: number;
  readonly peerRead: number;
  readonly typing: boolean;
  readonly presence?: WirePresence;
}

export function emptyConversation(peer: string): Conversation {
  return {
    peer, messages: [], loaded: false, hasOlder: false, drafts: [],
    unread: 0, read: 0, peerDelivered: 0, peerRead: 0, typing: false,
  };
}

/** How far a stored message of one's own has come. */
export function stateOf(conversation: Conversation, message: WireMessage): SendState {
  if (message.seq <= conversation.peerRead) return 'read';
  return message.seq <= conversation.peerDelivered ? 'delivered' : 'sent';
}

/** What the `conversations` event says. Marks only rise: an answer may be older than an event. */
export function withSummary(known: Conversation, summary: WireConversation): Conversation {
  const newer = (summary.lastMessage?.seq ?? 0) >= (known.last?.seq ?? 0);
  return {
    ...known,
    id: summary.conversationId,
    ...(newer && summary.lastMessage ? { last: summary.lastMessage } : {}),
    unread: newer && summary.read >= known.read ? summary.unread : known.unread,
    read: Math.max(known.read, summary.read),
    peerDelivered: Math.max(known.peerDelivered, summary.peerDelivered, summary.peerRead),
    peerRead: Math.max(known.peerRead, summary.peerRead),
  };
}

/**
 * Takes a stored message. A message that is known already changes nothing, so redelivery is
 * harmless. One that would leave a gap only becomes `last`: `isBehind` then asks for a page.
 */
export function withMessage(known: Conversation, message: WireMessage, me: string): Conversation {
  const newest = known.last?.seq ?? 0;
  const fresh = message.seq > newest;
  const unread = fresh && message.senderId !== me && message.seq > known.read;
  const end = known.messages.at(-1)?.seq ?? 0;
  const next: Conversation = {
    ...known,
    id: message.conversationId,
    last: fresh || !known.last ? message : known.last,
    drafts: withoutDraft(known.drafts, message, me),
    unread: known.unread + (unread ? 1 : 0),
    typing: known.typing && message.senderId === me,
  };
  if (!known.loaded || message.seq !== end + 1) return next;
  return { ...next, messages: [...known.messages, message] };
}

function withoutDraft(drafts: readonly Draft[], message: WireMessage, me: string): readonly Draft[] {
  const mine = message.senderId === me && message.clientMessageId !== undefined;
  if (!mine || !drafts.some((draft) => draft.clientMessageId === message.clientMessageId)) return drafts;
  return drafts.filter((draft) => draft.clientMessageId !== message.clientMessageId);
}

/** Is there a newer message than the window's end? */
export function isBehind(conversation: Conversation): boolean {
  return conversation.loaded && (conversation.last?.seq ?? 0) > (conversation.messages.at(-1)?.seq ?? 0);
}

/** The newest page: the window begins anew, unless the page continues it. */
export function withNewestPage(known: Conversation, page: readonly WireMessage[], more: boolean, me: string): Conversation {
  const first = page[0]?.seq ?? 1;
  const end = known.messages.at(-1)?.seq ?? 0;
  const joins = known.loaded && known.messages.length > 0 && first <= end + 1;
  const start: Conversation = joins ? known : { ...known, loaded: true, messages: [], hasOlder: more };
  const messages = joins ? [...known.messages, ...page.filter((message) => message.seq > end)] : page;
  const drafts = page.reduce((rest, message) => withoutDraft(rest, message, me), known.drafts);
  const last = page.at(-1);
  const newest = (last?.seq ?? 0) > (known.last?.seq ?? 0) ? last : known.last;
  return {
    ...start, messages, drafts,
    ...(newest ? { last: newest, id: newest.conversationId } : {}),
  };
}

/** The page below the window. */
export function withOlderPage(known: Conversation, page: readonly WireMessage[], more: boolean): Conversation {
  const first = known.messages[0]?.seq ?? Number.MAX_SAFE_INTEGER;
  return { ...known, hasOlder: more, messages: [...page.filter((message) => message.seq < first), ...known.messages] };
}

/** Keeps the newest `count` messages of the window. */
export function trimmed(known: Conversation, count: number): Conversation {
  if (known.messages.length <= count) return known;
  return { ...known, hasOlder: true, messages: known.messages.slice(-count) };
}

/** A mark of either member; `kind` read implies delivered. */
export function withMark(known: Conversation, mark: WireMark, kind: 'delivered' | 'read', me: string): Conversation {
  if (mark.userId === known.peer && known.peer !== me) {
    return {
      ...known,
      peerDelivered: Math.max(known.peerDelivered, mark.seq),
      peerRead: kind === 'read' ? Math.max(known.peerRead, mark.seq) : known.peerRead,
    };
  }
  if (kind !== 'read' || mark.seq <= known.read) return known;
  return { ...known, read: mark.seq, unread: unreadAbove(known, mark.seq, me) };
}

// Counted in the window where it reaches down to the mark; otherwise the old count is the best
// there is, until the server's next summary.
function unreadAbove(known: Conversation, read: number, me: string): number {
  if (read >= (known.last?.seq ?? 0)) return 0;
  const first = known.messages[0]?.seq;
  if (isBehind(known) || first === undefined || first > read + 1) return known.unread;
  return known.messages.filter((message) => message.seq > read && message.senderId !== me).length;
}
