#include "http.h"

#include "shard.h"

namespace chatd::transport {

std::string_view status_text(int status) noexcept {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "Status";
  }
}

void Responder::respond(HttpResponse response) const {
  shard_->respond_http(exchange_, std::move(response));
}

unsigned Responder::shard() const noexcept { return shard_->number(); }

void Responder::respond_in_turn(HttpResponse response) const {
  shard_->respond_http_in_turn(exchange_, std::move(response));
}

}  // namespace chatd::transport
