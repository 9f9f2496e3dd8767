// The stock client's files under /socket.io/, compiled in: a fixed table, no paths.
#pragma once

#include <optional>

#include "transport/http.h"

namespace chatd {

// The answer to a request for one of them; nothing if the request is for something else.
std::optional<transport::HttpResponse> client_bundle_response(
    const transport::HttpRequest& request);

}  // namespace chatd
