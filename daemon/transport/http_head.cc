#include "http_head.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "ascii.h"

namespace chatd::transport {
namespace {

using Kind = ParsedHead::Kind;

// A browser sends about as many.
constexpr std::size_t kHeaderLinesExpected = 16;

ParsedHead bad(int status) { return {.kind = Kind::bad, .status = status}; }

// By byte: tchar of RFC 9110.
constexpr std::array<bool, 256> kTokenCharacters = [] {
  std::array<bool, 256> table{};
  for (unsigned char c = '0'; c <= '9'; ++c) table[c] = true;
  for (unsigned char c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (unsigned char c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (const char c : std::string_view{"!#$%&'*+-.^_`|~"})
    table[static_cast<unsigned char>(c)] = true;
  return table;
}();

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return kTokenCharacters[static_cast<unsigned char>(c)];
  });
}

bool is_visible(char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Is `token` one of the comma-separated words of `list`?
bool lists(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (equal_nocase(trim(list.substr(0, comma)), token)) return true;
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  return false;
}

// What the request line says beside what is in a HttpHead.
struct RequestLine {
  bool http10 = false;
  std::string_view authority;  // of a target that names it, else empty
};

// Takes "http://authority" off a target (RFC 9112 3.2.2), as clients write it for a proxy.
std::string_view take_authority(std::string_view& target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equal_nocase(target.substr(0, scheme.size()), scheme)) continue;
    const std::size_t end = std::min(target.find('/', scheme.size()), target.size());
    const std::string_view authority = target.substr(scheme.size(), end - scheme.size());
    if (authority.empty()) return {};
    target = end < target.size() ? target.substr(end) : "/";
    return authority;
  }
  return {};
}

// 0, or the status that refuses the line.
int read_request_line(std::string_view line, HttpHead& head, RequestLine& read) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) return 400;
  head.method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(head.method)) return 400;
  if (!version.starts_with("HTTP/")) return 400;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return 505;
  read.http10 = version == "HTTP/1.0";
  read.authority = take_authority(target);
  if (!target.starts_with('/') || !std::all_of(target.begin(), target.end(), is_visible))
    return 400;
  if (target.find('#') != std::string_view::npos) return 400;
  const std::size_t question = target.find('?');
  head.path = target.substr(0, question);
  if (question != std::string_view::npos) head.query = target.substr(question + 1);
  return 0;
}

struct Seen {
  bool host = false;
  bool length = false;
  bool coding = false;
};

// 0, or the status that refuses the line.
int read_header(std::string_view line, HttpHead& head, Seen& seen) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return 400;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  // A line that begins with a space is a folded one: its name is no token.
  if (!is_token(name) || !is_field_value(value)) return 400;
  if (head.headers.size() == kHeaderLinesMax) return 431;
  head.headers.emplace_back(name, value);
  if (equal_nocase(name, "content-length")) {
    if (std::exchange(seen.length, true) || value.empty()) return 400;
    const auto [end, error] =
        std::from_chars(value.data(), value.data() + value.size(), head.content_length);
    if (error == std::errc::result_out_of_range) return 413;
    if (error != std::errc{} || end != value.data() + value.size()) return 400;
  } else if (equal_nocase(name, "transfer-encoding")) {
    if (std::exchange(seen.coding, true)) return 400;
    if (!equal_nocase(value, "chunked")) return 501;
    head.chunked = true;
  } else if (equal_nocase(name, "host")) {
    if (std::exchange(seen.host, true)) return 400;
  } else if (equal_nocase(name, "expect")) {
    if (!equal_nocase(value, "100-continue")) return 417;
    head.expects_continue = true;
  }
  return 0;
}

}  // namespace

bool is_field_value(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_visible(c) || c == ' ' || c == '\t'; });
}

std::string_view HttpHead::header(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers) {
    if (equal_nocase(key, name)) return value;
  }
  return {};
}

std::string HttpHead::all(std::string_view name) const {
  std::string values;
  for (const auto& [key, value] : headers) {
    if (!equal_nocase(key, name)) continue;
    if (!values.empty()) values += ',';
    values += value;
  }
  return values;
}

std::string_view HttpHead::only(std::string_view name) const noexcept {
  const auto is_it = [name](const auto& line) { return equal_nocase(line.first, name); };
  return std::ranges::count_if(headers, is_it) == 1 ? header(name) : std::string_view{};
}

std::string_view HttpHead::first_token(std::string_view name) const noexcept {
  const std::string_view list = header(name);
  const std::string_view first = trim(list.substr(0, list.find(',')));
  return is_token(first) ? first : std::string_view{};
}

ParsedHead parse_head(std::string_view bytes) {
  ParsedHead parsed;
  parsed.head.headers.reserve(kHeaderLinesExpected);
  Seen seen;
  RequestLine request;
  // One empty line before it is passed over (RFC 9112 2.2): old clients end a body with one.
  std::size_t begin = bytes.starts_with("\r\n") ? 2 : 0;
  for (bool first = true;; first = false) {
    const std::size_t end = bytes.find('\n', begin);
    if (end == std::string_view::npos || end >= kHeadBytesMax) {
      if (bytes.size() < kHeadBytesMax) return {};
      return bad(first ? 414 : 431);
    }
    if (end == begin || bytes[end - 1] != '\r') return bad(400);  // a bare line feed
    const std::string_view line = bytes.substr(begin, end - 1 - begin);
    begin = end + 1;
    if (line.empty() && !first) break;
    const int status = first ? read_request_line(line, parsed.head, request)
                             : read_header(line, parsed.head, seen);
    if (status != 0) return bad(status);
  }
  HttpHead& head = parsed.head;
  const bool http10 = request.http10;
  if (!http10 && !seen.host) return bad(400);
  if (!request.authority.empty() && request.authority != head.header("host")) return bad(400);
  // Two lengths, or a coding of which the version knows nothing (RFC 9112 6.1).
  if (head.chunked && (seen.length || http10)) return bad(400);
  if (http10) head.expects_continue = false;  // which it does not know (RFC 9110 10.1.1)
  const std::string connection = head.all("connection");
  head.keep_alive = http10 ? lists(connection, "keep-alive") : !lists(connection, "close");
  head.upgrades_to_websocket =
      !http10 && lists(connection, "upgrade") && lists(head.header("upgrade"), "websocket");
  parsed.kind = Kind::complete;
  parsed.bytes = begin;
  return parsed;
}

}  // namespace chatd::transport
