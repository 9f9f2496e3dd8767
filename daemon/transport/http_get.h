// One HTTP GET to a chatd, for its own commands.
#pragma once

#include <cstdint>
#include <string>

#include "chatrt/result.h"

namespace chatd::transport {

struct HttpAnswer {
  int status = 0;
  std::string body;
};

// Blocks for 10 s at most. `host` is a name or an address. `unavailable` if nobody answers there.
chatrt::Result<HttpAnswer> http_get(const std::string& host, std::uint16_t port,
                                    const std::string& path, const std::string& bearer);

}  // namespace chatd::transport
