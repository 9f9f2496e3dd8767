#include "client_bundle.h"

#include "client_bundle_files.h"
#include "http_call.h"

namespace chatd {

std::optional<transport::HttpResponse> client_bundle_response(
    const transport::HttpRequest& request) {
  if (!request.path.starts_with("/socket.io/")) return std::nullopt;
  if (request.method != "GET") return std::nullopt;
  if (client_bundle_files().empty()) {
    return problem(404, "not_found", "Not Found",
                   "this chatd was built without the client bundle (npm was not there)");
  }
  for (const BundleFile& file : client_bundle_files()) {
    if (file.path != request.path) continue;
    const std::string etag = "\"" + std::string{file.version} + "\"";
    const bool same = request.if_none_match == etag || request.if_none_match == "W/" + etag;
    const bool map = file.path.ends_with(".map");
    transport::HttpResponse response{
        same ? 304 : 200,
        map ? "application/json; charset=utf-8" : "application/javascript; charset=utf-8",
        same ? std::string{} : std::string{file.content}};
    response.headers = {{"Cache-Control", "public, max-age=0"}, {"ETag", etag}};
    return response;
  }
  return std::nullopt;
}

}  // namespace chatd
