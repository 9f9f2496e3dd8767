// The inside of engineio::Server, shared by server.cc (what comes in) and server_impl.cc (what is
// done about it).
#pragma once

#include <memory>
#include <optional>
#include <queue>
#include <string_view>
#include <vector>

#include "chatrt/engineio/server.h"
#include "chatrt/engineio/session.h"
#include "request.h"
#include "session_table.h"

namespace chatrt::engineio {

class Server::Impl {
 public:
  struct Checked {
    std::optional<ErrorCode> error;
    Slot slot = kNoSlot;
  };
  // One call from outside, or one from a callback within it. The outermost answers polls and frees
  // what was closed, so that nothing disappears under a caller's feet.
  class Turn {
   public:
    Turn(Impl& server, MonotonicTime now);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Session::Actions& actions() const { return *server_.pool_[depth_]; }

   private:
    Impl& server_;
    std::size_t depth_;
    MonotonicTime now_;
  };

  Impl(Options configured, Transport& out, Application& above, RandomSource random);

  Checked check(const Request& request, const Query& query, bool websocket_request) const;
  bool full() const { return closing || table.size() >= options.sessions_max; }
  void respond_error(Carrier exchange, ErrorCode code);

  Slot add(bool websocket, MonotonicTime now);
  void open(Slot slot, const Request& request, MonotonicTime now, Session::Actions& actions);
  void open_polling(Carrier exchange, const Request& request, MonotonicTime now);
  void set_poll(Slot slot, Carrier exchange);

  // Carries out what the session wants done.
  void perform(Slot slot, Session::Actions& actions, MonotonicTime now);
  void flush_later(Slot slot);

  // Puts the session's next deadline among the deadlines.
  void schedule(Slot slot);
  // Deadlines are compared when a request arrives too: a timer may be late.
  void expire(std::string_view sid, MonotonicTime now);
  std::optional<MonotonicTime> next_deadline() const;
  void on_tick(MonotonicTime now);

  const Options options;
  Transport& transport;
  Application& application;
  SessionTable table;
  std::size_t websockets = 0;
  bool closing = false;
  Carrier refuse_to;  // the request that is being handled

 private:
  struct Deadline {
    MonotonicTime at;
    ConnectionId session;
    friend bool operator<(const Deadline& a, const Deadline& b) { return a.at > b.at; }
  };

  void perform_one(Slot slot, const Action& action, MonotonicTime now);
  void answer_post(Carrier exchange, int status);
  void on_closed(Slot slot, CloseReason reason, MonotonicTime now);
  void finish_turn(MonotonicTime now);

  std::priority_queue<Deadline> deadlines_;
  // Of the turn that is running.
  std::size_t depth_ = 0;
  std::vector<std::unique_ptr<Session::Actions>> pool_;
  std::vector<Slot> to_flush_;
  std::vector<Slot> closed_;
};

}  // namespace chatrt::engineio
