// The public side of a Hub: checks what comes in and hands it on. All of it may run on any thread.
#include "chatrt/hub.h"

#include <algorithm>
#include <new>
#include <utility>

#include "chatrt/utf8.h"
#include "hub_impl.h"

namespace chatrt {
namespace {

Status check_user(const UserId& user) {
  if (user.empty()) return Error{Errc::invalid_argument, "no user"};
  return {};
}

Status check_target(const Target& target) {
  const auto* user = std::get_if<UserId>(&target);
  return user == nullptr ? Status{} : check_user(*user);
}

Status check_text(const PostDraft& draft, const HubOptions& options) {
  if (draft.text.empty()) return Error{Errc::invalid_argument, "the text is empty"};
  if (draft.text.size() > options.text_bytes_max) {
    return Error{Errc::too_large, "the text is too long"};
  }
  if (has_nul(draft.text)) return Error{Errc::invalid_argument, "the text has a NUL"};
  if (!is_valid_utf8(draft.text)) return Error{Errc::invalid_argument, "the text is not UTF-8"};
  if (draft.client_id.size() > options.client_id_bytes_max) {
    return Error{Errc::invalid_argument, "the client id is too long"};
  }
  if (!is_valid_utf8(draft.client_id) || has_control_characters(draft.client_id)) {
    return Error{Errc::invalid_argument, "the client id is not plain UTF-8"};
  }
  return {};
}

Status check_permission(Lanes& lanes, const UserId& user, const Action& action) {
  return lanes.ask([&] { return lanes.parts.authorizer.authorize(user, action); });
}

Status check_post(Lanes& lanes, const PostDraft& draft) {
  if (Status status = check_user(draft.author); !status) return status;
  if (Status status = check_target(draft.target); !status) return status;
  if (Status status = check_text(draft, lanes.options); !status) return status;
  return check_permission(lanes, draft.author, PostAction{draft.target});
}

Status check_read(const UserId& reader, std::size_t limit) {
  if (limit == 0) return Error{Errc::invalid_argument, "a limit of 0"};
  return check_user(reader);
}

// Runs `call(user)`, which gives a Result, on the read lane, and answers with it from there.
template <typename Done, typename Call>
void read(Lanes& lanes, const UserId& user, const Status& allowed, const Done& done, Call call) {
  if (!allowed) return lanes.answer(done, allowed.error());
  const auto refused =
      lanes.begin_read(user, [&lanes, user, done = done, call = std::move(call)]() mutable {
        auto result = lanes.ask([&] { return call(user); });
        lanes.reads.leave(user);
        lanes.answer(done, std::move(result));
        done = nullptr;  // It ends before anybody may think that all is over.
        lanes.inbox.end_read();
      });
  if (refused) lanes.answer(done, *refused);
}

}  // namespace

// `put(draft, entry)` takes it or says why not.
template <typename Put>
void Hub::Impl::post(PostDraft& draft, PostDone& done, Put put) {
  if (const Status status = check_post(lanes, draft); !status) {
    return refuse(draft, done, status.error());
  }
  Draft taken(std::move(draft));
  Entry entry(std::in_place_type<PostDone>, std::move(done));
  const auto refused = put(taken, std::move(entry));
  if (refused) refuse(std::get<PostDraft>(taken), std::get<PostDone>(entry), *refused);
  if (auto* memory = std::get_if<PostDraft>(&taken)) draft = std::move(*memory);
}

Hub::Hub(HubParts parts, HubOptions options)
    : impl_(std::make_unique<Impl>(std::move(parts), options)) {}

Hub::~Hub() { stop(); }

void Hub::stop() { impl_->lanes.inbox.close(); }

void Hub::attach(ConnectionId connection, AttachRequest request,
                 std::function<void(Result<Attached>)> done) {
  Lanes& lanes = impl_->lanes;
  if (const Status status = check_user(request.user); !status) {
    return lanes.answer(done, status.error());
  }
  const auto refused = lanes.inbox.put(
      LaneTask{[impl = impl_.get(), connection, request = std::move(request), done]() mutable {
        impl->replays.attach(connection, request, std::move(done));
      }});
  if (refused) lanes.answer(done, *refused);
}

std::optional<Position> Hub::position() const noexcept { return impl_->position(); }

void Hub::detach(ConnectionId connection) {
  impl_->lanes.inbox.put_always(
      [impl = impl_.get(), connection] { impl->replays.detach(connection); });
}

void Hub::post(PostDraft&& draft, PostDone done) {
  impl_->post(draft, done, [&](Draft& taken, Entry&& entry) {
    return impl_->lanes.inbox.put(taken, std::move(entry));
  });
}

class PostBatch::Impl {
 public:
  explicit Impl(Hub::Impl& the_hub) : hub(the_hub) {}

