#include "transport/websocket_codec.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using namespace chatd::transport;

namespace {

constexpr std::size_t kMessageBytesMax = 1000;

constexpr int kFin = 0x80;

struct FrameForm {
  bool masked = true;
  int length_bytes = 0;         // 0: the shortest of 1, 3 and 9
  std::uint64_t announced = 0;  // 0: as long as it is
};

// A client's frame. `first` is its first byte: the FIN bit, the reserved ones and the opcode.
std::string frame(int first, std::string_view payload, FrameForm form = {}) {
  const std::uint64_t size = form.announced != 0 ? form.announced : payload.size();
  int length_bytes = form.length_bytes;
  if (length_bytes == 0) length_bytes = size < 126 ? 1 : size < 65536 ? 3 : 9;
  const int mask_bit = form.masked ? 0x80 : 0;
  std::string bytes(1, static_cast<char>(first));
  if (length_bytes == 1) bytes.push_back(static_cast<char>(mask_bit | static_cast<int>(size)));
  if (length_bytes == 3) bytes.push_back(static_cast<char>(mask_bit | 126));
  if (length_bytes == 9) bytes.push_back(static_cast<char>(mask_bit | 127));
  for (int i = length_bytes - 2; i >= 0; --i) bytes.push_back(static_cast<char>(size >> (8 * i)));
  constexpr std::string_view kKey = "\x12\x34\xab\xcd";
  if (form.masked) bytes.append(kKey);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    bytes.push_back(form.masked ? static_cast<char>(payload[i] ^ kKey[i % 4]) : payload[i]);
  }
  return bytes;
}

std::string status(int code, std::string_view reason = {}) {
  return std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)} +
         std::string{reason};
}

// What a client's bytes give: "t:hello c: ..." in order, and the code that refuses the rest.
struct Read {
  std::string messages;
  std::uint16_t error = 0;
  bool operator==(const Read&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Read& read) {
  return out << '"' << read.messages << "\" " << read.error;
}

Read read_all(const std::string& bytes, std::size_t piece) {
  WebSocketReader reader(kMessageBytesMax);
  Read read;
  for (std::size_t at = 0; at < bytes.size() && reader.error_code() == 0; at += piece) {
    std::string part = bytes.substr(at, piece);
    char* begin = part.data();
    std::size_t size = part.size();
    WebSocketReader::Message message{};
    while (reader.read(begin, size, message)) {
      const char kind = std::string_view{"?tb?????cpo"}[static_cast<std::size_t>(message.opcode)];
      if (!read.messages.empty()) read.messages.push_back(' ');
      read.messages.push_back(kind);
      read.messages.append(":").append(message.payload);
      // After a close frame nothing is read.
      if (message.opcode == Opcode::close) return read;
    }
  }
  read.error = reader.error_code();
  return read;
}

struct Row {
  std::string bytes;
  Read expected;
};

// Each row as one piece, byte by byte, and in pieces that words do not fit into.
void check(const std::vector<Row>& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(i);
    for (const std::size_t piece : {rows[i].bytes.size(), std::size_t{1}, std::size_t{7}}) {
      CAPTURE(piece);
      CHECK(read_all(rows[i].bytes, piece) == rows[i].expected);
    }
  }
}

// The bytes of a code point, also of one that no text may have.
std::string encode(unsigned code) {
  const auto byte = [](unsigned value) { return static_cast<char>(value); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xC0 | code >> 6), byte(0x80 | (code & 0x3F))};
  if (code < 0x10000) {
    return {byte(0xE0 | code >> 12), byte(0x80 | (code >> 6 & 0x3F)), byte(0x80 | (code & 0x3F))};
  }
  return {byte(0xF0 | code >> 18), byte(0x80 | (code >> 12 & 0x3F)),
          byte(0x80 | (code >> 6 & 0x3F)), byte(0x80 | (code & 0x3F))};
}

constexpr int kText = kFin | 1, kBinary = kFin | 2, kClose = kFin | 8, kPing = kFin | 9,
              kPong = kFin | 10, kLast = kFin;
constexpr int kTextBegins = 1, kBinaryBegins = 2, kMiddle = 0;

}  // namespace

