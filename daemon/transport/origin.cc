#include "origin.h"

#include <algorithm>
#include <array>

namespace chatd::transport {
namespace {

std::string_view host_of(std::string_view origin) {
  const std::size_t scheme = origin.find("://");
  return scheme == std::string_view::npos ? std::string_view{} : origin.substr(scheme + 3);
}

bool is_loopback(std::string_view host) {
  constexpr std::array<std::string_view, 3> kNames = {"localhost", "127.0.0.1", "[::1]"};
  return std::any_of(kNames.begin(), kNames.end(), [&](std::string_view name) {
    if (!host.starts_with(name)) return false;
    const std::string_view port = host.substr(name.size());
    return port.empty() ||
           (port[0] == ':' && port.find_first_not_of("0123456789", 1) == std::string_view::npos);
  });
}

// Could the name be one that a stranger's DNS server answers for? Not addresses, not names without
// a dot.
bool is_public_name(std::string_view host) {
  if (host.starts_with('[')) return false;
  const std::string_view name = host.substr(0, host.find(':'));
  return name.find('.') != std::string_view::npos && (name.back() < '0' || name.back() > '9');
}

}  // namespace

bool OriginPolicy::allows(std::string_view origin, std::string_view host) const {
  if (origin.empty()) return true;
  if (origin == "null") return false;
  // Loopback alone is no protection where a page's name is made to point at us (DNS rebinding).
  const bool rebound = allow_loopback && is_public_name(host);
  if (host_of(origin) == host && !host.empty() && !rebound) return true;
  if (allow_loopback && is_loopback(host_of(origin))) return true;
  return std::any_of(allowed.begin(), allowed.end(),
                     [&](const std::string& one) { return one == "*" || one == origin; });
}

std::string OriginPolicy::headers(std::string_view origin, std::string_view host) const {
  std::string lines;
  if (origin.empty() || !allows(origin, host)) return "Vary: Origin\r\n";
  const bool any = allowed.size() == 1 && allowed[0] == "*";
  lines.append("Access-Control-Allow-Origin: ").append(any ? std::string_view{"*"} : origin);
  lines.append("\r\nVary: Origin\r\n");
  if (credentials && !any) lines.append("Access-Control-Allow-Credentials: true\r\n");
  return lines;
}

std::string OriginPolicy::preflight_headers(std::string_view requested_headers) {
  std::string lines = "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE\r\n";
  if (!requested_headers.empty()) {
    lines.append("Access-Control-Allow-Headers: ").append(requested_headers);
    lines.append("\r\nVary: Access-Control-Request-Headers\r\n");
  }
  return lines;
}

}  // namespace chatd::transport
