#include "token_maker.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <utility>
#include <vector>

namespace chatd::auth {
namespace {

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::shared_ptr<EVP_PKEY> owned(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

std::string number_of(const EVP_PKEY* key, const char* name, int size = 0) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key, name, &number);
  std::string text(static_cast<std::size_t>(size > 0 ? size : BN_num_bytes(number)), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(text.data()),
               static_cast<int>(text.size()));
  BN_free(number);
  return text;
}

// r and s of 32 bytes each out of DER.
std::string raw_signature(std::string_view der) {
  const unsigned char* at = bytes(der);
  ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  std::string raw(64, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + 32, 32);
  ECDSA_SIG_free(pair);
  return raw;
}

}  // namespace

std::string encode_base64url(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    bits = (bits << 8 | static_cast<unsigned char>(c)) & 0xffff;
    for (count += 8; count >= 6; count -= 6) {
      out.push_back(kAlphabet[bits >> (count - 6) & 63]);
    }
  }
  if (count > 0) out.push_back(kAlphabet[bits << (6 - count) & 63]);
  return out;
}

Issuer Issuer::with_secret(std::string secret) {
  Issuer made;
  made.secret_ = std::move(secret);
  return made;
}

Issuer Issuer::with_rsa(unsigned bits) {
  Issuer made;
  made.key_ = owned(EVP_RSA_gen(bits));
  return made;
}

Issuer Issuer::with_curve(const char* group) {
  Issuer made;
  made.key_ = owned(EVP_EC_gen(group));
  return made;
}

Issuer Issuer::with_ed25519() {
  Issuer made;
  made.key_ = owned(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  return made;
}

std::string Issuer::public_pem() const {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, key_.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(bio);
  return pem;
}

std::string Issuer::sign(std::string_view text, bool der) const {
  std::string out(1024, '\0');
  auto* data = reinterpret_cast<unsigned char*>(out.data());
  if (!key_) {
    unsigned size = 0;
    HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()), bytes(text), text.size(),
         data, &size);
    out.resize(size);
    return out;
  }
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const bool digests = EVP_PKEY_is_a(key_.get(), "ED25519") != 1;
  std::size_t size = out.size();
  EVP_DigestSignInit(context, nullptr, digests ? EVP_sha256() : nullptr, nullptr, key_.get());
  EVP_DigestSign(context, data, &size, bytes(text), text.size());
  EVP_MD_CTX_free(context);
  out.resize(size);
  return !der && EVP_PKEY_is_a(key_.get(), "EC") == 1 ? raw_signature(out) : out;
}

std::string Issuer::token(std::string_view header, std::string_view claims) const {
  std::string text = encode_base64url(header) + '.' + encode_base64url(claims);
  return text + '.' + encode_base64url(sign(text));
}

std::string Issuer::jwk(std::string_view kid) const {
  std::string out = R"({"kid":")" + std::string(kid) + R"(",)";
  const EVP_PKEY* key = key_.get();
  if (key == nullptr) {
    return out + R"("kty":"oct","alg":"HS256","k":")" + encode_base64url(secret_) + R"("})";
  }
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    return out + R"("kty":"RSA","use":"sig","n":")" +
           encode_base64url(number_of(key, OSSL_PKEY_PARAM_RSA_N)) + R"(","e":")" +
           encode_base64url(number_of(key, OSSL_PKEY_PARAM_RSA_E)) + R"("})";
  }
  if (EVP_PKEY_is_a(key, "EC") == 1) {
    return out + R"("kty":"EC","crv":"P-256","x":")" +
           encode_base64url(number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, 32)) + R"(","y":")" +
           encode_base64url(number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, 32)) + R"("})";
  }
  std::string raw(32, '\0');
  std::size_t size = raw.size();
  EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(raw.data()), &size);
  return out + R"("kty":"OKP","crv":"Ed25519","x":")" + encode_base64url(raw) + R"("})";
}

}  // namespace chatd::auth
