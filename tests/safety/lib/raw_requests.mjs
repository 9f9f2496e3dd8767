// Raw HTTP requests that are ambiguous, obsolete, too large or merely odd, with the status that
// chatd answers by itself. `SMUGGLED` is what a confused server would take for a request of its own.
const host = 'Host: localhost\r\n';
export const SMUGGLED = `GET /v1/presence?userId=smuggled&userIds=smuggled HTTP/1.1\r\n${host}\r\n`;

const get = (lines = '', path = '/healthz', version = 'HTTP/1.1') => `GET ${path} ${version}\r\n${host}${lines}\r\n`;
const body = '{"senderId":"ann","selectedUser":"bob","textMessage":"raw"}';
const post = (lines, content = body) =>
  `POST /v1/messages HTTP/1.1\r\n${host}Content-Type: application/json\r\n${lines}\r\n${content}`;
const length = (n) => `Content-Length: ${n}\r\n`;
const chunk = (text) => `${text.length.toString(16)}\r\n${text}\r\n`;
const chunked = 'Transfer-Encoding: chunked\r\n';
const POLL = '/socket.io/?EIO=4&transport=polling';
const unread = (method, path, lines = '') => `${method} ${path} HTTP/1.1\r\n${host}${lines}${length(SMUGGLED.length)}\r\n${SMUGGLED}`;

