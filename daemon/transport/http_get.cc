#include "http_get.h"

#include <asio/ip/tcp.hpp>
#include <chrono>
#include <iterator>

namespace chatd::transport {

chatrt::Result<HttpAnswer> http_get(const std::string& host, std::uint16_t port,
                                    const std::string& path, const std::string& bearer) {
  const std::string place = host + ":" + std::to_string(port);
  asio::ip::tcp::iostream stream;
  stream.expires_after(std::chrono::seconds(10));
  stream.connect(host, std::to_string(port));
  stream << "GET " << path << " HTTP/1.1\r\nHost: " << place << "\r\nConnection: close\r\n";
  if (!bearer.empty()) stream << "Authorization: Bearer " << bearer << "\r\n";
  stream << "\r\n" << std::flush;

  HttpAnswer answer;
  std::string line;
  stream >> line >> answer.status;
  if (!stream || !line.starts_with("HTTP/1.")) {
    return chatrt::Error{chatrt::Errc::unavailable, "no chatd answers at " + place};
  }
  while (std::getline(stream, line) && line != "\r") {
  }
  answer.body.assign(std::istreambuf_iterator<char>(stream), {});
  return answer;
}

}  // namespace chatd::transport
