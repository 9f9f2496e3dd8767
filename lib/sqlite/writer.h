// The writer: append() on the one connection that writes. Threads: one at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "chatrt/message_store.h"
#include "client_ids.h"
#include "database.h"
#include "head_rows.h"
#include "heads.h"
#include "rows.h"

namespace chatrt::sqlite {

class Writer {
 public:
  // Takes over the connection; it has the schema. The Heads outlive it. Throws SQLite::Exception.
  Writer(std::unique_ptr<SQLite::Database> database, const SqliteOptions& options, Heads& heads);

  Result<std::vector<Result<Appended>>> append(std::span<Draft> drafts, Timestamp now);

 private:
  // A conversation as of now: what the file and the Heads say, and what this batch adds to it.
  struct Conversation {
    Parties parties;
    Head head;
    bool dirty = false;

    std::int64_t& sent_by(std::int64_t user) {
      return user == parties.a ? head.sent_a : head.sent_b;
    }
  };
  struct Pair {
    std::int64_t a;
    std::int64_t b;
    friend bool operator==(const Pair&, const Pair&) = default;
  };
  struct PairHash {
    std::size_t operator()(const Pair& pair) const noexcept {
      const auto a = static_cast<std::uint64_t>(pair.a);
      return std::hash<std::uint64_t>{}(a * 0x9E3779B97F4A7C15U +
                                        static_cast<std::uint64_t>(pair.b));
    }
  };

  // The results lack what is the draft's, until it is certain that they stand.
  std::vector<Result<Appended>> append_all(std::span<const Draft> drafts, Timestamp now);
  // A draft that comes soon.
  std::uint64_t expect(const Draft& draft) const;
  Result<Appended> post(const PostDraft& draft, std::uint64_t id_hash, Timestamp now);
  Result<Appended> mark(const MarkDraft& draft, Timestamp now);
  // The message that (author, client_id) gave before.
  std::optional<Result<Appended>> find_repeated(const PostDraft& draft, std::uint64_t id_hash,
                                                std::int64_t author);
  // Of the user's own messages, those above `read` and up to `to`.
  std::int64_t own_between(const Conversation& in, std::int64_t user, std::int64_t own_read,
                           std::int64_t read, std::int64_t to);

  std::int64_t find_user(const UserId& name);   // 0: unknown
  std::int64_t user(const UserId& name);        // made if unknown
  Conversation* conversation(std::int64_t id);  // nullptr: unknown
  Conversation* find_direct(Pair pair);
  Conversation& open_direct(Pair pair, const UserId& a_name, const UserId& b_name);
  Conversation* load(Query found);
  // Takes a position for the row and stores it. Returns the position.
  std::int64_t insert(Conversation& in, Row row, const std::string* text,
                      const std::string* client_id);
  void note_heads();

  void catch_up();
  void read_last();
  void write_due_heads();
  void checkpoint_at_start();
  void checkpoint();
  // A sync has failed.
  void stop_writing(const char* what);
  Error stopped() const noexcept;
  void forget() noexcept;
  void limit_caches();

  std::unique_ptr<SQLite::Database> database_;
  std::function<void(const std::string&)> on_failure_;
  std::optional<std::string> failed_;  // a sync failed: what is on the disk is unknown
  const int wal_pages_max_;
  int wal_pages_ = 0;  // as of the last commit
  Statements statements_;
  Rows rows_;
  ClientIds client_ids_;
  Heads& heads_;
  HeadRows head_rows_;
  std::int64_t last_position_ = 0;
  std::unordered_map<UserId, std::int64_t> users_;
  std::unordered_map<std::int64_t, Conversation> conversations_;
  std::unordered_map<Pair, std::int64_t, PairHash> direct_;
  std::vector<std::int64_t> dirty_;  // changed by this batch
};

}  // namespace chatrt::sqlite
