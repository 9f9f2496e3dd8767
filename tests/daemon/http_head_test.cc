#include "transport/http_head.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using chatd::transport::kHeadBytesMax;
using chatd::transport::kHeaderLinesMax;
using chatd::transport::parse_head;
using chatd::transport::ParsedHead;

namespace {

using Kind = ParsedHead::Kind;

constexpr std::string_view kGood = "GET / HTTP/1.1\r\nHost: x\r\n";

// The status that refuses a head; 0 if it is good, -1 if more is needed.
int status_of(const std::string& head) {
  const ParsedHead parsed = parse_head(head);
  if (parsed.kind == Kind::complete) return 0;
  return parsed.kind == Kind::incomplete ? -1 : parsed.status;
}

std::string line(std::string_view request_line) {
  return std::string{request_line} + "\r\nHost: x\r\n\r\n";
}

std::string with(std::string_view header_lines) {
  return std::string{kGood} + std::string{header_lines} + "\r\n\r\n";
}

}  // namespace

TEST_SUITE("parse_head") {
  TEST_CASE("refuses each malformed head with its status, and takes each good one") {
    struct Row {
      std::string head;
      int status;
    };
    const std::string nul(1, '\0');
    const std::vector<Row> rows = {
        // The request line.
        {line("GET / HTTP/1.1"), 0},
        {line("GET /a/b?c=d&e HTTP/1.1"), 0},
        {line("GET /? HTTP/1.1"), 0},
        {line("GET /%00%2e%2e HTTP/1.1"), 0},
        {line("GET /\xc3\xa4 HTTP/1.1"), 0},
        {line("OPTIONS / HTTP/1.1"), 0},
        {line("HEAD / HTTP/1.1"), 0},
        {line("M-SEARCH / HTTP/1.1"), 0},
        {line("GET / HTTP/1.0"), 0},
        {"GET / HTTP/1.0\r\n\r\n", 0},
        {"\r\n" + line("GET / HTTP/1.1"), 0},
        {"\r\n\r\n" + line("GET / HTTP/1.1"), 400},
        {"\r\n", -1},
        {"\n" + line("GET / HTTP/1.1"), 400},
        {" " + line("GET / HTTP/1.1"), 400},
        {line(""), 400},
        {line("GET"), 400},
        {line("GET /"), 400},
        {line("GET  HTTP/1.1"), 400},
        {line("GET  / HTTP/1.1"), 400},
        {line("GET /  HTTP/1.1"), 400},
        {line("GET / HTTP/1.1 "), 400},
        {line("GET /a b HTTP/1.1"), 400},
        {line("GET\t/\tHTTP/1.1"), 400},
        {line("GE(T / HTTP/1.1"), 400},
        {line("G\xc3\xa4T / HTTP/1.1"), 400},
        {line("GET /" + nul + " HTTP/1.1"), 400},
        {line("GET /\x7f HTTP/1.1"), 400},
        {line("GET /#part HTTP/1.1"), 400},
        {line("GET http://x/ HTTP/1.1"), 0},
        {line("GET HTTPS://x HTTP/1.1"), 0},
        {line("GET http://y/ HTTP/1.1"), 400},
        {line("GET http://x:80/ HTTP/1.1"), 400},
        {line("GET http://x?a HTTP/1.1"), 400},
        {line("GET http:/// HTTP/1.1"), 400},
        {line("GET http:// HTTP/1.1"), 400},
        {line("GET http:x/ HTTP/1.1"), 400},
        {line("GET ftp://x/ HTTP/1.1"), 400},
        {"GET http://x/ HTTP/1.0\r\n\r\n", 400},
        {line("CONNECT x:80 HTTP/1.1"), 400},
        {line("OPTIONS * HTTP/1.1"), 400},
        {line("GET a HTTP/1.1"), 400},
        {line("GET / http/1.1"), 400},
        {line("GET / HTTP/2.0"), 505},
        {line("GET / HTTP/1.2"), 505},
        {line("GET / HTTP/1.10"), 505},
        {line("GET / HTTP/0.9"), 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {std::string{"\x16\x03\x01\x02", 4} + "\r\n\r\n", 400},  // TLS
        // Line ends.
        {"GET / HTTP/1.1\nHost: x\n\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\n\n", 400},
        {"GET / HTTP/1.1\rHost: x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", 400},
        // Host.
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {with("Host: y"), 400},
        {with("hOST: x"), 400},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 0},
        // Header lines.
        {with("A: b"), 0},
        {with("A:b"), 0},
        {with("A: \t b \t"), 0},
        {with("A:"), 0},
        {with("A: b:c"), 0},
        {with("A: \xc3\xa4"), 0},
        {with("A : b"), 400},
        {with(" A: b"), 400},
        {with("A: b\r\n folded"), 400},
        {with("A: b\r\n\tfolded"), 400},
        {with(": b"), 400},
        {with("no colon"), 400},
        {with("A(: b"), 400},
        {with("A\xc3\xa4: b"), 400},
        {with("A: b" + nul), 400},
        {with("A" + nul + ": b"), 400},
        {with("A: b\x01"), 400},
        {with("A: b\x7f"), 400},
        // Lengths and codings.
        {with("Content-Length: 0"), 0},
        {with("Content-Length: 10"), 0},
        {with("content-LENGTH: 10"), 0},
        {with("Content-Length: 0010"), 0},
        {with("Content-Length: 10\r\nContent-Length: 10"), 400},
        {with("Content-Length: 10\r\nContent-Length: 11"), 400},
        {with("Content-Length: 10, 10"), 400},
        {with("Content-Length: "), 400},
        {with("Content-Length: -1"), 400},
        {with("Content-Length: +1"), 400},
        {with("Content-Length: 0x10"), 400},
        {with("Content-Length: 1.0"), 400},
        {with("Content-Length: 5abc"), 400},
        {with("Content-Length: 1 0"), 400},
        {with("Content-Length: 18446744073709551616"), 413},
        {with("Transfer-Encoding: chunked"), 0},
        {with("Transfer-Encoding: Chunked"), 0},
        {with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400},
        {with("Transfer-Encoding: chunked, chunked"), 501},
        {with("Transfer-Encoding: gzip, chunked"), 501},
        {with("Transfer-Encoding:"), 501},
        {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {with("Transfer-Encoding: identity"), 501},
        {with("Transfer-Encoding: xchunked"), 501},
        {with("transfer-encoding:chunked"), 0},
        {with("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400},
        {with("Transfer-Encoding: chunked\r\nContent-Length: 5"), 400},
        {with("Transfer-Encoding: chunked\r\nContent-Length: 0"), 400},
        {with("Transfer-Encoding : chunked"), 400},
        // Expectations.
        {with("Expect: 100-continue"), 0},
        {with("Expect: 100-Continue"), 0},
        {with("Expect: 200-ok"), 417},
        {with("Expect:"), 417},
        // Not whole yet.
        {"", -1},
        {"G", -1},
        {"GET / HTTP/1.1", -1},
        {"GET / HTTP/1.1\r", -1},
        {"GET / HTTP/1.1\r\n", -1},
        {std::string{kGood}, -1},
        {std::string{kGood} + "\r", -1},
    };

    for (const Row& row : rows) {
      CAPTURE(row.head);
      CHECK(status_of(row.head) == row.status);
    }
  }

  TEST_CASE("a target that names the host is the path behind it") {
    const auto path_of = [](std::string_view target) {
      const std::string head = line("GET " + std::string{target} + " HTTP/1.1");
      const ParsedHead parsed = parse_head(head);
      return std::string{parsed.head.path} + "|" + std::string{parsed.head.query};
    };
    CHECK(path_of("http://x/a/b?c=d") == "/a/b|c=d");
    CHECK(path_of("https://x/") == "/|");
    CHECK(path_of("https://x") == "/|");
  }

  TEST_CASE("the first token of a list") {
    const auto first_of = [](std::string_view value) {
      const std::string head = with("A: " + std::string{value});
      const ParsedHead parsed = parse_head(head);
      return std::string{parsed.head.first_token("a")};
    };
    CHECK(first_of("chat") == "chat");
    CHECK(first_of("chat, other") == "chat");
    CHECK(first_of(" chat\t,other") == "chat");
    CHECK(first_of("").empty());
    CHECK(first_of(", chat").empty());
    CHECK(first_of("ch at").empty());
    CHECK(first_of("\"chat\"").empty());
  }

  TEST_CASE("refuses what is wrong as soon as its line is there") {
    CHECK(status_of("GET / HTTP/1.1\r\nA : b\r\n") == 400);
    CHECK(status_of("GET / HTTP/3\r\n") == 505);
  }

  TEST_CASE("gives the same answer however the bytes are cut") {
    const std::string head = with("Content-Length: 3\r\nA: b");
    for (std::size_t size = 0; size < head.size(); ++size)
      CHECK(status_of(head.substr(0, size)) == -1);
    CHECK(status_of(head) == 0);
  }

  TEST_CASE("bounds a line, the head and the number of lines") {
    const std::string longest(kHeadBytesMax - line("GET / HTTP/1.1").size(), 'a');
    CHECK(status_of(line("GET /" + longest + " HTTP/1.1")) == 0);
    CHECK(status_of(line("GET /" + longest + "a HTTP/1.1")) == 431);
    CHECK(status_of("GET /" + std::string(kHeadBytesMax, 'a')) == 414);
    CHECK(status_of(std::string{kGood} + "A: " + std::string(kHeadBytesMax, 'a')) == 431);
    std::string lines{kGood};
    for (std::size_t i = 1; i < kHeaderLinesMax; ++i) lines += "A: b\r\n";
    CHECK(status_of(lines + "\r\n") == 0);
    CHECK(status_of(lines + "A: b\r\n\r\n") == 431);
  }

  TEST_CASE("gives the parts of the target and the headers as they stand") {
    const std::string bytes =
        "POST /a/b?c=%20&d HTTP/1.1\r\nHost: x:1\r\nA:  b c \r\na: second\r\n"
        "Content-Length: 7\r\n\r\nthe body";

    const ParsedHead parsed = parse_head(bytes);

    REQUIRE(parsed.kind == Kind::complete);
    CHECK(parsed.bytes == bytes.size() - std::string_view{"the body"}.size());
    CHECK(parsed.head.method == "POST");
    CHECK(parsed.head.path == "/a/b");
    CHECK(parsed.head.query == "c=%20&d");
    CHECK(parsed.head.content_length == 7);
    CHECK(parsed.head.header("host") == "x:1");
    CHECK(parsed.head.header("a") == "b c");  // the first of them
    CHECK(parsed.head.header("b").empty());
    CHECK(parsed.head.only("host") == "x:1");
    CHECK(parsed.head.only("a").empty());
    CHECK(parsed.head.only("b").empty());
  }

  TEST_CASE("reads only the first of several requests") {
    const std::string first = line("GET /1 HTTP/1.1");
    const std::string bytes = first + line("GET /2 HTTP/1.1");

    const ParsedHead parsed = parse_head(bytes);

    REQUIRE(parsed.kind == Kind::complete);
    CHECK(parsed.head.path == "/1");
    CHECK(parsed.bytes == first.size());
  }

  TEST_CASE("keeps the connection by the version and the Connection header") {
    struct Row {
      std::string head;
      bool keep_alive;
    };
    const std::vector<Row> rows = {
        {with("A: b"), true},
        {with("Connection: close"), false},
        {with("Connection: CLOSE"), false},
        {with("Connection: x, close"), false},
        {with("Connection: keep-alive"), true},
        {with("Connection: closed"), true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive, x\r\n\r\n", true},
    };

    for (const Row& row : rows) {
      CAPTURE(row.head);
      const ParsedHead parsed = parse_head(row.head);
      REQUIRE(parsed.kind == Kind::complete);
      CHECK(parsed.head.keep_alive == row.keep_alive);
    }
  }

  TEST_CASE("knows who asks for a WebSocket and who waits for 100") {
    const auto upgrades = [](const std::string& bytes) {
      const ParsedHead parsed = parse_head(bytes);
      return parsed.kind == Kind::complete && parsed.head.upgrades_to_websocket;
    };
    CHECK(upgrades(with("Connection: Upgrade\r\nUpgrade: websocket")));
    CHECK(upgrades(with("Connection: keep-alive, upgrade\r\nUpgrade: WebSocket")));
    CHECK_FALSE(upgrades(with("Upgrade: websocket")));
    CHECK_FALSE(upgrades(with("Connection: Upgrade")));
    CHECK_FALSE(upgrades(with("Connection: Upgrade\r\nUpgrade: h2c")));
    CHECK_FALSE(upgrades("GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));

    const std::string waits = with("Expect: 100-continue");
    CHECK(parse_head(waits).head.expects_continue);
    CHECK_FALSE(parse_head(with("A: b")).head.expects_continue);
  }
}
