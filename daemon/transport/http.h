// HTTP as the daemon's routes see it: requests with their body, and a Responder to answer them from
// any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chatd::transport {

class Shard;

struct HttpRequest {
  std::string method = {};
  std::string path = {};
  std::string query = {};  // raw
  std::string content_type = {};
  std::string authorization = {};
  std::string idempotency_key = {};
  std::string if_none_match = {};
  std::string accept_encoding = {};
  std::string body = {};
  std::string address = {};  // of the peer, or whom a trusted proxy says
};

struct HttpResponse {
  int status = 200;
  std::string_view content_type;  // a constant of the program
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// Answers one request, once: of its copies one, as another answer would be taken for that of the
// next request. May be used from any thread and outlive the connection, but not the Shard.
class Responder {
 public:
  Responder(Shard& shard, std::uint64_t exchange) : shard_(&shard), exchange_(exchange) {}
  void respond(HttpResponse response) const;
  // From the Hub's commit lane: handed over with what else its turn brings about, when the Outlet
  // is flushed (Shard::hand_over_answers).
  void respond_in_turn(HttpResponse response) const;
  // The number of the shard that the request came to.
  unsigned shard() const noexcept;

 private:
  Shard* shard_;
  std::uint64_t exchange_;
};

// What answers everything that is not Engine.IO. Called on the shards' threads.
class HttpHandler {
 public:
  HttpHandler() = default;
  HttpHandler(const HttpHandler&) = delete;
  HttpHandler& operator=(const HttpHandler&) = delete;
  virtual ~HttpHandler() = default;

  // Bytes of body that a request may have; a longer one is answered 413 without being read.
  virtual std::size_t body_bytes_max(std::string_view method, std::string_view path) const = 0;
  virtual void on_request(const HttpRequest& request, Responder responder) = 0;
};

std::string_view status_text(int status) noexcept;

}  // namespace chatd::transport
