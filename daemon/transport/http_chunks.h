// The body of an HTTP/1.1 request in chunks (RFC 9112 7.1): for clients that do not know its length
// when they begin. Read as strictly as the head; extensions and trailers are checked and left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chatd::transport {

class ChunkedBody {
 public:
  static constexpr std::size_t kLineBytesMax = 256;  // with what ends it
  static constexpr std::size_t kTrailerBytesMax = 4096;

  enum class State : std::uint8_t { more, whole, bad, too_large };

  explicit ChunkedBody(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // Reads what it can from the beginning of `bytes`, and says how many those were: the next call
  // begins behind them. Once the state is another than `more`, none.
  std::size_t read(std::string_view bytes);

  State state() const noexcept { return state_; }
  std::string take() noexcept { return std::move(body_); }

 private:
  enum class Next : std::uint8_t { size, data, data_end, trailer };

  std::size_t read_data(std::string_view bytes);
  std::size_t read_line(std::string_view bytes);
  State on_line(std::string_view line);
  State on_size(std::string_view line);
  State on_trailer(std::string_view line);

  std::size_t bytes_max_;
  State state_ = State::more;
  Next next_ = Next::size;
  std::size_t chunk_bytes_ = 0;  // of the chunk at hand, still to come
  std::size_t trailer_bytes_ = 0;
  std::string body_;
};

}  // namespace chatd::transport
