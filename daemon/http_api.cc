#include "http_api.h"

#include <array>
#include <charconv>

#include "chatrt/gateway/chat_json.h"
#include "embedded_files.h"
#include "http_routes.h"

namespace chatd {
namespace {

using chatrt::Errc;
using chatrt::Error;
using chatrt::Result;
using chatrt::UserId;
using transport::HttpRequest;
using transport::HttpResponse;
using transport::Responder;

constexpr std::uint64_t kPageDefault = 50;

struct Route {
  std::string_view method;
  std::string_view path;  // may have one {id}
  Handler handle;
};

// Who calls: by the token, and for operators and under --dev by the named argument.
Result<UserId> caller(const Call& call, std::string_view argument) {
  auto claimed = call.arguments.user(argument);
  if (!claimed) return std::move(claimed).error();
  const std::string_view token = token_of(call.request);
  if (call.parts.is_operator(token)) {
    if (*claimed) return **std::move(claimed);
    return Error{Errc::invalid_argument, std::string{argument} + " is missing"};
  }
  auto identity =
      call.parts.authorizer.authenticate({.token = std::string{token}, .claimed_user = *claimed});
  if (!identity) return std::move(identity).error();
  if (call.parts.take(identity->user, call.request.address)) return Error{Errc::rate_limited};
  return std::move(identity->user);
}

template <typename T>
Result<T> required(Result<std::optional<T>> value, std::string_view name) {
  if (!value) return std::move(value).error();
  if (!value->has_value()) {
    return Error{Errc::invalid_argument, std::string{name} + " is missing"};
  }
  return **std::move(value);
}

Result<std::size_t> limit_of(const Call& call) {
  const auto limit = call.arguments.number("limit");
  if (!limit) return limit.error();
  if (*limit == 0U) return Error{Errc::invalid_argument, "limit is 0"};
  return static_cast<std::size_t>(limit->value_or(kPageDefault));
}

Result<chatrt::SequenceRange> range_of(const Call& call) {
  const auto before = call.arguments.number("before");
  if (!before) return before.error();
  const auto after = call.arguments.number("after");
  if (!after) return after.error();
  chatrt::SequenceRange range;
  if (*before) range.before = chatrt::Sequence{**before};
  if (*after) range.after = chatrt::Sequence{**after};
  return range;
}

// Where a page of conversations begins: the _id of a message, or its position.
Result<std::optional<chatrt::Position>> before_of(const Call& call) {
  auto text = call.arguments.text("before");
  if (!text) return std::move(text).error();
  if (!*text) return std::optional<chatrt::Position>{};
  if (const auto id = chatrt::parse_message_id(**text)) return std::optional{*id};
  const auto number = call.arguments.number("before");
  if (!number) return number.error();
  return std::optional{chatrt::Position{**number}};
}

void append_messages(std::string& body, const chatrt::Page<chatrt::Message>& page) {
  body.append(R"({"messages":[)");
  for (std::size_t i = 0; i < page.items.size(); ++i) {
    if (i > 0) body.push_back(',');
    chatrt::gateway::append_message(body, page.items[i]);
  }
  body.append(R"(],"more":)").append(page.more ? "true}" : "false}");
}

// ------------------------------------------------------------------------------------- messages

Result<HttpResponse> create_message(const Call& call) {
  auto sender = caller(call, "senderId");
  if (!sender) return std::move(sender).error();
  const auto same = call.arguments.user("userId");
  if (!same) return same.error();
  if (*same && **same != *sender) {
    return Error{Errc::permission_denied, "userId is not the sender"};
  }
  auto selected = call.arguments.user("selectedUser");
  if (!selected) return std::move(selected).error();
  auto receiver = call.arguments.user("receiverId");
  if (!receiver) return std::move(receiver).error();
  if (!*selected) selected = *receiver;
  if (*receiver && *receiver != *selected) {
    return Error{Errc::invalid_argument, "selectedUser and receiverId are different users"};
  }
  const auto conversation = call.arguments.conversation("conversationId");
  if (!conversation) return conversation.error();
  auto text = required(call.arguments.text("textMessage"), "textMessage");
  if (!text) return std::move(text).error();
  auto client_id = call.arguments.text("clientMessageId");
  if (!client_id) return std::move(client_id).error();

  chatrt::PostDraft draft{*std::move(sender), UserId{}, *std::move(text), client_id->value_or("")};
  if (draft.client_id.empty()) draft.client_id = call.request.idempotency_key;
  if (*selected && *conversation) {
    return Error{Errc::invalid_argument, "conversationId is there in place of a user"};
  }
  if (*selected) {
    draft.target = **std::move(selected);
  } else if (*conversation) {
    draft.target = **conversation;
  } else {
    return Error{Errc::invalid_argument, "selectedUser is missing"};
  }
  call.parts.post(
      call.responder.shard(), std::move(draft),
      answer_in_turn<chatrt::Message>(
          call, [&log = call.parts.log](std::string& body, const chatrt::Message& message) {
            log.log(chatrt::LogLevel::info, "message",
                    {{"message", message.id()},
                     {"conversation", message.conversation.value},
                     {"author", message.author.str()}});
            chatrt::gateway::append_message(body, message);
          }));
  return later();
}

Result<HttpResponse> history(const Call& call, chatrt::Target target) {
  auto user = caller(call, "userId");
  if (!user) return std::move(user).error();
  const auto range = range_of(call);
  if (!range) return range.error();
  const auto limit = limit_of(call);
  if (!limit) return limit.error();
  call.parts.hub.history(*std::move(user), std::move(target), *range, *limit,
                         answer<chatrt::Page<chatrt::Message>>(call, append_messages));
  return later();
}

Result<HttpResponse> history_with_user(const Call& call) {
  auto peer = required(call.arguments.user("peerId"), "peerId");
  if (!peer) return std::move(peer).error();
  return history(call, *std::move(peer));
}

Result<HttpResponse> history_of_conversation(const Call& call) {
  const auto id = chatrt::gateway::parse_conversation_id(call.id);
  if (!id) return Error{Errc::not_found, "no such conversation"};
  return history(call, *id);
}

// -------------------------------------------------------------------------------- conversations

Result<HttpResponse> conversations(const Call& call) {
  auto user = caller(call, "userId");
  if (!user) return std::move(user).error();
  const auto position = before_of(call);
  if (!position) return position.error();
  const auto limit = limit_of(call);
  if (!limit) return limit.error();
  call.parts.hub.conversations(
      *std::move(user), *position, *limit,
      answer<chatrt::Page<chatrt::Conversation>>(
          call, [](std::string& body, const chatrt::Page<chatrt::Conversation>& page) {
            body.append(R"({"conversations":[)");
            for (std::size_t i = 0; i < page.items.size(); ++i) {
              if (i > 0) body.push_back(',');
              chatrt::gateway::append_conversation(body, page.items[i]);
            }
            body.append(R"(],"more":)").append(page.more ? "true}" : "false}");
          }));
  return later();
}

Result<HttpResponse> mark_read(const Call& call) {
  auto user = caller(call, "userId");
  if (!user) return std::move(user).error();
  const auto id = chatrt::gateway::parse_conversation_id(call.id);
  if (!id) return Error{Errc::not_found, "no such conversation"};
  const auto seq = required(call.arguments.number("seq"), "seq");
  if (!seq) return seq.error();
  call.parts.hub.mark({*std::move(user), *id, chatrt::MarkKind::read, chatrt::Sequence{*seq}},
                      answer_in_turn<chatrt::MarkAdvanced>(call, chatrt::gateway::append_mark));
  return later();
}

Result<HttpResponse> sync(const Call& call) {
  auto user = caller(call, "userId");
  if (!user) return std::move(user).error();
  const auto since = call.arguments.number("since");
  if (!since) return since.error();
  const auto limit = limit_of(call);
  if (!limit) return limit.error();
  call.parts.hub.sync(
      *std::move(user), chatrt::Position{since->value_or(0)}, *limit,
      answer<chatrt::Hub::Sync>(call, [](std::string& body, const chatrt::Hub::Sync& page) {
        body.append(R"({"changes":[)");
        for (std::size_t i = 0; i < page.changes.size(); ++i) {
          if (i > 0) body.push_back(',');
          chatrt::gateway::append_change(body, page.changes[i]);
        }
        body.append(R"(],"position":)").append(std::to_string(page.position.value));
        body.append(R"(,"more":)").append(page.more ? "true}" : "false}");
      }));
  return later();
}

// ------------------------------------------------------------------------ presence and sessions

Result<HttpResponse> presence(const Call& call) {
  auto user = caller(call, "userId");
  if (!user) return std::move(user).error();
  auto listed = required(call.arguments.text("userIds"), "userIds");
  if (!listed) return std::move(listed).error();
  std::vector<UserId> users;
  for (std::string_view rest = *listed; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    auto one = UserId::parse(rest.substr(0, comma));
    if (!one) return Error{Errc::invalid_argument, "userIds names what is no user id"};
    users.push_back(*std::move(one));
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  call.parts.hub.presence(
      *std::move(user), std::move(users),
      answer_in_turn<std::vector<chatrt::Presence>>(
          call, [](std::string& body, const std::vector<chatrt::Presence>& found) {
            body.append(R"({"users":[)");
            for (std::size_t i = 0; i < found.size(); ++i) {
              if (i > 0) body.push_back(',');
              chatrt::gateway::append_presence(body, found[i]);
            }
            body.append("]}");
          }));
  return later();
}

Result<HttpResponse> sessions(const Call& call) {
  auto user = caller(call, "userId");
  if (!user) return std::move(user).error();
  std::vector<chatrt::ConnectionId> connections;
  call.parts.registry.connections_of(*user, connections);
  std::string body = R"({"sessions":[)";
  for (std::size_t i = 0; i < connections.size(); ++i) {
    if (i > 0) body.push_back(',');
    // As text: an id is larger than what a JavaScript number holds.
    body.append(R"({"id":")").append(std::to_string(connections[i].value)).append(R"("})");
  }
  return json_response(200, body + "]}");
}

Result<HttpResponse> disconnect_session(const Call& call) {
  auto user = caller(call, "userId");
  if (!user) return std::move(user).error();
  chatrt::ConnectionId connection;
  const auto [end, error] =
      std::from_chars(call.id.data(), call.id.data() + call.id.size(), connection.value);
  const bool whole = error == std::errc{} && end == call.id.data() + call.id.size();
  if (!whole || call.parts.registry.user_of(connection) != *user) {
    return Error{Errc::not_found, "no such session"};
  }
  call.parts.disconnect(connection);
  return HttpResponse{.status = 204, .content_type = {}};
}

constexpr std::array kRoutes = {
    Route{"POST", "/api/message/create-message", create_message},
    Route{"POST", "/v1/messages", create_message},
    Route{"GET", "/v1/messages", history_with_user},
    Route{"GET", "/v1/messages/{id}/trace", trace},
    Route{"GET", "/v1/conversations", conversations},
    Route{"GET", "/v1/conversations/{id}/messages", history_of_conversation},
    Route{"POST", "/v1/conversations/{id}/read", mark_read},
    Route{"GET", "/v1/sync", sync},
    Route{"GET", "/v1/presence", presence},
    Route{"GET", "/v1/sessions", sessions},
    Route{"DELETE", "/v1/sessions/{id}", disconnect_session},
    Route{"POST", "/v1/revocations", revoke},
    Route{"GET", "/healthz", healthz},
    Route{"GET", "/readyz", readyz},
    Route{"GET", "/metrics", metrics},
};

// What stands for {id}; nothing if `path` is another one.
std::optional<std::string_view> match(std::string_view pattern, std::string_view path) {
  constexpr std::string_view kId = "{id}";
  const std::size_t begin = pattern.find(kId);
  if (begin == std::string_view::npos) {
    return pattern == path ? std::optional{std::string_view{}} : std::nullopt;
  }
  const std::string_view tail = pattern.substr(begin + kId.size());
  if (path.size() <= begin + tail.size() || !path.starts_with(pattern.substr(0, begin)) ||
      !path.ends_with(tail)) {
    return std::nullopt;
  }
  const std::string_view id = path.substr(begin, path.size() - begin - tail.size());
  return id.find('/') == std::string_view::npos ? std::optional{id} : std::nullopt;
}

bool is_json(std::string_view content_type) {
  constexpr std::string_view kJson = "application/json";
  if (!starts_with_in_any_case(content_type, kJson)) return false;
  const std::string_view rest = content_type.substr(kJson.size());
  return rest.empty() || rest.front() == ';' || rest.front() == ' ';
}

HttpResponse run(const Route& route, std::string_view id, const ApiParts& parts,
                 const HttpRequest& request, const Responder& responder) {
  if (route.method == "POST" && !is_json(request.content_type)) {
    parts.refused(Errc::invalid_argument);
    return problem(415, "invalid_argument", "Unsupported Media Type", "send application/json");
  }
  const auto arguments = Arguments::of(request);
  if (!arguments) return refusal(parts, route.path, arguments.error());
  auto response = route.handle({parts, request, route.path, id, *arguments, responder});
  if (!response) return refusal(parts, route.path, response.error());
  return *std::move(response);
}

}  // namespace

std::size_t HttpApi::body_bytes_max(std::string_view method, std::string_view) const {
  return method == "POST" ? parts_.body_bytes_max : 0;
}

void HttpApi::on_request(const HttpRequest& request, Responder responder) {
  if (auto file = embedded_file_response(request)) return responder.respond(*std::move(file));
  std::string allowed;
  for (const Route& route : kRoutes) {
    const auto id = match(route.path, request.path);
    if (!id) continue;
    if (route.method != request.method) {
      allowed.append(allowed.empty() ? "" : ", ").append(route.method);
      if (route.method == "GET") allowed.append(", HEAD");
      continue;
    }
    HttpResponse response = run(route, *id, parts_, request, responder);
    if (response.status != 0) responder.respond(std::move(response));
    return;
  }
  parts_.refused(allowed.empty() ? Errc::not_found : Errc::invalid_argument);
  if (allowed.empty()) return responder.respond(problem(404, "not_found", "Not Found"));
  HttpResponse response = problem(405, "invalid_argument", "Method Not Allowed");
  response.headers.emplace_back("Allow", allowed);
  responder.respond(std::move(response));
}

std::vector<std::string> route_names() {
  std::vector<std::string> names;
  for (const Route& route : kRoutes) {
    names.push_back(std::string{route.method} + " " + std::string{route.path});
  }
  return names;
}

}  // namespace chatd
