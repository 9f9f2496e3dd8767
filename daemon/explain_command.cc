#include "explain_command.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "auth/operator_key.h"
#include "chatrt/socketio/json.h"
#include "transport/http_get.h"

namespace chatd {
namespace {

using chatrt::socketio::Json;
using chatrt::socketio::JsonView;

std::string text_of(JsonView object, std::string_view name) {
  return std::string{object.find(name).as_string().value_or("")};
}

// As JSON has it: what others wrote does not reach the terminal's own language.
std::string quoted(JsonView object, std::string_view name) {
  std::string out;
  object.find(name).append_to(out);
  return out;
}

bool is_true(JsonView object, std::string_view name) {
  return object.find(name).as_bool().value_or(false);
}

using Lines = std::vector<std::pair<std::string, std::string>>;  // time, what

void add_ways(Lines& lines, JsonView connections) {
  for (std::size_t i = 0; i < connections.size(); ++i) {
    const JsonView way = connections.at(i);
    const std::string who = text_of(way, "userId") + ", connection " + text_of(way, "id");
    const auto add = [&](std::string_view name, const std::string& what) {
      const std::string time = text_of(way, name);
      if (!time.empty()) lines.emplace_back(time, what + who);
    };
    add("sentAt", is_true(way, "replayed") ? "replayed to " : "sent to ");
    add("writtenAt", "written to ");
    add("confirmedAt", "received by ");
  }
}

std::string of_message(JsonView root) {
  const JsonView message = root.find("message");
  std::string out = "message " + text_of(message, "_id") + " of " + text_of(message, "senderId") +
                    " to " + text_of(message, "receiverId") + ": conversation " +
                    text_of(message, "conversationId") + ", seq " + quoted(message, "seq") +
                    ", position " + quoted(message, "position") + "\n";
  Lines lines{{text_of(message, "committedAt"), "committed"}};
  add_ways(lines, root.find("connections"));
  std::stable_sort(lines.begin(), lines.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [time, what] : lines) out.append(time).append("  ").append(what).append("\n");
  if (const auto others = root.find("otherConnections").as_uint64().value_or(0); others > 0) {
    out.append("sent to " + std::to_string(others) + " connections more\n");
  }
  const std::string receiver = text_of(message, "receiverId");
  out.append(is_true(root, "read")        ? "read by " + receiver
             : is_true(root, "delivered") ? "delivered to " + receiver + ", not read"
                                          : "not delivered: no device of " + receiver +
                                                " has confirmed it; it comes when one registers");
  out.push_back('\n');
  const std::string since = text_of(root, "rememberedSince");
  if (text_of(message, "committedAt") < since) {
    out.append("connections are remembered since " + since + "; before, the log alone\n");
  }
  return out;
}

std::string of_refused(JsonView refused) {
  std::string out;
  for (std::size_t i = 0; i < refused.size(); ++i) {
    const JsonView one = refused.at(i);
    out.append(text_of(one, "at") + "  " + quoted(one, "clientMessageId") + " of " +
               text_of(one, "senderId") + " refused: " + text_of(one, "code") + "\n");
  }
  return out;
}

std::string host_of(const std::string& listen) {
  return listen == "0.0.0.0" || listen == "::" ? "localhost" : listen;
}

}  // namespace

chatrt::Result<std::string> explanation_of(std::string_view json) {
  Json parsed;
  if (parsed.parse(json) != Json::ParseStatus::ok) {
    return chatrt::Error{chatrt::Errc::internal, "what came is not the answer of a chatd"};
  }
  const JsonView root = parsed.root();
  const JsonView refused = root.find("refused");
  return refused.size() > 0 ? of_refused(refused) : of_message(root);
}

chatrt::Result<std::string> explain_command(const Config& config, const std::string& id) {
  const auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
  };
  if (id.empty() || !std::all_of(id.begin(), id.end(), plain)) {
    return chatrt::Error{chatrt::Errc::invalid_argument,
                         "explain: an id has letters, digits, dots, hyphens and underscores"};
  }
  std::string key;
  if (!config.operator_key.empty()) {
    auto read = auth::OperatorKey::read(config.operator_key);
    if (!read) return std::move(read).error();
    key = read->text();
  }
  auto answer = transport::http_get(host_of(config.listen), static_cast<std::uint16_t>(config.port),
                                    "/v1/messages/" + id + "/trace", key, config.tls_cert);
  if (!answer) return std::move(answer).error();
  if (answer->status == 200) return explanation_of(answer->body);
  if (answer->status == 404) {
    return chatrt::Error{chatrt::Errc::not_found,
                         "explain: no message has this id, and none was refused lately under it"};
  }
  const bool refused = answer->status == 401 || answer->status == 403;
  return chatrt::Error{chatrt::Errc::unavailable,
                       refused ? "explain: operator-key: chatd does not take it"
                               : "explain: chatd answered " + std::to_string(answer->status)};
}

}  // namespace chatd
