// `chatd explain ID`: asks a running chatd what became of a message, and prints it for people.
#pragma once

#include <string>

#include "chatrt/result.h"
#include "config.h"

namespace chatd {

// `config` says where chatd listens, and the operators' key. An Error is one line for stderr.
chatrt::Result<std::string> explain_command(const Config& config, const std::string& id);
// The lines for an answer of GET /v1/messages/{id}/trace.
chatrt::Result<std::string> explanation_of(std::string_view json);

}  // namespace chatd
