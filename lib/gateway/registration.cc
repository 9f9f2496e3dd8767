#include "registration.h"

#include <string>
#include <utility>

#include "chatrt/gateway/chat_json.h"
#include "chatrt/socketio/json.h"
#include "fields.h"

namespace chatrt::gateway {

using socketio::AckId;
using socketio::JsonView;
using socketio::Socket;

namespace {

constexpr std::string_view kRegister = "register";
constexpr std::string_view kTooManyConnections = "too many connections of this user";

bool is_bearer(std::string_view scheme) {
  constexpr std::string_view kBearer = "bearer ";
  if (scheme.size() < kBearer.size()) return false;
  for (std::size_t i = 0; i < kBearer.size(); ++i) {
    const char c = scheme[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != kBearer[i]) return false;
  }
  return true;
}

// The token of a connection: `auth.token`, or else that of the Authorization header.
Result<std::string> token_of(const socketio::Handshake& handshake, JsonView auth) {
  const JsonView token = auth.find("token");
  if (const auto text = token.as_string()) return std::string(*text);
  if (token.present() && !token.is_null()) {
    return Error{Errc::token_malformed, "auth.token is not a string"};
  }
  const std::string_view header = handshake.authorization;
  return is_bearer(header) ? std::string(header.substr(7)) : std::string();
}

// `register` takes "userId", {userId, since?}, or nothing where a token has said it already.
struct Claim {
  std::optional<UserId> user;
  std::optional<Offset> since;
};

Result<Claim> read_claim(JsonView argument) {
  if (!argument.present() || argument.is_null()) return Claim{};
  if (const auto text = argument.as_string()) {
    Result<UserId> user = UserId::parse(*text);
    if (!user) return Error{Errc::invalid_argument, "this is not a user id"};
    return Claim{.user = *std::move(user), .since = std::nullopt};
  }
  if (!argument.is_object()) {
    return Error{Errc::invalid_argument, "the argument is neither a user id nor an object"};
  }
  Fields fields(argument);
  Claim claim{.user = fields.user("userId"), .since = fields.offset("since")};
  if (!fields.status()) return fields.status().error();
  return claim;
}

// Answers that will be different in a while. The client is sent away then, and comes back by
// itself.
bool is_temporary(Errc code) {
  return retry_after(code).has_value() || code == Errc::internal || code == Errc::corrupt;
}

void append_ok_registered(std::string& out, const UserId& user, Position position) {
  out += R"({"ok":true,"userId":)";
  socketio::append_json_string(out, user.str());
  out += R"(,"position":)";
  socketio::append_json_number(out, position.value);
  out += '}';
}

}  // namespace

Registration::Registration(const ChatParts& parts, const ChatOptions& options, Delivery& delivery,
                           Answers& answers, Grants& grants, Quotas& quotas, Recovery& recovery,
                           Pace& pace, Replay replay)
    : parts_(parts),
      options_(options),
      delivery_(delivery),
      answers_(answers),
      grants_(grants),
      quotas_(quotas),
      recovery_(recovery),
      pace_(pace),
      replay_(std::move(replay)) {}

void Registration::start(Hub& hub) {
  hub_ = &hub;
  deadlines_.resize(delivery_.size());
}

void Registration::on_connect(Socket& socket, JsonView auth) {
  const Result<std::string> token = token_of(socket.handshake(), auth);
  std::optional<Identity> identity;
  Result<Identity> known =
      token ? parts_.authorizer.authenticate({.token = *token}) : Result<Identity>(token.error());
  if (known) {
    identity = *std::move(known);
  } else if (const Errc code = known.error().code;
             code != Errc::unauthenticated || !token || !token->empty()) {
    if (is_temporary(code)) return socket.close_connection();
    if (!options_.register_from_query) return refuse_connect(socket, known.error());
  }

  auto session = std::make_unique<Session>();
  if (const JsonView since = auth.find("since"); since.present() && !since.is_null()) {
    session->since = read_offset(since).value_or(Offset{kNoPosition});
  }
  const bool by_token = session->by_token = identity.has_value();
  socket.set_data(std::move(session));

  if (!identity && options_.register_from_query) identity = identity_from_query(socket);
  if (!resume(socket, auth, identity ? &identity->user : nullptr)) {
    if (identity && !quotas_.enter(identity->user)) {
      return refuse_connect(socket, {Errc::rate_limited, std::string{kTooManyConnections}});
    }
    begin(socket, identity ? identity->user : UserId{}, auth.find("offset"));
    const std::optional<Offset> since = session_of(socket).since;
    if (identity) attach(socket, identity->user, since, !since);
  }
  if (by_token) grants_.put(socket.connection(), *std::move(identity));
}

void Registration::refuse_connect(Socket& socket, const Error& error) {
  answers_.count(error.code);
  parts_.log.log(LogLevel::info, "refused",
                 {{"connection", socket.connection().value},
                  {"request", std::string_view{"CONNECT"}},
                  {"code", error_name(error.code)},
                  {"address", std::string_view{socket.handshake().address}},
                  {"detail", std::string_view{error.detail}}});
  std::string data = R"({"code":")";
  data += error_name(error.code);
  data += R"("})";
  socket.refuse(error.detail.empty() ? error_name(error.code) : error.detail, data);
}

