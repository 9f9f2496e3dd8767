#include "answers.h"

#include "chatrt/gateway/chat_json.h"
#include "chatrt/socketio/json.h"
#include "chatrt/utf8.h"

namespace chatrt::gateway {
namespace {

// Refusals that the client is not to blame for are worth an operator's look.
LogLevel level_of(Errc code) {
  switch (code) {
    case Errc::busy:
    case Errc::storage_full:
    case Errc::unavailable:
    case Errc::corrupt:
    case Errc::internal: return LogLevel::warning;
    // Counted; who keeps at it is logged once.
    case Errc::rate_limited:
    case Errc::unknown_event: return LogLevel::debug;
    default: return LogLevel::info;
  }
}

}  // namespace

void begin_ack(std::string& out, socketio::AckId id) {
  socketio::encode({.type = socketio::PacketType::ack, .id = id}, "[", out);
}

void end_ack(std::string& out) { out += ']'; }

void begin_event(std::string& out, std::string_view name) {
  socketio::encode({.type = socketio::PacketType::event}, "[", out);
  socketio::append_json_string(out, name);
  out += ',';
}

void end_event(std::string& out) { out += ']'; }

void end_logged_event(std::string& out, Position position, bool more) {
  out += more ? ",\"0" : ",\"";
  socketio::append_json_number(out, position.value);
  out += "\"]";
}

void append_unregistered(std::string& out, Errc code, std::string_view message) {
  begin_event(out, "unregistered");
  out += R"({"reason":")";
  out += error_name(code);
  out += R"(","message":)";
  socketio::append_json_string(out, message);
  out += '}';
  end_event(out);
}

void Answers::refuse(const To& to, const Error& error) {
  const bool clients = level_of(error.code) == LogLevel::info && is_valid_utf8(error.detail);
  note(to, error.code, error.detail);
  answer(to, error.code, clients ? std::string_view{error.detail} : std::string_view{}, {});
}

void Answers::refuse(const To& to, Errc code, std::string_view shown,
                     std::optional<Duration> wait) {
  note(to, code, shown);
  answer(to, code, shown, wait);
}

void Answers::note(const To& to, Errc code, std::string_view detail) {
  count(code);
  log_.log(level_of(code), "refused",
           {{"connection", to.connection.value},
            {"request", to.event},
            {"code", error_name(code)},
            {"detail", detail}});
}

void Answers::answer(const To& to, Errc code, std::string_view shown,
                     std::optional<Duration> wait) {
  if (!to.ack) return;
  std::string packet;
  begin_ack(packet, *to.ack);
  append_failure(packet, code, shown, wait);
  end_ack(packet);
  delivery_.send(to.connection, packet);
}

}  // namespace chatrt::gateway
