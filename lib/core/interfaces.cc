// The home of the interfaces' vtables.
#include "chatrt/authorizer.h"
#include "chatrt/clock.h"
#include "chatrt/executor.h"
#include "chatrt/log.h"
#include "chatrt/message_store.h"
#include "chatrt/outlet.h"
#include "chatrt/registry.h"
#include "chatrt/trace.h"

namespace chatrt {

Authorizer::~Authorizer() = default;
Status Authorizer::check(const Identity&) const { return {}; }
std::uint64_t Authorizer::revision() const noexcept { return 0; }
Clock::~Clock() = default;
Executor::~Executor() = default;
LogSink::~LogSink() = default;
MessageStore::~MessageStore() = default;
Outlet::~Outlet() = default;
void Outlet::replay_paused(ConnectionId, std::function<void()> more) { more(); }
Registry::~Registry() = default;
TraceSink::~TraceSink() = default;

}  // namespace chatrt
