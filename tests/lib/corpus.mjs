// Texts that break programs: what people and attackers have sent to others, and what is generated
// from a seed, about 500 in all. Those in `refused` no message may have.

import { randomBelow } from './random.mjs';

export const kTextBytesMax = 65_536;

const kept = [
  // SQL, in the grammars of several databases.
  "' OR '1'='1", "'; DROP TABLE log; --", '" OR ""="', "1; ATTACH DATABASE 'x' AS y", "x'41'", '?1', ':name', '@p', '$1',
  "') UNION SELECT name FROM users --", '/* */ --', "''''", '%', '_', 'a%_b', 'LIKE \'%\' ESCAPE \'\\\'', '\\x27', '0x27',
  "SELECT load_extension('x')", 'PRAGMA writable_schema=1', 'NULL', 'null', 'undefined', 'NaN', 'Infinity', '-Infinity',
  // JSON and JavaScript.
  '{"a":1}', '[]', '{}', '""', '"', '\\', '\\"', '\\u0000', '\\uD800', '\\n', '{"__proto__":{"x":1}}', '__proto__',
  'constructor', 'hasOwnProperty', 'toString', '${7*7}', '`${x}`', '//', '/*', 'true', 'false', '{"a":1,"a":2}',
  '[1,2', '}{', ']]>', '\u2028', '\u2029', 'a\u2028b', '0', '-0', '1e309', '9007199254740993', '0x10', '1_000', '١٢٣', '½',
  // Engine.IO and Socket.IO.
  '2', '3', '2probe', '3probe', '5', '6', '40', '41', '42["x"]', '451-["x",{"_placeholder":true,"num":0}]', 'b4AAAA',
  '\u001e', '4\u001e4', 'a\u001e', '42["receive_message",{}]', '{"_placeholder":true,"num":0}', '43999999999999999999[]',
  // Markup, styles, schemes.
  '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '</textarea><svg/onload=alert(1)>', '&lt;b&gt;', '&#0;', '&amp;',
  'javascript:alert(1)', 'data:text/html,<b>', '<!--', '-->', '<![CDATA[x]]>', '<?xml version="1.0"?>', '<!DOCTYPE x [<!ENTITY y "z">]>',
  '{{constructor.constructor("x")()}}', '<%= 7*7 %>', '#{7*7}', '{% x %}', 'expression(alert(1))',
  // Shells, formats, paths, logs, headers.
  '$(id)', '`id`', '; id', '| id', '&& id', '$HOME', '~', '../../etc/passwd', '..\\..\\x', 'C:\\con', 'file:///etc/passwd', '%s%s%n',
  '%d %x %p', '{0}', '%00', '%0d%0a', 'a\r\nSet-Cookie: x=1', '\r\n\r\n', '\n{"level":"error","event":"forged"}', '\u001b[31mred\u001b[0m',
  '\u001b]0;title\u0007', '\u009b31m', '${jndi:ldap://x/y}', '-rf', '--help', '@file', '=1+1', '+1', '-1+1', '@SUM(1)', '\tx', 'x\t',
  // What is seen otherwise than it is.
  '\u202eabc\u202c', '\u2066a\u2069', '\u200f', '\u200e', '\u061c', 'a\u200bb', '\u2060', '\ufeffbom', '\u00adsoft', '\u034f', '\u180e', '\u3164',
  'аdmin', 'ａｄｍｉｎ', 'ℌ', 'ß', 'ẞ', 'İ', 'ı', 'ſ', 'ŉ', 'ǆ', 'ﬁ', 'ﬀ', '\u0130\u0307', 'Σς', '\u1e9e',
  'e\u0301', '\u00e9', '\u0041\u030a', '\u00c5', '\u212b', '\u0d15\u0d4d\u200d', 'ก็็็็็็็็', 'Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢', 'क्षि', '각', '각',
  // Emoji and what is beyond the first plane.
  '😀', '👍🏽', '👩‍👩‍👧‍👦', '🏴󠁧󠁢󠁳󠁣󠁴󠁿', '🇨🇭', '🇨', '1️⃣', '❤️', '❤', '🏳️‍🌈', '𝒳', '𠜎', '\u{10ffff}', '\u{1f9d1}\u{1f3fb}\u200d\u{1f9b2}', '\u{e0001}', '\u{f0000}',
  // Non-characters, private use, controls.
  '\ufffe', '\uffff', '\ufdd0', '\ue000', '\ufffd', '\u0001', '\u0008', '\u000b', '\u000c', '\u007f', '\u0080', '\u0085', '\u009f', '\u00a0', '\u001f',
  // Spaces.
  ' ', '  ', '\t', '\n', '\r', '\r\n', '\u3000', '\u2003', '\u1680', ' x ', 'x\n', '\nx',
  // Scripts.
  'שָׁלוֹם', 'السلام عليكم', 'Ελληνικά', 'Русский', '日本語', '中文', '한국어', 'ภาษาไทย', 'हिन्दी', 'தமிழ்', 'ქართული', 'አማርኛ', '𐎠𐎡', 'ᏣᎳᎩ', 'ᚠᚢᚦ', 'Tiếng Việt', 'Ĳssel', 'Łódź', 'ŋ',
];

