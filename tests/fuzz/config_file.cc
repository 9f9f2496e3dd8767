// The file of options: it is read, or refused with its name.

#include "config_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int fd = ::memfd_create("config", 0);
  REQUIRE_THAT(fd >= 0 && ::write(fd, data, size) == static_cast<ssize_t>(size));
  const std::string name = "/proc/self/fd/" + std::to_string(fd);
  const auto values = chatd::read_config_file(name);
  ::close(fd);
  if (!values) {
    REQUIRE_THAT(values.error().detail.find("(" + name) != std::string::npos);
    return 0;
  }
  for (const auto& [key, value] : *values) REQUIRE_THAT(value.line > 0);
  return 0;
}
