// The head of an HTTP/1.1 request, read strictly (RFC 9112): what is ambiguous or obsolete is
// refused and not repaired, since repairs that differ from a proxy's are how requests get smuggled.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chatd::transport {

inline constexpr std::size_t kHeadBytesMax = 16 * 1024;
inline constexpr std::size_t kHeaderLinesMax = 100;

// Views into the bytes that were parsed.
struct HttpHead {
  std::string_view method;
  std::string_view path;   // up to '?'
  std::string_view query;  // behind it, raw
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::size_t content_length = 0;
  bool chunked = false;  // how long the body is says itself (see http_chunks.h)
  bool keep_alive = true;
  bool expects_continue = false;
  bool upgrades_to_websocket = false;

  bool has_body() const noexcept { return chunked || content_length > 0; }
  // The value of a header, by its lower-case name; empty if absent.
  std::string_view header(std::string_view name) const noexcept;
  // The values of all, with commas between them: a list may be in several lines (RFC 9110 5.3).
  std::string all(std::string_view name) const;
  // As header(), and empty also if there are several of it.
  std::string_view only(std::string_view name) const noexcept;
  // The first word of a list, if that is a token (RFC 9110 5.6.2).
  std::string_view first_token(std::string_view name) const noexcept;
};

struct ParsedHead {
  enum class Kind { incomplete, complete, bad } kind = Kind::incomplete;
  int status = 400;       // the answer to a bad one
  std::size_t bytes = 0;  // of a complete one, with the empty line
  HttpHead head = {};
};
// Reads the head at the beginning of `bytes`.
ParsedHead parse_head(std::string_view bytes);

// RFC 9110 5.5, without the spaces around it.
bool is_field_value(std::string_view text) noexcept;

}  // namespace chatd::transport
