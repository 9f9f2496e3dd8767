// TraceLog: what is remembered of the ways of messages and of refused ones, for those who have to
// explain them. The newest kNotesMax notes, 2 MiB; whatever is older is gone.
//
// Threads: any. A note costs a lock that nobody else holds but for a moment.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chatrt/clock.h"
#include "chatrt/trace.h"

namespace chatd {

class TraceLog final : public chatrt::TraceSink {
 public:
  static constexpr std::size_t kNotesMax = 65'536;
  static constexpr std::size_t kConnectionsMax = 32;  // noted of one event; the others are counted
  static constexpr std::size_t kRefusedMax = 1024;

  explicit TraceLog(const chatrt::Clock& clock, std::size_t notes_max = kNotesMax);

  void on_sent(const Sent& sent, std::span<const chatrt::ConnectionId> connections) override;
  void on_written(chatrt::ConnectionId connection, chatrt::Position up_to) override;
  void on_confirmed(chatrt::ConnectionId connection, chatrt::Position up_to) override;
  void on_refused(const chatrt::PostDraft& draft, chatrt::Errc code) override;

  // The way of a message to one connection.
  struct Way {
    chatrt::ConnectionId connection;
    bool to_author = false;
    bool replayed = false;
    chatrt::Timestamp sent;
    std::optional<chatrt::Timestamp> written;
    std::optional<chatrt::Timestamp> confirmed;
  };
  struct Ways {
    std::vector<Way> ways;   // in the order they were sent
    std::size_t others = 0;  // that were sent and not noted
  };
  Ways ways_of(chatrt::Position message) const;

  struct Refused {
    chatrt::UserId author;
    std::string client_id;
    chatrt::Errc code;
    chatrt::Timestamp at;
  };
  // Newest first.
  std::vector<Refused> refused(std::string_view client_id) const;

  // Of what was before, notes may be missing.
  chatrt::Timestamp remembers_since() const;

 private:
  enum class Kind : std::uint8_t { to_receiver, to_author, others, written, confirmed };
  struct Note {
    chatrt::Position position;
    chatrt::ConnectionId connection;  // of `others`: how many
    chatrt::Timestamp at;
    Kind kind;
    bool replayed;
  };
  void add(const Note& note);  // under mutex_
  void add_fence(Kind kind, chatrt::ConnectionId connection, chatrt::Position up_to);

  const chatrt::Clock& clock_;
  const std::size_t notes_max_;
  mutable std::mutex mutex_;
  std::vector<Note> notes_;  // a ring, once it is full
  std::size_t oldest_ = 0;
  std::deque<Refused> refused_;
  chatrt::Timestamp since_;
};

}  // namespace chatd
