#include "http_get.h"

#include <netdb.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>

namespace chatd::transport {
namespace {

constexpr timeval kPatience{10, 0};
constexpr std::size_t kAnswerMax = 1 << 20;

// A connected socket; -1 if there is none.
class Socket {
 public:
  Socket(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, ::freeaddrinfo);
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
      fd_ = ::socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
      ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
      if (::connect(fd_, at->ai_addr, at->ai_addrlen) == 0) return;
      ::close(fd_);
      fd_ = -1;
    }
  }
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

// Everything until the other side closes. `read(bytes, size)` is as recv().
template <typename Read>
std::string read_all(Read read) {
  std::string answer;
  std::array<char, 4096> buffer;
  for (ssize_t got = 1; got > 0 && answer.size() < kAnswerMax;) {
    got = read(buffer.data(), buffer.size());
    if (got > 0) answer.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return answer;
}

chatrt::Error unavailable(const std::string& why) { return {chatrt::Errc::unavailable, why}; }

// What comes back for `request`.
chatrt::Result<std::string> exchange_plain(int fd, const std::string& request) {
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return unavailable("the connection broke");
  }
  return read_all([fd](char* bytes, std::size_t size) { return ::recv(fd, bytes, size, 0); });
}

chatrt::Result<std::string> exchange_tls(int fd, const std::string& request,
                                         const std::string& cert) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  if (!context || SSL_CTX_load_verify_file(context.get(), cert.c_str()) != 1) {
    return unavailable(cert + " holds no certificate");
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  // Its own certificate is trusted, whoever has signed it and however old it is.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context.get()),
                              X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1 || SSL_connect(ssl.get()) != 1) {
    const long verified = ssl ? SSL_get_verify_result(ssl.get()) : X509_V_OK;
    if (verified == X509_V_OK) return unavailable("no TLS is spoken there");
    return unavailable("another certificate than that of " + cert + " is served there (" +
                       X509_verify_cert_error_string(verified) + ")");
  }
  if (SSL_write(ssl.get(), request.data(), static_cast<int>(request.size())) <= 0) {
    return unavailable("the connection broke");
  }
  return read_all([&ssl](char* bytes, std::size_t size) -> ssize_t {
    return SSL_read(ssl.get(), bytes, static_cast<int>(size));
  });
}

}  // namespace

chatrt::Result<HttpAnswer> http_get(const std::string& host, std::uint16_t port,
                                    const std::string& path, const std::string& bearer,
                                    const std::string& tls_cert) {
  const std::string place = host + ":" + std::to_string(port);
  const Socket socket(host, port);
  std::string request = "GET " + path + " HTTP/1.1\r\nHost: " + place + "\r\nConnection: close\r\n";
  if (!bearer.empty()) request += "Authorization: Bearer " + bearer + "\r\n";
  request += "\r\n";
  const std::string nobody = "no chatd answers at " + place;
  if (socket.fd() < 0) return unavailable(nobody);
  const auto answer = tls_cert.empty() ? exchange_plain(socket.fd(), request)
                                       : exchange_tls(socket.fd(), request, tls_cert);
  if (!answer) return unavailable(nobody + ": " + answer.error().detail);
  const std::size_t body = answer->find("\r\n\r\n");
  if (!answer->starts_with("HTTP/1.1 ") || body == std::string::npos) return unavailable(nobody);
  return HttpAnswer{std::atoi(answer->c_str() + 9), answer->substr(body + 4)};
}

}  // namespace chatd::transport
