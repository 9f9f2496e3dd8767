// Explain: what became of a message, from the log and from what is remembered of its ways.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "chatrt/message_store.h"
#include "chatrt/registry.h"
#include "chatrt/result.h"
#include "trace_log.h"

namespace chatd {

class Explain {
 public:
  Explain(const chatrt::MessageStore& store, const chatrt::Registry& registry,
          const TraceLog& trace)
      : store_(store), registry_(registry), trace_(trace) {}

  // The answer of GET /v1/messages/{id}/trace. `id` is that of a message, or the client's own id of
  // one that was refused; `not_found` if neither is known. Any thread; reads the store.
  chatrt::Result<std::string> message(std::string_view id) const;

 private:
  chatrt::Result<std::optional<chatrt::Message>> find(std::string_view id) const;
  chatrt::Result<std::optional<chatrt::Marks>> marks_of_receiver(
      const chatrt::Message& message) const;
  chatrt::Status append_message(std::string& out, const chatrt::Message& message) const;
  void append_ways(std::string& out, const chatrt::Message& message) const;
  chatrt::Status append_refused(std::string& out, std::string_view client_id) const;

  const chatrt::MessageStore& store_;
  const chatrt::Registry& registry_;
  const TraceLog& trace_;
};

}  // namespace chatd
