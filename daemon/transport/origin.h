// Which pages of which origins may talk to us, and the CORS headers that tell browsers so.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chatd::transport {

struct OriginPolicy {
  std::vector<std::string> allowed;  // "https://chat.example", exact; or "*" alone
  bool credentials = false;          // never with "*": refused by the configuration
  bool allow_loopback = false;       // any port of localhost, 127.0.0.1 and [::1]: --dev

  // No Origin header (not a browser), the server's own host, with or without its default port, or a
  // listed one. "null" never is, nor under --dev a host of a public name.
  bool allows(std::string_view origin, std::string_view host) const;
  // The header lines for an answer to a request with this origin; "Vary" is among them.
  std::string headers(std::string_view origin, std::string_view host) const;
  // The further lines for the answer to an OPTIONS request.
  static std::string preflight_headers(std::string_view requested_headers);
};

}  // namespace chatd::transport
