// TLS 1.2 and 1.3 on a connected socket, by OpenSSL.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "chatrt/clock.h"
#include "chatrt/result.h"

struct ssl_ctx_st;
struct ssl_st;

namespace chatd::transport {

// A certificate with its chain, and its key. Copies share them.
class TlsKeys {
 public:
  // PEM files. An Error names the option and the file: "tls-cert: ...", "tls-key: ...".
  static chatrt::Result<TlsKeys> read(const std::string& cert_file, const std::string& key_file);

  // When the certificate ends.
  chatrt::Timestamp end() const noexcept { return end_; }

 private:
  friend class TlsStream;
  std::shared_ptr<ssl_ctx_st> context_;
  chatrt::Timestamp end_{};
};

// The keys that new connections are served with. Any thread.
class TlsKeyring {
 public:
  explicit TlsKeyring(TlsKeys keys) : keys_(std::move(keys)) {}
  void set(TlsKeys keys) {
    const std::lock_guard lock(mutex_);
    keys_ = std::move(keys);
  }
  TlsKeys keys() const {
    const std::lock_guard lock(mutex_);
    return keys_;
  }

 private:
  mutable std::mutex mutex_;
  TlsKeys keys_;
};

// The server's side of one connection. Threads: one at a time.
//
// The handshake is done by read(), which also sends what it has to say. Where the socket takes none
// of that, the connection waits for its deadline: that does not happen to those who read.
class TlsStream {
 public:
  // `fd` does not block, and outlives the stream.
  TlsStream(const TlsKeys& keys, int fd);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // As recv() and send() say it: 0 for an orderly end, -1 with EAGAIN in errno, -1 with another
  // one for what cannot go on. `size` is 16 KiB at least for reading, one record.
  ssize_t read(char* bytes, std::size_t size);
  ssize_t write(const char* bytes, std::size_t size);
  // Nothing can be written before.
  bool is_established() const noexcept;
  // Says that nothing more comes.
  void close() noexcept;

 private:
  ssize_t outcome(int result);
  ssl_st* const ssl_;
  bool failed_ = false;
};

}  // namespace chatd::transport
