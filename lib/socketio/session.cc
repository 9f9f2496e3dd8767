#include "chatrt/socketio/session.h"

#include <algorithm>
#include <utility>

namespace chatrt::socketio {
namespace {

// Does every placeholder in `view` name one of `count` attachments?
bool placeholders_hold(JsonView view, std::size_t count) {
  if (view.is_array()) {
    for (std::size_t i = 0; i < view.size(); ++i) {
      if (!placeholders_hold(view.at(i), count)) return false;
    }
  } else if (view.is_object()) {
    if (view.find("_placeholder").as_bool() == true) {
      const std::optional<std::uint64_t> number = view.find("num").as_uint64();
      return number && *number < count;
    }
    for (std::size_t i = 0; i < view.size(); ++i) {
      if (!placeholders_hold(view.member(i).second, count)) return false;
    }
  }
  return true;
}

// An array with a name that an event may have.
bool is_event(JsonView args) {
  const JsonView name = args.at(0);
  if (name.is_number()) return true;
  return name.is_string() && !is_reserved_event(*name.as_string());
}

}  // namespace

struct Session::Pending {
  std::string text;  // the packet's text; `header` and `json` point into it
  Header header;
  std::string_view json;
  std::vector<std::string> attachments;
  std::size_t bytes = 0;

  bool complete() const { return attachments.size() == header.attachments; }
};

Session::Session() = default;
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

Received Session::on_text(std::string_view text, Json& json) {
  if (awaiting_attachments()) return Violation{"text in place of an attachment"};
  release();
  const Result<Split> found = split(text);
  if (!found) return Violation{"malformed packet"};
  if (found->header.attachments == 0) return on_packet(found->header, found->json, json);
  // Looked at now, so that nobody waits for the attachments of a packet that is wrong already; then
  // kept until they are there, and split again where it then lies.
  const Received head = on_packet(found->header, found->json, json);
  if (std::holds_alternative<Violation>(head)) return head;
  pending_ = std::make_unique<Pending>();
  pending_->text = text;
  const Result<Split> kept = split(pending_->text);
  pending_->header = kept->header;
  pending_->json = kept->json;
  return Incomplete{};
}

Received Session::on_binary(std::string_view bytes, Json& json) {
  if (!awaiting_attachments()) return Violation{"binary without a packet"};
  pending_->bytes += bytes.size();
  if (pending_->bytes > kAttachmentBytesMax) return Violation{"attachments too large"};
  pending_->attachments.emplace_back(bytes);
  if (!pending_->complete()) return Incomplete{};
  return complete(json);
}

Received Session::complete(Json& json) {
  Received received = on_packet(pending_->header, pending_->json, json);
  if (!placeholders_hold(json.root(), pending_->attachments.size())) {
    return Violation{"placeholder without an attachment"};
  }
  if (auto* event = std::get_if<EventReceived>(&received)) {
    event->attachments = pending_->attachments;
  } else if (auto* ack = std::get_if<AckReceived>(&received)) {
    ack->attachments = pending_->attachments;
  }
  return received;
}

Received Session::on_packet(const Header& header, std::string_view text, Json& json) {
  const bool is_connect = header.type == PacketType::connect;
  if (header.type == PacketType::connect_error) return Violation{"CONNECT_ERROR from a client"};
  if (is_connect == joined(header.nsp)) {
    return Violation{is_connect ? "CONNECT to a joined namespace" : "namespace not joined"};
  }
  if (header.type == PacketType::disconnect) {
    if (!text.empty()) return Violation{"DISCONNECT with a payload"};
    leave(header.nsp);
    return DisconnectReceived{header.nsp};
  }
  Json::ParseStatus status = Json::ParseStatus::not_json;
  if (!text.empty()) status = json.parse(text);
  const bool ok = status == Json::ParseStatus::ok;
  if (is_connect) {
    if (!text.empty() && !(ok && json.root().is_object())) return Violation{"CONNECT payload"};
    return ConnectReceived{header.nsp, text.empty() ? JsonView{} : json.root()};
  }
  if (header.type == PacketType::ack || header.type == PacketType::binary_ack) {
    if (!ok || !json.root().is_array()) return Violation{"ACK payload"};
    // The reference ignores an ack that names no event.
    return header.id ? Received{AckReceived{header.nsp, *header.id, json.root(), {}}}
                     : Incomplete{};
  }
  if (status == Json::ParseStatus::refused) return EventRefused{header.nsp, header.id};
  if (!ok || !is_event(json.root())) return Violation{"EVENT payload"};
  return EventReceived{header.nsp, json.root(), {}, header.id};
}

void Session::accept(std::string_view nsp) {
  if (!joined(nsp)) joined_.emplace_back(nsp);
}

void Session::leave(std::string_view nsp) { std::erase(joined_, nsp); }

bool Session::joined(std::string_view nsp) const noexcept {
  return std::find(joined_.begin(), joined_.end(), nsp) != joined_.end();
}

std::size_t Session::joined_count() const noexcept { return joined_.size(); }

bool Session::awaiting_attachments() const noexcept { return pending_ && !pending_->complete(); }

void Session::release() noexcept {
  if (pending_ && pending_->complete()) pending_.reset();
}

}  // namespace chatrt::socketio
