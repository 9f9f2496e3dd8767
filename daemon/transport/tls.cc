#include "tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>

namespace chatd::transport {
namespace {

// What OpenSSL says of the first error, which is the cause of the others, without its numbers.
std::string reason() {
  const unsigned long error = ERR_peek_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(error)) return std::strerror(ERR_GET_REASON(error));
  const char* text = error == 0 ? nullptr : ERR_reason_error_string(error);
  return text == nullptr ? "unusable" : text;
}

// Nobody is there to be asked, and OpenSSL would wait for them.
int no_passphrase(char*, int, int, void* is_encrypted) {
  *static_cast<bool*>(is_encrypted) = true;
  return -1;
}

chatrt::Timestamp end_of(const X509* certificate) {
  std::tm time{};
  const ASN1_TIME* const end = certificate == nullptr ? nullptr : X509_get0_notAfter(certificate);
  if (end == nullptr || ASN1_TIME_to_tm(end, &time) != 1) return {};
  return chatrt::Timestamp{std::chrono::seconds{::timegm(&time)}};
}

chatrt::Error bad(const std::string& option, const std::string& file) {
  return {chatrt::Errc::invalid_argument, option + ": " + file + ": " + reason()};
}

// HTTP/1.1 is all there is; a client that offers others gets it too.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned in_size, void*) {
  static constexpr unsigned char kHttp[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kHttp, sizeof kHttp - 1, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

chatrt::Result<TlsKeys> TlsKeys::read(const std::string& cert_file, const std::string& key_file) {
  TlsKeys keys;
  keys.context_ = {SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
  SSL_CTX* const context = keys.context_.get();
  if (context == nullptr) return bad("tls-cert", cert_file);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // A partial write is as with send(); idle connections keep no buffers; what is read is taken.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  // Sessions are resumed by tickets; none are kept here.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, cert_file.c_str()) != 1) {
    return bad("tls-cert", cert_file);
  }
  bool is_encrypted = false;
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  SSL_CTX_set_default_passwd_cb_userdata(context, &is_encrypted);
  const bool usable = SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) == 1;
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  if (is_encrypted) {
    ERR_clear_error();
    return chatrt::Error{
        chatrt::Errc::invalid_argument,
        "tls-key: " + key_file + ": encrypted, and nobody is asked for passphrases"};
  }
  if (!usable || SSL_CTX_check_private_key(context) != 1) return bad("tls-key", key_file);
  keys.end_ = end_of(SSL_CTX_get0_certificate(context));
  return keys;
}

TlsStream::TlsStream(const TlsKeys& keys, int fd) : ssl_(SSL_new(keys.context_.get())) {
  failed_ = ssl_ == nullptr || SSL_set_fd(ssl_, fd) != 1;
  if (!failed_) SSL_set_accept_state(ssl_);
}

TlsStream::~TlsStream() { SSL_free(ssl_); }

bool TlsStream::is_established() const noexcept {
  return !failed_ && SSL_is_init_finished(ssl_) == 1;
}

ssize_t TlsStream::outcome(int result) {
  if (result > 0) return result;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_ZERO_RETURN: return 0;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
    default:
      failed_ = true;
      errno = EPROTO;
      return -1;
  }
}

ssize_t TlsStream::read(char* bytes, std::size_t size) {
  if (failed_) {
    errno = EPROTO;
    return -1;
  }
  ERR_clear_error();
  return outcome(SSL_read(ssl_, bytes, static_cast<int>(std::min<std::size_t>(size, INT_MAX))));
}

ssize_t TlsStream::write(const char* bytes, std::size_t size) {
  if (failed_ || !is_established()) {
    errno = failed_ ? EPROTO : EAGAIN;
    return -1;
  }
  ERR_clear_error();
  return outcome(SSL_write(ssl_, bytes, static_cast<int>(std::min<std::size_t>(size, INT_MAX))));
}

void TlsStream::close() noexcept {
  if (!is_established()) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
}

}  // namespace chatd::transport
