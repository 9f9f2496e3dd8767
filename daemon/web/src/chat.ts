// All that a front end needs of chatd, without any framework: it connects, registers, sends with an
// outbox that survives a reload, receives, and keeps what it knows as one immutable state.
// docs/frontend.md is its guide.
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import {
  emptyConversation, isBehind, trimmed, withMark, withMessage, withNewestPage, withOlderPage, withSummary,
  type Conversation, type WireConversation, type WireMark, type WireMessage, type WirePresence,
} from './conversation.ts';
import { indexedDbOutbox, memoryOutbox, type Draft, type Outbox } from './outbox.ts';
import { Sending, type Ack } from './sending.ts';
import { Store } from './store.ts';

export * from './conversation.ts';
export type { Draft, Outbox } from './outbox.ts';

export interface ChatOptions {
  /** Who it is. With a token it may be left out: the token says it. */
  user?: string;
  token?: string;
  /** Where chatd is; the page's own origin where it is left out. */
  url?: string;
  /** Where unconfirmed messages are kept; IndexedDB where the browser has it. */
  outbox?: (user: string) => Outbox;
  /** Further options of socket.io-client. */
  socket?: Partial<ManagerOptions & SocketOptions>;
}

/**
 * connecting: for the first time. online: registered, everything is live. reconnecting: by itself.
 * offline: by `goOffline`. refused: the server does not take these credentials; it will not be tried
 * again. ended: the server has sent this connection away; `reconnect` tries again.
 */
export type Status = 'connecting' | 'online' | 'reconnecting' | 'offline' | 'refused' | 'ended';

export interface ConnectionState {
  readonly status: Status;
  /** Why it is not online, for developers. */
  readonly reason?: string;
  readonly transport?: string;
  readonly sid?: string;
  /** Did the last connect continue the session before it? */
  readonly recovered: boolean;
  /** The position of the last event of the log. */
  readonly offset?: string;
  readonly connects: number;
}

export interface ChatState {
  readonly me: string;
  readonly connection: ConnectionState;
  /** By the other member's user id; in no particular order (`byLatest` sorts). */
  readonly conversations: ReadonlyMap<string, Conversation>;
  /** Has the list of conversations been fetched? */
  readonly listed: boolean;
}

const kAckMs = 15_000;
const kPage = 50;
const kWindow = 200; // messages that a conversation keeps when it is opened again
const kSyncPagesMax = 20; // of 500 changes; above that, windows begin anew
const kListPagesMax = 5; // of 100 conversations; older ones are found by name
const kTypingAgainMs = 3_000;
const kTypingStopsMs = 4_000;
const kTypingLastsMs = 7_000; // the server ends it after 6 s

/** The conversations, newest message first. */
export function byLatest(state: ChatState): Conversation[] {
  const time = (one: Conversation) => one.drafts.at(-1)?.writtenAt ?? (one.last ? Date.parse(one.last.createdAt) : Infinity);
  return [...state.conversations.values()].sort((a, b) => time(b) - time(a));
}

/** Messages of others that are not read, in all conversations. */
export function unreadTotal(state: ChatState): number {
  return [...state.conversations.values()].reduce((sum, one) => sum + one.unread, 0);
}

// crypto.randomUUID is there in secure contexts alone.
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** One user's chat over one connection. Make one for a page, and `close` it when it is over. */
export class Chat {
  /** The state, and changes of it: `store.get()`, `store.subscribe(listener)`. */
  readonly store: Store<ChatState>;
  readonly #socket: Socket;
  readonly #options: ChatOptions;
  #sending: Sending | undefined;
  readonly #typingSent = new Map<string, { at: number; stop: ReturnType<typeof setTimeout> }>();
  readonly #typingSeen = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #fetching = new Set<string>();
  readonly #opened = new Set<string>();
  readonly #reads = new Map<string, number>(); // marks the server has not acked, by conversation

  constructor(options: ChatOptions) {
    this.#options = options;
    this.store = new Store<ChatState>({
      me: options.user ?? '',
      connection: { status: 'connecting', recovered: false, connects: 0 },
      conversations: new Map(),
      listed: false,
    });
    this.#socket = io(options.url ?? '', { autoConnect: false, auth: options.token ? { token: options.token } : {}, ...options.socket });
    this.#listen();
    if (options.user) this.#loadOutbox(options.user);
    this.#socket.connect();
  }

  // ------------------------------------------------------------------------------- what users do

