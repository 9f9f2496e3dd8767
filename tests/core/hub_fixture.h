// A Hub in one thread: time, lanes and faults are the test's.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chatrt/hub.h"
#include "chatrt/testing/executors.h"
#include "chatrt/testing/faulty_store.h"
#include "chatrt/testing/manual_clock.h"
#include "chatrt/testing/recording_log.h"
#include "chatrt/testing/recording_outlet.h"

namespace chatrt {

inline UserId user(std::string_view name) { return *UserId::parse(name); }

// What a `done` was given, and how often.
template <typename T>
struct Answer {
  std::shared_ptr<std::vector<Result<T>>> given = std::make_shared<std::vector<Result<T>>>();

  auto done() const {
    return [given = given](Result<T> result) { given->push_back(std::move(result)); };
  }
  bool came() const { return given->size() == 1; }
  bool ok() const { return came() && given->front().has_value(); }
  std::optional<Errc> error() const {
    if (!came() || ok()) return std::nullopt;
    return given->front().error().code;
  }
  decltype(auto) value() const { return *given->front(); }
};

struct Refusing final : Authorizer {
  Result<Identity> authenticate(const Credentials&) const override {
    return Error{Errc::unauthenticated};
  }
  Status authorize(const UserId&, const Action&) const override {
    if (refused) return Error{*refused};
    return {};
  }
  std::optional<Errc> refused;
};

// A line for each that it is told: "m3 to receiver 1 2", "m3 to author 4, replayed", "refused a1
// busy".
struct RecordingTrace final : TraceSink {
  void on_sent(const Sent& sent, std::span<const ConnectionId> connections) override {
    std::string line = "m" + std::to_string(sent.message.value);
    line += sent.to_author ? " to author" : " to receiver";
    for (const ConnectionId connection : connections)
      line += " " + std::to_string(connection.value);
    lines.push_back(line + (sent.replayed ? ", replayed" : ""));
  }
  void on_written(ConnectionId, Position) override {}
  void on_confirmed(ConnectionId, Position) override {}
  void on_refused(const PostDraft& draft, Errc code) override {
    lines.push_back("refused " + draft.client_id + " " + std::string(error_name(code)));
  }
  std::vector<std::string> lines;
};

class HubFixture {
 public:
  using Lines = std::vector<std::string>;

  ~HubFixture() {
    settle();
    hub_.reset();
  }

  // Made with `options` when it is first asked for.
  Hub& hub() {
    if (!hub_) {
      HubParts parts = parts_with(*registry, store, outlet);
      parts.trace = &trace;
      if (with_quick_lane) parts.quick_lane = &quick;
      hub_.emplace(parts, options);
    }
    return *hub_;
  }
  // For another Hub, on the same lanes.
  HubParts parts_with(Registry& with_registry, MessageStore& with_store, Outlet& with_outlet) {
    return {.registry = with_registry,
            .store = with_store,
            .outlet = with_outlet,
            .authorizer = authorizer,
            .commit_lane = lane,
            .read_lane = reads,
            .clock = clock,
            .log = log};
  }
  // Runs all lanes until nothing is left to do.
  void settle() {
    while (quick.run_one() || lane.run_one() || reads.run_one()) {
    }
  }
  void pass(Duration time) {
    clock.advance(time);
    hub().tick();
    settle();
  }

  Answer<Message> post(const UserId& from, Target to, std::string text, std::string id = {}) {
    Answer<Message> answer;
    hub().post({from, std::move(to), std::move(text), std::move(id)}, answer.done());
    return answer;
  }
  Message sent(const UserId& from, const UserId& to, std::string text) {
    const auto answer = post(from, to, std::move(text));
    settle();
    return answer.value();
  }
  Answer<MarkAdvanced> mark(const UserId& who, ConversationId in, MarkKind kind, std::uint64_t at) {
    Answer<MarkAdvanced> answer;
    hub().mark({who, in, kind, Sequence{at}}, answer.done());
    return answer;
  }
  Answer<Hub::Attached> attach(std::uint64_t connection, const UserId& who,
                               std::optional<std::uint64_t> since = std::nullopt) {
    Answer<Hub::Attached> answer;
    Hub::AttachRequest request{.user = who};
    if (since) request.since = Position{*since};
    hub().attach(ConnectionId{connection}, request, answer.done());
    return answer;
  }
  Answer<void> typing(const UserId& from, Target to, bool on = true) {
    Answer<void> answer;
    hub().typing(from, std::move(to), on, answer.done());
    return answer;
  }
  Lines lines(std::uint64_t connection) const { return outlet.lines(ConnectionId{connection}); }
  bool logged(std::string_view part) const {
    for (const std::string& line : log.lines()) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }

  const UserId ann = user("ann");
  const UserId bob = user("bob");
  const UserId eve = user("eve");

  testing::ManualClock clock;
  std::unique_ptr<Registry> registry = make_memory_registry();
  std::unique_ptr<MessageStore> memory = make_memory_store();
  testing::FaultyStore store{*memory};
  testing::RecordingOutlet outlet;
  testing::RecordingLog log;
  RecordingTrace trace;
  testing::ManualExecutor lane;
  testing::ManualExecutor quick;  // of the Hub, if it has one
  testing::ManualExecutor reads;
  Refusing authorizer;
  HubOptions options;
  bool with_quick_lane = false;

 private:
  std::optional<Hub> hub_;
};

}  // namespace chatrt
