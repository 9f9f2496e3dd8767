#include "http_routes.h"
#include "revoke_call.h"

namespace chatd {

using chatrt::Errc;
using chatrt::Error;
using chatrt::Result;
using transport::HttpResponse;

Result<HttpResponse> trace(const Call& call) {
  if (const auto allowed = operators_only(call, call.parts.is_operator); !allowed)
    return allowed.error();
  call.parts.explain(std::string{call.id},
                     answer<std::string>(call, [](std::string& body, const std::string& explained) {
                       body = explained;
                     }));
  return later();
}

Result<HttpResponse> healthz(const Call&) { return json_response(200, R"({"ok":true})"); }

Result<HttpResponse> readyz(const Call& call) {
  call.parts.ready([responder = call.responder](bool ready) {
    responder.respond(ready ? json_response(200, R"({"ok":true})") : problem(Errc::unavailable));
  });
  return later();
}

Result<HttpResponse> revoke(const Call& call) {
  if (const auto allowed = operators_only(call, call.parts.is_operator); !allowed)
    return allowed.error();
  if (!call.parts.revoke) return Error{Errc::not_found, "this server takes no tokens"};
  auto revocation = read_revocation(call.arguments, call.parts.clock.now());
  if (!revocation) return std::move(revocation).error();
  call.parts.log.log(
      chatrt::LogLevel::info, "revoke",
      {{"user", revocation->user ? std::string_view{revocation->user->str()} : std::string_view{}},
       {"token_id", std::string_view{revocation->token_id}},
       {"address", std::string_view{call.request.address}}});
  call.parts.revoke(*std::move(revocation), [responder = call.responder](chatrt::Status kept) {
    responder.respond(kept ? HttpResponse{.status = 204, .content_type = {}}
                           : problem(kept.error().code, kept.error().detail));
  });
  return later();
}

Result<HttpResponse> metrics(const Call& call) {
  if (const auto allowed = operators_only(call, call.parts.may_read_metrics); !allowed)
    return allowed.error();
  return HttpResponse{200, "text/plain; version=0.0.4; charset=utf-8", call.parts.metrics()};
}

}  // namespace chatd
