#include "writer.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>

#include "schema.h"

namespace chatrt::sqlite {
namespace {

constexpr std::size_t kCachedMax = 50'000;  // users, and conversations
constexpr std::size_t kExpected = 16;       // drafts that memory is asked for ahead

std::int64_t ms_of(Timestamp time) { return time.time_since_epoch().count(); }

// What the result lacks of the draft that it is of.
void complete(Result<Appended>& result, Draft& draft) {
  if (!result || result->repeated) return;
  auto* message = std::get_if<Message>(&result->change);
  if (message == nullptr) return;
  auto& post = std::get<PostDraft>(draft);
  message->author = std::move(post.author);
  if (auto* receiver = std::get_if<UserId>(&post.target)) message->receiver = std::move(*receiver);
  message->text = std::move(post.text);
  message->client_id = std::move(post.client_id);
}

const std::string* or_null(const std::string& text) { return text.empty() ? nullptr : &text; }

}  // namespace

Result<std::vector<Result<Appended>>> Writer::append(std::span<Draft> drafts, Timestamp now) {
  if (failed_) return stopped();
  if (drafts.empty()) return std::vector<Result<Appended>>{};
  const std::int64_t before = last_position_;
  std::vector<Result<Appended>> results;
  try {
    Transaction transaction(statements_, Transaction::Kind::writing);
    client_ids_.begin();
    heads_.begin();
    try {
      results = append_all(drafts, now);
      note_heads();
      head_rows_.write_some(last_position_ - before);
      client_ids_.write_some(last_position_);
      transaction.commit();
    } catch (...) {
      // What was remembered of the transaction has not come about.
      last_position_ = before;
      client_ids_.roll_back();
      heads_.roll_back();
      forget();
      throw;
    }
  } catch (const SQLite::Exception& exception) {
    if (!is_failed_sync(exception.getExtendedErrorCode())) return to_error(exception);
    stop_writing(exception.what());
    return stopped();
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
  heads_.commit(last_position_);
  for (std::size_t i = 0; i < drafts.size(); ++i) complete(results[i], drafts[i]);
  checkpoint();
  limit_caches();
  return results;
}

// In a commit SQLite would not say what became of it.
void Writer::checkpoint() {
  if (wal_pages_ < wal_pages_max_) return;
  const int code = sqlite3_wal_checkpoint_v2(database_->getHandle(), nullptr,
                                             SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  // A full disk or a reader in the way: the next commit tries again. The messages are in the WAL.
  if (is_failed_sync(code)) stop_writing(sqlite3_errmsg(database_->getHandle()));
}

// After a failed sync the kernel may have dropped the pages, and say at the next one that all is
// well: nothing that this process still writes can be trusted.
void Writer::stop_writing(const char* what) {
  forbid_checkpoint_on_close(*database_);
  failed_ = worded(Errc::unavailable, [&] {
              return database_->getFilename() + ": a sync failed (" + what +
                     "); nothing is stored any more; check the disk and start again";
            }).detail;
  if (on_failure_) on_failure_(*failed_);
}

Error Writer::stopped() const noexcept {
  return worded(Errc::unavailable, [this] { return *failed_; });
}

std::vector<Result<Appended>> Writer::append_all(std::span<const Draft> drafts, Timestamp now) {
  std::vector<Result<Appended>> results;
  results.reserve(drafts.size());
  std::array<std::uint64_t, kExpected> hashes;  // of the client ids of those that come next
  const auto look_ahead = [&](std::size_t i) {
    if (i < drafts.size()) hashes[i % kExpected] = expect(drafts[i]);
  };
  for (std::size_t i = 0; i < kExpected; ++i) look_ahead(i);
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    const std::uint64_t hash = hashes[i % kExpected];
    look_ahead(i + kExpected);
    const auto* message = std::get_if<PostDraft>(&drafts[i]);
    results.push_back(message != nullptr ? post(*message, hash, now)
                                         : mark(std::get<MarkDraft>(drafts[i]), now));
  }
  return results;
}

// The hash of its client id.
std::uint64_t Writer::expect(const Draft& draft) const {
  const auto* post = std::get_if<PostDraft>(&draft);
  if (post == nullptr || post->client_id.empty()) return 0;
  const std::uint64_t hash = client_ids_.hash(post->client_id);
  const auto author = users_.find(post->author);
  if (author != users_.end()) client_ids_.expect(author->second, hash);
  return hash;
}

// -------------------------------------------------------------------------------------- messages

Result<Appended> Writer::post(const PostDraft& draft, std::uint64_t id_hash, Timestamp now) {
  std::int64_t author = find_user(draft.author);
  if (!draft.client_id.empty() && author != 0) {
    if (auto repeated = find_repeated(draft, id_hash, author)) return *std::move(repeated);
  }
  Conversation* in = nullptr;
  if (const auto* id = std::get_if<ConversationId>(&draft.target)) {
    in = conversation(to_int(id->value));
    if (in == nullptr || author == 0 || !in->parties.has(author)) {
      return Error{Errc::not_found, "no such conversation"};
    }
  } else {
    const UserId& receiver_name = std::get<UserId>(draft.target);
    author = user(draft.author);
    const std::int64_t receiver = user(receiver_name);
    in = author <= receiver ? &open_direct({author, receiver}, draft.author, receiver_name)
                            : &open_direct({receiver, author}, receiver_name, draft.author);
  }
  const std::int64_t sequence = in->head.last_sequence + 1;
  const std::int64_t position =
      insert(*in, {.kind = kMessage, .sequence = sequence, .author = author, .at = ms_of(now)},
             &draft.text, or_null(draft.client_id));
  in->head.last_sequence = sequence;
  in->head.last_message = position;
  in->sent_by(author) += 1;
  if (sequence % kStep == 0) {
    statements_.run("INSERT INTO steps (conversation, sequence, position) VALUES (?, ?, ?)",
                    in->parties.conversation, sequence, position);
  }
  if (!draft.client_id.empty()) client_ids_.add(author, id_hash, position);
  Message message;
  message.position = {static_cast<std::uint64_t>(position)};
  message.conversation = {static_cast<std::uint64_t>(in->parties.conversation)};
  message.sequence = {static_cast<std::uint64_t>(sequence)};
  message.created_at = now;
  // Otherwise complete() has the receiver from the draft.
  const bool by_conversation = std::holds_alternative<ConversationId>(draft.target);
  if (by_conversation) message.receiver = in->parties.peer_of(author);
  return Appended{std::move(message), false};
}

std::optional<Result<Appended>> Writer::find_repeated(const PostDraft& draft, std::uint64_t id_hash,
                                                      std::int64_t author) {
  for (const std::int64_t position : client_ids_.find(author, id_hash)) {
    std::int64_t conversation_id = 0;
    {
      Query query = statements_.get("SELECT conversation FROM log WHERE position = ?", position);
      if (!query.next()) throw_damaged("a client id leads nowhere");
      conversation_id = query.integer(0);
    }
    const Conversation* in = conversation(conversation_id);
    if (in == nullptr) throw_damaged("a message has no conversation");
    Message message = rows_.message(position, in->parties);
    // The hash of another one's may be the same.
    if (message.author != draft.author || message.client_id != draft.client_id) continue;
    const auto* receiver = std::get_if<UserId>(&draft.target);
    const bool same_target = receiver != nullptr
                                 ? *receiver == message.receiver
                                 : std::get<ConversationId>(draft.target) == message.conversation;
    if (!same_target || message.text != draft.text) {
      return Error{Errc::conflict, "this client message id has another content"};
    }
    return Appended{std::move(message), true};
  }
  return std::nullopt;
}

std::int64_t Writer::insert(Conversation& in, Row row, const std::string* text,
                            const std::string* client_id) {
  row.position = last_position_ + 1;
  row.conversation = in.parties.conversation;
  row.previous = in.head.last_position;
  row.previous_message = in.head.last_message;
  if (text != nullptr) row.text = *text;
  if (client_id != nullptr) row.client_id = *client_id;
  statements_.run(
      "INSERT INTO log (position, conversation, kind, sequence, author, at, previous,"
      " previous_message, checksum, client_id, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      row.position, row.conversation, std::int64_t{row.kind}, row.sequence, row.author, row.at,
      row.previous, row.previous_message,
      checksum(row, in.parties.name_of(row.author), in.parties.peer_of(row.author)), client_id,
      text);
  last_position_ = row.position;
  in.head.last_position = row.position;
  if (!std::exchange(in.dirty, true)) dirty_.push_back(row.conversation);
  return row.position;
}

// ----------------------------------------------------------------------------------------- marks

Result<Appended> Writer::mark(const MarkDraft& draft, Timestamp now) {
  const std::int64_t who = find_user(draft.user);
  Conversation* in = conversation(to_int(draft.conversation.value));
  if (who == 0 || in == nullptr || !in->parties.has(who)) {
    return Error{Errc::not_found, "no such conversation"};
  }
  std::int64_t delivered = 0;
  std::int64_t read = 0;
  std::int64_t own_read = 0;
  {
    Query marks = statements_.get(
        "SELECT delivered, read, own_read FROM members WHERE user = ? AND conversation = ?", who,
        in->parties.conversation);
    if (!marks.next()) throw_damaged("a member is missing");
    delivered = marks.integer(0);
    read = marks.integer(1);
    own_read = marks.integer(2);
  }
  const bool is_read = draft.kind == MarkKind::read;
  const std::int64_t to = std::min(to_int(draft.sequence.value), in->head.last_sequence);
  const std::int64_t from = is_read ? read : delivered;
  MarkAdvanced mark{{},         draft.conversation,       draft.kind, {},
                    draft.user, in->parties.peer_of(who), now};
  if (to <= from) {
    mark.sequence = {static_cast<std::uint64_t>(from)};
    return Appended{mark, true};
  }
  const std::int64_t position = insert(
      *in, {.kind = is_read ? kRead : kDelivered, .sequence = to, .author = who, .at = ms_of(now)},
      nullptr, nullptr);
  if (is_read) {
    own_read += own_between(*in, who, own_read, read, to);
    read = to;
  }
  statements_.run(
      "UPDATE members SET delivered = ?, read = ?, own_read = ?"
      " WHERE user = ? AND conversation = ?",
      std::max(delivered, to), read, own_read, who, in->parties.conversation);
  mark.position = {static_cast<std::uint64_t>(position)};
  mark.sequence = {static_cast<std::uint64_t>(to)};
  return Appended{mark, false};
}

// Counts on the shorter side: a mark is near the newest message as a rule.
std::int64_t Writer::own_between(const Conversation& in, std::int64_t user, std::int64_t own_read,
                                 std::int64_t read, std::int64_t to) {
  const std::int64_t conversation_id = in.parties.conversation;
  const auto count_down = [&](Link link, std::int64_t end) {
    std::int64_t own = 0;
    for (;; link = rows_.previous_message(link, conversation_id)) {
      if (link.author == user) ++own;
      if (link.sequence == end + 1) return own;
    }
  };
  const auto find = [&](std::int64_t sequence) {
    return rows_.find(conversation_id, sequence, in.head.last_sequence, in.head.last_message);
  };
  if (to - read <= in.head.last_sequence - to) return count_down(find(to), read);
  const std::int64_t sent = user == in.parties.a ? in.head.sent_a : in.head.sent_b;
  const std::int64_t above =
      to < in.head.last_sequence ? count_down(find(in.head.last_sequence), to) : std::int64_t{0};
  return sent - own_read - above;
}

// ------------------------------------------------------------------------ users, conversations

std::int64_t Writer::find_user(const UserId& name) {
  const auto cached = users_.find(name);
  if (cached != users_.end()) return cached->second;
  std::int64_t id = 0;
  {
    Query found = statements_.get("SELECT id FROM users WHERE name = ?", name.str());
    if (!found.next()) return 0;
    id = found.integer(0);
  }
  // The index has said so; does the row?
  Query row = statements_.get("SELECT name FROM users WHERE id = ?", id);
  if (!row.next() || row.text(0) != name.str()) throw_damaged("a user is damaged");
  users_.emplace(name, id);
  return id;
}

std::int64_t Writer::user(const UserId& name) {
  if (const std::int64_t id = find_user(name)) return id;
  statements_.run("INSERT INTO users (name) VALUES (?)", name.str());
  const std::int64_t id = database_->getLastInsertRowid();
  users_.emplace(name, id);
  return id;
}

#define CHATRT_CONVERSATION "SELECT c.id, " CHATRT_HEAD " FROM conversations c "

Writer::Conversation* Writer::conversation(std::int64_t id) {
  const auto cached = conversations_.find(id);
  if (cached != conversations_.end()) return &cached->second;
  return load(statements_.get(CHATRT_CONVERSATION "WHERE c.id = ?", id));
}

Writer::Conversation* Writer::find_direct(Pair pair) {
  const auto cached = direct_.find(pair);
  if (cached != direct_.end()) return conversation(cached->second);
  Conversation* found = load(
      statements_.get(CHATRT_CONVERSATION "WHERE c.user_a = ? AND c.user_b = ?", pair.a, pair.b));
  if (found != nullptr && Pair{found->parties.a, found->parties.b} != pair) {
    throw_damaged("a conversation is damaged");
  }
  return found;
}

// What follows rests on the newest message, so that is checked.
Writer::Conversation* Writer::load(Query found) {
  if (!found.next()) return nullptr;
  const std::int64_t id = found.integer(0);
  auto parties = rows_.parties(id);
  if (!parties) throw_damaged("a conversation has lost its members");
  Conversation loaded{*std::move(parties), heads_.newest(id, head_of(found, 1))};
  rows_.check(id, loaded.head);
  static_cast<void>(rows_.message(loaded.head.last_message, loaded.parties));
  direct_[{loaded.parties.a, loaded.parties.b}] = id;
  return &(conversations_[id] = std::move(loaded));
}

Writer::Conversation& Writer::open_direct(Pair pair, const UserId& a_name, const UserId& b_name) {
  if (Conversation* found = find_direct(pair)) return *found;
  statements_.run(
      "INSERT INTO conversations (user_a, user_b, last_sequence, last_position, last_message,"
      " sent_a, sent_b) VALUES (?, ?, 0, 0, 0, 0, 0)",
      pair.a, pair.b);
  Conversation opened{{database_->getLastInsertRowid(), pair.a, pair.b, a_name, b_name}, {}};
  const std::int64_t id = opened.parties.conversation;
  for (const std::int64_t member : {pair.a, pair.b}) {
    statements_.run("INSERT OR IGNORE INTO members (user, conversation) VALUES (?, ?)", member, id);
  }
  direct_[pair] = id;
  return conversations_[id] = std::move(opened);
}

// What a batch has changed of a conversation is noted once, however many messages it had.
void Writer::note_heads() {
  for (const std::int64_t id : dirty_) {
    Conversation& in = conversations_.at(id);
    heads_.add(id, {in.parties.a, in.parties.b}, in.head);
    in.dirty = false;
  }
  dirty_.clear();
}

void Writer::forget() noexcept {
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
