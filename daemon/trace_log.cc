#include "trace_log.h"

#include <algorithm>

namespace chatd {

using chatrt::ConnectionId;
using chatrt::Position;

TraceLog::TraceLog(const chatrt::Clock& clock, std::size_t notes_max)
    : clock_(clock), notes_max_(notes_max), since_(clock.now()) {
  notes_.reserve(notes_max_);
}

void TraceLog::add(const Note& note) {
  if (notes_.size() < notes_max_) return notes_.push_back(note);
  since_ = std::max(since_, notes_[oldest_].at);
  notes_[oldest_] = note;
  oldest_ = (oldest_ + 1) % notes_max_;
}

void TraceLog::on_sent(const Sent& sent, std::span<const ConnectionId> connections) {
  const chatrt::Timestamp now = clock_.now();
  const Kind kind = sent.to_author ? Kind::to_author : Kind::to_receiver;
  const auto noted = connections.first(std::min(connections.size(), kConnectionsMax));
  const std::lock_guard lock(mutex_);
  for (const ConnectionId connection : noted) {
    add({sent.message, connection, now, kind, sent.replayed});
  }
  if (const std::size_t others = connections.size() - noted.size(); others > 0) {
    add({sent.message, ConnectionId{others}, now, Kind::others, sent.replayed});
  }
}

void TraceLog::add_fence(Kind kind, ConnectionId connection, Position up_to) {
  const chatrt::Timestamp now = clock_.now();
  const std::lock_guard lock(mutex_);
  add({up_to, connection, now, kind, false});
}

void TraceLog::on_written(ConnectionId connection, Position up_to) {
  add_fence(Kind::written, connection, up_to);
}

void TraceLog::on_confirmed(ConnectionId connection, Position up_to) {
  add_fence(Kind::confirmed, connection, up_to);
}

void TraceLog::on_refused(const chatrt::PostDraft& draft, chatrt::Errc code) {
  const chatrt::Timestamp now = clock_.now();
  // Those that are refused for their length are not kept at that length.
  Refused refused{draft.author, draft.client_id.substr(0, 128), code, now};
  const std::lock_guard lock(mutex_);
  refused_.push_front(std::move(refused));
  if (refused_.size() > kRefusedMax) refused_.pop_back();
}

TraceLog::Ways TraceLog::ways_of(Position message) const {
  Ways found;
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < notes_.size(); ++i) {
    const Note& note = notes_[(oldest_ + i) % notes_.size()];
    const bool of_message = note.position == message;
    if (note.kind == Kind::others) {
      if (of_message) found.others += note.connection.value;
    } else if (note.kind == Kind::to_receiver || note.kind == Kind::to_author) {
      if (!of_message) continue;
      found.ways.push_back({.connection = note.connection,
                            .to_author = note.kind == Kind::to_author,
                            .replayed = note.replayed,
                            .sent = note.at,
                            .written = {},
                            .confirmed = {}});
    } else if (note.position >= message) {
      for (Way& way : found.ways) {
        if (way.connection != note.connection || way.to_author) continue;
        auto& time = note.kind == Kind::written ? way.written : way.confirmed;
        if (!time) time = note.at;
      }
    }
  }
  return found;
}

std::vector<TraceLog::Refused> TraceLog::refused(std::string_view client_id) const {
  std::vector<Refused> found;
  const std::lock_guard lock(mutex_);
  std::copy_if(refused_.begin(), refused_.end(), std::back_inserter(found),
               [&](const Refused& refused) { return refused.client_id == client_id; });
  return found;
}

chatrt::Timestamp TraceLog::remembers_since() const {
  const std::lock_guard lock(mutex_);
  return since_;
}

}  // namespace chatd
