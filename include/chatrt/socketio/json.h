// JSON as the protocol needs it: a document parsed once, views into it, and a writer. RFC 8259, and
// stricter where that leaves room: valid UTF-8, no lone surrogates, nesting of 64 at most, numbers
// within a double. Of equal keys in an object the last one counts, as in JavaScript.
//
// Threads: none shared; a document and its views belong to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "chatrt/export.h"
#include "chatrt/result.h"

namespace chatrt::socketio {

inline constexpr std::size_t kJsonDepthMax = 64;

// A read-only view of one value; a copy costs a pointer. Valid as long as its Json is neither
// destroyed nor parsed into again. A default-constructed view is absent: none of the is_...()
// holds.
class CHATRT_EXPORT JsonView {
 public:
  JsonView() = default;

  bool present() const noexcept { return value_ != nullptr; }
  bool is_null() const noexcept;
  bool is_bool() const noexcept;
  bool is_number() const noexcept;
  bool is_string() const noexcept;
  bool is_array() const noexcept;
  bool is_object() const noexcept;

  // Each gives nothing (or an empty or absent one) if the value is of another type.
  std::optional<bool> as_bool() const noexcept;
  std::optional<double> as_double() const noexcept;
  // Also for a double with an integral value in range (1.0, 1e3).
  std::optional<std::int64_t> as_int64() const noexcept;
  std::optional<std::uint64_t> as_uint64() const noexcept;
  std::optional<std::string_view> as_string() const noexcept;

  std::size_t size() const noexcept;                   // of an array or object, else 0
  JsonView at(std::size_t index) const noexcept;       // of an array; absent if out of range
  JsonView find(std::string_view key) const noexcept;  // of an object; absent if not there
  std::pair<std::string_view, JsonView> member(std::size_t index) const noexcept;  // of an object

  // Appends the value as compact JSON, as JSON.stringify writes it.
  void append_to(std::string& out) const;

 private:
  friend class Json;
  explicit JsonView(const void* value) : value_(value) {}
  const void* value_ = nullptr;
};

class CHATRT_EXPORT Json {
 public:
  Json();
  ~Json();
  Json(Json&&) noexcept;
  Json& operator=(Json&&) noexcept;

  enum class ParseStatus {
    ok,
    not_json,  // not JSON, invalid UTF-8, or nested too deep
    refused,   // JSON by its grammar, but with a lone surrogate or a number beyond a double
  };
  // Parses the whole of `text`; memory of an earlier parse is used again. After anything but ok,
  // root() is absent.
  ParseStatus parse(std::string_view text);
  JsonView root() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// --- writing: each appends to `out`

// `text` as a JSON string with its quotes; escapes what RFC 8259 asks for and U+2028/U+2029 not, as
// JSON.stringify does. REQUIRES: valid UTF-8
CHATRT_EXPORT void append_json_string(std::string& out, std::string_view text);
// How many bytes that appends.
CHATRT_EXPORT std::size_t json_string_size(std::string_view text) noexcept;
CHATRT_EXPORT void append_json_number(std::string& out, std::uint64_t number);
CHATRT_EXPORT void append_json_number(std::string& out, std::int64_t number);

}  // namespace chatrt::socketio
