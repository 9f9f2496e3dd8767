// A MessageStore that fails, loses answers and dies by the seed, around the one that survives.
#pragma once

#include <string>
#include <vector>

#include "chatrt/message_store.h"
#include "random.h"

namespace chatrt::sim {

class UnsafeStore final : public MessageStore {
 public:
  UnsafeStore(MessageStore& inner, Random& random) : inner_(inner), random_(random) {}

  bool faults = true;               // some calls fail
  bool dead = false;                // the process has died: nothing reaches the disk any more
  bool forgets_client_ids = false;  // a control: the checker must notice

  Result<std::vector<Result<Appended>>> append(std::span<Draft> drafts, Timestamp now) override {
    if (dead) return gone();
    if (!faults) return store(drafts, now);
    const std::size_t fate = random_.below(100);
    if (fate < 4) return gone();
    if (fate == 4) return die();
    auto stored = store(drafts, now);
    if (fate == 5) return die();
    if (fate < 10) return gone();
    return stored;
  }
  Result<Position> last_position() const override {
    if (fails()) return gone();
    return inner_.last_position();
  }
  Result<Page<Change>> read_for_user(const UserId& user, Position after,
                                     PageLimit limit) const override {
    if (fails()) return gone();
    return inner_.read_for_user(user, after, limit);
  }
  Result<Page<Message>> read_undelivered(const UserId& user, Position after,
                                         PageLimit limit) const override {
    if (fails()) return gone();
    return inner_.read_undelivered(user, after, limit);
  }
  Result<Page<Message>> read_conversation(const UserId& reader, const Target& target,
                                          SequenceRange range, PageLimit limit) const override {
    if (fails()) return gone();
    return inner_.read_conversation(reader, target, range, limit);
  }
  Result<Page<Conversation>> conversations_of(const UserId& user, std::optional<Position> before,
                                              PageLimit limit) const override {
    if (fails()) return gone();
    return inner_.conversations_of(user, before, limit);
  }
  Result<std::vector<UserId>> contacts_of(const UserId& user) const override {
    if (fails()) return gone();
    return inner_.contacts_of(user);
  }
  Result<std::vector<UserId>> contacts_among(const UserId& user,
                                             std::span<const UserId> users) const override {
    if (fails()) return gone();
    return inner_.contacts_among(user, users);
  }
  Result<Page<Change>> read_log(Position after, PageLimit limit) const override {
    if (fails()) return gone();
    return inner_.read_log(after, limit);
  }

 private:
  static Error gone() { return Error{Errc::unavailable, "injected"}; }
  Error die() {
    dead = true;
    return gone();
  }
  bool fails() const { return dead || (faults && random_.one_in(30)); }
  Result<std::vector<Result<Appended>>> store(std::span<Draft> drafts, Timestamp now) {
    if (!forgets_client_ids) return inner_.append(drafts, now);
    std::vector<Draft> changed(drafts.begin(), drafts.end());
    for (Draft& draft : changed) {
      if (auto* post = std::get_if<PostDraft>(&draft)) post->client_id.clear();
    }
    return inner_.append(changed, now);
  }

  MessageStore& inner_;
  Random& random_;
};

}  // namespace chatrt::sim
