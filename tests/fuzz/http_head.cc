// HTTP heads: what is complete stays what it is, whatever follows, and is complete not before.

#include "transport/http_head.h"

#include "input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chatd::transport;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ParsedHead parsed = parse_head(bytes);
  if (parsed.kind == ParsedHead::Kind::bad) REQUIRE_THAT(parsed.status >= 400);
  if (parsed.kind != ParsedHead::Kind::complete) return 0;
  REQUIRE_THAT(parsed.bytes <= size && parsed.bytes <= kHeadBytesMax);
  REQUIRE_THAT(parsed.head.headers.size() <= kHeaderLinesMax);
  const std::string_view head = bytes.substr(0, parsed.bytes);
  REQUIRE_THAT(head.ends_with("\r\n\r\n"));
  REQUIRE_THAT(head.find('\0') == std::string_view::npos);
  const ParsedHead again = parse_head(head);
  REQUIRE_THAT(again.kind == ParsedHead::Kind::complete && again.bytes == parsed.bytes);
  REQUIRE_THAT(again.head.content_length == parsed.head.content_length);
  const ParsedHead early = parse_head(head.substr(0, head.size() - 1));
  REQUIRE_THAT(early.kind == ParsedHead::Kind::incomplete);
  for (const auto& [name, value] : parsed.head.headers) {
    REQUIRE_THAT(name.data() >= head.data() && value.size() <= head.size());
  }
  return 0;
}
