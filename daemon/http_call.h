// One HTTP call of the chat's API: its arguments, wherever they stand, and its answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "chatrt/message.h"
#include "chatrt/result.h"
#include "chatrt/socketio/json.h"
#include "transport/http.h"

namespace chatd {

transport::HttpResponse json_response(int status, std::string body);
// application/problem+json (RFC 9457) with the stable `code`.
transport::HttpResponse problem(chatrt::Errc code, std::string_view detail = {});
transport::HttpResponse problem(int status, std::string_view code, std::string_view title,
                                std::string_view detail = {});

// The arguments of a request: fields of the JSON body of a POST, else parameters of the query.
// Valid until the thread reads those of the next one.
class Arguments {
 public:
  // An error if the body is no JSON object.
  static chatrt::Result<Arguments> of(const transport::HttpRequest& request);

  // Nothing if absent; an error if it is there and is no text.
  chatrt::Result<std::optional<std::string>> text(std::string_view name) const;
  // The same for a whole number, which a query may have as text.
  chatrt::Result<std::optional<std::uint64_t>> number(std::string_view name) const;
  chatrt::Result<std::optional<chatrt::UserId>> user(std::string_view name) const;
  // Of a text, or a number in JSON.
  chatrt::Result<std::optional<chatrt::ConversationId>> conversation(std::string_view name) const;

 private:
  bool is_json_ = false;
  chatrt::socketio::JsonView body_;  // of the thread's Json
  std::string query_;
};

}  // namespace chatd
