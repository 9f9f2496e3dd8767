// Prints chatd's options as the table of docs/operating.md; options_test.py compares the two.
#include <cstdio>
#include <string>
#include <variant>

#include "config.h"

namespace {

std::string limits(const chatd::Option& option) {
  if (!std::holds_alternative<std::uint64_t chatd::Config::*>(option.member)) return "";
  return std::to_string(option.min) + " to " + std::to_string(option.max);
}

}  // namespace

int main() {
  std::puts("| option | default | unit | limits | what it is |\n|---|---|---|---|---|");
  for (const chatd::Option& option : chatd::option_table()) {
    std::printf("| `%s` | %s | %s | %s | %s |\n", std::string{option.name}.c_str(),
                chatd::default_text(option).c_str(), std::string{option.unit}.c_str(),
                limits(option).c_str(), std::string{option.help}.c_str());
  }
  return 0;
}
