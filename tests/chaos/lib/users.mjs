// Users with stock clients that write to each other at a steady rate.
import { io } from 'socket.io-client';

const transports = {
  websocket: ['websocket'],
  polling: ['polling'],
  upgrade: ['polling', 'websocket'],
};

// One page: a stock client that registers on every connect, as in the README.
export function openPage({ port, user, transport, checker, name = user, options = {} }) {
  const socket = io(`http://127.0.0.1:${port}`, {
    transports: transports[transport],
    forceNew: true,
    reconnectionDelay: 100,
    reconnectionDelayMax: 1000,
    ...options,
  });
  const page = checker.page(name, user);
  socket.on('connect', () => {
    page.connects = (page.connects ?? 0) + 1;
    if (socket.recovered) page.recovered = (page.recovered ?? 0) + 1;
    socket.emit('register', user);
  });
  socket.on('receive_message', (message) => checker.record(page, message));
  return { socket, page, user };
}

// Sends until stopped. Each message is retried by the stock client's own `retries` under the same
// clientMessageId, so an answer that was lost is asked for again.
export function startSender({ socket, user, receivers, checker, perSecond, stopAfter }) {
  let count = 0;
  let waiting = 0;
  const timer = setInterval(() => {
    if (count >= stopAfter) return;
    const receiver = receivers[count % receivers.length];
    const id = `${user}-${++count}`;
    checker.attempt(id, user, receiver);
    waiting += 1;
    socket.emit('send_message', { receiverId: receiver, textMessage: `message ${id}`, clientMessageId: id }, (error, answer) => {
      waiting -= 1;
      if (!error && answer?.ok) checker.ack(id, answer.message);
    });
  }, 1000 / perSecond);
  return {
    get waiting() {
      return waiting;
    },
    get count() {
      return count;
    },
    stop: () => clearInterval(timer),
  };
}

// Resolves when `done()` holds, looked at on every turn of a short timer; rejects at the deadline
// with what `describe()` says then.
export async function until(done, { deadlineMs, describe = () => '' }) {
  const end = performance.now() + deadlineMs;
  while (!done()) {
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
