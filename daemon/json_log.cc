#include "json_log.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "chatrt/message.h"
#include "chatrt/socketio/json.h"
#include "chatrt/utf8.h"

namespace chatd {
namespace {

constexpr std::size_t kFieldBytesMax = 256;
constexpr std::size_t kGatheredBytesMax = 256 * 1024;
constexpr std::chrono::milliseconds kGatherFor{50};
constexpr int kPatienceMs = 100;  // for a reader that is there

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

// The bytes of as many lines as fit; 0 if the first does not.
std::size_t lines_within(std::string_view lines, std::size_t bytes) noexcept {
  return lines.size() <= bytes ? lines.size() : lines.substr(0, bytes).rfind('\n') + 1;
}

}  // namespace

JsonLog::JsonLog(int fd, chatrt::LogLevel level, const chatrt::Clock& clock)
    : fd_(fd), may_wait_(may_wait(fd)), level_(level), clock_(clock), flusher_([this] { run(); }) {}

JsonLog::~JsonLog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  flusher_.join();
}

void JsonLog::write(chatrt::LogLevel level, std::string_view event,
                    std::span<const chatrt::LogField> fields) noexcept {
  const std::lock_guard lock(mutex_);
  const std::size_t before = lines_.size();
  try {
    if (left_out_ > 0 && has_room()) {
      const chatrt::LogField lines{"lines", left_out_};
      append(chatrt::LogLevel::warning, "log_left_out", {&lines, 1});
      left_out_ = 0;
    }
    append(level, event, fields);
  } catch (const std::exception&) {
    lines_.resize(before);  // out of memory: the line is lost
    return;
  }
  const bool urgent = level >= chatrt::LogLevel::warning || lines_.size() > kGatheredBytesMax;
  if (urgent) return flush();
  if (before > 0) return;  // the flusher knows
  if (Clock::now() - flushed_at_ >= kGatherFor) return flush();
  wake_.notify_one();
}

void JsonLog::append(chatrt::LogLevel level, std::string_view event,
                     std::span<const chatrt::LogField> fields) {
  lines_.append(R"({"time":")");
  chatrt::append_timestamp(lines_, clock_.now());
  lines_.append(R"(","level":")").append(level_name(level)).append(R"(","event":")");
  lines_.append(event).push_back('"');
  for (const chatrt::LogField& field : fields) {
    lines_.append(",\"").append(field.key).append("\":");
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      append_text(lines_, *text);
    } else if (const auto* truth = std::get_if<bool>(&field.value)) {
      lines_.append(*truth ? "true" : "false");
    } else if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
      chatrt::socketio::append_json_number(lines_, *number);
    } else {
      chatrt::socketio::append_json_number(lines_, std::get<std::uint64_t>(field.value));
    }
  }
  lines_.append("}\n");
}

bool JsonLog::has_room() noexcept {
  pollfd writable{fd_, POLLOUT, 0};
  stuck_ = may_wait_ && ::poll(&writable, 1, stuck_ ? 0 : kPatienceMs) == 0;
  return !stuck_;
}

// A log that cannot be written must not stop the chat.
void JsonLog::flush() noexcept {
  std::string_view rest = lines_;
  while (!rest.empty()) {
    const std::size_t size = may_wait_ ? lines_within(rest, PIPE_BUF) : rest.size();
    if (size == 0 || !has_room()) break;
    [[maybe_unused]] const ssize_t written = ::write(fd_, rest.data(), size);
    rest.remove_prefix(size);
  }
  left_out_ += static_cast<std::uint64_t>(std::ranges::count(rest, '\n'));
  lines_.clear();
  flushed_at_ = Clock::now();
}

void JsonLog::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    wake_.wait(lock, [this] { return stopping_ || !lines_.empty(); });
    wake_.wait_until(lock, flushed_at_ + kGatherFor, [this] { return stopping_; });
    if (!lines_.empty()) flush();
  }
}

}  // namespace chatd
