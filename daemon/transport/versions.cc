#include "versions.h"

#include <asio/version.hpp>

namespace chatd::transport {

std::string asio_version() {
  return std::to_string(ASIO_VERSION / 100000) + "." + std::to_string(ASIO_VERSION / 100 % 1000) +
         "." + std::to_string(ASIO_VERSION % 100);
}

}  // namespace chatd::transport