  Hub::Impl& hub;
  Requests posts;
};

PostBatch::PostBatch(Hub& hub) : impl_(std::make_unique<Impl>(*hub.impl_)) {}

PostBatch::~PostBatch() { hand_over(); }

bool PostBatch::empty() const noexcept { return impl_->posts.entries.empty(); }

void PostBatch::add(PostDraft&& draft, PostDone done) {
  impl_->hub.post(draft, done, [&](Draft& taken, Entry&& entry) -> std::optional<Error> {
    impl_->posts.add(taken, std::move(entry));
    return std::nullopt;
  });
}

void PostBatch::hand_over() {
  if (empty()) return;
  std::optional<Inbox::Refused> refused;
  try {
    refused = impl_->hub.lanes.inbox.put(impl_->posts);
  } catch (const std::bad_alloc&) {
    refused = {0, Error{Errc::unavailable, "out of memory"}};
  }
  if (!refused) return;
  // Whoever is told may add the next.
  Requests posts = std::exchange(impl_->posts, {});
  for (std::size_t i = refused->first; i < posts.entries.size(); ++i) {
    impl_->hub.refuse(std::get<PostDraft>(posts.drafts[i]), std::get<PostDone>(posts.entries[i]),
                      refused->error);
  }
}

void Hub::mark(MarkDraft draft, Callback<void(Result<MarkAdvanced>)> done) {
  Lanes& lanes = impl_->lanes;
  if (const Status status = check_user(draft.user); !status) {
    return impl_->refuse(done, status.error());
  }
  Entry entry(std::in_place_type<MarkDone>, std::move(done));
  Draft taken(std::move(draft));
  if (const auto refused = lanes.inbox.put(taken, std::move(entry))) {
    impl_->refuse(std::get<MarkDone>(entry), *refused);
  }
}

void Hub::typing(UserId from, Target target, bool typing, std::function<void(Status)> done) {
  Lanes& lanes = impl_->lanes;
  Status status = check_user(from);
  if (status) status = check_target(target);
  if (status) status = check_permission(lanes, from, PostAction{target});
  if (!status) return lanes.answer(done, status);
  const auto refused = lanes.inbox.put(
      LaneTask{[impl = impl_.get(), from = std::move(from), target = std::move(target), typing,
                done] { impl->typings.request(from, target, typing, done); }});
  if (refused) lanes.answer(done, Status{*refused});
}

void Hub::presence(UserId asker, std::vector<UserId> users,
                   std::function<void(Result<std::vector<Presence>>)> done) {
  Lanes& lanes = impl_->lanes;
  Status status = check_user(asker);
  if (users.size() > lanes.options.page_max) status = Error{Errc::too_large, "too many users"};
  if (!status) return lanes.answer(done, status.error());
  impl_->presences.query(asker, std::move(users), done);
}

void Hub::history(UserId reader, Target target, SequenceRange range, std::size_t limit,
                  std::function<void(Result<Page<Message>>)> done) {
  Lanes& lanes = impl_->lanes;
  Status status = check_read(reader, limit);
  if (status) status = check_target(target);
  if (status) status = check_permission(lanes, reader, ReadAction{target});
  read(
      lanes, reader, status, done,
      [&lanes, target = std::move(target), range, page = lanes.page_of(limit)](const UserId& user) {
        return lanes.parts.store.read_conversation(user, target, range, page);
      });
}

void Hub::conversations(UserId user, std::optional<Position> before, std::size_t limit,
                        std::function<void(Result<Page<Conversation>>)> done) {
  Lanes& lanes = impl_->lanes;
  read(lanes, user, check_read(user, limit), done,
       [&lanes, before, page = lanes.page_of(limit)](const UserId& of) {
         return lanes.parts.store.conversations_of(of, before, page);
       });
}

void Hub::sync(UserId user, Position since, std::size_t limit,
               std::function<void(Result<Sync>)> done) {
  Lanes& lanes = impl_->lanes;
  read(lanes, user, check_read(user, limit), done,
       [&lanes, since, limit = lanes.page_of(limit)](const UserId& of) -> Result<Sync> {
         const MessageStore& store = lanes.parts.store;
         // Asked first: what is committed after it is for the next time.
         const auto end = store.last_position();
         if (!end) return end.error();
         auto page = store.read_for_user(of, since, limit);
         if (!page) return page.error();
         Sync sync{.changes = std::move(page->items), .position = *end, .more = page->more};
         if (!sync.changes.empty()) {
           const Position last = position_of(sync.changes.back());
           sync.position = sync.more ? last : std::max(last, *end);
         }
         return sync;
       });
}

std::optional<MonotonicTime> Hub::next_deadline() const { return impl_->next_deadline(); }

void Hub::tick() { impl_->tick(); }

Hub::Stats Hub::stats() const {
  const Lanes& lanes = impl_->lanes;
  const Counters& counters = lanes.counters;
  return {.messages_committed = counters.messages_committed.load(std::memory_order_relaxed),
          .messages_repeated = counters.messages_repeated.load(std::memory_order_relaxed),
          .drafts_refused = counters.drafts_refused.load(std::memory_order_relaxed),
          .commits = counters.commits.load(std::memory_order_relaxed),
          .commits_failed = counters.commits_failed.load(std::memory_order_relaxed),
          .events_sent = counters.events_sent.load(std::memory_order_relaxed),
          .inbox = lanes.inbox.waiting(),
          .reads = lanes.inbox.reads(),
          .users_online = lanes.parts.registry.user_count(),
          .connections = lanes.parts.registry.connection_count()};
}

}  // namespace chatrt