std::optional<Identity> Registration::identity_from_query(const Socket& socket) const {
  const auto claimed = socket.handshake().query_value("userId");
  if (!claimed) return std::nullopt;
  Result<UserId> user = UserId::parse(*claimed);
  if (!user) return std::nullopt;
  Result<Identity> identity = parts_.authorizer.authenticate({.token = {}, .claimed_user = *user});
  if (!identity) return std::nullopt;
  return *std::move(identity);
}

bool Registration::resume(Socket& socket, JsonView auth, const UserId* user) {
  const auto asked = recovery_.read(auth);
  if (!asked) return false;
  Session& session = session_of(socket);
  session.lost = true;
  if (!asked->valid) return false;
  const UserId& owner = asked->pid.user;
  const std::optional<Position> head = hub_->position();
  if (head && asked->pid.start > *head) return false;  // another log
  // Who may not be this user now is not resumed either.
  if (user == nullptr
          ? !parts_.authorizer.authenticate({.token = {}, .claimed_user = owner}).has_value()
          : *user != owner) {
    return false;
  }
  session.lost = false;
  const ConnectionId connection = socket.connection();
  const Recovery::Resumed resumed =
      recovery_.resume(asked->pid, auth.find("offset"), head, connection);
  // Who takes a connection over takes its place too.
  if (!quotas_.enter(owner, resumed.before.has_value())) {
    recovery_.end(asked->pid, connection, false);
    return false;
  }
  session.resumed = user == nullptr;
  session.pid = asked->pid;
  parts_.log.log(LogLevel::info, "recover",
                 {{"user", owner.str()},
                  {"connection", connection.value},
                  {"since", resumed.since.position.value}});
  socket.accept(*auth.find("pid").as_string());
  attach(socket, owner, resumed.since, resumed.undelivered);
  if (resumed.before) retire(*resumed.before);
  return true;
}

void Registration::begin(Socket& socket, const UserId& user, JsonView offset) {
  if (!recovery_.enabled()) return socket.accept();
  Recovery::Issued issued =
      recovery_.begin(socket.connection(), user, hub_->position().value_or(Position{}), offset);
  session_of(socket).pid = std::move(issued.pid);
  socket.accept(issued.text);
}

void Registration::retire(ConnectionId connection) {
  hub_->detach(connection);
  delivery_.run(connection, [this](Socket& socket) {
    parts_.log.log(LogLevel::info, "taken_over", {{"connection", socket.connection().value}});
    socket.close_connection();
  });
}

void Registration::on_disconnect(Socket& socket, socketio::DisconnectReason reason) {
  const ConnectionId connection = socket.connection();
  deadlines_[Delivery::shard_of(connection)].erase(connection);
  grants_.erase(connection);
  recovery_.end(session_of(socket).pid, connection,
                reason == socketio::DisconnectReason::client_namespace_disconnect ||
                    reason == socketio::DisconnectReason::server_namespace_disconnect);
  if (session_of(socket).state == Session::State::unknown) return;
  quotas_.leave(session_of(socket).user);
  hub_->detach(connection);
}

void Registration::on_register(Socket& socket, const socketio::Event& event) {
  const Status status = register_user(socket, event);
  if (status) return;
  const auto& [code, detail] = status.error();
  answers_.refuse({socket.connection(), kRegister, event.ack_id}, code, detail);
  // Most clients ask for no ack here; this tells them too.
  if (session_of(socket).state == Session::State::unknown) {
    tell_unregistered(socket.connection(), code, detail);
  }
}

// An Error is not answered yet, and leaves the socket as it was.
Status Registration::register_user(Socket& socket, const socketio::Event& event) {
  Session& session = session_of(socket);
  Result<Claim> claim = read_claim(event.arg(0));
  if (!claim) return claim.error();

  if (session.state != Session::State::unknown && session.resumed && claim->user &&
      *claim->user != session.user) {
    // The page that has come back is somebody else's now. What is on its way to it is not theirs,
    // nor is its offset: it is sent away, to come back with a session of its own.
    recovery_.end(session.pid, socket.connection(), true);
    socket.close_connection();
    return {};
  }
  if (session.state != Session::State::unknown) {
    if (claim->user && *claim->user != session.user) {
      return session.by_token
                 ? Error{Errc::permission_denied, "the token names another user"}
                 : Error{Errc::conflict, "this connection is registered as another user"};
    }
    if (session.state == Session::State::attached) {
      repeat(socket, event.ack_id);
    } else if (event.ack_id) {
      session.registers.push_back(*event.ack_id);
    }
    return {};
  }

  if (!claim->user) return Error{Errc::invalid_argument, "userId is missing"};
  const Result<std::string> token = token_of(socket.handshake(), {});
  Result<Identity> identity = parts_.authorizer.authenticate(
      {.token = token ? *token : std::string(), .claimed_user = claim->user});
  if (!identity) return Error{identity.error().code, "this user id was not accepted"};
  if (!quotas_.enter(identity->user)) {
    return Error{Errc::rate_limited, std::string{kTooManyConnections}};
  }
  if (event.ack_id) session.registers.push_back(*event.ack_id);
  if (token && !token->empty()) grants_.put(socket.connection(), *identity);
  session.resumed = false;
  recovery_.bind(session.pid, identity->user);
  const std::optional<Offset> since = claim->since ? claim->since : session.since;
  attach(socket, std::move((*identity).user), since, !since);
  return {};
}