  /** Sends a text. It shows at once as a draft of the conversation, and is kept until confirmed. */
  send(peer: string, text: string): void {
    this.typing(peer, false);
    this.#sending?.add({ clientMessageId: newId(), peer, text, writtenAt: Date.now() });
  }
  /** Tries a message again that was refused. */
  retry(clientMessageId: string): void {
    this.#sending?.retry(clientMessageId);
  }
  /** Gives up a message that was refused. */
  discard(clientMessageId: string): void {
    this.#sending?.remove(clientMessageId);
  }

  /** Shows a conversation: adds it if it is new, and fetches its newest page. */
  open(peer: string): void {
    this.#opened.add(peer);
    this.#update(peer, (one) => trimmed(one, kWindow));
    if (!this.#known(peer).loaded) void this.#fetchNewest(peer);
    if (!this.#known(peer).presence) void this.#fetchPresence([peer]);
  }

  /** Fetches the page above the window's beginning. Resolves when it is there. */
  async loadOlder(peer: string): Promise<void> {
    const known = this.#known(peer);
    const first = known.messages[0]?.seq;
    if (!known.hasOlder || first === undefined) return;
    await this.#once(`older:${peer}`, async () => {
      const page = await this.#ask('history', { userId: peer, before: first, limit: kPage });
      if (page.ok) this.#update(peer, (one) => withOlderPage(one, page.messages, page.more));
    });
  }

  /** Everything that is there has been read. */
  markRead(peer: string): void {
    const { id, last, read } = this.#known(peer);
    if (!id || !last || last.seq <= read) return;
    const mark = { conversationId: id, userId: this.store.get().me, seq: last.seq };
    this.#update(peer, (one) => withMark(one, mark, 'read', mark.userId));
    this.#reads.set(id, last.seq);
    this.#sendReads();
  }

