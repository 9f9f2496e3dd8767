#include <cassert>

#include "chatrt/socketio/server.h"
#include "server_impl.h"

namespace chatrt::socketio {
namespace {

std::optional<char> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<char>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<char>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<char>(c - 'A' + 10);
  return std::nullopt;
}

// application/x-www-form-urlencoded, as browsers write queries.
std::string decode_query(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) && hex_digit(text[i + 2])) {
      decoded.push_back(static_cast<char>(*hex_digit(text[i + 1]) * 16 + *hex_digit(text[i + 2])));
      i += 2;
    } else {
      decoded.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return decoded;
}

std::string event_json(std::string_view name, const Arguments& arguments) {
  std::string json = "[";
  append_json_string(json, name);
  if (!arguments.list().empty()) json.append(",").append(arguments.list());
  json.push_back(']');
  return json;
}

}  // namespace

SocketData::~SocketData() = default;
Namespace::~Namespace() = default;

void Namespace::on_refused_event(Socket& socket, std::optional<AckId> ack_id) {
  if (!ack_id) return;
  socket.ack(*ack_id,
             Arguments{}.json(R"({"ok":false,"error":{"code":"invalid_argument",)"
                              R"("message":"a lone surrogate or a number out of range"}})"));
}

void Namespace::on_pong(Socket&) {}

void Namespace::on_disconnect(Socket&, DisconnectReason) {}

std::optional<std::string> Handshake::query_value(std::string_view name) const {
  std::optional<std::string> value;
  std::string_view rest = query;
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    const std::size_t equals = pair.find('=');
    if (decode_query(pair.substr(0, equals)) != name) continue;
    value = equals == std::string_view::npos ? "" : decode_query(pair.substr(equals + 1));
  }
  return value;
}

Socket::Impl& Socket::impl() noexcept { return static_cast<Impl&>(*this); }
const Socket::Impl& Socket::impl() const noexcept { return static_cast<const Impl&>(*this); }

ConnectionId Socket::connection() const noexcept { return impl().connection->id; }
std::string_view Socket::nsp() const noexcept { return impl().name(); }
std::string_view Socket::id() const noexcept { return impl().public_id(); }
const Handshake& Socket::handshake() const noexcept { return *impl().connection->handshake; }
SocketData* Socket::data() const noexcept { return impl().data.get(); }
void Socket::set_data(std::unique_ptr<SocketData> data) noexcept { impl().data = std::move(data); }

void Socket::accept(std::string_view pid) { impl().server->accept(impl(), pid); }

void Socket::refuse(std::string_view message, std::string_view data_json) {
  impl().server->refuse(impl(), message, data_json);
}

void Socket::emit(std::string_view name, const Arguments& arguments) {
  assert(!is_reserved_event(name));
  impl().server->send_packet(impl(), {.type = PacketType::event}, event_json(name, arguments),
                             arguments, false);
}

void Socket::emit_volatile(std::string_view name, const Arguments& arguments) {
  assert(!is_reserved_event(name));
  impl().server->send_packet(impl(), {.type = PacketType::event}, event_json(name, arguments),
                             arguments, true);
}

void Socket::emit_with_ack(
    std::string_view name, const Arguments& arguments, Duration timeout,
    std::function<void(Result<JsonView>, std::span<const std::string>)> done) {
  assert(!is_reserved_event(name));
  if (impl().state != Impl::State::joined) return done(Error{Errc::gone, "not connected"}, {});
  const AckId id = impl().next_ack++;
  impl().server->await_ack(impl(), timeout, {id, {}, std::move(done)});
  impl().server->send_packet(impl(), {.type = PacketType::event, .id = id},
                             event_json(name, arguments), arguments, false);
}

void Socket::ack(AckId id, const Arguments& arguments) {
  if (impl().answering == id) impl().answering.reset();
  std::string json = "[";
  json.append(arguments.list()).push_back(']');
  impl().server->send_packet(impl(), {.type = PacketType::ack, .id = id}, json, arguments, false);
}

void Socket::disconnect() { impl().server->disconnect(impl()); }

void Socket::close_connection() { impl().server->close_connection(connection()); }

// ------------------------------------------------------------------------------------------------

void Server::Impl::accept(Socket::Impl& socket, std::string_view pid) {
  const Turn turn(*this);
  if (socket.state != Socket::Impl::State::connecting) return;
  socket.state = Socket::Impl::State::joined;
  socket.id = make_id();
  socket.connection->session.accept(socket.name());
  socket.connection->was_joined = true;
  std::string json = R"({"sid":)";
  append_json_string(json, socket.public_id());
  if (!pid.empty()) {
    json.append(R"(,"pid":)");
    append_json_string(json, pid);
  }
  json.push_back('}');
  send_packet(socket, {.type = PacketType::connect}, json, {}, false);
  log_.log(LogLevel::info, "connect",
           {{"connection", socket.connection->id.value},
            {"nsp", socket.name()},
            {"address", std::string_view{socket.connection->handshake->address}}});
}

void Server::Impl::refuse(Socket::Impl& socket, std::string_view message,
                          std::string_view data_json) {
  if (socket.state != Socket::Impl::State::connecting) return;
  const Turn turn(*this);
  log_.log(LogLevel::info, "refused",
           {{"reason", message}, {"connection", socket.connection->id.value}});
  connect_error(socket.connection->id, socket.name(), message, data_json);
  end(socket, DisconnectReason::server_namespace_disconnect);
}

void Server::Impl::connect_error(ConnectionId id, std::string_view nsp, std::string_view message,
                                 std::string_view data_json) {
  std::string json = R"({"message":)";
  append_json_string(json, message);
  if (!data_json.empty()) json.append(R"(,"data":)").append(data_json);
  json.push_back('}');
  std::string packet;
  encode({.type = PacketType::connect_error, .nsp = nsp}, json, packet);
  send(id, packet, false);
}

void Server::Impl::send_packet(const Socket::Impl& socket, Header header, std::string_view json,
                               const Arguments& arguments, bool ephemeral) {
  const Turn turn(*this);  // a slow reader ends here, and the socket with it
  if (socket.state != Socket::Impl::State::joined) return;
  header.nsp = socket.name();
  header.attachments = arguments.attachments().size();
  if (header.attachments > 0) {
    ephemeral = false;  // a packet leaves with all of its attachments or not at all
    header.type =
        header.type == PacketType::ack ? PacketType::binary_ack : PacketType::binary_event;
  }
  scratch_.clear();
  encode(header, json, scratch_);
  send(socket.connection->id, scratch_, ephemeral);
  for (const std::string& bytes : arguments.attachments()) {
    engine_.send(socket.connection->id, {true, bytes}, now_, false);
  }
}

void Server::Impl::disconnect(Socket::Impl& socket) {
  if (socket.state != Socket::Impl::State::joined) return;
  const Turn turn(*this);
  send_packet(socket, {.type = PacketType::disconnect}, {}, {}, false);
  socket.connection->session.leave(socket.name());
  end(socket, DisconnectReason::server_namespace_disconnect);
}

void Server::Impl::await_ack(Socket::Impl& socket, Duration timeout, Socket::Impl::PendingAck ack) {
  ack.due = now_ + timeout;
  deadlines_.push({ack.due, socket.connection->id, Due::ack});
  socket.acks.push_back(std::move(ack));
}

}  // namespace chatrt::socketio
