#include "json_log.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "chatrt/message.h"
#include "chatrt/socketio/json.h"
#include "chatrt/utf8.h"

namespace chatd {
namespace {

constexpr std::size_t kFieldBytesMax = 256;
constexpr std::size_t kGatheredBytesMax = 256 * 1024;
constexpr std::size_t kWaitingBytesMax = 1024 * 1024;
constexpr std::chrono::milliseconds kGatherFor{50};
constexpr std::chrono::milliseconds kLastWords{500};
constexpr int kLookEveryMs = 100;  // whether it is time to end

std::string_view level_name(chatrt::LogLevel level) {
  switch (level) {
    case chatrt::LogLevel::debug: return "debug";
    case chatrt::LogLevel::info: return "info";
    case chatrt::LogLevel::warning: return "warning";
    case chatrt::LogLevel::error: return "error";
  }
  return "error";
}

// What a terminal obeys or a reader does not see: DEL, the C1 controls, and the separators and
// directions of Unicode (U+2028 to U+202E, U+2066 to U+2069). 0 if `at` is none of it.
struct Unseen {
  unsigned code = 0;
  std::size_t bytes = 0;
};
Unseen unseen_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
  };
  if (byte(0) == 0x7F) return {0x7F, 1};
  if (byte(0) == 0xC2 && byte(1) >= 0x80 && byte(1) <= 0x9F) return {byte(1), 2};
  if (byte(0) != 0xE2) return {};
  if (byte(1) == 0x80 && byte(2) >= 0xA8 && byte(2) <= 0xAE) return {0x2000U + byte(2) - 0x80, 3};
  if (byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9) return {0x2040U + byte(2) - 0x80, 3};
  return {};
}

// As JSON, where an escape means the same.
void append_visible(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const std::size_t begin = out.size();
  chatrt::socketio::append_json_string(out, text);
  for (std::size_t at = begin; at < out.size(); ++at) {
    if (static_cast<unsigned char>(out[at]) < 0x7F) continue;
    const Unseen unseen = unseen_at(out, at);
    if (unseen.bytes == 0) continue;
    std::string escape = "\\u";
    for (const unsigned shift : {12U, 8U, 4U, 0U}) escape += kHex[unseen.code >> shift & 15U];
    out.replace(at, unseen.bytes, escape);
    at += escape.size() - 1;
  }
}

// ASCII that stands for itself in JSON: nearly all there is.
bool is_plain(std::string_view text) {
  bool plain = true;  // looked at to the end, so that it is done many bytes at a time
  for (const char c : text) plain &= c >= ' ' && c <= '~' && c != '"' && c != '\\';
  return plain;
}

void append_text(std::string& out, std::string_view text) {
  text = text.substr(0, kFieldBytesMax);
  if (is_plain(text)) {
    out.append("\"").append(text).append("\"");
    return;
  }
  // The cut may have split a character.
  while (!text.empty() && text.size() == kFieldBytesMax && !chatrt::is_valid_utf8(text) &&
         (static_cast<unsigned char>(text.back()) & 0x80) != 0) {
    text.remove_suffix(1);
  }
  if (chatrt::is_valid_utf8(text)) return append_visible(out, text);
  std::string clean{text};
  for (char& c : clean) {
    if ((static_cast<unsigned char>(c) & 0x80) != 0) c = '?';
  }
  append_visible(out, clean);
}

bool may_wait(int fd) noexcept {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return false;
  return S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || ::isatty(fd) == 1;
}

// As many lines as a pipe takes as a whole, or the first, if that is longer.
std::size_t piece_of(std::string_view lines) noexcept {
  if (lines.size() <= PIPE_BUF) return lines.size();
  const std::size_t end = lines.rfind('\n', PIPE_BUF - 1);
  return (end == std::string_view::npos ? lines.find('\n') : end) + 1;
}

std::uint64_t count_lines(std::string_view lines) noexcept {
  return static_cast<std::uint64_t>(std::ranges::count(lines, '\n'));
}

}  // namespace

JsonLog::JsonLog(int fd, chatrt::LogLevel level, const chatrt::Clock& clock)
    : fd_(fd), may_wait_(may_wait(fd)), level_(level), clock_(clock), writer_([this] { run(); }) {}

JsonLog::~JsonLog() {
  {
    const std::lock_guard lock(mutex_);
    give_up_at_ = Clock::now() + kLastWords;
    stopping_ = true;
  }
  wake_.notify_one();
  writer_.join();
}

