// Sends the drafts of an outbox, each until the server has confirmed or refused it.
import type { Draft, Outbox } from './outbox.ts';
import type { WireMessage } from './conversation.ts';

export interface Ack {
  ok: boolean;
  message?: WireMessage;
  error?: { code: string; message: string; retryAfterMs?: number };
}

export interface SendingParts {
  outbox: Outbox;
  /** Sends one draft; rejects if no answer came. */
  emit: (draft: Draft) => Promise<Ack>;
  /** May drafts be sent now? */
  ready: () => boolean;
  /** The drafts to one user have changed. */
  changed: (peer: string, drafts: readonly Draft[]) => void;
  confirmed: (message: WireMessage) => void;
}

// Refused for now. Everything else would be refused again.
const kPassing = new Set(['rate_limited', 'busy', 'storage_full', 'unavailable', 'shutting_down', 'unauthenticated']);
const kRetryMs = 1_000;
const kRetryMaxMs = 30_000;

/**
 * One draft of a conversation is in flight at a time, so messages keep the order they were written
 * in whatever happens to one of them; different conversations do not wait for each other. A draft
 * is sent again after a lost answer: the server knows it by its clientMessageId.
 */
export class Sending {
  readonly #parts: SendingParts;
  readonly #queues = new Map<string, readonly Draft[]>();
  readonly #busy = new Set<string>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #failures = 0;

  constructor(parts: SendingParts) {
    this.#parts = parts;
  }

  /** Takes up what an earlier page has left, and what other tabs are sending. */
  async load(): Promise<void> {
    const drafts = await this.#parts.outbox.all().catch(() => []);
    for (const draft of drafts) {
      const queue = this.#queues.get(draft.peer) ?? [];
      if (!queue.some((one) => one.clientMessageId === draft.clientMessageId)) this.#set(draft.peer, [...queue, draft]);
    }
    this.wake();
  }

  /** Keeps the draft, then sends it. */
  add(draft: Draft): void {
    this.#set(draft.peer, [...(this.#queues.get(draft.peer) ?? []), draft]);
    void this.#parts.outbox.put(draft).catch(() => {}).then(() => this.wake());
  }

  /** Tries a refused draft again. */
  retry(clientMessageId: string): void {
    this.#update(clientMessageId, ({ error: _, ...draft }) => draft);
    this.wake();
  }

  /** Confirmed here or in another tab, or given up by the user. */
  remove(clientMessageId: string): void {
    this.#update(clientMessageId, () => undefined);
  }

  /** Call when `ready` may have become true. */
  wake(): void {
    for (const peer of this.#queues.keys()) void this.#pump(peer);
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#queues.clear();
  }

  async #pump(peer: string): Promise<void> {
    if (this.#busy.has(peer)) return;
    this.#busy.add(peer);
    for (let next; (next = this.#next(peer)); ) if (!(await this.#send(next))) break;
    this.#busy.delete(peer);
  }

  #next(peer: string): Draft | undefined {
    if (!this.#parts.ready() || this.#timers.has(peer)) return undefined;
    return this.#queues.get(peer)?.find((draft) => draft.error === undefined);
  }

  // False: not now.
  async #send(draft: Draft): Promise<boolean> {
    const ack = await this.#parts.emit(draft).catch(() => undefined);
    if (ack?.ok && ack.message) {
      this.#failures = 0;
      this.#parts.confirmed(ack.message);
      this.remove(draft.clientMessageId);
      return true;
    }
    if (!ack || kPassing.has(ack.error?.code ?? '')) {
      this.#later(draft.peer, ack?.error?.retryAfterMs);
      return false;
    }
    this.#update(draft.clientMessageId, (one) => ({ ...one, error: ack.error?.code ?? 'internal' }));
    return true;
  }

  // Without an answer the connection is most likely gone: its return wakes us.
  #later(peer: string, afterMs?: number): void {
    const backoff = Math.min(kRetryMs * 2 ** this.#failures++, kRetryMaxMs);
    clearTimeout(this.#timers.get(peer));
    this.#timers.set(peer, setTimeout(() => {
      this.#timers.delete(peer);
      void this.#pump(peer);
    }, Math.max(afterMs ?? 0, this.#parts.ready() ? backoff : 0)));
  }

  #update(id: string, change: (draft: Draft) => Draft | undefined): void {
    for (const [peer, queue] of this.#queues) {
      const old = queue.find((draft) => draft.clientMessageId === id);
      if (!old) continue;
      const next = change(old);
      this.#set(peer, queue.flatMap((draft) => (draft !== old ? [draft] : next ? [next] : [])));
      const kept = next ? this.#parts.outbox.put(next) : this.#parts.outbox.remove(id);
      kept.catch(() => {});
      return;
    }
  }

  #set(peer: string, queue: readonly Draft[]): void {
    if (queue.length > 0) this.#queues.set(peer, queue);
    else this.#queues.delete(peer);
    this.#parts.changed(peer, queue);
  }
}
