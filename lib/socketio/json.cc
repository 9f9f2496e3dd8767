#include "chatrt/socketio/json.h"

// Strings are scanned 16 bytes at a time where every processor of the kind can.
#ifdef __SSE2__
  #define RAPIDJSON_SSE2
#endif
#include <rapidjson/reader.h>
#include <rapidjson/stream.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <vector>

#include "chatrt/utf8.h"

namespace chatrt::socketio {
namespace {

enum class Type : std::uint8_t { null, boolean, number, string, array, object };

// A value. Strings and numbers are text; the children of a container lie side by side, those of an
// object as key, value, key, value.
struct Node {
  Type type = Type::null;
  bool truth = false;
  std::uint32_t size = 0;  // bytes of text; elements or members
  union {
    const char* text;
    const Node* children;
    std::size_t first;  // while parsing: index of the first child
  };

  explicit Node(Type t, std::size_t n = 0)
      : type(t), size(static_cast<std::uint32_t>(n)), first(0) {}

  std::string_view str() const { return {text, size}; }
  bool is_container() const { return type == Type::array || type == Type::object; }
};

const Node* node(const void* value) { return static_cast<const Node*>(value); }

bool is(const void* value, Type type) { return value != nullptr && node(value)->type == type; }

// Is number text that no double can hold too small for one, and not too large? Its exponent in
// scientific notation tells.
bool is_tiny(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::size_t e = std::min(text.find_first_of("eE"), text.size());
  const std::string_view mantissa = text.substr(0, e);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  const std::size_t digit = std::min(mantissa.find_first_not_of("0."), mantissa.size());
  const auto magnitude = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(digit);
  if (e == text.size()) return magnitude <= 0;
  std::string_view power = text.substr(e + 1);
  if (power.starts_with('+')) power.remove_prefix(1);
  std::int64_t exponent = 0;
  const auto [end, error] = std::from_chars(power.data(), power.data() + power.size(), exponent);
  if (error == std::errc::result_out_of_range) return power.starts_with('-');
  constexpr std::int64_t kFar = 1'000'000'000'000;
  return std::clamp(exponent, -kFar, kFar) + magnitude <= 0;
}

// The double that number text stands for, zero if it is too small for one, as in JavaScript;
// nothing if it is beyond a double.
std::optional<double> to_double(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc::result_out_of_range) return value;
  return is_tiny(text) ? std::optional{0.0} : std::nullopt;
}

// Is `text` the way JSON.stringify would write this number already? True for short integers.
bool is_plain_integer(std::string_view text) {
  if (text.size() > 15 || text == "-0") return false;
  return text.find_first_of(".eE") == std::string_view::npos;
}

// As ECMAScript's Number::toString: the shortest digits that read back as the same double, without
// an exponent for 1e-7 <= |value| < 1e21.
void append_double(std::string& out, double value) {
  if (value == 0) {
    out.push_back('0');
    return;
  }
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific)
                       .ptr;
  std::string_view text{buffer.data(), static_cast<std::size_t>(end - buffer.data())};
  if (text.front() == '-') {
    out.push_back('-');
    text.remove_prefix(1);
  }
  const std::size_t e = text.find('e');
  int exponent = 0;
  const std::string_view power = text.substr(text[e + 1] == '+' ? e + 2 : e + 1);
  std::from_chars(power.data(), power.data() + power.size(), exponent);
  std::string digits{text.substr(0, 1)};
  if (e > 2) digits += text.substr(2, e - 2);
  const int count = static_cast<int>(digits.size());
  const int point = exponent + 1;  // digits before the decimal point
  if (point > 21 || point < -5) {
    out.push_back(digits[0]);
    if (count > 1) out.append(".").append(digits, 1);
    out.append(exponent < 0 ? "e-" : "e+").append(std::to_string(std::abs(exponent)));
  } else if (point <= 0) {
    out.append("0.").append(static_cast<std::size_t>(-point), '0').append(digits);
  } else if (point >= count) {
    out.append(digits).append(static_cast<std::size_t>(point - count), '0');
  } else {
    out.append(digits, 0, static_cast<std::size_t>(point)).append(".");
    out.append(digits, static_cast<std::size_t>(point));
  }
}

// A block of 16 bytes is read as a whole, with the end of the text in it.
constexpr std::size_t kOverread = 16;
constexpr std::size_t kTextKept = 128 * 1024;

// Does decoded text hold half of a surrogate pair? RapidJSON lets an escaped low one through.
bool has_surrogate(std::string_view text) {
  for (std::size_t at = text.find('\xed'); at != std::string_view::npos;
       at = text.find('\xed', at + 1)) {
    if (static_cast<unsigned char>(text[at + 1]) >= 0xa0) return true;
  }
  return false;
}

// Builds the nodes. Children wait on `open_` until their container ends, and move to `nodes_` then.
class Builder {
 public:
  void reset() {
    nodes_.clear();
    open_.clear();
    depth_ = 0;
    refused_ = false;
  }

