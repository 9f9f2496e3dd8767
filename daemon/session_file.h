// SessionFile: the SessionVault of chatd - a key, and notes of sessions in files of JSON lines.
//
// Lines are written and not synced: they outlive a kill of the process, and after a power cut the
// clients whose notes are lost begin anew. When a file is full it takes the place of the one
// before, whose notes are forgotten: those are the oldest, of which at least `notes_max` newer ones
// are known. So neither memory nor files grow with time. Threads: any.
#pragma once

#include <cstddef>
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
  std::string notes_file;  // made if absent, <file>.old too; empty: they are in memory alone
  std::size_t notes_max = 65'536;  // of a file, some 7 MB and 8 MB of memory; there are two
};

class SessionFile final : public chatrt::gateway::SessionVault {
 public:
  // An Error names the file and what to do. Notes that have expired are left out.
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
  using Notes = std::unordered_map<chatrt::gateway::SessionId, Note>;

  explicit SessionFile(const SessionFileOptions& options) : options_(options) {}
  std::string old_file() const { return options_.notes_file + ".old"; }
  chatrt::Status load_key(const std::string& file);
  chatrt::Status load_notes(const std::string& file, chatrt::Timestamp now, Notes& notes);
  chatrt::Status open_notes();
  void keep(chatrt::gateway::SessionId session, const Note& note, chatrt::Timestamp expires);
  // Gives what is forgotten, so that it ends outside of the lock.
  Notes begin_file();

  const SessionFileOptions options_;
  std::string key_;
  mutable std::mutex mutex_;  // guards what follows
  int fd_ = -1;
  std::size_t lines_ = 0;  // of the newer file
  Notes newer_;
  Notes older_;
};

}  // namespace chatd
