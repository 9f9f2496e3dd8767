#include "origin.h"

#include <algorithm>
#include <array>

#include "ascii.h"

namespace chatd::transport {
namespace {

std::string_view host_of(std::string_view origin) {
  const std::size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return {};
  const std::string_view host = origin.substr(scheme + 3);
  return host.substr(0, host.find('/'));
}

// What stands for no port.
std::string_view default_port_of(std::string_view origin) {
  if (origin.starts_with("http:") || origin.starts_with("ws:")) return ":80";
  if (origin.starts_with("https:") || origin.starts_with("wss:")) return ":443";
  return {};
}

std::string_view without(std::string_view port, std::string_view host) {
  return host.substr(0, host.size() - (host.ends_with(port) ? port.size() : 0));
}

// Browsers write both the same way. Other clients may write the default port in one of the two, as
// Starscream does, "wss", or a path behind it.
bool is_own(std::string_view origin, std::string_view host) {
  const std::string_view port = default_port_of(origin);
  const std::string_view name = without(port, host_of(origin));
  return !name.empty() && equal_nocase(name, without(port, host));
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
  if (is_own(origin, host) && !rebound) return true;
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
