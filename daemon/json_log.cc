#include "json_log.h"

#include <unistd.h>

#include "chatrt/message.h"
#include "chatrt/socketio/json.h"
#include "chatrt/utf8.h"

namespace chatd {
namespace {

constexpr std::size_t kFieldBytesMax = 256;

std::string_view level_name(chatrt::LogLevel level) {
  switch (level) {
    case chatrt::LogLevel::debug: return "debug";
    case chatrt::LogLevel::info: return "info";
    case chatrt::LogLevel::warning: return "warning";
    case chatrt::LogLevel::error: return "error";
  }
  return "error";
}

void append_text(std::string& out, std::string_view text) {
  text = text.substr(0, kFieldBytesMax);
  // The cut may have split a character.
  while (!text.empty() && text.size() == kFieldBytesMax && !chatrt::is_valid_utf8(text) &&
         (static_cast<unsigned char>(text.back()) & 0x80) != 0) {
    text.remove_suffix(1);
  }
  if (chatrt::is_valid_utf8(text)) return chatrt::socketio::append_json_string(out, text);
  std::string clean{text};
  for (char& c : clean) {
    if ((static_cast<unsigned char>(c) & 0x80) != 0) c = '?';
  }
  chatrt::socketio::append_json_string(out, clean);
}

}  // namespace

void JsonLog::write(chatrt::LogLevel level, std::string_view event,
                    std::span<const chatrt::LogField> fields) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    line_ = R"({"time":")" + chatrt::format_timestamp(clock_.now()) + R"(","level":")";
    line_.append(level_name(level)).append(R"(","event":)");
    append_text(line_, event);
    for (const chatrt::LogField& field : fields) {
      line_.push_back(',');
      append_text(line_, field.key);
      line_.push_back(':');
      if (const auto* text = std::get_if<std::string_view>(&field.value)) {
        append_text(line_, *text);
      } else if (const auto* truth = std::get_if<bool>(&field.value)) {
        line_.append(*truth ? "true" : "false");
      } else if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
        line_.append(std::to_string(*number));
      } else {
        line_.append(std::to_string(std::get<std::uint64_t>(field.value)));
      }
    }
    line_.append("}\n");
    // A log that cannot be written must not stop the chat.
    [[maybe_unused]] const ssize_t written = ::write(fd_, line_.data(), line_.size());
  } catch (const std::exception&) {
    // Out of memory: the line is lost.
  }
}

}  // namespace chatd
