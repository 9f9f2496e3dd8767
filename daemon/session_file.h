// SessionFile: the SessionVault of chatd - a key, and notes of sessions in a file of JSON lines.
//
// Lines are written and not synced: they outlive a kill of the process, and after a power cut the
// clients whose notes are lost begin anew. Threads: any.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "chatrt/gateway/session_vault.h"
#include "chatrt/result.h"

namespace chatd {

struct SessionFileOptions {
  std::string key_file;    // made with a new key if absent; empty: a key of this process alone
  std::string notes_file;  // made if absent; empty: notes are kept in memory alone
};

class SessionFile final : public chatrt::gateway::SessionVault {
 public:
  static constexpr std::size_t kNotesMax = 1'000'000;  // above: new ones are not kept

  // An Error names the file and what to do. Notes that have expired are left out of the file.
  static chatrt::Result<std::unique_ptr<SessionFile>> open(const SessionFileOptions& options,
                                                           chatrt::Timestamp now);
  ~SessionFile() override;

  Mac sign(std::string_view text) const override;
  void fill_random(std::span<std::byte> bytes) const override;
  void bind(chatrt::gateway::SessionId session, const chatrt::UserId& user,
            chatrt::Timestamp expires) override;
  void end(chatrt::gateway::SessionId session, chatrt::Timestamp expires) override;
  std::optional<Note> find(chatrt::gateway::SessionId session) const override;

 private:
  struct Kept {
    Note note;
    chatrt::Timestamp expires;
  };
  SessionFile() = default;
  chatrt::Status load_key(const std::string& file);
  chatrt::Status load_notes(const std::string& file, chatrt::Timestamp now);
  void keep(chatrt::gateway::SessionId session, Kept kept);

  std::string key_;
  int fd_ = -1;
  mutable std::mutex mutex_;
  std::unordered_map<chatrt::gateway::SessionId, Kept> notes_;  // guarded by mutex_
};

}  // namespace chatd