TEST_SUITE("WebSocketReader") {
  TEST_CASE("reads messages of every length form") {
    std::vector<Row> rows;
    for (const std::size_t size : std::initializer_list<std::size_t>{
             0, 1, 2, 3, 4, 5, 7, 8, 9, 124, 125, 126, 127, 128, 255, 256, 999, 1000}) {
      const std::string payload(size, 'x');
      rows.push_back({frame(kText, payload), {"t:" + payload}});
      rows.push_back({frame(kBinary, payload), {"b:" + payload}});
    }
    rows.push_back({frame(kText, "a") + frame(kBinary, "b") + frame(kText, "c"), {"t:a b:b t:c"}});
    rows.push_back(
        {frame(kBinary, std::string("\0\xff\x80", 3)), {std::string("b:\0\xff\x80", 5)}});
    check(rows);
  }

  TEST_CASE("refuses lengths that are too large or not in their shortest form") {
    check({
        {frame(kText, std::string(1001, 'x')), {"", 1009}},
        {frame(kBinary, std::string(1001, 'x')), {"", 1009}},
        // Refused by the announcement, before any of it has come.
        {frame(kBinary, "", {.length_bytes = 3, .announced = 1001}), {"", 1009}},
        {frame(kBinary, "", {.length_bytes = 9, .announced = 1 << 20}), {"", 1009}},
        {frame(kBinary, "", {.length_bytes = 9, .announced = std::uint64_t{1} << 32}), {"", 1009}},
        {frame(kBinary, "", {.length_bytes = 9, .announced = (std::uint64_t{1} << 63) - 1}),
         {"", 1009}},
        {frame(kBinary, "", {.length_bytes = 9, .announced = std::uint64_t{1} << 63}), {"", 1009}},
        {frame(kBinary, "", {.length_bytes = 9, .announced = ~std::uint64_t{0}}), {"", 1009}},
        {frame(kText, "x", {.length_bytes = 3}), {"", 1002}},
        {frame(kText, std::string(125, 'x'), {.length_bytes = 3}), {"", 1002}},
        {frame(kText, "x", {.length_bytes = 9}), {"", 1002}},
        {frame(kText, std::string(126, 'x'), {.length_bytes = 9}), {"", 1002}},
        // All parts of a message together.
        {frame(kTextBegins, std::string(600, 'x')) + frame(kLast, std::string(400, 'y')),
         {"t:" + std::string(600, 'x') + std::string(400, 'y')}},
        {frame(kTextBegins, std::string(600, 'x')) + frame(kLast, std::string(401, 'y')),
         {"", 1009}},
        {frame(kBinaryBegins, std::string(1000, 'x')) + frame(kMiddle, "y"), {"", 1009}},
    });
  }

  TEST_CASE("puts fragments together") {
    check({
        {frame(kTextBegins, "a") + frame(kLast, "b"), {"t:ab"}},
        {frame(kBinaryBegins, "a") + frame(kMiddle, "b") + frame(kLast, "c"), {"b:abc"}},
        {frame(kTextBegins, "") + frame(kMiddle, "") + frame(kLast, ""), {"t:"}},
        {frame(kTextBegins, "") + frame(kMiddle, "x") + frame(kLast, ""), {"t:x"}},
        {frame(kTextBegins, "a") + frame(kLast, "b") + frame(kText, "c"), {"t:ab t:c"}},
        // Control frames may come in between.
        {frame(kTextBegins, "a") + frame(kPing, "p") + frame(kLast, "b"), {"p:p t:ab"}},
        {frame(kTextBegins, "a") + frame(kPong, "p") + frame(kPing, "q") + frame(kLast, "b"),
         {"o:p p:q t:ab"}},
        {frame(kTextBegins, "a") + frame(kClose, status(1000)), {"c:" + status(1000)}},
    });
  }

  TEST_CASE("refuses fragments out of order") {
    check({
        {frame(kLast, "a"), {"", 1002}},
        {frame(kMiddle, "a"), {"", 1002}},
        {frame(kText, "a") + frame(kLast, "b"), {"t:a", 1002}},
        {frame(kTextBegins, "a") + frame(kText, "b"), {"", 1002}},
        {frame(kTextBegins, "a") + frame(kBinary, "b"), {"", 1002}},
        {frame(kTextBegins, "a") + frame(kTextBegins, "b"), {"", 1002}},
        {frame(kBinaryBegins, "a") + frame(kBinaryBegins, "b"), {"", 1002}},
        {frame(kBinaryBegins, "a") + frame(kLast, "b") + frame(kLast, "c"), {"b:ab", 1002}},
    });
  }

  TEST_CASE("reads control frames, and refuses long and fragmented ones") {
    const std::string longest(125, 'x');
    check({
        {frame(kPing, ""), {"p:"}},
        {frame(kPing, "hello"), {"p:hello"}},
        {frame(kPing, longest), {"p:" + longest}},
        {frame(kPing, std::string("\xff\0\x80", 3)), {std::string("p:\xff\0\x80", 5)}},
        {frame(kPong, ""), {"o:"}},
        {frame(kPong, longest), {"o:" + longest}},
        {frame(kPing, "a") + frame(kPing, "b") + frame(kPong, "c"), {"p:a p:b o:c"}},
        {frame(kPing, longest + "x"), {"", 1002}},
        {frame(kPong, longest + "x"), {"", 1002}},
        {frame(kClose, status(1000, longest)), {"", 1002}},
        {frame(kPing & ~kFin, ""), {"", 1002}},
        {frame(kPong & ~kFin, "x"), {"", 1002}},
        {frame(kClose & ~kFin, status(1000)), {"", 1002}},
    });
  }

  TEST_CASE("refuses reserved bits and opcodes") {
    std::vector<Row> rows;
    for (const int bit : {0x40, 0x20, 0x10, 0x70}) {
      rows.push_back({frame(kText | bit, "x"), {"", 1002}});
      rows.push_back({frame(kBinary | bit, "x"), {"", 1002}});
      rows.push_back({frame(kPing | bit, "x"), {"", 1002}});
      rows.push_back({frame(kTextBegins, "x") + frame(kLast | bit, "x"), {"", 1002}});
    }
    for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
      rows.push_back({frame(kFin | opcode, ""), {"", 1002}});
      rows.push_back({frame(kFin | opcode, "x"), {"", 1002}});
    }
    check(rows);
  }

  TEST_CASE("refuses what is not masked") {
    check({
        {frame(kText, "x", {.masked = false}), {"", 1002}},
        {frame(kBinary, "", {.masked = false}), {"", 1002}},
        {frame(kPing, "x", {.masked = false}), {"", 1002}},
        {frame(kClose, status(1000), {.masked = false}), {"", 1002}},
        {frame(kText, "x") + frame(kText, "y", {.masked = false}), {"t:x", 1002}},
    });
  }

  TEST_CASE("takes text that is UTF-8, wherever it is cut, and no other") {
    const std::string good =
        "\xce\xba\xe1\xbd\xb9\xcf\x83\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\xef\xbf\xbf";
    std::vector<Row> rows = {{frame(kText, good), {"t:" + good}}};
    for (std::size_t cut = 0; cut <= good.size(); ++cut) {
      rows.push_back({frame(kTextBegins, good.substr(0, cut)) + frame(kLast, good.substr(cut)),
                      {"t:" + good}});
    }
    for (const std::string bad :
         {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x80\x80", "\xe0\x9f\xbf",
          "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff",
          "\xe2\x82", "\xf0\x9f\x98"}) {
      rows.push_back({frame(kText, bad), {"", 1007}});
      rows.push_back({frame(kText, "good " + bad + " good"), {"", 1007}});
      rows.push_back({frame(kTextBegins, "good") + frame(kLast, bad), {"", 1007}});
      rows.push_back({frame(kBinary, bad), {"b:" + bad}});
    }
    // As soon as it is there, not at the end of the message.
    rows.push_back({frame(kTextBegins, "a\xff"), {"", 1007}});
    check(rows);
  }

  TEST_CASE("takes the first and the last code point of each length, and every non-character") {
    std::vector<Row> rows;
    std::vector<unsigned> codes = {0, 1, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFD, 0x10000};
    for (unsigned plane = 0; plane <= 0x10; ++plane) {
      codes.push_back(plane << 16 | 0xFFFE);
      codes.push_back(plane << 16 | 0xFFFF);
    }
    for (const unsigned code : codes) {
      rows.push_back({frame(kText, encode(code)), {"t:" + encode(code)}});
    }
    for (const unsigned code :
         {0xD800U, 0xDB7FU, 0xDB80U, 0xDBFFU, 0xDC00U, 0xDF80U, 0xDFFFU, 0x110000U, 0x13FFFFU}) {
      rows.push_back({frame(kText, encode(code)), {"", 1007}});
      rows.push_back({frame(kText, encode(0xD800) + encode(code)), {"", 1007}});
    }
    check(rows);
  }

  TEST_CASE("checks text in the same way at each place of a word") {
    std::vector<Row> rows;
    for (std::size_t at = 0; at < 26; ++at) {
      const std::string before(at, 'x');
      const std::string after(25 - at, 'y');
      for (const std::string good : {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
        const std::string text = before + good + after;
        rows.push_back({frame(kText, text), {"t:" + text}});
        // Cut within the character.
        rows.push_back(
            {frame(kTextBegins, before + good.substr(0, 1)) + frame(kLast, good.substr(1) + after),
             {"t:" + text}});
      }
      for (const std::string bad : {"\xff", "\xc3", "\xe2\x82"}) {
        rows.push_back({frame(kText, before + bad + after), {"", 1007}});
      }
    }
    check(rows);
  }

  TEST_CASE("gives a close frame whole") {
    check({
        {frame(kClose, ""), {"c:"}},
        {frame(kClose, status(1000)), {"c:" + status(1000)}},
        {frame(kClose, status(1001, "going away")), {"c:" + status(1001, "going away")}},
        {frame(kClose, status(3000)), {"c:" + status(3000)}},
        {frame(kClose, status(4999, std::string(123, 'x'))),
         {"c:" + status(4999, std::string(123, 'x'))}},
        {frame(kText, "x") + frame(kClose, status(1000)), {"t:x c:" + status(1000)}},
    });
  }

  TEST_CASE("refuses a close frame whose status or reason may not be sent") {
    std::vector<Row> rows = {{frame(kClose, "\x03"), {"", 1002}},
                             {frame(kClose, status(1000, "\xff")), {"", 1007}},
                             {frame(kClose, status(1000, "\xed\xa0\x80")), {"", 1007}}};
    for (const int code :
         {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
      rows.push_back({frame(kClose, status(code)), {"", 1002}});
    }
    for (const int code :
         {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3999, 4000}) {
      rows.push_back({frame(kClose, status(code)), {"c:" + status(code)}});
    }
    check(rows);
  }

  // The bytes that are no payload of a message, since the last one: 64 KiB, and what comes with
  // them.
  TEST_CASE("ends a flood of pings or of tiny fragments, and no message") {
    constexpr std::size_t kPiece = 4096;
    const auto error_after = [&](WebSocketReader& reader, std::string bytes) {
      WebSocketReader::Message message{};
      for (std::size_t at = 0; at < bytes.size() && reader.error_code() == 0; at += kPiece) {
        char* begin = bytes.data() + at;
        std::size_t size = std::min(kPiece, bytes.size() - at);
        while (reader.read(begin, size, message)) {
        }
      }
      return reader.error_code();
    };
    const auto times = [](std::size_t count, const std::string& bytes) {
      std::string all;
      for (std::size_t i = 0; i < count; ++i) all += bytes;
      return all;
    };
    const std::string fragment =
        frame(kMiddle, "x");  // 6 bytes that bring nothing, and 1 that does
    const std::string ping = frame(kPing, std::string(94, 'p'));  // 100
    const std::string message = frame(kText, "x");
    constexpr std::size_t kLarge = 1'000'000;
    {
      WebSocketReader reader(kLarge);
      CHECK(error_after(reader, times(600, ping)) == 0);
      CHECK(error_after(reader, message + times(600, ping)) == 0);
      CHECK(error_after(reader, frame(kTextBegins, "x") + times(600, ping)) == 1008);
    }
    {
      WebSocketReader reader(kLarge);
      CHECK(error_after(reader, times(750, frame(kPong, std::string(94, 'p')))) == 1008);
    }
    {
      WebSocketReader reader(kLarge);
      CHECK(error_after(reader, frame(kTextBegins, "x") + times(10'000, fragment)) == 0);
      CHECK(error_after(reader, frame(kLast, "x") + frame(kTextBegins, "x")) == 0);
      CHECK(error_after(reader, times(10'000, fragment)) == 0);
      CHECK(error_after(reader, times(2'000, fragment)) == 1008);
    }
    // In pieces as a client might cut it: all of it is payload.
    {
      WebSocketReader reader(kLarge);
      const std::string piece = frame(kMiddle, std::string(1000, 'x'));
      CHECK(error_after(reader, frame(kTextBegins, "") + times(999, piece)) == 0);
      CHECK(error_after(reader, frame(kLast, "x")) == 0);
    }
    {
      WebSocketReader reader(kLarge);
      CHECK(error_after(reader, times(20, frame(kBinary, std::string(kLarge, 'x')))) == 0);
      CHECK(error_after(reader, times(20'000, message)) == 0);
    }
  }

  TEST_CASE("says whether a message is under way") {
    WebSocketReader reader(kMessageBytesMax);
    const auto feed = [&](std::string bytes) {
      char* begin = bytes.data();
      std::size_t size = bytes.size();
      WebSocketReader::Message message{};
      while (reader.read(begin, size, message)) {
      }
      return reader.in_message();
    };
    const std::string whole = frame(kText, "hello");
    CHECK_FALSE(reader.in_message());
    CHECK(feed(whole.substr(0, 1)));
    CHECK(feed(whole.substr(1, 6)));
    CHECK_FALSE(feed(whole.substr(7)));

    // Control frames, in pieces or whole, end nothing but themselves.
    CHECK(feed(frame(kTextBegins, "he")));
    CHECK(feed(frame(kPing, "p")));
    CHECK(feed(frame(kPong, "").substr(0, 3)));
    CHECK(feed(frame(kPong, "").substr(3)));
    CHECK_FALSE(feed(frame(kLast, "llo")));
    CHECK(feed(frame(kTextBegins, "") + frame(kPing, "")));
    CHECK_FALSE(feed(frame(kLast, "") + whole));
    CHECK_FALSE(feed(frame(kPing, "p")));
  }

  TEST_CASE("keeps apart what clients have sent in part") {
    struct Client {
      std::string kind;
      WebSocketReader reader{kMessageBytesMax};
      std::string received = {};
      void feed(std::string bytes) {
        char* begin = bytes.data();
        std::size_t size = bytes.size();
        WebSocketReader::Message message{};
        while (reader.read(begin, size, message)) received.append(message.payload).append(" ");
      }
    };
    Client clients[] = {{"a"}, {"b"}, {"c"}};
    for (Client& one : clients) one.feed(frame(kTextBegins, one.kind + "1"));
    for (Client& one : clients) one.feed(frame(kPing, one.kind + "?"));
    for (Client& one : clients) one.feed(frame(kMiddle, one.kind + "2").substr(0, 7));
    for (Client& one : clients) one.feed(frame(kMiddle, one.kind + "2").substr(7));
    for (Client& one : clients) one.feed(frame(kLast, one.kind + "3") + frame(kText, one.kind));
    for (const Client& one : clients) {
      const std::string& k = one.kind;
      CHECK(one.received == k + "? " + k + "1" + k + "2" + k + "3 " + k + " ");
      CHECK(one.reader.error_code() == 0);
    }
  }
}

TEST_SUITE("append_frame") {
  TEST_CASE("writes a server's frame: whole, not masked, its length in the shortest form") {
    for (const std::size_t size :
         std::initializer_list<std::size_t>{0, 1, 125, 126, 127, 65535, 65536, 70000}) {
      CAPTURE(size);
      const std::string payload(size, 'x');
      std::string out = "before";

      append_frame(out, Opcode::text, payload);

      CHECK(out == "before" + frame(kText, payload, {.masked = false}));
    }
    std::string out;
    append_frame(out, Opcode::binary, "b");
    append_frame(out, Opcode::pong, "p");
    CHECK(out == frame(kBinary, "b", {.masked = false}) + frame(kPong, "p", {.masked = false}));
  }

  TEST_CASE("writes a close frame with its status, or without one") {
    std::string out;
    append_close_frame(out, 1009);
    append_close_frame(out, 0);
    CHECK(out ==
          frame(kClose, status(1009), {.masked = false}) + frame(kClose, "", {.masked = false}));
  }
}

TEST_SUITE("answer_websocket") {
  TEST_CASE("accepts by the example of RFC 6455, and negotiates no extension") {
    CHECK(answer_websocket("13", "dGhlIHNhbXBsZSBub25jZQ==") ==
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
  }

  TEST_CASE("refuses other versions and keys") {
    for (const std::string version : {"", "0", "7", "8", "12", "14", "x"}) {
      CAPTURE(version);
      CHECK_FALSE(answer_websocket(version, "dGhlIHNhbXBsZSBub25jZQ=="));
    }
    for (const std::string key : {"", "short", "dGhlIHNhbXBsZSBub25jZQ==dGhl"}) {
      CAPTURE(key);
      CHECK_FALSE(answer_websocket("13", key));
    }
  }
}