const alphabets = [
  [0x20, 0x7e], [0x01, 0x1f], [0x22, 0x22], [0x5c, 0x5c], [0x7f, 0xa0], [0xa1, 0x24f], [0x300, 0x36f], [0x5d0, 0x64a],
  [0x900, 0xdff], [0x2000, 0x206f], [0x4e00, 0x9fff], [0xac00, 0xd7a3], [0xe000, 0xffff], [0x10000, 0x1f9ff], [0x1f300, 0x1faff], [0xe0000, 0x10ffff],
];

function generated(next, count) {
  return Array.from({ length: count }, () => {
    const mixed = next(3) > 0;
    let [first, last] = alphabets[next(alphabets.length)];
    return Array.from({ length: 1 + next(120) }, () => {
      if (mixed) [first, last] = alphabets[next(alphabets.length)];
      return String.fromCodePoint(first + next(last - first + 1));
    }).join('');
  });
}

// What a scanner that goes by words of 8 or 16 bytes may miss: something odd at each place in a word
// and around its end.
function placed() {
  const odd = ['"', '\\', '\n', '\u0001', '\u007f', 'é', '€', '😀'];
  return Array.from({ length: 34 }, (_, at) => 'x'.repeat(at) + odd[at % odd.length] + 'y'.repeat((at * 7) % 23));
}

// Around the lengths at which a frame, a buffer or a limit changes.
function bordered() {
  const lengths = [7, 8, 9, 15, 16, 17, 124, 125, 126, 127, 128, 4095, 4096, 16_383, 16_384, 65_535, kTextBytesMax];
  return lengths.flatMap((length) => ['x'.repeat(length), 'é'.repeat(length >> 1)]);
}

const seed = Number(process.env.CORPUS_SEED ?? 42);
const list = [...kept, ...placed(), ...bordered()];
const unique = new Set([...list, ...generated(randomBelow(seed), 500)]);
export const texts = [...unique].slice(0, Math.max(500, list.length));

export const refused = [
  ...[0, 1, 7, 8, 15, 16, 100].map((at) => 'x'.repeat(at) + '\u0000' + 'y'.repeat(9)),
  ...[0, 1, 7, 8, 15, 16, 100].flatMap((at) => ['x'.repeat(at) + '\ud800', 'x'.repeat(at) + '\udc00y', 'x'.repeat(at) + '\ude00\ud83d']),
].map((text) => [text, 'invalid_argument', 400]).concat(
  ['x'.repeat(kTextBytesMax + 1), 'é'.repeat(kTextBytesMax / 2) + 'x', '😀'.repeat(kTextBytesMax / 4) + 'x'].map((text) => [text, 'too_large', 413]),
  [['', 'invalid_argument', 400]],
);
