// The HTTP routes of chatd: one table, described by docs/openapi.yaml.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "auth/revocations.h"
#include "chatrt/authorizer.h"
#include "chatrt/clock.h"
#include "chatrt/hub.h"
#include "transport/http.h"

namespace chatd {

using PostDone = chatrt::Callback<void(const chatrt::Result<chatrt::Message>&)>;

// What the routes need of the daemon.
struct ApiParts {
  chatrt::Hub& hub;
  chatrt::Registry& registry;
  const chatrt::Authorizer& authorizer;
  chatrt::LogSink& log;
  std::function<std::string()> metrics;
  // Is the daemon ready for traffic? Calls back once.
  std::function<void(std::function<void(bool)>)> ready;
  // Sends the connection away for good: DISCONNECT, then closed.
  std::function<void(chatrt::ConnectionId)> disconnect;
  // Is this the operators' key? None is needed where `open` (--dev).
  std::function<bool(std::string_view)> is_operator;
  std::function<bool(std::string_view)> may_read_metrics;
  bool open = false;
  // The quotas of users and addresses: nothing, or how long to wait. Operators have none.
  std::function<std::optional<chatrt::Duration>(const chatrt::UserId&, std::string_view)> take;
  // Hub::post(), on the thread of this shard.
  std::function<void(unsigned shard, chatrt::PostDraft&&, PostDone)> post;
  // Takes tokens back; calls back once. Empty where there are no tokens.
  std::function<void(auth::Revocation, std::function<void(chatrt::Status)>)> revoke;
  // What became of a message, as JSON; calls back once.
  std::function<void(std::string id, std::function<void(chatrt::Result<std::string>)>)> explain;
  const chatrt::Clock& clock;
  // Told of each refusal.
  std::function<void(chatrt::Errc)> refused;
  std::size_t body_bytes_max = 1'000'000;
};

class HttpApi final : public transport::HttpHandler {
 public:
  explicit HttpApi(ApiParts parts) : parts_(std::move(parts)) {}

  std::size_t body_bytes_max(std::string_view method, std::string_view path) const override;
  // Any thread.
  void on_request(const transport::HttpRequest& request, transport::Responder responder) override;

 private:
  ApiParts parts_;
};

// "GET /v1/sync", one for each route: what docs/openapi.yaml must have.
std::vector<std::string> route_names();

}  // namespace chatd
