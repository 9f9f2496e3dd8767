// What was promised and what came of it: the sets that every fault test compares.
//
// attempted: a sender called emit. acked: the sender holds a positive answer. stored: the server's
// log has it. delivered: a page was handed it by the stock client. A message is told by its text,
// which is different for each and stays the same however often it is sent again.

const kinds = ['lost', 'storedTwice', 'unexpected', 'gaps', 'undelivered', 'untold', 'duplicated', 'reordered'];

export class Checker {
  #attempted = new Map(); // text -> {sender, receiver}
  #acked = new Map(); // text -> the message of the first answer
  #pages = []; // {name, user, received, sent}
  #pagesOf = new Map(); // user -> pages
  #waiting = 0; // acked messages that a page has not been handed yet, counted for each page

  attempt(text, sender, receiver) {
    this.#attempted.set(text, { sender, receiver });
  }

  ack(text, message) {
    const before = this.#acked.get(text);
    if (before) {
      if (before._id === message._id && before.seq === message.seq) return;
      throw new Error(`two different answers for ${text}: ${before._id} and ${message._id}`);
    }
    this.#acked.set(text, message);
    const { sender, receiver } = this.#attempted.get(text);
    for (const page of this.#pagesOf.get(receiver) ?? []) if (!page.received.has(text)) this.#waiting += 1;
    for (const page of this.#pagesOf.get(sender) ?? []) if (!page.sent.has(text)) this.#waiting += 1;
  }

  // A page is one life of a client: it is to be handed all that its user sends or is sent, and what
  // it is handed twice is a duplicate. REQUIRES: nothing is acked yet that it is not to be handed
  page(name, user) {
    const page = { name, user, received: new Set(), sent: new Set(), duplicates: [], reordered: [], last: new Map() };
    this.#pages.push(page);
    this.#pagesOf.set(user, [...(this.#pagesOf.get(user) ?? []), page]);
    for (const text of this.#acked.keys()) {
      const { sender, receiver } = this.#attempted.get(text);
      this.#waiting += (receiver === user) + (sender === user);
    }
    return page;
  }

  // `event` is receive_message or message_sent.
  record(page, event, { textMessage: text, conversationId, seq }) {
    const seen = event === 'receive_message' ? page.received : page.sent;
    if (seen.has(text)) return void page.duplicates.push(text);
    seen.add(text);
    if (this.#acked.has(text)) this.#waiting -= 1;
    const key = `${event} ${conversationId}`;
    if (seq <= (page.last.get(key) ?? 0)) page.reordered.push(text);
    page.last.set(key, seq);
  }

  acked(text) {
    return this.#acked.has(text);
  }
  get ackedCount() {
    return this.#acked.size;
  }
  // How many deliveries of acked messages are still to come.
  get waiting() {
    return this.#waiting;
  }

  // `stored`: every message of every conversation once, as the server's log gives them.
  report(stored) {
    const byText = new Map();
    const report = Object.fromEntries(kinds.map((kind) => [kind, []]));
    const sequences = new Map();
    for (const message of stored) {
      const { textMessage: text, conversationId, seq } = message;
      if (byText.has(text)) report.storedTwice.push(text);
      else byText.set(text, message);
      if (!this.#attempted.has(text)) report.unexpected.push(text);
      if (!sequences.has(conversationId)) sequences.set(conversationId, []);
      sequences.get(conversationId).push(seq);
    }
    for (const [conversation, all] of sequences) {
      all.sort((a, b) => a - b);
      const gap = all.findIndex((seq, i) => seq !== i + 1);
      if (gap >= 0) report.gaps.push(`conversation ${conversation}: ${all[gap]} in place ${gap + 1}`);
    }
    const ids = new Set(stored.map((message) => message._id));
    report.lost = [...this.#acked].filter(([, { _id }]) => !ids.has(_id)).map(([text]) => text);
    for (const page of this.#pages) {
      const at = (texts) => texts.map((text) => `${text} at ${page.name}`);
      report.duplicated.push(...at(page.duplicates));
      report.reordered.push(...at(page.reordered));
      for (const text of byText.keys()) {
        const { sender, receiver } = this.#attempted.get(text) ?? {};
        if (receiver === page.user && !page.received.has(text)) report.undelivered.push(...at([text]));
        if (sender === page.user && !page.sent.has(text)) report.untold.push(...at([text]));
      }
    }
    return { attempted: this.#attempted.size, acked: this.#acked.size, stored: byText.size, ...report };
  }
}

// The kinds of fault in a report, each with its first examples; empty if there is none.
export const faults = (report) =>
  Object.fromEntries(kinds.filter((kind) => report[kind].length > 0).map((kind) => [kind, report[kind].slice(0, 5)]));

export const summary = (report) =>
  Object.entries(report)
    .map(([key, value]) => `${key} ${Array.isArray(value) ? value.length : value}`)
    .join(', ');
