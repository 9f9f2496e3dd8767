// Query strings, as the server and as handlers read them.

#include <string>

#include "chatrt/engineio/server.h"
#include "chatrt/socketio/server.h"
#include "input.h"
#include "request.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chatrt;
  const std::string_view query(reinterpret_cast<const char*>(data), size);
  const engineio::Query found = engineio::parse_query(query);
  for (const std::string_view value : {found.eio, found.transport, found.sid}) {
    REQUIRE_THAT(value.empty() || query.find(value) != std::string_view::npos);
    REQUIRE_THAT(value.find('&') == std::string_view::npos);
  }
  const auto shard = engineio::Server::shard_of(query);
  REQUIRE_THAT(!shard || *shard < 256);
  const socketio::Handshake handshake{std::string{query}, {}, {}};
  const auto value = handshake.query_value("sid");
  REQUIRE_THAT(!value || value->size() <= size);
  return 0;
}
