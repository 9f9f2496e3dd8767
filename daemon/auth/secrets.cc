#include "secrets.h"

#include <utility>

namespace chatd::auth {
namespace {

chatrt::Error at(std::string_view option, const chatrt::Error& error) {
  return {error.code, std::string{option} + ": " + error.detail};
}

}  // namespace

chatrt::Result<Secrets> read_secrets(const Config& config) {
  Secrets secrets;
  if (!config.jwt_key.empty()) {
    const auto algorithm = parse_jwt_algorithm(config.jwt_alg);
    if (!algorithm) return chatrt::Error{chatrt::Errc::invalid_argument, "jwt-alg: is none"};
    auto keys = read_key_file(config.jwt_key, *algorithm);
    if (!keys) return at("jwt-key", keys.error());
    secrets.keys = *std::move(keys);
  }
  if (!config.jwks.empty()) {
    auto keys = read_jwks_file(config.jwks);
    if (!keys) return at("jwks", keys.error());
    secrets.keys = *std::move(keys);
  }
  struct Named {
    std::string_view option;
    const std::string& file;
    OperatorKey& key;
  };
  for (const Named& named : {Named{"operator-key", config.operator_key, secrets.operator_key},
                             Named{"metrics-key", config.metrics_key, secrets.metrics_key}}) {
    if (named.file.empty()) continue;
    auto key = OperatorKey::read(named.file);
    if (!key) return at(named.option, key.error());
    named.key = *std::move(key);
  }
  if (!config.tls_cert.empty()) {
    auto tls = transport::TlsKeys::read(config.tls_cert, config.tls_key);
    if (!tls) return std::move(tls).error();
    secrets.tls = *std::move(tls);
  }
  return secrets;
}

}  // namespace chatd::auth