void JsonLog::write(chatrt::LogLevel level, std::string_view event,
                    std::span<const chatrt::LogField> fields) noexcept {
  const std::lock_guard lock(mutex_);
  const std::size_t before = lines_.size();
  if (before > kWaitingBytesMax) {
    ++left_out_;
    return;
  }
  try {
    append(lines_, level, event, fields);
  } catch (const std::exception&) {
    lines_.resize(before);  // out of memory
    ++left_out_;
    return;
  }
  const bool urgent = level >= chatrt::LogLevel::warning || lines_.size() > kGatheredBytesMax;
  if (before > 0 && (!urgent || urgent_)) return;  // the writer knows
  urgent_ = urgent;
  wake_.notify_one();
}

void JsonLog::append(std::string& out, chatrt::LogLevel level, std::string_view event,
                     std::span<const chatrt::LogField> fields) const {
  out.append(R"({"time":")");
  chatrt::append_timestamp(out, clock_.now());
  out.append(R"(","level":")").append(level_name(level)).append(R"(","event":")");
  out.append(event).push_back('"');
  for (const chatrt::LogField& field : fields) {
    out.append(",\"").append(field.key).append("\":");
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      append_text(out, *text);
    } else if (const auto* truth = std::get_if<bool>(&field.value)) {
      out.append(*truth ? "true" : "false");
    } else if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
      chatrt::socketio::append_json_number(out, *number);
    } else {
      chatrt::socketio::append_json_number(out, std::get<std::uint64_t>(field.value));
    }
  }
  out.append("}\n");
}

// A pipe, a socket or a terminal has room. False: it is time to end.
bool JsonLog::wait_for_room() noexcept {
  while (may_wait_) {
    if (stopping_ && Clock::now() >= give_up_at_) return false;
    pollfd writable{fd_, POLLOUT, 0};
    if (::poll(&writable, 1, kLookEveryMs) > 0) break;
  }
  return true;
}

// A log that cannot be written must not stop the chat.
std::uint64_t JsonLog::put(std::string_view lines) noexcept {
  // What was missing of the last line is counted already.
  if (torn_ && ::write(fd_, "\n", 1) == 1) torn_ = false;
  bool goes_on = !torn_;
  while (goes_on && !lines.empty()) {
    std::string_view piece = lines.substr(0, may_wait_ ? piece_of(lines) : lines.size());
    lines.remove_prefix(piece.size());
    goes_on = put_piece(piece);
    if (!goes_on) lines = {piece.data(), piece.size() + lines.size()};
  }
  return count_lines(lines);
}

// False: `piece` is what is left of it. A disk or a socket may take a part.
bool JsonLog::put_piece(std::string_view& piece) noexcept {
  while (!piece.empty() && wait_for_room()) {
    const ssize_t written = ::write(fd_, piece.data(), piece.size());
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written <= 0) break;
    torn_ = piece[static_cast<std::size_t>(written) - 1] != '\n';
    piece.remove_prefix(static_cast<std::size_t>(written));
  }
  return piece.empty();
}

std::uint64_t JsonLog::put_noted(std::string_view lines, std::uint64_t left_out) noexcept {
  if (left_out == 0) return put(lines);
  try {
    const chatrt::LogField field{"lines", left_out};
    std::string note;
    append(note, chatrt::LogLevel::warning, "log_left_out", {&field, 1});
    if (put(note) == 0) return put(lines);
  } catch (const std::exception&) {  // out of memory
  }
  return left_out + count_lines(lines);
}

void JsonLog::run() {
  std::string lines;
  std::unique_lock lock(mutex_);
  for (bool last = false;;) {
    wake_.wait(lock, [this] { return stopping_ || !lines_.empty(); });
    wake_.wait_until(lock, put_at_ + kGatherFor, [this] { return stopping_ || urgent_; });
    if (lines_.empty() && (left_out_ == 0 || last)) return;
    last = stopping_;
    std::swap(lines, lines_);
    urgent_ = false;
    const std::uint64_t before = std::exchange(left_out_, 0);
    lock.unlock();
    const std::uint64_t left_out = put_noted(lines, before);
    lines.clear();
    lock.lock();
    left_out_ += left_out;
    put_at_ = Clock::now();
  }
}

}  // namespace chatd
