// One exchange of raw bytes.
import net from 'node:net';
import tls from 'node:tls';

// Sends `raw` and then nothing, and resolves with the answers: when the server closes, or a
// fifth of a second after the last of `expected` was there, for any that should not come.
export function answersTo({ port, ca, from }, raw, expected = 1) {
  return new Promise((resolve, reject) => {
    const socket = ca
      ? tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ca, localAddress: from })
      : net.connect({ port, host: '127.0.0.1', localAddress: from });
    let received = '';
    let timer;
    const answers = () => received.split(/(?=HTTP\/1\.[01] \d{3} )/).filter((answer) => answer !== '');
    const end = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answers());
    };
    socket.setTimeout(30_000, () => reject(new Error(`no answer to ${JSON.stringify(raw.slice(0, 80))}`)));
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      if (answers().length < expected) return;
      clearTimeout(timer);
      timer = setTimeout(end, 200);
    });
    socket.on('error', () => {}); // it may be closed before the rest is written
    socket.on('close', end);
    socket.write(Buffer.from(raw, 'latin1'));
  });
}
