// The Gate: who gets in - the Authorizer that the configuration asks for, the operators' key, and
// how often somebody was sent away.
//
// Threads: any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>

#include "../config.h"
#include "chatrt/authorizer.h"
#include "chatrt/clock.h"
#include "chatrt/log.h"
#include "jwt_authorizer.h"
#include "operator_key.h"
#include "revocations.h"
#include "secrets.h"

namespace chatd::auth {

class Gate {
 public:
  // Without keys (--dev) everybody is believed.
  Gate(const Config& config, Secrets secrets, std::unique_ptr<Revocations> revocations,
       const chatrt::Clock& clock, chatrt::LogSink& log);

  void set_secrets(Secrets secrets);

  const chatrt::Authorizer& authorizer() const noexcept { return *authorizer_; }
  bool takes_tokens() const noexcept { return jwt_ != nullptr; }
  Revocations& revocations() noexcept { return *revocations_; }
  bool is_operator(std::string_view key) const;
  bool may_read_metrics(std::string_view key) const;

  void count(chatrt::Errc code) noexcept { refused_[static_cast<std::size_t>(code)] += 1; }
  std::uint64_t refused(chatrt::Errc code) const noexcept {
    return refused_[static_cast<std::size_t>(code)];
  }

 private:
  std::unique_ptr<Revocations> revocations_;
  std::unique_ptr<chatrt::Authorizer> authorizer_;
  JwtAuthorizer* jwt_ = nullptr;  // the same, where it takes tokens
  mutable std::mutex mutex_;
  OperatorKey operator_key_;
  OperatorKey metrics_key_;
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(chatrt::kErrcLast) + 1>
      refused_{};
};

}  // namespace chatd::auth
