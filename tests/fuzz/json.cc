// JSON: whatever is taken is written as valid JSON, and reads back as the same text.

#include "chatrt/socketio/json.h"

#include <string>

#include "chatrt/utf8.h"
#include "input.h"

namespace {

using chatrt::socketio::Json;
using chatrt::socketio::JsonView;

// Looks at every value in every way.
void visit(JsonView view) {
  REQUIRE_THAT(view.present());
  const int types = view.is_null() + view.is_bool() + view.is_number() + view.is_string() +
                    view.is_array() + view.is_object();
  REQUIRE_THAT(types == 1);
  REQUIRE_THAT(view.is_number() == view.as_double().has_value());
  if (const auto number = view.as_int64(); number && *number >= 0) {
    REQUIRE_THAT(view.as_uint64() == static_cast<std::uint64_t>(*number));
  }
  for (std::size_t i = 0; view.is_array() && i < view.size(); ++i) visit(view.at(i));
  for (std::size_t i = 0; view.is_object() && i < view.size(); ++i) {
    const auto [key, value] = view.member(i);
    REQUIRE_THAT(view.find(key).present());
    visit(value);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Json json;
  static Json second;
  const auto status = json.parse({reinterpret_cast<const char*>(data), size});
  REQUIRE_THAT(json.root().present() == (status == Json::ParseStatus::ok));
  if (status != Json::ParseStatus::ok) return 0;
  visit(json.root());
  std::string written;
  json.root().append_to(written);
  REQUIRE_THAT(chatrt::is_valid_utf8(written));
  REQUIRE_THAT(second.parse(written) == Json::ParseStatus::ok);
  std::string again;
  second.root().append_to(again);
  REQUIRE_THAT(again == written);
  return 0;
}
