// What was promised and what came of it: the sets that every fault test compares.
//
// attempted: a sender called emit. acked: the sender holds a positive answer. stored: the server's
// history has it. delivered: a receiver's page was handed it by the stock client. Ids are the
// clientMessageId, so a message is the same one however often it is sent again.

export class Checker {
  #attempted = new Map(); // id -> {sender, receiver}
  #acked = new Map(); // id -> message
  #pages = new Map(); // page -> {user, messages: [...]}, in the order the handlers ran

  attempt(id, sender, receiver) {
    this.#attempted.set(id, { sender, receiver });
  }

  ack(id, message) {
    const before = this.#acked.get(id);
    if (before && (before._id !== message._id || before.seq !== message.seq)) {
      throw new Error(`two different answers for ${id}: ${before._id} and ${message._id}`);
    }
    this.#acked.set(id, message);
  }

  // A page is one life of a client: what it is handed twice is a duplicate.
  page(name, user) {
    const page = { user, messages: [] };
    this.#pages.set(name, page);
    return page;
  }

  get attemptedCount() {
    return this.#attempted.size;
  }
  get ackedCount() {
    return this.#acked.size;
  }
  // Ids that are acked but that some page of the receiver has not been handed yet.
  undelivered() {
    const missing = [];
    for (const [id] of this.#acked) {
      const { receiver } = this.#attempted.get(id);
      for (const [name, page] of this.#pages) {
        if (page.user === receiver && !page.seen?.has(id)) missing.push(`${id} at ${name}`);
      }
    }
    return missing;
  }

  record(page, message) {
    page.seen ??= new Set();
    page.duplicates ??= [];
    if (page.seen.has(message.clientMessageId)) page.duplicates.push(message.clientMessageId);
    page.seen.add(message.clientMessageId);
    page.messages.push(message);
  }

  // `stored`: all messages of all conversations, as the server's history gives them.
  report(stored) {
    const byId = new Map();
    const storedTwice = [];
    const conversations = new Map();
    for (const m of stored) {
      if (byId.has(m.clientMessageId)) storedTwice.push(m.clientMessageId);
      byId.set(m.clientMessageId, m);
      if (!conversations.has(m.conversationId)) conversations.set(m.conversationId, []);
      conversations.get(m.conversationId).push(m.seq);
    }
    const gaps = [];
    for (const [conversation, seqs] of conversations) {
      seqs.sort((a, b) => a - b);
      seqs.forEach((seq, i) => {
        if (seq !== i + 1) gaps.push(`${conversation}: ${seq} in place ${i + 1}`);
      });
    }
    const lost = [...this.#acked.keys()].filter((id) => byId.get(id)?._id !== this.#acked.get(id)._id);
    const unexpected = [...byId.keys()].filter((id) => !this.#attempted.has(id));
    const undelivered = [];
    const duplicated = [];
    const reordered = [];
    for (const [name, page] of this.#pages) {
      duplicated.push(...(page.duplicates ?? []).map((id) => `${id} at ${name}`));
      for (const m of stored) {
        const to = this.#attempted.get(m.clientMessageId)?.receiver;
        if (to === page.user && !page.seen?.has(m.clientMessageId)) {
          undelivered.push(`${m.clientMessageId} at ${name}`);
        }
      }
      const last = new Map();
      for (const m of page.messages) {
        if (m.seq <= (last.get(m.conversationId) ?? 0)) reordered.push(`${m.clientMessageId} at ${name}`);
        else last.set(m.conversationId, m.seq);
      }
    }
    return {
      attempted: this.#attempted.size,
      acked: this.#acked.size,
      stored: byId.size,
      lost,
      storedTwice,
      unexpected,
      gaps,
      undelivered,
      duplicated,
      reordered,
    };
  }
}

export const faults = (report) =>
  ['lost', 'storedTwice', 'unexpected', 'gaps', 'undelivered', 'duplicated', 'reordered'].filter(
    (kind) => report[kind].length > 0,
  );

export const summary = (report) =>
  Object.entries(report)
    .map(([key, value]) => `${key} ${Array.isArray(value) ? value.length : value}`)
    .join(', ');
