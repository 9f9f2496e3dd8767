// Reads the protocol vectors of this folder; README.md says what they are.
#pragma once

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace vectors {

using Value = rapidjson::Value;

// A lone surrogate is no text, and RapidJSON refuses the file for it: they become U+FFFD. The
// frames are read from "utf8" and do not change.
inline void replace_lone_surrogates(std::string& json) {
  for (std::size_t i = 0; i + 1 < json.size(); ++i) {
    if (json[i] != '\\') continue;
    const bool high = json.compare(i, 4, "\\ud8") == 0;
    if (high && json.compare(i + 6, 3, "\\ud") == 0) {
      i += 6;  // a pair
    } else if (high) {
      json.replace(i, 6, "\\ufffd");
    }
    ++i;
  }
}

// The file `name`. CHATRT_VECTORS is the folder, given by the build.
inline rapidjson::Document load(const std::string& name) {
  std::ifstream file(std::string{CHATRT_VECTORS} + "/" + name, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  replace_lone_surrogates(text);
  rapidjson::Document document;
  document.Parse(text.data(), text.size());
  REQUIRE_MESSAGE(!document.HasParseError(), name);
  return document;
}

inline std::string text(const Value& value) { return {value.GetString(), value.GetStringLength()}; }
inline std::string text(const Value& object, const char* key) {
  return object.HasMember(key) ? text(object[key]) : std::string{};
}

inline std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string{hex.substr(i, 2)}, nullptr, 16)));
  }
  return bytes;
}

// A frame or a value: {"text","utf8"} or {"bin"}.
struct Bytes {
  bool binary = false;
  std::string bytes;
  friend bool operator==(const Bytes&, const Bytes&) = default;
};
inline Bytes bytes(const Value& frame) {
  if (frame.HasMember("bin")) return {true, from_hex(text(frame["bin"]))};
  return {false, frame.HasMember("utf8") ? from_hex(text(frame["utf8"])) : text(frame["text"])};
}

}  // namespace vectors
