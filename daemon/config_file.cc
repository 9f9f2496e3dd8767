#include "config_file.h"

#include <toml++/toml.h>

namespace chatd {
namespace {

// A string, number or truth value as text; nothing for anything else.
std::optional<std::string> text_of(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return text;
  if (const auto number = node.value_exact<std::int64_t>()) return std::to_string(*number);
  if (const auto truth = node.value_exact<bool>()) return *truth ? "true" : "false";
  return std::nullopt;
}

}  // namespace

chatrt::Result<std::map<std::string, FileValue, std::less<>>> read_config_file(
    const std::string& file) {
  const auto wrong = [&](std::uint32_t line, const std::string& what) {
    return chatrt::Error{chatrt::Errc::invalid_argument,
                         "config: " + what + " (" + file + ":" + std::to_string(line) + ")"};
  };
  std::map<std::string, FileValue, std::less<>> found;
  try {
    const toml::table table = toml::parse_file(file);
    for (const auto& [key, node] : table) {
      FileValue value{{}, node.source().begin.line};
      const std::string name{key.str()};
      if (const toml::array* list = node.as_array()) {
        for (const toml::node& element : *list) {
          auto text = text_of(element);
          if (!text) return wrong(value.line, name + " holds what is neither text nor a number");
          value.values.push_back(*std::move(text));
        }
      } else {
        auto text = text_of(node);
        if (!text) return wrong(value.line, name + " is neither text, a number nor a list");
        value.values.push_back(*std::move(text));
      }
      found.emplace(name, std::move(value));
    }
  } catch (const toml::parse_error& error) {
    return wrong(error.source().begin.line, std::string{error.description()});
  }
  return found;
}

}  // namespace chatd
