#include "fields.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>
#include <utility>

#include "chatrt/gateway/chat_json.h"

namespace chatrt::gateway {

using socketio::JsonView;

std::optional<Position> read_position(JsonView value) noexcept {
  if (const auto number = value.as_uint64()) return Position{*number};
  const auto text = value.as_string();
  if (!text) return std::nullopt;
  Position position;
  const char* end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, position.value);
  return error == std::errc{} && rest == end ? position : kNoPosition;
}

std::optional<Offset> read_offset(JsonView value) noexcept {
  const auto position = read_position(value);
  if (!position) return std::nullopt;
  const std::string_view text = value.as_string().value_or(std::string_view{});
  const bool numbered = *position != kNoPosition && *position != Position{};
  return Offset{*position, numbered && text.starts_with('0')};
}

Fields::Fields(JsonView object) : object_(object) {
  if (!object_.is_object()) {
    status_ = Error{Errc::invalid_argument, "the argument is not an object"};
  }
}

std::optional<std::string_view> Fields::string(std::string_view name) {
  const JsonView value = find(name);
  if (!value.present()) return std::nullopt;
  const auto text = value.as_string();
  if (!text) fail(name, "is not a string");
  return text;
}

std::optional<bool> Fields::boolean(std::string_view name) {
  const JsonView value = find(name);
  if (!value.present()) return std::nullopt;
  const auto flag = value.as_bool();
  if (!flag) fail(name, "is not true or false");
  return flag;
}

std::optional<std::uint64_t> Fields::number(std::string_view name) {
  const JsonView value = find(name);
  if (!value.present()) return std::nullopt;
  const auto number = value.as_uint64();
  if (!number) fail(name, "is not a whole number from 0 up");
  return number;
}

std::optional<UserId> Fields::user(std::string_view name) {
  const auto text = string(name);
  if (!text) return std::nullopt;
  Result<UserId> user = UserId::parse(*text);
  if (!user) {
    fail(name, "is not a user id");
    return std::nullopt;
  }
  return *std::move(user);
}

std::optional<ConversationId> Fields::conversation(std::string_view name) {
  const JsonView value = find(name);
  if (!value.present()) return std::nullopt;
  if (const auto number = value.as_uint64(); number && *number > 0) return ConversationId{*number};
  if (const auto text = value.as_string()) {
    if (const auto id = parse_conversation_id(*text)) return *id;
  }
  fail(name, "is not a conversation id");
  return std::nullopt;
}

std::vector<UserId> Fields::users(std::string_view name) {
  std::vector<UserId> users;
  const JsonView list = find(name);
  if (!list.is_array()) {
    fail(name, list.present() ? "is not an array" : "is missing");
    return users;
  }
  users.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto text = list.at(i).as_string();
    Result<UserId> user = UserId::parse(text.value_or(std::string_view{}));
    if (!user) {
      fail(name, "holds something that is not a user id");
      break;
    }
    users.push_back(*std::move(user));
  }
  return users;
}

std::optional<Position> Fields::position(std::string_view name) {
  const auto found = offset(name);
  return found ? std::optional{found->position} : std::nullopt;
}

std::optional<Offset> Fields::offset(std::string_view name) {
  const JsonView value = find(name);
  if (!value.present()) return std::nullopt;
  const auto offset = read_offset(value);
  if (!offset) fail(name, "is not a position");
  return offset;
}

std::size_t Fields::limit(std::size_t otherwise) {
  const auto limit = number("limit");
  if (!limit) return otherwise;
  if (*limit == 0) fail("limit", "is not above 0");
  return static_cast<std::size_t>(
      std::min<std::uint64_t>(*limit, std::numeric_limits<std::size_t>::max()));
}

void Fields::target(std::initializer_list<std::string_view> user_names, Target& target) {
  const auto conversation = this->conversation("conversationId");
  std::string_view named_by;
  std::string_view named;
  for (const std::string_view name : user_names) {
    const auto user = string(name);
    if (!user) continue;
    if (conversation || (!named_by.empty() && named != *user)) {
      fail(name, "names another target than the fields before it");
    }
    named_by = name;
    named = *user;
  }
  if (conversation) {
    target = *conversation;
    return;
  }
  if (named_by.empty()) return fail(*user_names.begin(), "is missing");
  auto* user = std::get_if<UserId>(&target);
  if (user == nullptr) user = &target.emplace<UserId>();
  if (!user->assign(named)) fail(named_by, "is not a user id");
}

void Fields::fail(std::string_view name, std::string_view what) {
  if (!status_) return;
  status_ = Error{Errc::invalid_argument, std::string(name) + ' ' + std::string(what)};
}

JsonView Fields::find(std::string_view name) const noexcept {
  const JsonView value = object_.find(name);
  return value.is_null() ? JsonView{} : value;
}

}  // namespace chatrt::gateway
