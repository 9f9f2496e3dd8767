// A Namespace that writes down what it is told, and does what its hooks say.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "chatrt/socketio/server.h"

namespace chatrt::socketio {

class RecordingNamespace final : public Namespace {
 public:
  void on_connect(Socket& socket, JsonView auth) override {
    last = &socket;
    connected += 1;
    if (connect_hook) return connect_hook(socket, auth);
    socket.accept();
  }
  void on_event(Socket& socket, const Event& event) override {
    events.emplace_back(event.name);
    if (event_hook) event_hook(socket, event);
  }
  void on_pong(Socket& socket) override {
    pongs += 1;
    if (pong_hook) pong_hook(socket);
  }
  void on_disconnect(Socket& socket, DisconnectReason reason) override {
    disconnected.emplace_back(disconnect_reason_name(reason));
    if (disconnect_hook) disconnect_hook(socket);
  }

  Socket* last = nullptr;  // that asked to join; not valid after its end
  int connected = 0;
  int pongs = 0;
  std::vector<std::string> events;
  std::vector<std::string> disconnected;
  std::function<void(Socket&, JsonView)> connect_hook;
  std::function<void(Socket&, const Event&)> event_hook;
  std::function<void(Socket&)> pong_hook;
  std::function<void(Socket&)> disconnect_hook;
};

}  // namespace chatrt::socketio
