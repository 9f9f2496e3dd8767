// Versions of what the transport is made of.
#pragma once

#include <string>

namespace chatd::transport {

std::string asio_version();                  // "1.22.1"
const char* websocketpp_version() noexcept;  // "WebSocket++/0.8.2"

}  // namespace chatd::transport
