#include "http_chunks.h"

#include <algorithm>
#include <charconv>

#include "http_head.h"

namespace chatd::transport {

std::size_t ChunkedBody::read(std::string_view bytes) {
  std::size_t taken = 0;
  while (state_ == State::more) {
    const std::string_view rest = bytes.substr(taken);
    const std::size_t step = next_ == Next::data ? read_data(rest) : read_line(rest);
    if (step == 0) break;
    taken += step;
  }
  return taken;
}

std::size_t ChunkedBody::read_data(std::string_view bytes) {
  const std::size_t step = std::min(bytes.size(), chunk_bytes_);
  body_.append(bytes.substr(0, step));
  chunk_bytes_ -= step;
  if (chunk_bytes_ == 0) next_ = Next::data_end;
  return step;
}

std::size_t ChunkedBody::read_line(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, kLineBytesMax).find('\n');
  if (end == std::string_view::npos) {
    if (bytes.size() >= kLineBytesMax) state_ = State::bad;
    return 0;
  }
  const bool is_line = end > 0 && bytes[end - 1] == '\r';  // no bare line feed
  state_ = is_line ? on_line(bytes.substr(0, end - 1)) : State::bad;
  return end + 1;
}

ChunkedBody::State ChunkedBody::on_line(std::string_view line) {
  if (!is_field_value(line)) return State::bad;
  if (next_ == Next::size) return on_size(line);
  if (next_ == Next::trailer) return on_trailer(line);
  next_ = Next::size;
  return line.empty() ? State::more : State::bad;
}

ChunkedBody::State ChunkedBody::on_size(std::string_view line) {
  const auto [end, error] =
      std::from_chars(line.data(), line.data() + line.size(), chunk_bytes_, 16);
  if (error == std::errc::result_out_of_range) return State::too_large;
  if (error != std::errc{}) return State::bad;
  const std::string_view extension(end, static_cast<std::size_t>(line.end() - end));
  const std::size_t begin = extension.find_first_not_of(" \t");
  if (!extension.empty() && (begin == std::string_view::npos || extension[begin] != ';')) {
    return State::bad;
  }
  if (chunk_bytes_ > bytes_max_ - body_.size()) return State::too_large;
  next_ = chunk_bytes_ == 0 ? Next::trailer : Next::data;
  return State::more;
}

ChunkedBody::State ChunkedBody::on_trailer(std::string_view line) {
  if (line.empty()) return State::whole;
  trailer_bytes_ += line.size();
  const bool good = line.find(':') != std::string_view::npos && trailer_bytes_ <= kTrailerBytesMax;
  return good ? State::more : State::bad;
}

}  // namespace chatd::transport
