// Users with stock clients that write to each other at a steady rate.
import { io } from 'socket.io-client';
import { transports } from '../../lib/clients.mjs';

// One page: a stock client that registers on every connect, as in the README, and tells the checker
// all it is handed.
//
// `forgetful` is for control runs: this page resumes nothing. It gives back no pid and no offset, and
// throws away what it is brought on its return, before `ready`.
export class User {
  connects = 0;
  connectedAt = 0; // the last time
  recovered = 0;
  disconnects = []; // reasons

  ready = false; // live: what was missed has come

  constructor({ port, user, transport, checker, name = user, forgetful = false, options = {} }) {
    this.user = user;
    this.page = checker.page(name, user);
    this.socket = io(`http://127.0.0.1:${port}`, {
      transports: transports[transport],
      forceNew: true,
      reconnectionDelay: 100,
      reconnectionDelayMax: 1000,
      ...(forgetful && { auth: { pid: undefined, offset: undefined } }),
      ...options,
    });
    this.socket.on('connect', () => {
      this.connects += 1;
      this.connectedAt = performance.now();
      if (this.socket.recovered) this.recovered += 1;
      this.socket.emit('register', user);
    });
    this.socket.on('disconnect', (reason) => {
      this.ready = false;
      this.disconnects.push(reason);
    });
    this.socket.on('ready', () => (this.ready = true));
    for (const event of ['receive_message', 'message_sent']) {
      this.socket.on(event, (message) => {
        if (this.ready || !forgetful) checker.record(this.page, event, message);
      });
    }
  }

  // The network is gone from the client's side: the transport closes without a word.
  cut() {
    this.socket.io.engine.close();
  }
  close() {
    this.socket.disconnect();
  }
}

// What makes a stock client repeat an emit until it is acked, one at a time. For a User that sends.
export const retrying = { retries: 1_000_000, ackTimeout: 3000 };

// Sends `perSecond` messages to `receivers` in turn until stopped. The client repeats each under the
// same clientMessageId until there is an answer.
export class Stream {
  count = 0;
  waiting = 0;
  refused = []; // answers that were not ok
  #timer;

  constructor({ from, receivers, checker, perSecond }) {
    this.from = from;
    const began = performance.now();
    this.#timer = setInterval(() => {
      const due = ((performance.now() - began) / 1000) * perSecond; // also if timers come late
      while (this.count < due) this.#send(from, receivers[this.count % receivers.length], checker);
    }, Math.max(5, 1000 / perSecond));
  }

  #send({ socket, user }, receiver, checker) {
    this.count += 1;
    const text = `${user}-${this.count}`;
    const message = { receiverId: receiver, textMessage: text, clientMessageId: text };
    checker.attempt(text, user, receiver);
    this.waiting += 1;
    socket.emit('send_message', message, (error, answer) => {
      this.waiting -= 1;
      if (!error && answer?.ok) checker.ack(text, answer.message);
      else this.refused.push(error ?? answer);
    });
  }

  stop() {
    clearInterval(this.#timer);
  }
  toString() {
    const { user, socket, ready, connects, recovered } = this.from;
    return `${user} for ${this.waiting} (connected ${socket.connected}, ready ${ready}, ${connects} connects, ` +
      `${recovered} recovered, ${this.refused.length} refused)`;
  }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Resolves when `done()` holds, looked at on every turn of a short timer; rejects at the deadline
// with what `describe()` says then.
export async function until(done, { deadlineMs = 60_000, describe = () => String(done) } = {}) {
  const end = performance.now() + deadlineMs;
  while (!done()) {
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${describe()}`);
    await sleep(10);
  }
}