// REQUIRES: quotas_.enter(user)
void Registration::attach(Socket& socket, UserId user, std::optional<Offset> since,
                          bool undelivered) {
  Session& session = session_of(socket);
  session.state = Session::State::attaching;
  session.user = user;
  if (session.meter) session.meter->kept.user = nullptr;  // that of another, or of nobody
  session.attempt = ++last_attempt_;
  const ConnectionId connection = socket.connection();
  deadlines_[Delivery::shard_of(connection)].erase(connection);

  Hub::AttachRequest request{.user = std::move(user), .undelivered = undelivered};
  if (since) request.since = since->position;
  if (since && since->first_only) {
    request.received = since->position;
    request.since = Position{since->position.value - 1};
  }
  hub_->attach(
      connection, std::move(request),
      [this, connection, attempt = session.attempt](const Result<Hub::Attached>& answer) {
        auto task = [this, attempt, answer](Socket& at) {
          if (at.data() == nullptr || session_of(at).attempt != attempt) return;
          if (answer) {
            on_attached(at, *answer);
          } else {
            on_attach_failed(at, answer.error().code);
          }
        };
        if (answer) {
          // On the commit lane: behind what was replayed, before what is live.
          delivery_.pending(Delivery::shard_of(connection)).task(connection, std::move(task));
        } else {
          delivery_.run(connection, std::move(task));
        }
      });
}

void Registration::on_attached(Socket& socket, const Hub::Attached& answer) {
  Session& session = session_of(socket);
  const Hub::Attached attached{.position = answer.position,
                               .complete = answer.complete && !session.lost};
  const ConnectionId connection = socket.connection();
  session.state = Session::State::attached;
  session.since.reset();
  parts_.log.log(LogLevel::info, "register",
                 {{"user", session.user.str()},
                  {"connection", connection.value},
                  {"position", attached.position.value},
                  {"complete", attached.complete}});

  for (const AckId id : std::exchange(session.registers, {})) {
    std::string packet;
    begin_ack(packet, id);
    append_ok_registered(packet, session.user, attached.position);
    end_ack(packet);
    send(connection, packet);
  }
  send_ready(connection, session.user, attached);
  take_up_held(socket);
}

void Registration::send_ready(ConnectionId connection, const UserId& user,
                              const Hub::Attached& attached) {
  std::string packet;
  begin_event(packet, "ready");
  packet += R"({"userId":)";
  socketio::append_json_string(packet, user.str());
  packet += R"(,"position":)";
  socketio::append_json_number(packet, attached.position.value);
  packet += attached.complete ? R"(,"complete":true})" : R"(,"complete":false})";
  end_logged_event(packet, attached.position);
  send(connection, packet);
}

void Registration::tell_unregistered(ConnectionId connection, Errc code, std::string_view message) {
  std::string packet;
  append_unregistered(packet, code, message);
  send(connection, packet);
}

void Registration::send(ConnectionId connection, std::string_view packet) {
  delivery_.server(Delivery::shard_of(connection)).send(connection, packet);
}

void Registration::on_attach_failed(Socket& socket, Errc code) {
  Session& session = session_of(socket);
  session.state = Session::State::unknown;
  quotas_.leave(session.user);
  for (const AckId id : std::exchange(session.registers, {})) {
    answers_.refuse({socket.connection(), kRegister, id}, code);
  }
  refuse_held(socket, code);
  tell_unregistered(socket.connection(), code, "the server cannot register anybody now");
  // Stock clients register once per connection: closed, they come back and do it again.
  socket.close_connection();
}

void Registration::repeat(Socket& socket, std::optional<AckId> ack) {
  if (!ack) return;
  const ConnectionId connection = socket.connection();
  hub_->attach(connection, {.user = session_of(socket).user},
               [this, connection, id = *ack,
                user = session_of(socket).user](const Result<Hub::Attached>& answer) {
                 if (!answer) {
                   return answers_.refuse({connection, kRegister, id}, answer.error().code);
                 }
                 socketio::Batch& batch = delivery_.pending(Delivery::shard_of(connection));
                 std::string& packet = batch.begin_packet();
                 begin_ack(packet, id);
                 append_ok_registered(packet, user, answer->position);
                 end_ack(packet);
                 batch.target(connection, batch.end_packet());
               });
}

}  // namespace chatrt::gateway
