// Revocations: tokens that were taken back - by their id, or all that were issued until some time,
// of one user or of everybody. Kept in a file of JSON lines, each synced before it counts as kept.
//
// Threads: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "chatrt/authorizer.h"
#include "chatrt/clock.h"
#include "chatrt/result.h"

namespace chatd::auth {

// Exactly one of: a token's id; a user with a time; a time alone, for everybody.
struct Revocation {
  std::string token_id;
  std::optional<chatrt::Timestamp> expires_at;  // of that token, if known: then it can be forgotten
  std::optional<chatrt::UserId> user;
  chatrt::Timestamp issued_until{};  // tokens from then or before are void
};

class Revocations {
 public:
  static constexpr std::size_t kEntriesMax = 1'000'000;

  // `file` empty: kept in memory alone. It is made if absent; forgets what has expired. An Error
  // names the file and what to do. A last line that was cut off by a crash was never confirmed, and
  // is dropped.
  static chatrt::Result<std::unique_ptr<Revocations>> open(const std::string& file,
                                                           chatrt::Timestamp now);
  ~Revocations();
  Revocations(const Revocations&) = delete;
  Revocations& operator=(const Revocations&) = delete;

  // Holds from now on, and in the file when this returns without an Error. May block on the disk.
  // `storage_full` or `unavailable` if it could not be written (it holds until a restart then), and
  // `too_large` if there are too many (it does not).
  chatrt::Status add(const Revocation& revocation);
  bool covers(const chatrt::Identity& identity) const;
  // Rises with each add().
  std::uint64_t revision() const noexcept { return revision_; }

 private:
  explicit Revocations(std::string file) : file_(std::move(file)) {}
  chatrt::Status load(chatrt::Timestamp now);
  chatrt::Status rewrite();
  chatrt::Status append(const std::string& line);
  void take(const Revocation& revocation);
  bool is_full(const Revocation& revocation) const;

  const std::string file_;
  int fd_ = -1;
  mutable std::mutex mutex_;
  std::mutex write_mutex_;
  std::atomic<std::uint64_t> revision_{0};
  chatrt::Timestamp everybody_{};
  std::unordered_map<std::string, chatrt::Timestamp> users_;
  std::unordered_map<std::string, std::optional<chatrt::Timestamp>> tokens_;
};

// A revocation as a line of the file, and back; nothing if it is none.
std::string format_revocation(const Revocation& revocation);
std::optional<Revocation> parse_revocation(std::string_view line);

}  // namespace chatd::auth
