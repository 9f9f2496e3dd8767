// socketio::Session: the Socket.IO side of one connection as a state machine - Engine.IO messages
// in, one Received out for each complete packet. It checks grammar, shapes, attachments and which
// namespaces are joined; what to answer is the caller's business. No I/O, no clock.
//
// Source: Socket.IO protocol v5. Threads: one at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "chatrt/clock.h"
#include "chatrt/export.h"
#include "chatrt/socketio/json.h"
#include "chatrt/socketio/packet.h"

namespace chatrt::socketio {

// Bytes of all attachments of one packet together; above: a Violation.
inline constexpr std::size_t kAttachmentBytesMax = 1'000'000;

// Views in what is received are valid until the next call on the Session.

// A CONNECT for a namespace that is not joined: answer it with accept() or refuse().
struct ConnectReceived {
  std::string_view nsp;
  JsonView auth;  // an object, or absent
};
// A DISCONNECT: the namespace is left already.
struct DisconnectReceived {
  std::string_view nsp;
};
struct EventReceived {
  std::string_view nsp;
  JsonView args;  // an array; [0] is the name, a string or a number
  std::span<const std::string> attachments;
  std::optional<AckId> id;  // the client wants an ack

  std::string_view name() const { return args.at(0).as_string().value_or(std::string_view{}); }
};
// An event that cannot be taken although its grammar is right (a lone surrogate, a number beyond a
// double): refuse it in the ack; the connection goes on.
struct EventRefused {
  std::string_view nsp;
  std::optional<AckId> id;
};
struct AckReceived {
  std::string_view nsp;
  AckId id;
  JsonView args;  // an array
  std::span<const std::string> attachments;
};
// The client broke the protocol: close the connection.
struct Violation {
  std::string_view what;  // for the log; static
};
// Nothing to do yet: attachments are still to come.
struct Incomplete {};

using Received = std::variant<Incomplete, ConnectReceived, DisconnectReceived, EventReceived,
                              EventRefused, AckReceived, Violation>;

class CHATRT_EXPORT Session {
 public:
  Session();
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  // `json` is scratch space, lent so that idle sessions do not each keep a parser; it may be shared
  // by all sessions of a thread, and is in use until the caller is done with what was received.
  Received on_text(std::string_view text, Json& json);
  Received on_binary(std::string_view bytes, Json& json);

  // The answer to a CONNECT. Until accept(), events of the namespace are a Violation.
  void accept(std::string_view nsp);
  // The server leaves the namespace.
  void leave(std::string_view nsp);
  bool joined(std::string_view nsp) const noexcept;
  std::size_t joined_count() const noexcept;
  // Attachments are awaited: the caller closes the connection if that lasts too long.
  bool awaiting_attachments() const noexcept;
  // Frees what the last Received points into. Optional: an idle session is smaller after it.
  void release() noexcept;

 private:
  struct Pending;  // a binary packet: its attachments are still to come, or all there
  Received on_packet(const Header& header, std::string_view text, Json& json);
  Received complete(Json& json);

  // Kept small, since every connection has one.
  std::vector<std::string> joined_;
  std::unique_ptr<Pending> pending_;
};

}  // namespace chatrt::socketio
