// The Server: builds the parts of chatd, runs them, and takes them down in reverse.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "auth/secrets.h"
#include "chatrt/clock.h"
#include "chatrt/log.h"
#include "chatrt/result.h"
#include "config.h"

namespace chatd {

class Server {
 public:
  // The store is opened here: an Error names the file and what to do. `on_store_failure` is called
  // once, on any thread, when the store can never write again: reads go on, and the process is to
  // end.
  static chatrt::Result<std::unique_ptr<Server>> open(
      const Config& config, auth::Secrets secrets, const chatrt::Clock& clock, chatrt::LogSink& log,
      std::function<void(const std::string& why)> on_store_failure);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Listens; the port it listens on.
  chatrt::Result<std::uint16_t> start();
  // Other keys from now on; who is connected stays. Any thread.
  void set_secrets(auth::Secrets secrets);
  // Drains: accepts nothing more, commits and acks what was taken, closes the transports without a
  // DISCONNECT, so that clients come back elsewhere or later. Returns when that is done.
  void stop();

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace chatd
