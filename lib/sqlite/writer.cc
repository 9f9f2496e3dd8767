#include "writer.h"

#include <sqlite3.h>

#include <algorithm>

#include "rows.h"
#include "schema.h"

namespace chatrt::sqlite {
namespace {

constexpr std::size_t kCachedMax = 200'000;  // users, and conversations

std::string direct_key(std::int64_t x, std::int64_t y) {
  return std::to_string(std::min(x, y)) + ":" + std::to_string(std::max(x, y));
}

std::int64_t to_int(std::uint64_t value) {
  // A value that no position or sequence reaches stands for all that do not fit.
  return value > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(value);
}

std::int64_t ms_of(Timestamp time) { return time.time_since_epoch().count(); }

void bind_text(SQLite::Statement& statement, int index, const std::string& text) {
  statement.bindNoCopy(index, text);
}

}  // namespace

std::int64_t client_id_hash(std::string_view client_id) noexcept {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : client_id) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211U;
  }
  return static_cast<std::int64_t>(hash);
}

Writer::Writer(std::unique_ptr<SQLite::Database> database)
    : database_(std::move(database)), statements_(*database_) {
  last_position_ = database_->execAndGet("SELECT ifnull(max(position), 0) FROM log").getInt64();
}

Result<std::vector<Result<Appended>>> Writer::append(std::span<const Draft> drafts, Timestamp now) {
  if (failed_for_good_) {
    return Error{Errc::unavailable, "a sync of the database failed; start again to recover"};
  }
  if (drafts.empty()) return std::vector<Result<Appended>>{};
  const std::int64_t before = last_position_;
  try {
    SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
    auto results = append_all(drafts, now);
    write_dirty();
    transaction.commit();
    limit_caches();
    return results;
  } catch (const SQLite::Exception& exception) {
    // The transaction has rolled back; what was remembered of it is not so.
    last_position_ = before;
    forget();
    if (exception.getExtendedErrorCode() == SQLITE_IOERR_FSYNC ||
        exception.getExtendedErrorCode() == SQLITE_IOERR_DIR_FSYNC) {
      // The kernel may have dropped the pages and report success next time.
      failed_for_good_ = true;
    }
    return to_error(exception);
  }
}

std::vector<Result<Appended>> Writer::append_all(std::span<const Draft> drafts, Timestamp now) {
  std::vector<Result<Appended>> results;
  results.reserve(drafts.size());
  for (const Draft& draft : drafts) {
    results.push_back(std::holds_alternative<PostDraft>(draft)
                          ? post(std::get<PostDraft>(draft), now)
                          : mark(std::get<MarkDraft>(draft), now));
  }
  return results;
}

// -------------------------------------------------------------------------------------- messages

Result<Appended> Writer::post(const PostDraft& draft, Timestamp now) {
  const std::string& author_name = draft.author.str();
  std::int64_t author = find_user(author_name);
  if (!draft.client_id.empty() && author != 0) {
    if (auto repeated = find_repeated(draft, author)) return *std::move(repeated);
  }
  Conversation* in = nullptr;
  if (const auto* id = std::get_if<ConversationId>(&draft.target)) {
    in = conversation(to_int(id->value));
    if (in == nullptr || author == 0 || in->member(author) == nullptr) {
      return Error{Errc::not_found, "no such conversation"};
    }
  } else {
    const std::string& receiver_name = std::get<UserId>(draft.target).str();
    author = user(author_name);
    in = &open_direct(author, author_name, user(receiver_name), receiver_name);
  }
  const std::int64_t sequence = in->last_sequence + 1;
  const std::int64_t position =
      insert_change(*in, kMessage, sequence, author, ms_of(now), &draft.text,
                    draft.client_id.empty() ? nullptr : &draft.client_id);
  in->last_sequence = sequence;
  in->last_message = position;
  in->member(author)->sent_now += 1;
  if (!draft.client_id.empty()) {
    SQLite::Statement& insert =
        statements_.get("INSERT INTO client_ids (author, hash, position) VALUES (?, ?, ?)");
    insert.bind(1, author);
    insert.bind(2, client_id_hash(draft.client_id));
    insert.bind(3, position);
    insert.exec();
  }
  const auto receiver = UserId::parse(in->peer_of(author).name);
  return Appended{Message{{static_cast<std::uint64_t>(position)},
                          {static_cast<std::uint64_t>(in->id)},
                          {static_cast<std::uint64_t>(sequence)},
                          draft.author,
                          *receiver,
                          draft.text,
                          draft.client_id,
                          now},
                  false};
}

