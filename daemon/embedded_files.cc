#include "embedded_files.h"

#include <array>
#include <string>
#include <utility>

#include "http_call.h"

namespace chatd {
namespace {

using transport::HttpRequest;
using transport::HttpResponse;

// Nothing from elsewhere, nothing inline, no frame around it. 'self' of connect-src includes the
// WebSocket of the page's own host.
constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::string_view type_of(std::string_view path) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kTypes = {{
      {".js", "application/javascript; charset=utf-8"},
      {".map", "application/json; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".svg", "image/svg+xml"},
  }};
  for (const auto& [suffix, type] : kTypes) {
    if (path.ends_with(suffix)) return type;
  }
  return "text/html; charset=utf-8";
}

// Does the list of an Accept-Encoding have gzip, and not with a weight of 0?
bool takes_gzip(std::string_view accepted) {
  for (std::size_t at = 0; (at = accepted.find("gzip", at)) != std::string_view::npos; at += 4) {
    if (at > 0 && accepted[at - 1] != ' ' && accepted[at - 1] != ',') continue;
    const std::string_view rest = accepted.substr(at + 4, accepted.find(',', at) - at - 4);
    const std::size_t weight = rest.find("q=");
    return weight == std::string_view::npos ||
           rest.find_first_of("123456789", weight) != std::string_view::npos;
  }
  return false;
}

HttpResponse file_response(const HttpRequest& request, const EmbeddedFile& file) {
  const bool same = request.if_none_match.find(file.etag) != std::string::npos;
  const bool gzip = !file.gzip.empty() && takes_gzip(request.accept_encoding);
  HttpResponse response{same ? 304 : 200, type_of(file.path),
                        std::string{same   ? std::string_view{}
                                    : gzip ? file.gzip
                                           : file.content}};
  // Vite puts a hash of the content into the names of what is below /assets/.
  response.headers = {
      {"Cache-Control", file.path.starts_with("/assets/") ? "public, max-age=31536000, immutable"
                                                          : "public, max-age=0"},
      {"ETag", (gzip ? "W/" : "") + std::string{file.etag}},
      {"Vary", "Accept-Encoding"},
      {"X-Content-Type-Options", "nosniff"}};
  if (gzip && !same) response.headers.emplace_back("Content-Encoding", "gzip");
  if (response.content_type.starts_with("text/html")) {
    response.headers.emplace_back("Content-Security-Policy", kPagePolicy);
    response.headers.emplace_back("Referrer-Policy", "no-referrer");
    response.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  }
  return response;
}

}  // namespace

std::optional<HttpResponse> embedded_file_response(const HttpRequest& request) {
  if (request.method != "GET") return std::nullopt;
  for (const auto files : {client_files(), page_files()}) {
    for (const EmbeddedFile& file : files) {
      if (file.path == request.path) return file_response(request, file);
    }
  }
  if (request.path.starts_with("/socket.io/") && client_files().empty()) {
    return problem(404, "not_found", "Not Found",
                   "this chatd was built without the client bundle (npm was not there)");
  }
  if (request.path == "/" && page_files().empty()) {
    return HttpResponse{200, "text/plain; charset=utf-8",
                        "chatd runs, built without its page (npm was not there while building).\n"};
  }
  return std::nullopt;
}

}  // namespace chatd