  // The callbacks of RapidJSON; false ends the parse.
  bool Null() { return push(Node{Type::null}); }
  bool Bool(bool truth) {
    Node value{Type::boolean};
    value.truth = truth;
    return push(value);
  }
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    if (!is_plain_integer({text, size}) && !to_double({text, size})) {
      refused_ = true;
      return false;
    }
    return push_text(Type::number, text, size);
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    if (has_surrogate({text, size})) {
      refused_ = true;
      return false;
    }
    return push_text(Type::string, text, size);
  }
  bool Key(const char* text, rapidjson::SizeType size, bool copy) {
    return String(text, size, copy);
  }
  bool StartObject() { return ++depth_ <= kJsonDepthMax; }
  bool StartArray() { return ++depth_ <= kJsonDepthMax; }
  bool EndObject(rapidjson::SizeType members) { return close(Type::object, members, 2 * members); }
  bool EndArray(rapidjson::SizeType elements) { return close(Type::array, elements, elements); }

  bool refused() const { return refused_; }

  // After a complete parse: the root, with indices turned into pointers.
  const Node* finish() {
    nodes_.push_back(open_.front());
    for (Node& n : nodes_) {
      if (n.is_container()) n.children = nodes_.data() + n.first;
    }
    return &nodes_.back();
  }

 private:
  bool push(Node value) {
    open_.push_back(value);
    return true;
  }
  bool push_text(Type type, const char* text, std::size_t size) {
    Node value{type, size};
    value.text = text;
    return push(value);
  }
  bool close(Type type, std::size_t size, std::size_t children) {
    --depth_;
    Node value{type, size};
    value.first = nodes_.size();
    nodes_.insert(nodes_.end(), open_.end() - static_cast<std::ptrdiff_t>(children), open_.end());
    open_.erase(open_.end() - static_cast<std::ptrdiff_t>(children), open_.end());
    return push(value);
  }

  std::vector<Node> nodes_;
  std::vector<Node> open_;
  std::size_t depth_ = 0;
  bool refused_ = false;
};

// In JSON a character needs an escape below U+0020, and as a quote or a backslash.
bool is_plain(unsigned char c) { return c >= 0x20 && c != '"' && c != '\\'; }

constexpr std::uint64_t each_byte(std::uint64_t byte) { return 0x0101010101010101U * byte; }

// The high bit of a byte is set if it is below `limit`, up to 128; in one above such a byte it may
// be set as well.
constexpr std::uint64_t bytes_below(std::uint64_t word, std::uint64_t limit) {
  return (word - each_byte(limit)) & ~word & each_byte(0x80);
}

// How many bytes there are before the first that needs an escape.
std::size_t plain_prefix(std::string_view text) {
  std::size_t i = 0;
  for (std::uint64_t word = 0; i + sizeof word <= text.size(); i += sizeof word) {
    std::memcpy(&word, text.data() + i, sizeof word);
    if ((bytes_below(word, 0x20) | bytes_below(word ^ each_byte('"'), 1) |
         bytes_below(word ^ each_byte('\\'), 1)) != 0) {
      break;
    }
  }
  while (i < text.size() && is_plain(static_cast<unsigned char>(text[i]))) ++i;
  return i;
}

// What stands behind the backslash; 'u': with four digits.
char escape_of(unsigned char c) {
  switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 'u';
  }
}

void append_escaped(std::string& out, unsigned char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const char escape = escape_of(c);
  out.append({'\\', escape});
  if (escape == 'u') out.append({'0', '0', kHex[c >> 4], kHex[c & 15]});
}

void append_node(std::string& out, const Node& value) {
  switch (value.type) {
    case Type::null: out.append("null"); return;
    case Type::boolean: out.append(value.truth ? "true" : "false"); return;
    case Type::number:
      if (is_plain_integer(value.str())) {
        out.append(value.str());
      } else {
        append_double(out, *to_double(value.str()));
      }
      return;
    case Type::string: append_json_string(out, value.str()); return;
    case Type::array:
      out.push_back('[');
      for (std::uint32_t i = 0; i < value.size; ++i) {
        if (i > 0) out.push_back(',');
        append_node(out, value.children[i]);
      }
      out.push_back(']');
      return;
    case Type::object:
      out.push_back('{');
      for (std::uint32_t i = 0; i < value.size; ++i) {
        if (i > 0) out.push_back(',');
        append_json_string(out, value.children[2 * i].str());
        out.push_back(':');
        append_node(out, value.children[2 * i + 1]);
      }
      out.push_back('}');
      return;
  }
}

}  // namespace

bool JsonView::is_null() const noexcept { return is(value_, Type::null); }
bool JsonView::is_bool() const noexcept { return is(value_, Type::boolean); }
bool JsonView::is_number() const noexcept { return is(value_, Type::number); }
bool JsonView::is_string() const noexcept { return is(value_, Type::string); }
bool JsonView::is_array() const noexcept { return is(value_, Type::array); }
bool JsonView::is_object() const noexcept { return is(value_, Type::object); }

