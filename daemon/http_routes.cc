#include "http_routes.h"

#include <algorithm>

namespace chatd {

using chatrt::Errc;
using chatrt::Error;
using transport::HttpRequest;
using transport::HttpResponse;

bool starts_with_in_any_case(std::string_view text, std::string_view lower) {
  const auto same_letter = [](char small, char any) {
    return small == (any >= 'A' && any <= 'Z' ? static_cast<char>(any + 32) : any);
  };
  return text.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(), same_letter);
}

std::string_view token_of(const HttpRequest& request) {
  constexpr std::string_view kBearer = "bearer ";
  const std::string_view header = request.authorization;
  const bool is_bearer = starts_with_in_any_case(header, kBearer);
  return is_bearer ? header.substr(kBearer.size()) : std::string_view{};
}

chatrt::Status operators_only(const Call& call,
                              const std::function<bool(std::string_view)>& holds) {
  const std::string_view token = token_of(call.request);
  if (call.parts.open || holds(token)) return {};
  if (token.empty()) return Error{Errc::token_missing, "this is for operators"};
  return Error{Errc::permission_denied, "this is for operators"};
}

HttpResponse refusal(const ApiParts& parts, std::string_view route, const Error& error) {
  HttpResponse response = problem(error.code, error.detail);
  parts.refused(error.code);
  parts.log.log(response.status < 500 ? chatrt::LogLevel::info : chatrt::LogLevel::warning,
                "refused",
                {{"code", chatrt::error_name(error.code)},
                 {"request", route},
                 {"detail", std::string_view{error.detail}}});
  return response;
}

}  // namespace chatd
