#include "revocations.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "chatrt/socketio/json.h"
#include "files.h"

namespace chatd::auth {
namespace {

using chatrt::Duration;
using chatrt::Errc;
using chatrt::Error;
using chatrt::Identity;
using chatrt::Status;
using chatrt::Timestamp;
using chatrt::socketio::JsonView;

std::uint64_t millis(Timestamp time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

std::optional<Timestamp> time_of(JsonView value) {
  const auto ms = value.as_int64();
  if (!ms || *ms < 0) return std::nullopt;
  return Timestamp{Duration{*ms}};
}

Error failed(const std::string& file, int error) {
  return {error == ENOSPC || error == EDQUOT ? Errc::storage_full : Errc::unavailable,
          file + ": " + std::strerror(error)};
}

// 0, or what went wrong.
int write_synced(int fd, std::string_view text) {
  if (const int error = write_all(fd, text); error != 0) return error;
  return ::fdatasync(fd) == 0 ? 0 : errno;
}

}  // namespace

std::string format_revocation(const Revocation& revocation) {
  std::string line = "{";
  if (!revocation.token_id.empty()) {
    line += R"("token":)";
    chatrt::socketio::append_json_string(line, revocation.token_id);
    if (revocation.expires_at) {
      line += R"(,"expiresAt":)";
      chatrt::socketio::append_json_number(line, millis(*revocation.expires_at));
    }
  } else {
    if (revocation.user) {
      line += R"("user":)";
      chatrt::socketio::append_json_string(line, revocation.user->str());
      line += ',';
    }
    line += R"("issuedUntil":)";
    chatrt::socketio::append_json_number(line, millis(revocation.issued_until));
  }
  return line + "}\n";
}

std::optional<Revocation> parse_revocation(std::string_view line) {
  chatrt::socketio::Json json;
  if (json.parse(line) != chatrt::socketio::Json::ParseStatus::ok) return std::nullopt;
  const JsonView root = json.root();
  Revocation read;
  if (const auto token = root.find("token").as_string()) {
    read.token_id = *token;
    read.expires_at = time_of(root.find("expiresAt"));
    return read.token_id.empty() ? std::nullopt : std::optional{read};
  }
  const auto until = time_of(root.find("issuedUntil"));
  if (!until) return std::nullopt;
  read.issued_until = *until;
  if (const JsonView user = root.find("user"); user.present()) {
    auto parsed = chatrt::UserId::parse(user.as_string().value_or(""));
    if (!parsed) return std::nullopt;
    read.user = *std::move(parsed);
  }
  return read;
}

chatrt::Result<std::unique_ptr<Revocations>> Revocations::open(const std::string& file,
                                                               Timestamp now) {
  std::unique_ptr<Revocations> made(new Revocations(file));
  if (file.empty()) return made;
  if (Status loaded = made->load(now); !loaded) return std::move(loaded).error();
  if (Status written = made->rewrite(); !written) return std::move(written).error();
  return made;
}

Revocations::~Revocations() {
  if (fd_ >= 0) ::close(fd_);
}

Status Revocations::load(Timestamp now) {
  std::ifstream in(file_, std::ios::binary);
  if (!in) {
    if (::access(file_.c_str(), F_OK) != 0 && errno == ENOENT) return {};
    return failed(file_, errno);
  }
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    ++number;
    const auto read = parse_revocation(std::string_view{text}.substr(begin, end - begin));
    if (!read) {
      return Error{Errc::corrupt, file_ + ":" + std::to_string(number) +
                                      ": is no revocation; restore the file or remove the line"};
    }
    if (!read->expires_at || *read->expires_at > now) take(*read);
    begin = end + 1;
  }
  return {};
}

// Writes what holds into a new file and puts it in place of the old one.
Status Revocations::rewrite() {
  std::string text;
  if (everybody_ != Timestamp{}) {
    Revocation all;
    all.issued_until = everybody_;
    text += format_revocation(all);
  }
  for (const auto& [user, until] : users_) {
    Revocation one;
    one.user = *chatrt::UserId::parse(user);
    one.issued_until = until;
    text += format_revocation(one);
  }
  for (const auto& [token, expires] : tokens_) {
    Revocation one;
    one.token_id = token;
    one.expires_at = expires;
    text += format_revocation(one);
  }
  const std::string fresh = file_ + ".new";
  fd_ = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0600);
  if (fd_ < 0) return failed(fresh, errno);
  if (const int error = write_synced(fd_, text); error != 0) return failed(fresh, error);
  if (::rename(fresh.c_str(), file_.c_str()) != 0) return failed(file_, errno);
  if (const int error = sync_folder_of(file_); error != 0) return failed(file_, error);
  return {};
}

Status Revocations::append(const std::string& line) {
  if (fd_ < 0) return {};
  const off_t before = ::lseek(fd_, 0, SEEK_END);
  const int error = write_synced(fd_, line);
  if (error == 0) return {};
  // Half a line must not stand before the next one.
  [[maybe_unused]] const int cut = ::ftruncate(fd_, before);
  return failed(file_, error);
}

bool Revocations::is_full(const Revocation& revocation) const {
  if (users_.size() + tokens_.size() < kEntriesMax) return false;
  if (!revocation.token_id.empty()) return !tokens_.contains(revocation.token_id);
  return revocation.user && !users_.contains(revocation.user->str());
}

Status Revocations::add(const Revocation& revocation) {
  {
    const std::lock_guard lock(mutex_);
    if (is_full(revocation)) return Error{Errc::too_large, "too many revocations"};
    take(revocation);
  }
  revision_ += 1;
  const std::lock_guard lock(write_mutex_);
  return append(format_revocation(revocation));
}

void Revocations::take(const Revocation& revocation) {
  if (!revocation.token_id.empty()) {
    tokens_.insert_or_assign(revocation.token_id, revocation.expires_at);
    return;
  }
  Timestamp& until = revocation.user ? users_[revocation.user->str()] : everybody_;
  until = std::max(until, revocation.issued_until);
}

bool Revocations::covers(const Identity& identity) const {
  // A token that does not say when it was issued may be from any time.
  const Timestamp issued = identity.issued_at.value_or(Timestamp{});
  const std::lock_guard lock(mutex_);
  if (everybody_ != Timestamp{} && issued <= everybody_) return true;
  if (!identity.token_id.empty() && tokens_.contains(identity.token_id)) return true;
  const auto user = users_.find(identity.user.str());
  return user != users_.end() && issued <= user->second;
}

}  // namespace chatd::auth
