#include "gate.h"

#include <utility>

namespace chatd::auth {

Gate::Gate(const Config& config, Secrets secrets, std::unique_ptr<Revocations> revocations,
           const chatrt::Clock& clock, chatrt::LogSink& log)
    : revocations_(std::move(revocations)),
      operator_key_(std::move(secrets.operator_key)),
      metrics_key_(std::move(secrets.metrics_key)) {
  if (!secrets.keys) {
    authorizer_ = chatrt::make_open_authorizer();
    return;
  }
  auto jwt = std::make_unique<JwtAuthorizer>(
      *std::move(secrets.keys),
      JwtPolicy{.issuer = config.jwt_issuer, .audience = config.jwt_audience}, *revocations_, clock,
      log);
  jwt_ = jwt.get();
  authorizer_ = std::move(jwt);
}

void Gate::set_secrets(Secrets secrets) {
  if (jwt_ != nullptr && secrets.keys) jwt_->set_keys(*std::move(secrets.keys));
  const std::lock_guard lock(mutex_);
  operator_key_ = std::move(secrets.operator_key);
  metrics_key_ = std::move(secrets.metrics_key);
}

bool Gate::is_operator(std::string_view key) const {
  const std::lock_guard lock(mutex_);
  return operator_key_.matches(key);
}

bool Gate::may_read_metrics(std::string_view key) const {
  const std::lock_guard lock(mutex_);
  return metrics_key_.matches(key) || operator_key_.matches(key);
}

}  // namespace chatd::auth
