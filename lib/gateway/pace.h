// Pace: how much a client may ask for before it has got its answers.
//
// A client that sends a thousand messages at once, or asks for forty pages, would have more waiting
// for it than may wait, and be closed for being slow, which it is not. So what it asks for beyond a
// window is held until a fence behind the answers before it has been passed (fences.h).
//
// Threads: every member on the thread of the socket's shard.
#pragma once

#include <cstddef>
#include <functional>

#include "chatrt/gateway/chat.h"
#include "chatrt/hub.h"
#include "delivery.h"
#include "fences.h"
#include "posts.h"
#include "session.h"

namespace chatrt::gateway {

class Pace {
 public:
  using Passed = std::function<void(socketio::Socket&)>;

  // `passed`: called when a socket may ask for more.
  Pace(const ChatOptions& options, Delivery& delivery, Fences& fences, Posts& posts, Passed passed);
  void start(Hub& hub) { hub_ = &hub; }

  // What comes now is to be held.
  bool is_full(const Session& session) const noexcept {
    return session.asked + session.asked_before >= options_.asked_bytes_max;
  }
  // The answers to what is taken up will have so many bytes. REQUIRES: it is attached
  void expect(socketio::Socket& socket, std::size_t bytes);
  // The same of a page that is read.
  void expect_page(socketio::Socket& socket, std::size_t bytes);

 private:
  void fence_if_due(socketio::Socket& socket);
  void begin_fence(socketio::Socket& socket);
  void raise_fence(ConnectionId connection, const UserId& user);
  void pass(ConnectionId connection);

  const ChatOptions& options_;
  Delivery& delivery_;
  Fences& fences_;
  Posts& posts_;
  const Passed passed_;
  Hub* hub_ = nullptr;
};

}  // namespace chatrt::gateway
