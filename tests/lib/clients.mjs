// Stock clients, as an application uses them, with their events kept and awaited.
import { io } from 'socket.io-client';

// Every test of the chat runs over each of these.
export const transports = {
  websocket: ['websocket'],
  polling: ['polling'],
  upgrade: ['polling', 'websocket'],
};

const kEvents = [
  'ready',
  'receive_message',
  'message_sent',
  'message_delivered',
  'message_read',
  'typing',
  'presence',
  'unregistered',
];

// One page: a stock client that registers on every connect, and what it was told.
export class Page {
  // event -> the first argument of each, in order
  got = Object.fromEntries(kEvents.map((event) => [event, []]));
  disconnects = []; // reasons
  connects = 0;
  recovered = 0;
  #waiting = new Set();

  constructor(chatd, user, transport, options = {}) {
    this.user = user;
    chatd.clients.add(this);
    this.socket = io(chatd.url, {
      transports: transports[transport],
      forceNew: true,
      reconnectionDelay: 50,
      reconnectionDelayMax: 200,
      ...options,
    });
    this.socket.on('connect', () => {
      this.connects += 1;
      if (this.socket.recovered) this.recovered += 1;
      if (user !== null) this.socket.emit('register', user);
      this.#look();
    });
    this.socket.on('disconnect', (reason) => {
      this.disconnects.push(reason);
      this.#look();
    });
    for (const event of kEvents) {
      this.socket.on(event, (argument) => {
        this.got[event].push(argument);
        this.#look();
      });
    }
  }

  #look() {
    for (const waiter of this.#waiting) waiter();
  }

  // Resolves with what `found` returns once that is truthy; looked at after each event.
  until(found, { deadlineMs = 20_000, what = found } = {}) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const value = found(this);
        if (!value) return;
        this.#waiting.delete(look);
        clearTimeout(timer);
        resolve(value);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        const counts = Object.entries(this.got).map(([event, all]) => `${event} ${all.length}`);
        reject(new Error(`${this.user}: not within ${deadlineMs} ms: ${what}; has ${counts.join(', ')}`));
      }, deadlineMs);
      this.#waiting.add(look);
      look();
    });
  }

  // The first event of that name that `matches` takes, also if it is there already.
  event(name, matches = () => true, options) {
    return this.until(() => this.got[name].find(matches), { what: `${name} ${matches}`, ...options });
  }
  // Registered, and for those that upgrade: upgraded.
  async ready(transport) {
    await this.event('ready');
    if (transport === 'upgrade') await this.upgraded();
    return this;
  }
  upgraded() {
    const { engine } = this.socket.io;
    if (engine.transport.name === 'websocket') return null;
    return new Promise((resolve) => engine.once('upgrade', resolve));
  }

  // Emits and resolves with the ack.
  ask(event, ...args) {
    return this.socket.timeout(20_000).emitWithAck(event, ...args);
  }
  send(to, text, more = {}) {
    return this.ask('send_message', { selectedUser: to, textMessage: text, ...more });
  }
  texts(event = 'receive_message') {
    return this.got[event].map((message) => message.textMessage);
  }
  close() {
    this.socket.disconnect();
  }
}

export async function open(chatd, user, transport, options) {
  return new Page(chatd, user, transport, options).ready(transport);
}
