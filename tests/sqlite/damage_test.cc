// A file with a flipped bit gives errors or the truth, never a wrong message and never a crash.
//
// FLIPS=1000 is the full form; FLIP_SEED=n is one flip, by its number.
#include <doctest/doctest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>

#include "../temp_folder.h"
#include "chatrt/sqlite_store.h"
#include "chatrt/testing/contract/store_fixture.h"
#include "store_file.h"

using namespace chatrt;
using namespace chatrt::testing;

namespace {

constexpr int kUsers = 5;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

UserId user_number(int number) { return user("user-" + std::to_string(number)); }

class Damage {
 public:
  explicit Damage(std::size_t tail_max) {
    SqliteOptions options;
    options.tail_max = tail_max;
    auto store = open_sqlite_store(file_, options);
    REQUIRE(store.has_value());
    std::vector<Draft> drafts;
    for (int i = 0; i < 400; ++i) {
      const std::string number = std::to_string(i);
      drafts.push_back(PostDraft{user_number(i % kUsers), user_number(i * 7 % kUsers),
                                 "the text of number " + number, "id-" + number});
      if (i % 20 == 19) {
        drafts.push_back(MarkDraft{user_number(i % kUsers), ConversationId{1}, MarkKind::read,
                                   Sequence{static_cast<std::uint64_t>(i / 10)}});
        REQUIRE((*store)->append(drafts, kNow).has_value());
        drafts.clear();
      }
    }
    log_ = (*store)->read_log(Position{0}, SIZE_MAX)->items;
    store = Error{Errc::gone};  // closes it
    whole_ = contents(file_);
  }

  // The file as it is when the store is closed, with one bit of it turned.
  void flip(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::string bytes = whole_;
    bytes[random() % bytes.size()] ^= static_cast<char>(1U << random() % 8);
    for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(file_.string() + suffix);
    std::ofstream(file_, std::ios::binary) << bytes;
  }

  // Reads all there is in every way; what was not as it was, one line each.
  std::vector<std::string> read_all() {
    wrong_.clear();
    const auto store = open_sqlite_store(file_, {.readers = 1});
    if (!store) {
      refuse(store.error());
      return wrong_;
    }
    look((*store)->read_log(Position{0}, SIZE_MAX));
    for (int i = 0; i < kUsers; ++i) {
      const UserId who = user_number(i);
      look((*store)->read_for_user(who, Position{0}, SIZE_MAX), &who);
      look((*store)->read_undelivered(who, Position{0}, SIZE_MAX), &who);
      for (std::uint64_t id = 1; id < 20; ++id) {
        look((*store)->read_conversation(who, ConversationId{id}, {}, SIZE_MAX), &who);
      }
      for (int peer = 0; peer < kUsers; ++peer) {
        look((*store)->read_conversation(who, user_number(peer), {.before = Sequence{9}}, 5), &who);
      }
      const auto overview = (*store)->conversations_of(who, {}, SIZE_MAX);
      if (!overview) refuse(overview.error());
      for (std::size_t n = 0; overview && n < overview->items.size(); ++n) {
        look(overview->items[n].last_message, &who);
      }
    }
    write(**store);
    return wrong_;
  }

  // What whoever reads the rows without checking them gets.
  bool is_wrong_unchecked() {
    sqlite3* database = nullptr;
    std::vector<std::string> texts;
    if (sqlite3_open(file_.c_str(), &database) == SQLITE_OK) {
      const auto add = [](void* to, int, char** values, char**) {
        if (values[0] != nullptr) static_cast<std::vector<std::string>*>(to)->push_back(values[0]);
        return 0;
      };
      sqlite3_exec(database, "SELECT text FROM log WHERE kind = 0", add, &texts, nullptr);
    }
    sqlite3_close(database);
    std::set<std::string> right;
    for (const Change& change : log_) {
      if (const auto* message = std::get_if<Message>(&change)) right.insert(message->text);
    }
    for (const std::string& text : texts) {
      if (!right.contains(text)) return true;
    }
    return false;
  }

  std::uint64_t refusals = 0;

 private:
  void refuse(const Error& error) {
    if (error.code == Errc::not_found) return;
    ++refusals;
    if (error.detail.find('\n') != std::string::npos) wrong_.push_back("two lines in an error");
  }
  template <typename T>
  void look(const Result<Page<T>>& page, const UserId* reader = nullptr) {
    if (!page) return refuse(page.error());
    for (const T& item : page->items) look(item, reader);
  }
  void look(const Change& change, const UserId* reader) {
    const std::uint64_t position = position_of(change).value;
    if (position == 0 || position > log_.size() || log_[position - 1] != change) {
      wrong_.push_back("another content at position " + std::to_string(position));
    }
    const auto* message = std::get_if<Message>(&change);
    if (reader == nullptr || message == nullptr) return;
    if (message->author != *reader && message->receiver != *reader) {
      wrong_.push_back("another's message, position " + std::to_string(position));
    }
  }
  // What is written to a damaged file is refused or is what was sent.
  void write(MessageStore& store) {
    for (int i = 0; i < kUsers; ++i) {
      const PostDraft sent{user_number(i), user_number((i + 1) % kUsers), "new", {}};
      const auto results = append_to(store, {sent});
      if (!results) {
        refuse(results.error());
        continue;
      }
      if (!(*results)[0]) continue;
      const auto& stored = std::get<Message>((*results)[0]->change);
      const auto page = store.read_log(Position{stored.position.value - 1}, 1);
      if (!page) {
        refuse(page.error());
      } else if (page->items.empty() || page->items[0] != Change{stored} ||
                 stored.author != sent.author || stored.text != "new" ||
                 stored.receiver != std::get<UserId>(sent.target)) {
        wrong_.push_back("what was written is something else");
      }
    }
  }

  TempFolder folder_;
  std::filesystem::path file_ = folder_ / "chat.db";
  std::vector<Change> log_;
  std::string whole_;
  std::vector<std::string> wrong_;
};

}  // namespace

TEST_CASE("a flipped bit never makes a wrong message") {
  std::size_t tail_max = 0;
  SUBCASE("where the rows of conversations have followed") { tail_max = 16; }
  SUBCASE("where they have not") { tail_max = 65536; }
  Damage damage(tail_max);
  REQUIRE(damage.read_all().empty());
  REQUIRE(damage.refusals == 0);
  const std::uint64_t only = number_from("FLIP_SEED", 0);
  const std::uint64_t last = only != 0 ? only : number_from("FLIPS", 100);
  std::uint64_t unchecked = 0;
  for (std::uint64_t seed = only != 0 ? only : 1; seed <= last; ++seed) {
    INFO("FLIP_SEED=", seed);
    damage.flip(seed);
    unchecked += damage.is_wrong_unchecked() ? 1 : 0;
    for (const std::string& line : damage.read_all()) FAIL_CHECK(line);
  }
  if (only != 0) return;
  CHECK(damage.refusals > 0);
  // The control: without the checksums there are wrong messages.
  CHECK(unchecked > 0);
}
