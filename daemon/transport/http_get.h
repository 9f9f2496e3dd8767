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

// `host` is a name or an address. With `tls_cert` by TLS, with whoever has that very certificate.
// Blocks for 10 s at most without a byte. `unavailable` if nobody answers there.
chatrt::Result<HttpAnswer> http_get(const std::string& host, std::uint16_t port,
                                    const std::string& path, const std::string& bearer,
                                    const std::string& tls_cert);

}  // namespace chatd::transport
