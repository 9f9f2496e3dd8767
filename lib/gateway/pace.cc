#include "pace.h"

#include <utility>

namespace chatrt::gateway {

using socketio::Socket;

Pace::Pace(const ChatOptions& options, Delivery& delivery, Fences& fences, Posts& posts,
           Passed passed)
    : options_(options),
      delivery_(delivery),
      fences_(fences),
      posts_(posts),
      passed_(std::move(passed)) {}

void Pace::expect(Socket& socket, std::size_t bytes) {
  Session& session = session_of(socket);
  session.asked += static_cast<std::uint32_t>(bytes);
  if (session.asked_before == 0) fence_if_due(socket);
}

// Before the window is full, so that who waits for each answer hardly ever has to wait.
void Pace::fence_if_due(Socket& socket) {
  if (session_of(socket).asked >= options_.asked_bytes_max / 4 * 3) begin_fence(socket);
}

void Pace::expect_page(Socket& socket, std::size_t bytes) {
  session_of(socket).asked_pages = true;
  expect(socket, bytes);
}

// Reads are answered in the order of their user, all else in that of the Hub's inbox: the fence has
// to go behind both.
void Pace::begin_fence(Socket& socket) {
  Session& session = session_of(socket);
  session.asked_before = std::exchange(session.asked, 0);
  const ConnectionId connection = socket.connection();
  posts_.hand_over(Delivery::shard_of(connection));
  if (!std::exchange(session.asked_pages, false)) return raise_fence(connection, session.user);
  hub_->sync(session.user, hub_->position().value_or(Position{}), 1,
             [this, connection, user = session.user](const auto&) {
               // On the shard's thread, where it is known whether the connection is still there.
               delivery_.run(connection, [this, user](Socket& at) {
                 if (at.data() != nullptr) raise_fence(at.connection(), user);
               });
             });
}

void Pace::raise_fence(ConnectionId connection, const UserId& user) {
  hub_->attach(connection, {.user = user}, [this, connection](const Result<Hub::Attached>& done) {
    if (!done) return;
    delivery_.pending(Delivery::shard_of(connection)).task(connection, [this](Socket& at) {
      fences_.call_behind(at, [this, passed = at.connection()] { pass(passed); });
    });
  });
}

void Pace::pass(ConnectionId connection) {
  Socket* socket = delivery_.server(Delivery::shard_of(connection)).find(connection, "/");
  if (socket == nullptr || socket->data() == nullptr) return;
  session_of(*socket).asked_before = 0;
  fence_if_due(*socket);  // one event may fill the window by itself
  passed_(*socket);
}

}  // namespace chatrt::gateway
