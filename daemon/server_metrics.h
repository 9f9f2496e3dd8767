// What /metrics says of a running Server.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "auth/gate.h"
#include "chatrt/clock.h"
#include "chatrt/gateway/chat.h"
#include "chatrt/hub.h"
#include "config.h"
#include "metered_store.h"
#include "transport/doorman.h"
#include "transport/shard.h"
#include "transport/tls.h"

namespace chatd {

struct MetricsParts {
  const chatrt::Hub& hub;
  const chatrt::gateway::Chat& chat;
  const auth::Gate& gate;
  const MeteredStore& store;
  const transport::Doorman& doorman;
  const std::vector<std::unique_ptr<transport::Shard>>& shards;
  const transport::TlsKeyring* tls;  // none: plain TCP
  const Config& config;
  chatrt::Timestamp started;
};

// As Prometheus reads it. Any thread.
std::string metrics_text(const MetricsParts& parts);

}  // namespace chatd
