#include "tail.h"

#include <algorithm>

namespace chatrt::sqlite {

// What fails on its way is taken back by truncate().
void Tail::add(std::int64_t conversation, Members members, const Head& head) {
  const auto known = chains_.find(conversation);
  const std::size_t at = versions_.size();
  versions_.push_back({head, conversation, known != chains_.end() ? known->second.newest : kNone});
  if (known != chains_.end()) {
    known->second.newest = at;
    return;
  }
  const Chain& chain =
      chains_.emplace(conversation, Chain{conversation, members, at}).first->second;
  by_user_[members.a].push_back(&chain);
  if (members.b != members.a) by_user_[members.b].push_back(&chain);
}

void Tail::truncate(std::size_t size) noexcept {
  while (versions_.size() > size) {
    const Version& last = versions_.back();
    if (last.previous == kNone) {
      forget(last.conversation);
    } else {
      chains_.find(last.conversation)->second.newest = last.previous;
    }
    versions_.pop_back();
  }
}

void Tail::forget(std::int64_t conversation) noexcept {
  const auto found = chains_.find(conversation);
  if (found == chains_.end()) return;
  const Chain& chain = found->second;
  forget(chain.members.a, chain);
  forget(chain.members.b, chain);
  chains_.erase(found);
}

// It came last, if it came that far.
void Tail::forget(std::int64_t user, const Chain& chain) noexcept {
  const auto own = by_user_.find(user);
  if (own == by_user_.end()) return;
  if (!own->second.empty() && own->second.back() == &chain) own->second.pop_back();
  if (own->second.empty()) by_user_.erase(own);
}

const Head* Tail::find(const Chain& chain, std::int64_t up_to) const noexcept {
  for (std::size_t at = chain.newest; at != kNone; at = versions_[at].previous) {
    if (versions_[at].head.last_position <= up_to) return &versions_[at].head;
  }
  return nullptr;
}

const Head* Tail::find(std::int64_t conversation, std::int64_t up_to) const noexcept {
  const auto chain = chains_.find(conversation);
  return chain == chains_.end() ? nullptr : find(chain->second, up_to);
}

void Tail::find_of(std::int64_t user, std::int64_t up_to, std::vector<Found>& out) const {
  const auto own = by_user_.find(user);
  if (own == by_user_.end()) return;
  for (const Chain* chain : own->second) {
    if (const Head* head = find(*chain, up_to)) {
      out.push_back({chain->conversation, chain->members, *head});
    }
  }
}

std::vector<std::int64_t> Tail::conversations() const {
  std::vector<std::int64_t> all;
  all.reserve(chains_.size());
  for (const auto& [conversation, chain] : chains_) all.push_back(conversation);
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace chatrt::sqlite
