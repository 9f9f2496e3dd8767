#include "session_file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

#include "chatrt/socketio/json.h"
#include "random.h"

namespace chatd {
namespace {

using chatrt::Errc;
using chatrt::Error;
using chatrt::Status;
using chatrt::Timestamp;
using chatrt::gateway::SessionId;

constexpr std::size_t kKeyBytes = 32;

Error file_error(const std::string& file, const std::string& what, int error) {
  return {Errc::unavailable, file + ": " + what + ": " + std::strerror(error)};
}

std::string hex(std::uint64_t number) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number));
  return text.data();
}

std::optional<SessionId> parse_session(std::string_view text) {
  if (text.size() != 32) return std::nullopt;
  const auto number = [&](std::size_t at, std::uint64_t& out) {
    const char* end = text.data() + at + 16;
    const auto [rest, error] = std::from_chars(text.data() + at, end, out, 16);
    return error == std::errc{} && rest == end;
  };
  SessionId session;
  if (!number(0, session.high) || !number(16, session.low)) return std::nullopt;
  return session;
}

std::string line_of(SessionId session, const chatrt::gateway::SessionVault::Note& note,
                    Timestamp expires) {
  std::string line = R"({"session":")" + hex(session.high) + hex(session.low) + '"';
  if (!note.ended) {
    line += R"(,"user":)";
    chatrt::socketio::append_json_string(line, note.user.str());
  }
  line += R"(,"until":)" + std::to_string(expires.time_since_epoch().count());
  return line + "}\n";
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

chatrt::Result<std::unique_ptr<SessionFile>> SessionFile::open(const SessionFileOptions& options,
                                                               Timestamp now) {
  std::unique_ptr<SessionFile> made(new SessionFile);
  if (Status loaded = made->load_key(options.key_file); !loaded) return std::move(loaded).error();
  if (options.notes_file.empty()) return made;
  if (Status loaded = made->load_notes(options.notes_file, now); !loaded) {
    return std::move(loaded).error();
  }
  return made;
}

SessionFile::~SessionFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status SessionFile::load_key(const std::string& file) {
  key_.resize(kKeyBytes);
  chatd::fill_random(std::as_writable_bytes(std::span(key_)));
  if (file.empty()) return {};
  int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) {
    // Synced, so that what it has signed holds after a power cut too.
    const bool kept = write_all(fd, key_) && ::fsync(fd) == 0;
    const int error = errno;
    ::close(fd);
    if (kept) return {};
    ::unlink(file.c_str());
    return file_error(file, "cannot write the recovery key", error);
  }
  if (errno != EEXIST) return file_error(file, "cannot make the recovery key", errno);
  fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return file_error(file, "cannot read the recovery key", errno);
  std::array<char, kKeyBytes + 1> bytes;
  const ssize_t size = ::read(fd, bytes.data(), bytes.size());
  ::close(fd);
  if (size != static_cast<ssize_t>(kKeyBytes)) {
    return Error{Errc::corrupt,
                 file + ": not a recovery key of 32 bytes; remove it to have a new one made"};
  }
  key_.assign(bytes.data(), kKeyBytes);
  return {};
}

Status SessionFile::load_notes(const std::string& file, Timestamp now) {
  std::ifstream in(file);
  // Taken for none it would be replaced: every client would begin anew, and ended sessions would
  // not be known to have ended.
  if (!in && errno != ENOENT) return file_error(file, "cannot read", errno);
  chatrt::socketio::Json json;
  for (std::string line; std::getline(in, line);) {
    // A line that a crash has cut off is as good as none: its session begins anew.
    if (json.parse(line) != chatrt::socketio::Json::ParseStatus::ok) continue;
    const auto root = json.root();
    const auto session = parse_session(root.find("session").as_string().value_or(""));
    const auto until = root.find("until").as_uint64();
    if (!session || !until) continue;
    Kept kept{.note = {.ended = true, .user = {}},
              .expires = Timestamp{chatrt::Duration{static_cast<std::int64_t>(*until)}}};
    if (const auto name = root.find("user").as_string()) {
      auto user = chatrt::UserId::parse(*name);
      if (!user) continue;
      kept.note = {.ended = false, .user = *std::move(user)};
    }
    if (kept.expires >= now) notes_[*session] = std::move(kept);
  }
  if (in.bad()) return file_error(file, "cannot read", errno);
  const std::string fresh = file + ".new";
  fd_ = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (fd_ < 0) return file_error(fresh, "cannot write", errno);
  std::string text;
  for (const auto& [session, kept] : notes_) text += line_of(session, kept.note, kept.expires);
  if (!write_all(fd_, text)) return file_error(fresh, "cannot write", errno);
  if (::rename(fresh.c_str(), file.c_str()) != 0) return file_error(file, "cannot replace", errno);
  return {};
}

SessionFile::Mac SessionFile::sign(std::string_view text) const {
  Mac mac{};
  unsigned size = 0;
  ::HMAC(::EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(mac.data()), &size);
  return mac;
}

void SessionFile::fill_random(std::span<std::byte> bytes) const { chatd::fill_random(bytes); }

void SessionFile::keep(SessionId session, Kept kept) {
  const std::string line = line_of(session, kept.note, kept.expires);
  const std::lock_guard lock(mutex_);
  if (notes_.size() >= kNotesMax && !notes_.contains(session)) return;
  notes_[session] = std::move(kept);
  if (fd_ >= 0) static_cast<void>(write_all(fd_, line));
}

void SessionFile::bind(SessionId session, const chatrt::UserId& user, Timestamp expires) {
  keep(session, {{.ended = false, .user = user}, expires});
}

void SessionFile::end(SessionId session, Timestamp expires) {
  keep(session, {{.ended = true, .user = {}}, expires});
}

std::optional<SessionFile::Note> SessionFile::find(SessionId session) const {
  const std::lock_guard lock(mutex_);
  const auto found = notes_.find(session);
  if (found == notes_.end()) return std::nullopt;
  return found->second.note;
}

}  // namespace chatd
