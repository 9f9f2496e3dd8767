// Secrets: the keys that the configuration names, read from their files.
#pragma once

#include <optional>

#include "../config.h"
#include "chatrt/result.h"
#include "jwt_key.h"
#include "operator_key.h"
#include "transport/tls.h"

namespace chatd::auth {

struct Secrets {
  std::optional<JwtKeys> keys;  // none under --dev
  OperatorKey operator_key;
  OperatorKey metrics_key;
  std::optional<transport::TlsKeys> tls;  // none: plain TCP
};

// An Error names the option and the file.
chatrt::Result<Secrets> read_secrets(const Config& config);

}  // namespace chatd::auth
