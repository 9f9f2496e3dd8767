// The writer: append() on the one connection that writes. Its caller holds the store's lock.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "chatrt/message_store.h"
#include "database.h"

namespace chatrt::sqlite {

class Writer {
 public:
  // Takes over the connection; it has the schema. Throws SQLite::Exception.
  explicit Writer(std::unique_ptr<SQLite::Database> database);

  Result<std::vector<Result<Appended>>> append(std::span<const Draft> drafts, Timestamp now);

 private:
  struct Member {
    std::int64_t user = 0;
    std::string name;
    std::int64_t sent_now = 0;  // in this batch, not written yet
  };
  // A conversation as of now: what the file says and what this batch adds to it.
  struct Conversation {
    std::int64_t id = 0;
    Member a, b;
    std::int64_t last_sequence = 0;
    std::int64_t last_position = 0;
    std::int64_t last_message = 0;
    bool is_new = false;
    bool dirty = false;

    Member* member(std::int64_t user) {
      return a.user == user ? &a : b.user == user ? &b : nullptr;
    }
    const Member& peer_of(std::int64_t user) const { return a.user == user ? b : a; }
  };

  std::vector<Result<Appended>> append_all(std::span<const Draft> drafts, Timestamp now);
  Result<Appended> post(const PostDraft& draft, Timestamp now);
  Result<Appended> mark(const MarkDraft& draft, Timestamp now);
  // The message that (author, client_id) gave before.
  std::optional<Result<Appended>> find_repeated(const PostDraft& draft, std::int64_t author);

  std::int64_t find_user(const std::string& name);  // 0: unknown
  std::int64_t user(const std::string& name);       // made if unknown
  Conversation* conversation(std::int64_t id);      // nullptr: unknown
  Conversation* find_direct(std::int64_t x, std::int64_t y);
  Conversation& open_direct(std::int64_t x, const std::string& x_name, std::int64_t y,
                            const std::string& y_name);
  Conversation* load(SQLite::Statement& found);
  std::int64_t insert_change(Conversation& in, int kind, std::int64_t sequence, std::int64_t author,
                             std::int64_t at, const std::string* text,
                             const std::string* client_id);
  void touch(Conversation& conversation);
  void write_dirty();
  void forget();
  void limit_caches();

  std::unique_ptr<SQLite::Database> database_;
  Statements statements_;
  std::int64_t last_position_ = 0;
  bool failed_for_good_ = false;  // a sync failed: what is on the disk is unknown
  std::unordered_map<std::string, std::int64_t> users_;
  std::unordered_map<std::int64_t, Conversation> conversations_;
  std::unordered_map<std::string, std::int64_t> direct_;  // "a:b" -> id
  std::vector<std::int64_t> dirty_;
};

// Stable over versions: it is in the file. FNV-1a, 64 bits.
std::int64_t client_id_hash(std::string_view client_id) noexcept;

}  // namespace chatrt::sqlite