std::optional<bool> JsonView::as_bool() const noexcept {
  if (!is_bool()) return std::nullopt;
  return node(value_)->truth;
}

std::optional<double> JsonView::as_double() const noexcept {
  if (!is_number()) return std::nullopt;
  return to_double(node(value_)->str());
}

std::optional<std::int64_t> JsonView::as_int64() const noexcept {
  if (!is_number()) return std::nullopt;
  const std::string_view text = node(value_)->str();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size()) return value;
  const double real = *to_double(text);
  if (std::trunc(real) != real || real < -0x1p63 || real >= 0x1p63) return std::nullopt;
  return static_cast<std::int64_t>(real);
}

std::optional<std::uint64_t> JsonView::as_uint64() const noexcept {
  if (!is_number()) return std::nullopt;
  const std::string_view text = node(value_)->str();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size()) return value;
  const double real = *to_double(text);
  if (std::trunc(real) != real || real < 0 || real >= 0x1p64) return std::nullopt;
  return static_cast<std::uint64_t>(real);
}

std::optional<std::string_view> JsonView::as_string() const noexcept {
  if (!is_string()) return std::nullopt;
  return node(value_)->str();
}

std::size_t JsonView::size() const noexcept {
  return is_array() || is_object() ? node(value_)->size : 0;
}

JsonView JsonView::at(std::size_t index) const noexcept {
  if (!is_array() || index >= node(value_)->size) return {};
  return JsonView{node(value_)->children + index};
}

JsonView JsonView::find(std::string_view key) const noexcept {
  if (!is_object()) return {};
  for (std::size_t i = node(value_)->size; i-- > 0;) {
    if (node(value_)->children[2 * i].str() == key) {
      return JsonView{node(value_)->children + 2 * i + 1};
    }
  }
  return {};
}

std::pair<std::string_view, JsonView> JsonView::member(std::size_t index) const noexcept {
  if (!is_object() || index >= node(value_)->size) return {};
  const Node* key = node(value_)->children + 2 * index;
  return {key->str(), JsonView{key + 1}};
}

void JsonView::append_to(std::string& out) const {
  if (value_ != nullptr) append_node(out, *node(value_));
}

struct Json::Impl {
  std::string text;  // parsed in place: what the nodes point to
  Builder builder;
  rapidjson::Reader reader;
  const Node* root = nullptr;
};

Json::Json() : impl_(std::make_unique<Impl>()) {}
Json::~Json() = default;
Json::Json(Json&&) noexcept = default;
Json& Json::operator=(Json&&) noexcept = default;

Json::ParseStatus Json::parse(std::string_view text) {
  // What a large text has taken is not kept for small ones.
  if (impl_->text.capacity() > kTextKept && text.size() <= kTextKept) {
    impl_ = std::make_unique<Impl>();
  }
  impl_->root = nullptr;
  // RapidJSON takes a NUL for the end of the text.
  if (text.find('\0') != std::string_view::npos || !is_valid_utf8(text)) {
    return ParseStatus::not_json;
  }
  impl_->builder.reset();
  impl_->text.assign(text).append(kOverread, '\0');
  rapidjson::InsituStringStream stream(impl_->text.data());
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseInsituFlag |
                              rapidjson::kParseNumbersAsStringsFlag;
  const rapidjson::ParseResult result = impl_->reader.Parse<kFlags>(stream, impl_->builder);
  if (!result.IsError()) {
    impl_->root = impl_->builder.finish();
    return ParseStatus::ok;
  }
  const bool refused = impl_->builder.refused() ||
                       result.Code() == rapidjson::kParseErrorNumberTooBig ||
                       result.Code() == rapidjson::kParseErrorStringUnicodeSurrogateInvalid;
  return refused ? ParseStatus::refused : ParseStatus::not_json;
}

JsonView Json::root() const noexcept { return JsonView{impl_->root}; }

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  for (std::size_t plain = plain_prefix(text); plain < text.size(); plain = plain_prefix(text)) {
    out.append(text, 0, plain);
    append_escaped(out, static_cast<unsigned char>(text[plain]));
    text.remove_prefix(plain + 1);
  }
  out.append(text);
  out.push_back('"');
}

std::size_t json_string_size(std::string_view text) noexcept {
  std::size_t size = text.size() + 2;
  for (std::size_t plain = plain_prefix(text); plain < text.size(); plain = plain_prefix(text)) {
    size += escape_of(static_cast<unsigned char>(text[plain])) == 'u' ? 5 : 1;
    text.remove_prefix(plain + 1);
  }
  return size;
}

void append_json_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> buffer;
  out.append(buffer.data(),
             std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr);
}

void append_json_number(std::string& out, std::int64_t number) {
  std::array<char, 20> buffer;
  out.append(buffer.data(),
             std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr);
}

}  // namespace chatrt::socketio