  /** Call at each key stroke with true; what the other side sees ends by itself. */
  typing(peer: string, typing: boolean): void {
    const sent = this.#typingSent.get(peer);
    clearTimeout(sent?.stop);
    if (!typing) {
      if (this.#typingSent.delete(peer)) this.#emitTyping(peer, false);
      return;
    }
    const again = !sent || Date.now() - sent.at >= kTypingAgainMs;
    if (again) this.#emitTyping(peer, true);
    const stop = setTimeout(() => this.typing(peer, false), kTypingStopsMs);
    this.#typingSent.set(peer, { at: again ? Date.now() : sent.at, stop });
  }

  // -------------------------------------------------------------------------------- the connection

  /** Drops the connection as a cut would, and stays away until `reconnect`. */
  goOffline(): void {
    this.#socket.io.reconnection(false);
    this.#socket.io.engine?.close();
    this.#connection({ status: 'offline' });
  }
  /** Connects, also where the chat was offline or ended; drops a connection that is there. */
  reconnect(): void {
    this.#socket.io.reconnection(true);
    this.#connection({ status: 'reconnecting' });
    if (this.#socket.connected) this.#socket.io.engine.close();
    else this.#socket.connect();
  }
  /** Ends everything. What is unconfirmed stays in the outbox. */
  close(): void {
    this.#sending?.close();
    for (const { stop } of this.#typingSent.values()) clearTimeout(stop);
    for (const timer of this.#typingSeen.values()) clearTimeout(timer);
    this.#socket.disconnect();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on('connect', () => this.#onConnect());
    socket.on('disconnect', (reason) => {
      const status = reason === 'io server disconnect' ? 'ended' : socket.active ? 'reconnecting' : 'offline';
      this.#connection({ status, reason });
    });
    socket.on('connect_error', (error) => {
      const { code } = (error as Error & { data?: { code?: string } }).data ?? {};
      if (!socket.active) this.#connection({ status: 'refused', reason: code ?? error.message });
      else this.#connection({ reason: error.message });
    });
    socket.onAny((_event, ...args) => {
      const offset: unknown = args.at(-1);
      if (args.length > 1 && typeof offset === 'string') this.#connection({ offset });
    });
    socket.on('ready', (ready: { userId: string; position: number; complete: boolean }) => this.#onReady(ready));
    socket.on('unregistered', ({ reason }: { reason: string }) => this.#connection({ status: 'refused', reason }));
    socket.on('receive_message', (message: WireMessage) => this.#take(message));
    socket.on('message_sent', (message: WireMessage) => this.#take(message));
    socket.on('message_delivered', (mark: WireMark) => this.#mark(mark, 'delivered'));
    socket.on('message_read', (mark: WireMark) => this.#mark(mark, 'read'));
    socket.on('typing', ({ userId, typing }: { userId: string; typing: boolean }) => this.#typing(userId, typing));
    socket.on('presence', (list: WirePresence[]) => this.#presence(list));
  }

  #onConnect(): void {
    const { engine } = this.#socket.io;
    const transport = () => this.#connection({ transport: engine.transport.name });
    transport();
    engine.once('upgrade', transport);
    const { connects } = this.store.get().connection;
    this.#connection({ sid: this.#socket.id!, recovered: this.#socket.recovered, connects: connects + 1 });
    const { user } = this.#options;
    void this.#ask('register', user !== undefined ? { userId: user } : {}).then((ack) => {
      if (!ack.ok && ack.error && ack.error.code !== 'lost') {
        if (!this.#socket.connected) return;
        this.#connection({ status: 'refused', reason: ack.error.code });
      } else if (ack.ok && this.#socket.recovered) {
        this.#online();
      }
    });
  }

  // A new session: what happened since the last event we have seen is asked for. A server that
  // replays it by itself only says the same twice, which changes nothing.
  async #onReady({ userId, position }: { userId: string; position: number }): Promise<void> {
    const before = this.store.get();
    if (before.me !== userId) {
      this.store.set({ ...before, me: userId });
      this.#loadOutbox(userId);
    }
    this.#online();
    const caughtUp = before.listed && (await this.#catchUp(position));
    if (caughtUp || (await this.#refresh())) this.#seen = position;
  }

  #online(): void {
    this.#connection({ status: 'online', reason: '' });
    this.#sending?.wake();
    this.#sendReads();
    // Pages that were asked for on a connection that ended before it answered.
    for (const peer of this.#opened) if (!this.#known(peer).loaded) void this.#fetchNewest(peer);
    void this.#fetchPresence([...this.store.get().conversations.keys()]);
  }

  #seen: number | undefined; // up to this position nothing is missing

  // False: too much was missed, or the server's log is another one.
  async #catchUp(position: number): Promise<boolean> {
    let since = this.#seen;
    if (since === undefined) return false;
    if (since > position) return this.#forget();
    for (let pages = 0; since < position; ++pages) {
      if (pages === kSyncPagesMax) return false;
      const answer = await this.#ask('sync', { since, limit: 500 });
      if (!answer.ok) return false;
      for (const change of answer.changes) {
        if (change.type === 'message') this.#take(change.message);
        if (change.type === 'mark') this.#mark(change.mark, change.mark.kind);
      }
      since = answer.position as number;
      if (!answer.more) break;
    }
    return true;
  }

  // Another log than the one we know: nothing of it is true any more but what is not sent yet.
  #forget(): false {
    const state = this.store.get();
    const kept = [...state.conversations.values()].map(({ peer, drafts }) => [peer, { ...emptyConversation(peer), drafts }] as const);
    this.#reads.clear();
    this.store.set({ ...state, conversations: new Map(kept) });
    return false;
  }

  // The list of conversations, and the newest page of those that are open. False: no answer.
  async #refresh(): Promise<boolean> {
    let before: string | undefined;
    for (let pages = 0, more = true; more && pages < kListPagesMax; ++pages) {
      const answer = await this.#ask('conversations', { limit: 100, ...(before ? { before } : {}) });
      if (!answer.ok) return false;
      const list = answer.conversations as WireConversation[];
      for (const summary of list) this.#update(summary.userId, (one) => withSummary(one, summary));
      before = list.at(-1)?.lastMessage?._id;
      more = answer.more && before !== undefined;
    }
    this.store.set({ ...this.store.get(), listed: true });
    const { conversations } = this.store.get();
    for (const one of conversations.values()) if (one.loaded) void this.#fetchNewest(one.peer);
    void this.#fetchPresence([...conversations.keys()]);
    return true;
  }

  // ------------------------------------------------------------------------------- what comes in

  #take(message: WireMessage): void {
    const { me } = this.store.get();
    const peer = message.senderId === me ? message.receiverId : message.senderId;
    const isNew = !this.#known(peer).id;
    this.#update(peer, (one) => withMessage(one, message, me));
    if (message.clientMessageId && message.senderId === me) this.#sending?.remove(message.clientMessageId);
    if (isBehind(this.#known(peer))) void this.#fetchNewest(peer);
    if (isNew) void this.#fetchPresence([peer]);
  }

  #mark(mark: WireMark, kind: 'delivered' | 'read'): void {
    for (const one of this.store.get().conversations.values()) {
      if (one.id === mark.conversationId) this.#update(one.peer, (old) => withMark(old, mark, kind, this.store.get().me));
    }
  }

  #typing(peer: string, typing: boolean): void {
    clearTimeout(this.#typingSeen.get(peer));
    this.#update(peer, (one) => ({ ...one, typing }));
    if (typing) this.#typingSeen.set(peer, setTimeout(() => this.#typing(peer, false), kTypingLastsMs));
  }

  #presence(list: WirePresence[]): void {
    for (const presence of list) {
      if (this.store.get().conversations.has(presence.userId)) this.#update(presence.userId, (one) => ({ ...one, presence }));
    }
  }

  // -------------------------------------------------------------------------------------- helpers

  #loadOutbox(user: string): void {
    const make = this.#options.outbox ?? (globalThis.indexedDB ? indexedDbOutbox : memoryOutbox);
    this.#sending?.close();
    this.#sending = new Sending({
      outbox: make(user),
      ready: () => this.store.get().connection.status === 'online',
      emit: (draft: Draft) => this.#emitDraft(draft),
      changed: (peer, drafts) => this.#update(peer, (one) => ({ ...one, drafts })),
      confirmed: (message) => this.#take(message),
    });
    void this.#sending.load();
  }

  #emitDraft({ peer, text, clientMessageId }: Draft): Promise<Ack> {
    const fields = { selectedUser: peer, textMessage: text, clientMessageId };
    return this.#socket.timeout(kAckMs).emitWithAck('send_message', fields) as Promise<Ack>;
  }

  // A mark that is lost with the connection is sent again on the next one.
  #sendReads(): void {
    for (const [conversationId, seq] of this.#reads) {
      void this.#ask('mark_read', { conversationId, seq }).then((ack) => {
        if (ack.error?.code !== 'lost' && this.#reads.get(conversationId) === seq) this.#reads.delete(conversationId);
      });
    }
  }

  #emitTyping(peer: string, typing: boolean): void {
    if (this.store.get().connection.status === 'online') this.#socket.emit('typing', { receiverId: peer, typing });
  }

  // The answer; one with the code `lost` where none came. Never rejects.
  async #ask(event: string, argument: unknown): Promise<any> {
    if (!this.#socket.connected) return { ok: false, error: { code: 'lost' } };
    return this.#socket.timeout(kAckMs).emitWithAck(event, argument).catch(() => ({ ok: false, error: { code: 'lost' } }));
  }

  // One such request at a time.
  async #once(key: string, work: () => Promise<void>): Promise<void> {
    if (this.#fetching.has(key)) return;
    this.#fetching.add(key);
    try {
      await work();
    } finally {
      this.#fetching.delete(key);
    }
  }

  async #fetchNewest(peer: string): Promise<void> {
    const before = this.#known(peer).last?.seq;
    await this.#once(`newest:${peer}`, async () => {
      const page = await this.#ask('history', { userId: peer, limit: kPage });
      if (page.ok) this.#update(peer, (one) => withNewestPage(one, page.messages, page.more, this.store.get().me));
    });
    // More came in while the page was on its way.
    if (this.#known(peer).last?.seq !== before && isBehind(this.#known(peer))) await this.#fetchNewest(peer);
  }

  async #fetchPresence(peers: string[]): Promise<void> {
    for (let i = 0; i < peers.length; i += 500) {
      const answer = await this.#ask('presence', { userIds: peers.slice(i, i + 500) });
      if (answer.ok) this.#presence(answer.users);
    }
  }

  #known(peer: string): Conversation {
    return this.store.get().conversations.get(peer) ?? emptyConversation(peer);
  }

  #update(peer: string, change: (one: Conversation) => Conversation): void {
    const state = this.store.get();
    const known = state.conversations.get(peer);
    const next = change(known ?? emptyConversation(peer));
    if (next === known) return;
    this.store.set({ ...state, conversations: new Map(state.conversations).set(peer, next) });
  }

  #connection(change: Partial<ConnectionState>): void {
    const state = this.store.get();
    this.store.set({ ...state, connection: { ...state.connection, ...change } });
  }
}
