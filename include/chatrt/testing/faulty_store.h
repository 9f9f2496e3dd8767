// A MessageStore that fails when told, around one that works.
#pragma once

#include <mutex>
#include <optional>
#include <utility>

#include "chatrt/message_store.h"

namespace chatrt::testing {

// Members of MessageStore may be called from any thread, and so may the switches. The inner store
// is borrowed.
class FaultyStore : public MessageStore {
 public:
  explicit FaultyStore(MessageStore& inner) : inner_(inner) {}

  // The next append() stores nothing and is `code`.
  void fail_next_append(Errc code) { set(code, Append::next); }
  // So is every one until heal().
  void fail_appends(Errc code) { set(code, Append::all); }
  // The next append() is stored and answered with `code`: committed, but the answer was lost.
  void lose_next_answer(Errc code) { set(code, Append::lost); }
  // Reads are `code` until heal().
  void fail_reads(Errc code) {
    const std::lock_guard lock(mutex_);
    read_fault_ = code;
  }
  void heal() {
    const std::lock_guard lock(mutex_);
    append_ = Append::works;
    read_fault_.reset();
  }

  Result<std::vector<Result<Appended>>> append(std::span<Draft> drafts, Timestamp now) override {
    Append fault;
    Errc code;
    {
      const std::lock_guard lock(mutex_);
      fault = append_;
      code = append_fault_;
      if (fault != Append::all) append_ = Append::works;
    }
    if (fault == Append::works) return inner_.append(drafts, now);
    if (fault == Append::lost) {
      if (auto stored = inner_.append(drafts, now); !stored) return stored;
    }
    return Error{code, "injected"};
  }

  Result<Position> last_position() const override {
    if (auto fault = read_fault()) return *std::move(fault);
    return inner_.last_position();
  }
  Result<Page<Change>> read_for_user(const UserId& user, Position after,
                                     PageLimit limit) const override {
    if (auto fault = read_fault()) return *std::move(fault);
    return inner_.read_for_user(user, after, limit);
  }
  Result<Page<Message>> read_undelivered(const UserId& user, Position after,
                                         PageLimit limit) const override {
    if (auto fault = read_fault()) return *std::move(fault);
    return inner_.read_undelivered(user, after, limit);
  }
  Result<Page<Message>> read_conversation(const UserId& reader, const Target& target,
                                          SequenceRange range, PageLimit limit) const override {
    if (auto fault = read_fault()) return *std::move(fault);
    return inner_.read_conversation(reader, target, range, limit);
  }
  Result<Page<Conversation>> conversations_of(const UserId& user, std::optional<Position> before,
                                              PageLimit limit) const override {
    if (auto fault = read_fault()) return *std::move(fault);
    return inner_.conversations_of(user, before, limit);
  }
  Result<std::vector<UserId>> contacts_of(const UserId& user) const override {
    if (auto fault = read_fault()) return *std::move(fault);
    return inner_.contacts_of(user);
  }
  Result<std::vector<UserId>> contacts_among(const UserId& user,
                                             std::span<const UserId> users) const override {
    if (auto fault = read_fault()) return *std::move(fault);
    return inner_.contacts_among(user, users);
  }
  Result<Page<Change>> read_log(Position after, PageLimit limit) const override {
    if (auto fault = read_fault()) return *std::move(fault);
    return inner_.read_log(after, limit);
  }

 private:
  enum class Append { works, next, all, lost };

  void set(Errc code, Append mode) {
    const std::lock_guard lock(mutex_);
    append_fault_ = code;
    append_ = mode;
  }
  std::optional<Error> read_fault() const {
    const std::lock_guard lock(mutex_);
    if (!read_fault_) return std::nullopt;
    return Error{*read_fault_, "injected"};
  }

  MessageStore& inner_;
  mutable std::mutex mutex_;
  Append append_ = Append::works;
  Errc append_fault_ = Errc::unavailable;
  std::optional<Errc> read_fault_;
};

}  // namespace chatrt::testing
