#include "log_end.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace chatd {
namespace {

// As wide as the largest number, so that a shorter one leaves nothing of the one before.
constexpr std::size_t kDigits = 20;

}  // namespace

chatrt::Result<std::unique_ptr<LogEnd>> LogEnd::open(const std::string& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return chatrt::Error{chatrt::Errc::unavailable,
                         file + ": cannot open: " + std::strerror(errno)};
  }
  std::unique_ptr<LogEnd> made(new LogEnd(fd));
  std::array<char, kDigits> digits{};
  const ssize_t size = ::pread(fd, digits.data(), digits.size(), 0);
  if (size < 0) {
    return chatrt::Error{chatrt::Errc::unavailable,
                         file + ": cannot read: " + std::strerror(errno)};
  }
  std::from_chars(digits.data(), digits.data() + size, made->before_.value);
  return made;
}

LogEnd::~LogEnd() { ::close(fd_); }

void LogEnd::note(chatrt::Position position) noexcept {
  std::array<char, kDigits + 2> line;  // with the end that snprintf() puts there
  std::snprintf(line.data(), line.size(), "%020llu\n",
                static_cast<unsigned long long>(position.value));
  static_cast<void>(::pwrite(fd_, line.data(), kDigits + 1, 0));
}

}  // namespace chatd
