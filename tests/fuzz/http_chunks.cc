// Bodies in chunks: the same body and the same end of it, however the bytes are cut.

#include "transport/http_chunks.h"

#include <algorithm>
#include <string>

#include "input.h"

namespace {

constexpr std::size_t kBytesMax = 64;

struct Read {
  chatd::transport::ChunkedBody::State state;
  std::size_t taken;
  std::string body;
};

Read read(std::string_view bytes, std::size_t step) {
  chatd::transport::ChunkedBody chunks(kBytesMax);
  std::size_t taken = 0;
  for (std::size_t come = 0; come < bytes.size();) {
    come = std::min(come + step, bytes.size());
    taken += chunks.read(bytes.substr(taken, come - taken));
  }
  return {chunks.state(), taken, chunks.take()};
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using State = chatd::transport::ChunkedBody::State;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Read whole = read(bytes, std::max<std::size_t>(size, 1));
  const Read dripping = read(bytes, 1);
  REQUIRE_THAT(whole.state == dripping.state && whole.body == dripping.body);
  REQUIRE_THAT(whole.body.size() <= kBytesMax);
  if (whole.state != State::whole) return 0;
  REQUIRE_THAT(whole.taken == dripping.taken && whole.taken <= size);
  REQUIRE_THAT(bytes.substr(0, whole.taken).ends_with("\r\n"));
  REQUIRE_THAT(read(bytes.substr(0, whole.taken - 1), size).state == State::more);
  return 0;
}
