#include "small_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace chatd {
namespace {

constexpr std::size_t kFileBytesMax = 1 << 20;

}  // namespace

chatrt::Result<std::string> read_small_file(const std::string& file) {
  const auto wrong = [&file](const std::string& what) {
    return chatrt::Error{chatrt::Errc::invalid_argument, file + ": " + what};
  };
  const auto close = [](std::FILE* open) { std::fclose(open); };
  const std::unique_ptr<std::FILE, decltype(close)> in(std::fopen(file.c_str(), "rbe"));
  if (in == nullptr) return wrong(std::strerror(errno));
  std::string text(kFileBytesMax + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), in.get()));
  if (std::ferror(in.get()) != 0) return wrong(std::strerror(errno));
  if (text.size() > kFileBytesMax) return wrong("larger than 1 MB");
  return text;
}

}  // namespace chatd
