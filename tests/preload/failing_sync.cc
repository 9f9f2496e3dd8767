// Preloaded into chatd: syncs of some files fail, or wait, as long as another file is there.
//
// FAILING_SYNC_FILES    the paths of those files, with ':' between them
// FAILING_SYNC_TRIGGER  as long as this file is there they fail, with EIO
// FAILING_SYNC_HOLD     as long as this file is there they wait
// FAILING_SYNC_RECORD   gets a letter for each of their syncs: o was done, f failed; h before it
// waits
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : std::string_view{};
}

bool is_chosen(int fd) {
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = ::readlink(link.c_str(), path, sizeof path);
  if (size <= 0) return false;
  const std::string list = ':' + std::string{variable("FAILING_SYNC_FILES")} + ':';
  return list.find(':' + std::string(path, static_cast<std::size_t>(size)) + ':') !=
         std::string::npos;
}

void record(char letter) {
  const std::string file{variable("FAILING_SYNC_RECORD")};
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  // A test without its record would be blind.
  if (fd < 0 || ::write(fd, &letter, 1) != 1) std::abort();
  ::close(fd);
}

int sync_or_fail(int fd, long call) {
  if (!is_chosen(fd)) return static_cast<int>(::syscall(call, fd));
  const std::string hold{variable("FAILING_SYNC_HOLD")};
  if (::access(hold.c_str(), F_OK) == 0) record('h');
  while (::access(hold.c_str(), F_OK) == 0) ::usleep(1000);
  const std::string trigger{variable("FAILING_SYNC_TRIGGER")};
  if (::access(trigger.c_str(), F_OK) == 0) {
    record('f');
    errno = EIO;
    return -1;
  }
  record('o');
  return static_cast<int>(::syscall(call, fd));
}

}  // namespace

extern "C" {
[[gnu::visibility("default")]] int fsync(int fd) { return sync_or_fail(fd, SYS_fsync); }
[[gnu::visibility("default")]] int fdatasync(int fd) { return sync_or_fail(fd, SYS_fdatasync); }
}
