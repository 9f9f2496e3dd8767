#include "handlers.h"

#include <algorithm>
#include <string>
#include <utility>

#include "chatrt/gateway/chat_json.h"
#include "chatrt/socketio/json.h"
#include "fields.h"
#include "grants.h"
#include "registration.h"

namespace chatrt::gateway {

using socketio::Socket;

namespace {

template <typename Items, typename Append>
void append_array(std::string& out, const Items& items, Append append) {
  out += '[';
  bool first = true;
  for (const auto& item : items) {
    if (!std::exchange(first, false)) out += ',';
    append(out, item);
  }
  out += ']';
}

void append_more(std::string& out, bool more) {
  out += more ? R"(,"more":true)" : R"(,"more":false)";
}

// What answers are expected to take: without texts, and for each item of a page, up to as much as
// the Hub puts into one.
constexpr std::size_t kAnswerBytes = 384;
constexpr std::size_t kItemBytes = 2560;
constexpr std::size_t kPageBytes = 128 * 1024;

std::size_t page_bytes(std::size_t limit) {
  return limit < kPageBytes / kItemBytes ? limit * kItemBytes : kPageBytes;
}

// Where a page of conversations begins: a position, or the _id of the last conversation's message.
std::optional<Position> read_before(Fields& fields) {
  const auto position = fields.position("before");
  if (position != kNoPosition) return position;
  const auto id = parse_message_id(fields.string("before").value_or(""));
  if (!id) fields.fail("before", "is neither a position nor a message id");
  return id ? *id : kNoPosition;
}

// The sender is who the connection is registered as; a field that says otherwise is refused.
Status check_sender(Fields& fields, const UserId& user) {
  for (const std::string_view name : {"senderId", "userId"}) {
    const auto claimed = fields.string(name);
    if (!claimed || *claimed == user.str()) continue;
    if (fields.user(name)) {
      return Error{Errc::permission_denied,
                   std::string(name) + " is not the user of this connection"};
    }
  }
  return fields.status();
}

}  // namespace

Handlers::Handlers(const ChatParts& parts, const ChatOptions& options, Delivery& delivery,
                   Answers& answers, Outgoing& outgoing, Posts& posts, Pace& pace,
                   Registration& registration, Grants& grants)
    : parts_(parts),
      options_(options),
      delivery_(delivery),
      answers_(answers),
      outgoing_(outgoing),
      posts_(posts),
      pace_(pace),
      registration_(registration),
      grants_(grants) {}

// Every event a client may send, besides `register`, which is Registration's, and `auth_refresh`,
// which is Grants'.
std::span<const Handlers::Entry> Handlers::table() {
  static constexpr Entry kTable[] = {
      {"send_message", &Handlers::send_message},   {"typing", &Handlers::typing},
      {"mark_read", &Handlers::mark_read},         {"history", &Handlers::history},
      {"conversations", &Handlers::conversations}, {"sync", &Handlers::sync},
      {"presence", &Handlers::presence},
  };
  return kTable;
}

void Handlers::dispatch(Socket& socket, const socketio::Event& event) {
  if (event.name == "register") return registration_.on_register(socket, event);
  if (event.name == "auth_refresh") return grants_.on_refresh(socket, event);
  const auto entry = std::ranges::find(table(), event.name, &Entry::name);
  if (entry == table().end()) {
    return answers_.refuse({socket.connection(), event.name, event.ack_id}, Errc::unknown_event);
  }
  const Session& session = session_of(socket);
  if (session.state != Session::State::attached || session.held || pace_.is_full(session)) {
    return registration_.hold(socket, event);
  }
  run(*entry, socket, event);
}

void Handlers::take_up(Socket& socket, const socketio::Event& event) {
  // Nothing else is held.
  run(*std::ranges::find(table(), event.name, &Entry::name), socket, event);
}

void Handlers::run(const Entry& entry, Socket& socket, const socketio::Event& event) {
  const Session& session = session_of(socket);
  pace_.expect(socket, kAnswerBytes);
  const Call call{.socket = socket,
                  .user = session.user,
                  .argument = event.arg(0),
                  .event = entry.name,
                  .ack = event.ack_id};
  const Status status = (this->*entry.handler)(call);
  if (!status) answers_.refuse(call.answer_to(), status.error());
}

template <typename T, typename Append>
void Handlers::answer(const Answers::To& to, const Result<T>& result, Append append) {
  if (!result) return answers_.refuse(to, result.error());
  if (!to.ack) return;
  std::string packet;
  begin_ack(packet, *to.ack);
  packet += R"({"ok":true)";
  append(packet, *result);
  packet += '}';
  end_ack(packet);
  delivery_.send(to.connection, packet);
}

Hub& Handlers::hub_for(const Call& call) {
  posts_.hand_over(Delivery::shard_of(call.connection()));
  return *hub_;
}

Status Handlers::send_message(const Call& call) {
  // What post() leaves here is memory for the next one.
  thread_local PostDraft draft;
  Fields fields(call.argument);
  draft.author = call.user;
  fields.target({"selectedUser", "receiverId"}, draft.target);
  draft.text = fields.required(fields.string("textMessage"), "textMessage");
  draft.client_id = fields.string("clientMessageId").value_or("");
  if (draft.text.find('\0') != std::string::npos) {
    fields.fail("textMessage", "holds a NUL character");
  }
  if (draft.client_id.find('\0') != std::string::npos) {
    fields.fail("clientMessageId", "holds a NUL character");
  }
  if (Status sender = check_sender(fields, call.user); !sender) return sender;

  // It comes back with the answer and as message_sent, and to oneself once more.
  pace_.expect(call.socket, 3 * socketio::json_string_size(draft.text));
  const std::size_t shard = Delivery::shard_of(call.connection());
  posts_.add(shard, std::move(draft), [this, to = call.answer_to()](const Result<Message>& posted) {
    if (!posted) return answers_.refuse(to, posted.error());
    message_id_.clear();
    append_message_id(message_id_, posted->created_at, posted->position);
    parts_.log.log(LogLevel::info, "message",
                   {{"message", message_id_},
                    {"conversation", posted->conversation.value},
                    {"author", posted->author.str()},
                    {"connection", to.connection.value}});
    if (to.ack) outgoing_.ack_message(to.connection, *to.ack, *posted);
  });
  return {};
}

Status Handlers::typing(const Call& call) {
  Fields fields(call.argument);
  Target target;
  fields.target({"receiverId", "selectedUser"}, target);
  const bool typing = fields.required(fields.boolean("typing"), "typing");
  if (!fields.status()) return fields.status();

  hub_for(call).typing(call.user, std::move(target), typing,
                       [this, to = call.answer_to()](Status done) {
                         if (!done) return answers_.refuse(to, done.error());
                         if (to.ack) outgoing_.ack_done(to.connection, *to.ack);
                       });
  return {};
}

Status Handlers::mark_read(const Call& call) {
  Fields fields(call.argument);
  const MarkDraft draft{
      .user = call.user,
      .conversation = fields.required(fields.conversation("conversationId"), "conversationId"),
      .kind = MarkKind::read,
      .sequence = Sequence{fields.required(fields.number("seq"), "seq")}};
  if (!fields.status()) return fields.status();

  hub_for(call).mark(draft, [this, to = call.answer_to()](const Result<MarkAdvanced>& mark) {
    if (!mark) return answers_.refuse(to, mark.error());
    if (to.ack) outgoing_.ack_done(to.connection, *to.ack);
  });
  return {};
}

Status Handlers::history(const Call& call) {
  Fields fields(call.argument);
  Target target;
  fields.target({"userId"}, target);
  SequenceRange range;
  if (const auto before = fields.number("before")) range.before = Sequence{*before};
  if (const auto after = fields.number("after")) range.after = Sequence{*after};
  const std::size_t limit = fields.limit(options_.page_default);
  if (!fields.status()) return fields.status();

  pace_.expect_page(call.socket, page_bytes(limit));
  hub_for(call).history(call.user, std::move(target), range, limit,
                        [this, to = call.answer_to()](const Result<Page<Message>>& page) {
                          answer(to, page, [](std::string& out, const Page<Message>& it) {
                            out += R"(,"messages":)";
                            append_array(out, it.items, append_message);
                            append_more(out, it.more);
                          });
                        });
  return {};
}

Status Handlers::conversations(const Call& call) {
  socketio::JsonView argument = call.argument;
  std::size_t limit = options_.page_default;
  std::optional<Position> before;
  // All of it may be left out, and then the object too.
  if (argument.present() && !argument.is_null()) {
    Fields fields(argument);
    limit = fields.limit(limit);
    before = read_before(fields);
    if (!fields.status()) return fields.status();
  }

  pace_.expect_page(call.socket, page_bytes(limit));
  hub_for(call).conversations(
      call.user, before, limit,
      [this, to = call.answer_to()](const Result<Page<Conversation>>& page) {
        answer(to, page, [](std::string& out, const Page<Conversation>& it) {
          out += R"(,"conversations":)";
          append_array(out, it.items, append_conversation);
          append_more(out, it.more);
        });
      });
  return {};
}

Status Handlers::sync(const Call& call) {
  Fields fields(call.argument);
  const Position since = fields.required(fields.position("since"), "since");
  const std::size_t limit = fields.limit(options_.page_default);
  if (since == kNoPosition) fields.fail("since", "is not a position");
  if (!fields.status()) return fields.status();

  pace_.expect_page(call.socket, page_bytes(limit));
  hub_for(call).sync(call.user, since, limit,
                     [this, to = call.answer_to()](const Result<Hub::Sync>& sync) {
                       answer(to, sync, [](std::string& out, const Hub::Sync& it) {
                         out += R"(,"changes":)";
                         append_array(out, it.changes, append_change);
                         out += R"(,"position":)";
                         socketio::append_json_number(out, it.position.value);
                         append_more(out, it.more);
                       });
                     });
  return {};
}

Status Handlers::presence(const Call& call) {
  Fields fields(call.argument);
  std::vector<UserId> users = fields.users("userIds");
  if (!fields.status()) return fields.status();

  hub_for(call).presence(
      call.user, std::move(users),
      [this, to = call.answer_to()](const Result<std::vector<Presence>>& answered) {
        answer(to, answered, [](std::string& out, const std::vector<Presence>& it) {
          out += R"(,"users":)";
          append_array(out, it, append_presence);
        });
      });
  return {};
}

}  // namespace chatrt::gateway
