#include "session_file.h"

#include <fcntl.h>
#include <sodium.h>
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
#include "files.h"
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

}  // namespace

chatrt::Result<std::unique_ptr<SessionFile>> SessionFile::open(const SessionFileOptions& options,
                                                               Timestamp now) {
  // What else it prepares may fail, but is not used here.
  [[maybe_unused]] const int prepared = sodium_init();
  std::unique_ptr<SessionFile> made(new SessionFile(options));
  if (Status loaded = made->load_key(options.key_file); !loaded) return std::move(loaded).error();
  if (options.notes_file.empty()) return made;
  Status loaded = made->load_notes(made->old_file(), now, made->older_);
  if (loaded) loaded = made->load_notes(options.notes_file, now, made->newer_);
  if (loaded) loaded = made->open_notes();
  if (!loaded) return std::move(loaded).error();
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
    int error = write_all(fd, key_);
    if (error == 0 && ::fsync(fd) != 0) error = errno;
    ::close(fd);
    if (error == 0) error = sync_folder_of(file);
    if (error == 0) return {};
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

Status SessionFile::load_notes(const std::string& file, Timestamp now, Notes& notes) {
  std::ifstream in(file);
  // Taken for none it would be replaced: every client would begin anew, and ended sessions would
  // not be known to have ended.
  if (!in && errno != ENOENT) return file_error(file, "cannot read", errno);
  chatrt::socketio::Json json;
  lines_ = 0;
  for (std::string line; std::getline(in, line); ++lines_) {
    // A line that a crash has cut off is as good as none: its session begins anew.
    if (json.parse(line) != chatrt::socketio::Json::ParseStatus::ok) continue;
    const auto root = json.root();
    const auto session = parse_session(root.find("session").as_string().value_or(""));
    const auto until = root.find("until").as_uint64();
    if (!session || !until) continue;
    Note note{.ended = true, .user = {}};
    if (const auto name = root.find("user").as_string()) {
      auto user = chatrt::UserId::parse(*name);
      if (!user) continue;
      note = {.ended = false, .user = *std::move(user)};
    }
    const Timestamp expires{chatrt::Duration{static_cast<std::int64_t>(*until)}};
    if (expires >= now) notes[*session] = std::move(note);
  }
  if (in.bad()) return file_error(file, "cannot read", errno);
  return {};
}

Status SessionFile::open_notes() {
  const std::string& file = options_.notes_file;
  fd_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  // The first line is not to go on with one that a crash has cut off.
  const int error = fd_ < 0 ? errno : write_all(fd_, "\n");
  if (error != 0) return file_error(file, "cannot write", error);
  return {};
}

SessionFile::Notes SessionFile::begin_file() {
  lines_ = 0;
  if (fd_ >= 0) {
    // Where this fails it stays the file it is: longer, but no note is lost.
    static_cast<void>(::rename(options_.notes_file.c_str(), old_file().c_str()));
    const int file =
        ::open(options_.notes_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file >= 0) ::close(std::exchange(fd_, file));
  }
  Notes forgotten = std::exchange(older_, std::move(newer_));
  newer_ = {};
  return forgotten;
}

SessionFile::Mac SessionFile::sign(std::string_view text) const {
  static_assert(kKeyBytes == crypto_auth_hmacsha256_KEYBYTES);
  static_assert(std::tuple_size_v<Mac> == crypto_auth_hmacsha256_BYTES);
  Mac mac;
  crypto_auth_hmacsha256(reinterpret_cast<unsigned char*>(mac.data()),
                         reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                         reinterpret_cast<const unsigned char*>(key_.data()));
  return mac;
}

void SessionFile::fill_random(std::span<std::byte> bytes) const { chatd::fill_random(bytes); }

void SessionFile::keep(SessionId session, const Note& note, Timestamp expires) {
  const std::string line = line_of(session, note, expires);
  Notes forgotten;
  const std::lock_guard lock(mutex_);
  if (lines_ >= options_.notes_max) forgotten = begin_file();
  newer_[session] = note;
  ++lines_;
  if (fd_ >= 0) static_cast<void>(write_all(fd_, line));
}

void SessionFile::bind(SessionId session, const chatrt::UserId& user, Timestamp expires) {
  keep(session, {.ended = false, .user = user}, expires);
}

void SessionFile::end(SessionId session, Timestamp expires) {
  keep(session, {.ended = true, .user = {}}, expires);
}

std::optional<SessionFile::Note> SessionFile::find(SessionId session) const {
  const std::lock_guard lock(mutex_);
  for (const Notes* notes : {&newer_, &older_}) {
    if (const auto found = notes->find(session); found != notes->end()) return found->second;
  }
  return std::nullopt;
}

}  // namespace chatd