std::optional<Result<Appended>> Writer::find_repeated(const PostDraft& draft, std::int64_t author) {
  SQLite::Statement& found =
      statements_.get("SELECT " CHATRT_CHANGE_COLUMNS
                      " FROM client_ids i JOIN log l ON l.position = i.position" CHATRT_CHANGE_JOINS
                      "WHERE i.author = ? AND i.hash = ?");
  found.bind(1, author);
  found.bind(2, client_id_hash(draft.client_id));
  while (found.executeStep()) {
    auto change = read_change(found);
    if (!change) return std::move(change).error();
    const auto* message = std::get_if<Message>(&*change);
    if (message == nullptr || message->client_id != draft.client_id) continue;
    const auto* user_target = std::get_if<UserId>(&draft.target);
    const bool same_target = user_target != nullptr
                                 ? *user_target == message->receiver
                                 : std::get<ConversationId>(draft.target) == message->conversation;
    if (!same_target || message->text != draft.text) {
      return Error{Errc::conflict, "this client message id has another content"};
    }
    Appended appended{*std::move(change), true};
    found.tryReset();
    return appended;
  }
  found.tryReset();
  return std::nullopt;
}

std::int64_t Writer::insert_change(Conversation& in, int kind, std::int64_t sequence,
                                   std::int64_t author, std::int64_t at, const std::string* text,
                                   const std::string* client_id) {
  const std::int64_t position = last_position_ + 1;
  SQLite::Statement& insert = statements_.get(
      "INSERT INTO log (position, conversation, kind, sequence, author, at, text, client_id,"
      " checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.bind(1, position);
  insert.bind(2, in.id);
  insert.bind(3, kind);
  insert.bind(4, sequence);
  insert.bind(5, author);
  insert.bind(6, at);
  if (text != nullptr) bind_text(insert, 7, *text);
  if (client_id != nullptr) bind_text(insert, 8, *client_id);
  insert.bind(9, static_cast<std::int64_t>(row_checksum(
                     position, in.id, kind, sequence, author, at,
                     text != nullptr ? std::string_view{*text} : std::string_view{},
                     client_id != nullptr ? std::string_view{*client_id} : std::string_view{})));
  insert.exec();
  insert.tryReset();
  last_position_ = position;
  in.last_position = position;
  touch(in);
  return position;
}

// ----------------------------------------------------------------------------------------- marks

Result<Appended> Writer::mark(const MarkDraft& draft, Timestamp now) {
  const std::int64_t who = find_user(draft.user.str());
  Conversation* in = conversation(to_int(draft.conversation.value));
  if (who == 0 || in == nullptr || in->member(who) == nullptr) {
    return Error{Errc::not_found, "no such conversation"};
  }
  SQLite::Statement& marks =
      statements_.get("SELECT delivered, read FROM members WHERE user = ? AND conversation = ?");
  marks.bind(1, who);
  marks.bind(2, in->id);
  std::int64_t delivered = 0;
  std::int64_t read = 0;
  if (marks.executeStep()) {
    delivered = marks.getColumn(0).getInt64();
    read = marks.getColumn(1).getInt64();
  }
  marks.tryReset();

  const bool is_read = draft.kind == MarkKind::read;
  const std::int64_t to = std::min(to_int(draft.sequence.value), in->last_sequence);
  const std::int64_t from = is_read ? read : delivered;
  const auto peer = UserId::parse(in->peer_of(who).name);
  MarkAdvanced mark{{}, draft.conversation, draft.kind, {}, draft.user, *peer, now};
  if (to <= from) {
    mark.sequence = {static_cast<std::uint64_t>(from)};
    return Appended{mark, true};
  }
  const std::int64_t position =
      insert_change(*in, is_read ? kRead : kDelivered, to, who, ms_of(now), nullptr, nullptr);
  SQLite::Statement& update = statements_.get(
      "UPDATE members SET delivered = max(delivered, ?3), read = max(read, ?4), sent_read ="
      " sent_read + (SELECT count(*) FROM log WHERE kind = 0 AND conversation = ?2 AND"
      " sequence > read AND sequence <= ?4 AND author = ?1) WHERE user = ?1 AND conversation = ?2");
  update.bind(1, who);
  update.bind(2, in->id);
  update.bind(3, to);
  update.bind(4, is_read ? to : std::int64_t{0});
  update.exec();
  mark.position = {static_cast<std::uint64_t>(position)};
  mark.sequence = {static_cast<std::uint64_t>(to)};
  return Appended{mark, false};
}

// ------------------------------------------------------------------------ users, conversations

std::int64_t Writer::find_user(const std::string& name) {
  const auto cached = users_.find(name);
  if (cached != users_.end()) return cached->second;
  SQLite::Statement& found = statements_.get("SELECT id FROM users WHERE name = ?");
  bind_text(found, 1, name);
  const std::int64_t id = found.executeStep() ? found.getColumn(0).getInt64() : 0;
  found.tryReset();
  if (id != 0) users_.emplace(name, id);
  return id;
}

std::int64_t Writer::user(const std::string& name) {
  if (const std::int64_t id = find_user(name)) return id;
  SQLite::Statement& insert = statements_.get("INSERT INTO users (name) VALUES (?)");
  bind_text(insert, 1, name);
  insert.exec();
  const std::int64_t id = database_->getLastInsertRowid();
  users_.emplace(name, id);
  return id;
}

#define CHATRT_CONVERSATION                                                            \
  "SELECT c.id, c.user_a, a.name, c.user_b, b.name, c.last_sequence, c.last_position," \
  " c.last_message FROM conversations c JOIN users a ON a.id = c.user_a"               \
  " JOIN users b ON b.id = c.user_b "

Writer::Conversation* Writer::load(SQLite::Statement& found) {
  if (!found.executeStep()) {
    found.tryReset();
    return nullptr;
  }
  Conversation loaded;
  loaded.id = found.getColumn(0).getInt64();
  loaded.a = {found.getColumn(1).getInt64(), found.getColumn(2).getString(), 0};
  loaded.b = {found.getColumn(3).getInt64(), found.getColumn(4).getString(), 0};
  loaded.last_sequence = found.getColumn(5).getInt64();
  loaded.last_position = found.getColumn(6).getInt64();
  loaded.last_message = found.getColumn(7).getInt64();
  found.tryReset();
  direct_[direct_key(loaded.a.user, loaded.b.user)] = loaded.id;
  return &(conversations_[loaded.id] = std::move(loaded));
}

Writer::Conversation* Writer::conversation(std::int64_t id) {
  const auto cached = conversations_.find(id);
  if (cached != conversations_.end()) return &cached->second;
  SQLite::Statement& found = statements_.get(CHATRT_CONVERSATION "WHERE c.id = ?");
  found.bind(1, id);
  return load(found);
}

Writer::Conversation* Writer::find_direct(std::int64_t x, std::int64_t y) {
  const auto cached = direct_.find(direct_key(x, y));
  if (cached != direct_.end()) return conversation(cached->second);
  SQLite::Statement& found =
      statements_.get(CHATRT_CONVERSATION "WHERE c.user_a = ? AND c.user_b = ?");
  found.bind(1, std::min(x, y));
  found.bind(2, std::max(x, y));
  return load(found);
}

Writer::Conversation& Writer::open_direct(std::int64_t x, const std::string& x_name, std::int64_t y,
                                          const std::string& y_name) {
  if (Conversation* found = find_direct(x, y)) return *found;
  SQLite::Statement& insert = statements_.get(
      "INSERT INTO conversations (user_a, user_b, last_sequence, last_position, last_message)"
      " VALUES (?, ?, 0, 0, 0)");
  insert.bind(1, std::min(x, y));
  insert.bind(2, std::max(x, y));
  insert.exec();
  Conversation opened;
  opened.id = database_->getLastInsertRowid();
  opened.a = x <= y ? Member{x, x_name, 0} : Member{y, y_name, 0};
  opened.b = x <= y ? Member{y, y_name, 0} : Member{x, x_name, 0};
  for (const std::int64_t member : {opened.a.user, opened.b.user}) {
    SQLite::Statement& join =
        statements_.get("INSERT OR IGNORE INTO members (user, conversation) VALUES (?, ?)");
    join.bind(1, member);
    join.bind(2, opened.id);
    join.exec();
  }
  direct_[direct_key(x, y)] = opened.id;
  return conversations_[opened.id] = std::move(opened);
}

void Writer::touch(Conversation& conversation) {
  if (std::exchange(conversation.dirty, true)) return;
  dirty_.push_back(conversation.id);
}

// What a batch has changed of a conversation is written once, however many messages it had.
void Writer::write_dirty() {
  for (const std::int64_t id : dirty_) {
    Conversation& c = conversations_.at(id);
    SQLite::Statement& update = statements_.get(
        "UPDATE conversations SET last_sequence = ?, last_position = ?, last_message = ?"
        " WHERE id = ?");
    update.bind(1, c.last_sequence);
    update.bind(2, c.last_position);
    update.bind(3, c.last_message);
    update.bind(4, id);
    update.exec();
    for (Member* member : {&c.a, &c.b}) {
      if (member->sent_now == 0) continue;
      SQLite::Statement& sent =
          statements_.get("UPDATE members SET sent = sent + ? WHERE user = ? AND conversation = ?");
      sent.bind(1, std::exchange(member->sent_now, 0));
      sent.bind(2, member->user);
      sent.bind(3, id);
      sent.exec();
    }
    c.dirty = false;
  }
  dirty_.clear();
}

void Writer::forget() {
  statements_.clear();
  users_.clear();
  conversations_.clear();
  direct_.clear();
  dirty_.clear();
}

void Writer::limit_caches() {
  if (users_.size() > kCachedMax) users_.clear();
  if (conversations_.size() > kCachedMax) {
    conversations_.clear();
    direct_.clear();
  }
}

}  // namespace chatrt::sqlite
