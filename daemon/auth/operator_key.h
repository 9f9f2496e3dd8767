// OperatorKey: the secret by which a server calls us - for any user, and for what only operators
// may do; or, by another one, for the metrics alone.
#pragma once

#include <string>
#include <string_view>

#include "chatrt/result.h"

namespace chatd::auth {

class OperatorKey {
 public:
  static constexpr std::size_t kBytesMin = 32;

  OperatorKey() = default;  // nobody's
  // The file's text, without an end of line behind it.
  static chatrt::Result<OperatorKey> read(const std::string& file);

  // In a time that does not depend on where they differ. Never for the default.
  bool matches(std::string_view given) const noexcept;
  // For a call of our own.
  const std::string& text() const noexcept { return key_; }

 private:
  explicit OperatorKey(std::string key) : key_(std::move(key)) {}
  std::string key_;
};

}  // namespace chatd::auth