// [name, bytes, status]; 'unfinished': for whose end a proxy waits
export const RAW_REQUESTS = [
  ['a good GET', get(), 200],
  ['a good POST', post(length(body.length)), 200],
  ['HTTP/1.0 with a host', `GET /healthz HTTP/1.0\r\n${host}\r\n`, 200],
  ['a header without a value', get('X-Empty:\r\n'), 200],
  ['spaces around a value', get('X-Spaces:   a  \r\n'), 200],
  ['a HEAD', `HEAD /healthz HTTP/1.1\r\n${host}\r\n`, 200],
  // two lengths, or none that can be trusted
  ['two different lengths', post(length(body.length) + length(3)), 400],
  ['the same length twice', post(length(body.length) + length(body.length)), 400],
  ['a list of lengths', post(`Content-Length: ${body.length}, ${body.length}\r\n`), 400],
  ['length and chunked', post(length(body.length) + chunked, chunk(body) + '0\r\n\r\n'), 400],
  ['chunked and length', post(chunked + length(4), chunk(body) + '0\r\n\r\n'), 400],
  ['chunked with a request behind a short length', post(length(4) + chunked, '0\r\n\r\n' + SMUGGLED), 400],
  ['a length that ends before a request', `GET /healthz HTTP/1.1\r\n${host}${length(0)}Content-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`, 400],
  ['chunked', post(chunked, chunk(body) + '0\r\n\r\n'), 200],
  ['chunked, in pieces', post(chunked, [...body].map(chunk).join('') + '0\r\n\r\n'), 200],
  ['chunked, an extension and a trailer', post(chunked, chunk(body).replace('\r', ';a="b"\r') + '0\r\nX: y\r\n\r\n'), 200],
  ['chunked by HTTP/1.0', post(chunked, '0\r\n\r\n' + SMUGGLED).replace('HTTP/1.1', 'HTTP/1.0'), 400],
  ['a size of chunk that is none', post(chunked, 'x\r\n' + SMUGGLED), 400],
  ['a size of chunk with a sign', post(chunked, '+3\r\nabc\r\n0\r\n\r\n'), 400],
  ['a size of chunk beyond 64 bits', post(chunked, '10000000000000003\r\nabc\r\n0\r\n\r\n'), 413],
  ['a chunk above the bound', post(chunked, 'ffffff\r\n'), 413, 'unfinished'],
  ['a chunk longer than its size', post(chunked, '2\r\nabc\r\n0\r\n\r\n'), 400],
  ['a bare LF behind the size', post(chunked, chunk(body).replace('\r\n', '\n') + '0\r\n\r\n'), 400],
  ['an endless extension', post(chunked, `1;${'a'.repeat(1000)}`), 400, 'unfinished'],
  ['endless trailers', post(chunked, '0\r\n' + 'X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(200)), 400, 'unfinished'],
  ['chunked twice', post(chunked + chunked, '0\r\n\r\n' + SMUGGLED), 400],
  ['chunked, identity', post('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n' + SMUGGLED), 501],
  ['identity', post('Transfer-Encoding: identity\r\n', SMUGGLED), 501],
  ['an unknown coding', post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n' + SMUGGLED), 501],
  ['a space before the colon', post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n' + SMUGGLED), 400],
  ['a tab in the name', post('Transfer-Encoding\t: chunked\r\n', '0\r\n\r\n' + SMUGGLED), 400],
  ['a vertical tab in the coding', post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n' + SMUGGLED), [400, 501]],
  ['a coding on a folded line', post('Transfer-Encoding:\r\n chunked\r\n', '0\r\n\r\n' + SMUGGLED), [400, 501]],
  ['a coding behind a lone CR', post('X: a\rTransfer-Encoding: chunked\r\n', '0\r\n\r\n' + SMUGGLED), 400],
  ['a coding behind a lone LF', post('X: a\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n' + SMUGGLED), 400],
  ['a length with a sign', post(`Content-Length: +${body.length}\r\n`), 400],
  ['a negative length', post(length(-1)), 400],
  ['a hexadecimal length', post('Content-Length: 0x10\r\n'), 400],
  ['a length with a point', post('Content-Length: 10.0\r\n'), 400],
  ['an empty length', post('Content-Length: \r\n'), 400],
  ['a length of words', post('Content-Length: ten\r\n'), 400],
  ['a length beyond 64 bits', post(length('99999999999999999999')), [400, 413]],
  ['a length above the bound', post(length(2_000_000), ''), 413],
  // a body that nobody reads, with a request in it
  ['a preflight with a body', unread('OPTIONS', '/v1/messages', 'Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n'), 204],
  ['another origin\'s request with a body', unread('POST', '/v1/messages', 'Origin: https://evil.example\r\n'), 403],
  ['a handshake with a body', unread('GET', POLL), 200],
  ['a body for a session that is not there', unread('POST', `${POLL}&sid=none`), 400],
  // line ends, folds and control characters
  ['bare LFs', `GET /healthz HTTP/1.1\n${host.trimEnd()}\n\n`, 400],
  ['a bare LF at the end of the head', `GET /healthz HTTP/1.1\r\n${host}\n`, 400],
  ['a bare CR in a value', get('X: a\rb\r\n'), 400],
  ['a folded line', get('X: a\r\n b\r\n'), 400],
  ['a NUL in a value', get('X: a\0b\r\n'), 400],
  ['a NUL in a name', get('X\0: a\r\n'), 400],
  ['an escape in a value', get('X: \x1b[2J\r\n'), 400],
  ['a name with a space', get('X Y: a\r\n'), 400],
  ['a name of nothing', get(': a\r\n'), 400],
  ['a line without a colon', get('X\r\n'), 400],
  ['an empty line first', `\r\n${get()}`, 200],
  ['two empty lines first', `\r\n\r\n${get()}`, 400],
  // the request line
  ['no version', `GET /healthz\r\n${host}\r\n`, 400],
  ['HTTP/0.9', 'GET /healthz\r\n\r\n', 400],
  ['HTTP/2.0', get('', '/healthz', 'HTTP/2.0'), 505],
  ['HTTP/1.2', get('', '/healthz', 'HTTP/1.2'), [400, 505]],
  ['HTTP/11', get('', '/healthz', 'HTTP/11'), [400, 505]],
  ['http/1.1', get('', '/healthz', 'http/1.1'), [400, 505]],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['two spaces', `GET  /healthz HTTP/1.1\r\n${host}\r\n`, 400],
  ['a tab for a space', `GET\t/healthz HTTP/1.1\r\n${host}\r\n`, 400],
  ['a space in the path', get('', '/heal thz'), 400],
  ['a method of lower case', `get /healthz HTTP/1.1\r\n${host}\r\n`, [400, 405, 501]],
  ['a method nobody knows', `BREW /healthz HTTP/1.1\r\n${host}\r\n`, [400, 405, 501]],
  ['CONNECT', `CONNECT localhost:22 HTTP/1.1\r\n${host}\r\n`, [400, 404, 405, 501]],
  ['TRACE', `TRACE /healthz HTTP/1.1\r\n${host}\r\n`, [400, 405, 501]],
  ['a path of stars', `OPTIONS * HTTP/1.1\r\n${host}\r\n`, [200, 204, 400, 404, 405]],
  ['a whole URL as the path', get('', 'http://localhost/healthz'), 200],
  ['a WebSocket elsewhere than Engine.IO', get('Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n', '/chat/?EIO=4&transport=websocket'), 404],
  ['dots in the path', get('', '/../../etc/passwd'), [400, 404]],
  ['dots in percent signs', get('', '/%2e%2e/%2e%2e/etc/passwd'), [400, 404]],
  ['a NUL in percent signs', get('', '/%00'), [400, 404]],
  ['bytes above ASCII in the path', get('', '/\xff\xfe'), [400, 404]],
  // the host
  ['no host', 'GET /healthz HTTP/1.1\r\n\r\n', 400],
  ['two hosts', get('Host: other\r\n'), 400],
  // sizes
  ['a line of 20 KB', get(`X: ${'a'.repeat(20_000)}\r\n`), 431],
  ['a path of 20 KB', get('', `/${'a'.repeat(20_000)}`), 414],
  ['200 lines', get('X: a\r\n'.repeat(200)), 431],
  // not HTTP at all
  ['a TLS handshake', '\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03\r\n\r\n', 400],
  ['a Redis command', '*1\r\n$4\r\nPING\r\n', 400],
  ['a line of nothing but bytes', '\xff\x00\xff\x00\r\n\r\n', 400],
];
