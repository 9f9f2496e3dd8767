// A call of the HTTP API that has found its route, and what its handlers share.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "chatrt/log.h"
#include "http_api.h"
#include "http_call.h"

namespace chatd {

// A call that has found its route.
struct Call {
  const ApiParts& parts;
  const transport::HttpRequest& request;
  std::string_view route;  // as the table has it
  std::string_view id;     // what stands for {id} in the path
  const Arguments& arguments;
  transport::Responder responder;
};

// A handler answers at once by returning a response or an error; or through the responder, and then
// returns later().
using Handler = chatrt::Result<transport::HttpResponse> (*)(const Call&);
inline transport::HttpResponse later() { return {.status = 0, .content_type = {}}; }

std::string_view token_of(const transport::HttpRequest& request);
// Nothing for whoever brings the key that `holds` knows, and under --dev for all.
chatrt::Status operators_only(const Call& call, const std::function<bool(std::string_view)>& holds);
// Does `text` begin with `lower`, in letters of ASCII of either case?
bool starts_with_in_any_case(std::string_view text, std::string_view lower);

// The problem, counted, with its line in the log.
transport::HttpResponse refusal(const ApiParts& parts, std::string_view route,
                                const chatrt::Error& error);

// A message with a text of usual length.
inline constexpr std::size_t kAnswerBytesExpected = 512;

// Answers by `respond` with what `append` makes of a value, or with the problem.
template <typename T, auto respond, typename F>
auto answer_by(const Call& call, F append) {
  return [responder = call.responder, &parts = call.parts, route = call.route,
          append](const chatrt::Result<T>& value) {
    if (!value) return (responder.*respond)(refusal(parts, route, value.error()));
    std::string body;
    body.reserve(kAnswerBytesExpected);
    append(body, *value);
    (responder.*respond)(json_response(200, std::move(body)));
  };
}
// From any thread.
template <typename T, typename F>
auto answer(const Call& call, F append) {
  return answer_by<T, &transport::Responder::respond>(call, append);
}
// From the Hub's commit lane.
template <typename T, typename F>
auto answer_in_turn(const Call& call, F append) {
  return answer_by<T, &transport::Responder::respond_in_turn>(call, append);
}

// --- for operators and for those who watch over the process

chatrt::Result<transport::HttpResponse> trace(const Call& call);
chatrt::Result<transport::HttpResponse> healthz(const Call& call);
chatrt::Result<transport::HttpResponse> readyz(const Call& call);
chatrt::Result<transport::HttpResponse> revoke(const Call& call);
chatrt::Result<transport::HttpResponse> metrics(const Call& call);

}  // namespace chatd
