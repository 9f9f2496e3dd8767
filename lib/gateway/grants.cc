#include "grants.h"

#include <algorithm>
#include <string>
#include <utility>

#include "chatrt/gateway/chat_json.h"
#include "chatrt/socketio/json.h"

namespace chatrt::gateway {

using socketio::JsonView;
using socketio::Socket;

namespace {

constexpr std::string_view kRefresh = "auth_refresh";

}  // namespace

Grants::Grants(const ChatParts& parts, const ChatOptions& options, Delivery& delivery,
               Answers& answers)
    : parts_(parts), options_(options), delivery_(delivery), answers_(answers) {}

void Grants::start() { shards_.resize(delivery_.size()); }

void Grants::put(ConnectionId connection, Identity identity) {
  // From here on the time that is left counts down by itself: a clock that is set changes nothing.
  MonotonicTime ends = MonotonicTime::max();
  if (identity.expires_at) {
    const Duration left = std::max(Duration{0}, *identity.expires_at - parts_.clock.now());
    ends = parts_.clock.monotonic() + left + options_.token_grace;
  }
  shards_[Delivery::shard_of(connection)].grants.insert_or_assign(
      connection, Grant{.identity = std::move(identity), .ends = ends});
}

void Grants::erase(ConnectionId connection) {
  shards_[Delivery::shard_of(connection)].grants.erase(connection);
}

Result<Identity> Grants::refresh(const Socket& socket, JsonView argument) {
  const Session& session = session_of(socket);
  if (session.state == Session::State::unknown) {
    return Error{Errc::unauthenticated, "this connection is nobody's yet"};
  }
  const auto token =
      argument.is_object() ? argument.find("token").as_string() : argument.as_string();
  if (!token || token->empty()) return Error{Errc::token_missing};
  return parts_.authorizer.authenticate(
      {.token = std::string(*token), .claimed_user = session.user});
}

void Grants::on_refresh(Socket& socket, const socketio::Event& event) {
  Result<Identity> identity = refresh(socket, event.arg(0));
  if (!identity) {
    return answers_.refuse({socket.connection(), kRefresh, event.ack_id}, identity.error().code);
  }
  std::string packet;
  if (event.ack_id) {
    begin_ack(packet, *event.ack_id);
    packet += R"({"ok":true,"userId":)";
    socketio::append_json_string(packet, identity->user.str());
    if (identity->expires_at) {
      packet += R"(,"expiresAt":")";
      append_timestamp(packet, *identity->expires_at);
      packet += '"';
    }
    packet += '}';
    end_ack(packet);
  }
  put(socket.connection(), *std::move(identity));
  if (!packet.empty()) delivery_.send(socket.connection(), packet);
}

void Grants::on_tick(unsigned shard, MonotonicTime now) {
  Shard& own = shards_[shard];
  const std::uint64_t revision = parts_.authorizer.revision();
  const bool changed = std::exchange(own.revision, revision) != revision;
  std::vector<std::pair<ConnectionId, Errc>> over;
  for (const auto& [connection, grant] : own.grants) {
    if (grant.ends <= now) {
      over.emplace_back(connection, Errc::token_expired);
    } else if (changed) {
      if (const Status held = parts_.authorizer.check(grant.identity); !held) {
        over.emplace_back(connection, held.error().code);
      }
    }
  }
  for (const auto& [connection, code] : over) {
    own.grants.erase(connection);
    if (Socket* socket = delivery_.server(shard).find(connection, "/")) end(*socket, code);
  }
}

// With DISCONNECT, so that the client stays away until it has another token.
void Grants::end(Socket& socket, Errc code) {
  const ConnectionId connection = socket.connection();
  parts_.log.log(LogLevel::info, "sent_away",
                 {{"user", session_of(socket).user.str()},
                  {"connection", connection.value},
                  {"code", error_name(code)}});
  std::string packet;
  append_unregistered(
      packet, code,
      code == Errc::token_expired ? "the token has expired" : "the token was taken back");
  delivery_.send(connection, packet);
  socket.disconnect();
  delivery_.server(Delivery::shard_of(connection)).close_connection(connection);
}

}  // namespace chatrt::gateway
