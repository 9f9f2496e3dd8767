// Arguments of an HTTP call, in a body or a query: they are read or refused, and what is read is
// what the rules for texts, ids and numbers allow.

#include "http_call.h"

#include <string>

#include "chatrt/utf8.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  chatrt::fuzz::Input input(data, size);
  chatd::transport::HttpRequest request;
  request.method = (input.byte() & 1) != 0 ? "POST" : "GET";
  request.query = input.chunk();
  request.body = input.chunk();

  const auto arguments = chatd::Arguments::of(request);
  if (!arguments) return 0;
  for (const char* name : {"userId", "selectedUser", "textMessage", "since", "limit", "a"}) {
    const auto text = arguments->text(name);
    if (text && *text) REQUIRE_THAT(chatrt::is_valid_utf8(**text));
    const auto user = arguments->user(name);
    if (user && *user) REQUIRE_THAT(chatrt::UserId::parse((**user).str()).has_value());
    const auto number = arguments->number(name);
    if (number && *number && text && *text)
      REQUIRE_THAT((*text)->ends_with(std::to_string(**number)));
  }
  return 0;
}
