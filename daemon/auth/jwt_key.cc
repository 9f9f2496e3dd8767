#include "jwt_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <array>
#include <utility>

namespace chatd::auth {
namespace {

using chatrt::Errc;
using chatrt::Error;
using chatrt::Result;

constexpr std::size_t kP256Bytes = 32;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
template <typename T, auto Free>
using Owned = std::unique_ptr<T, Freed<Free>>;
using Pkey = Owned<EVP_PKEY, EVP_PKEY_free>;
using Bignum = Owned<BIGNUM, BN_free>;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Error bad_key(std::string what) { return {Errc::invalid_argument, std::move(what)}; }

Bignum bignum(std::string_view big_endian) {
  return Bignum(BN_bin2bn(bytes(big_endian), static_cast<int>(big_endian.size()), nullptr));
}

// The public key that `parameters` describe, or null.
EVP_PKEY* from_parameters(const char* type, OSSL_PARAM_BLD* parameters) {
  const Owned<OSSL_PARAM, OSSL_PARAM_free> list(OSSL_PARAM_BLD_to_param(parameters));
  const Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(
      EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (list == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, list.get()) != 1) {
    return nullptr;
  }
  return key;
}

// A token has r and s of 32 bytes each; OpenSSL wants them in DER. Empty if it cannot be.
std::string ecdsa_der(std::string_view signature) {
  if (signature.size() != 2 * kP256Bytes) return {};
  Bignum r = bignum(signature.substr(0, kP256Bytes));
  Bignum s = bignum(signature.substr(kP256Bytes));
  const Owned<ECDSA_SIG, ECDSA_SIG_free> pair(ECDSA_SIG_new());
  if (r == nullptr || s == nullptr || pair == nullptr) return {};
  if (ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return {};
  // The pair owns them now.
  (void)r.release();
  (void)s.release();
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  if (size <= 0) return {};
  std::string text(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

bool is_p256(EVP_PKEY* key) {
  std::array<char, 64> group{};
  std::size_t size = 0;
  return EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
         std::string_view(group.data(), size) == "prime256v1";
}

}  // namespace

std::optional<JwtAlgorithm> parse_jwt_algorithm(std::string_view name) noexcept {
  if (name == "HS256") return JwtAlgorithm::hs256;
  if (name == "RS256") return JwtAlgorithm::rs256;
  if (name == "ES256") return JwtAlgorithm::es256;
  if (name == "EdDSA") return JwtAlgorithm::eddsa;
  return std::nullopt;
}

JwtKey::JwtKey(JwtAlgorithm algorithm, std::string secret, void* key)
    : algorithm_(algorithm),
      secret_(std::move(secret)),
      key_(key, [](void* owned) { EVP_PKEY_free(static_cast<EVP_PKEY*>(owned)); }) {}

Result<JwtKey> JwtKey::from_secret(std::string secret) {
  if (secret.size() < kSecretBytesMin) {
    return bad_key("a secret of " + std::to_string(secret.size()) + " bytes is too short; take " +
                   std::to_string(kSecretBytesMin) + " random bytes or more");
  }
  return JwtKey(JwtAlgorithm::hs256, std::move(secret), nullptr);
}

// Takes the EVP_PKEY over if it fits the algorithm.
Result<JwtKey> JwtKey::of_public_key(JwtAlgorithm algorithm, void* key) {
  JwtKey made(algorithm, {}, key);
  auto* const pkey = static_cast<EVP_PKEY*>(key);
  if (algorithm == JwtAlgorithm::rs256) {
    if (EVP_PKEY_is_a(pkey, "RSA") != 1) return bad_key("RS256 needs an RSA key");
    if (EVP_PKEY_get_bits(pkey) < kRsaBitsMin) {
      return bad_key("an RSA key needs " + std::to_string(kRsaBitsMin) + " bits or more");
    }
  } else if (algorithm == JwtAlgorithm::es256) {
    if (EVP_PKEY_is_a(pkey, "EC") != 1 || !is_p256(pkey)) {
      return bad_key("ES256 needs a key on the curve P-256");
    }
  } else if (EVP_PKEY_is_a(pkey, "ED25519") != 1) {
    return bad_key("EdDSA needs an Ed25519 key");
  }
  return made;
}

Result<JwtKey> JwtKey::from_pem(JwtAlgorithm algorithm, std::string_view pem) {
  const Owned<BIO, BIO_free> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  EVP_PKEY* const key =
      bio == nullptr ? nullptr : PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr);
  if (key == nullptr) return bad_key("not a public key in PEM (-----BEGIN PUBLIC KEY-----)");
  return of_public_key(algorithm, key);
}

Result<JwtKey> JwtKey::from_rsa(std::string_view n, std::string_view e) {
  const Bignum modulus = bignum(n);
  const Bignum exponent = bignum(e);
  const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> parameters(OSSL_PARAM_BLD_new());
  if (n.empty() || e.empty() || parameters == nullptr ||
      OSSL_PARAM_BLD_push_BN(parameters.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(parameters.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return bad_key("no RSA key");
  }
  EVP_PKEY* const key = from_parameters("RSA", parameters.get());
  if (key == nullptr) return bad_key("no RSA key");
  return of_public_key(JwtAlgorithm::rs256, key);
}

Result<JwtKey> JwtKey::from_p256(std::string_view x, std::string_view y) {
  if (x.size() != kP256Bytes || y.size() != kP256Bytes) return bad_key("no key of P-256");
  std::string point(1, '\x04');
  point.append(x).append(y);
  const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> parameters(OSSL_PARAM_BLD_new());
  if (parameters == nullptr ||
      OSSL_PARAM_BLD_push_utf8_string(parameters.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1",
                                      0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(parameters.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return bad_key("no key of P-256");
  }
  EVP_PKEY* const key = from_parameters("EC", parameters.get());
  if (key == nullptr) return bad_key("no point of P-256");
  return of_public_key(JwtAlgorithm::es256, key);
}

Result<JwtKey> JwtKey::from_ed25519(std::string_view x) {
  EVP_PKEY* const key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(x), x.size());
  if (key == nullptr) return bad_key("no Ed25519 key");
  return of_public_key(JwtAlgorithm::eddsa, key);
}

bool JwtKey::verify(std::string_view signed_text, std::string_view signature) const {
  if (algorithm_ == JwtAlgorithm::hs256) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
    unsigned size = 0;
    if (HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()), bytes(signed_text),
             signed_text.size(), mac.data(), &size) == nullptr) {
      return false;
    }
    return signature.size() == size && CRYPTO_memcmp(signature.data(), mac.data(), size) == 0;
  }
  std::string der;
  if (algorithm_ == JwtAlgorithm::es256) {
    der = ecdsa_der(signature);
    if (der.empty()) return false;
    signature = der;
  }
  const Owned<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  const EVP_MD* digest = algorithm_ == JwtAlgorithm::eddsa ? nullptr : EVP_sha256();
  return context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr,
                              static_cast<EVP_PKEY*>(key_.get())) == 1 &&
         EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(signed_text),
                          signed_text.size()) == 1;
}

}  // namespace chatd::auth
