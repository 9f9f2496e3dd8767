// JwtKey: one key that tokens may be signed with, pinned to one algorithm; JwtKeys: the keys of a
// file. By OpenSSL.
//
// Threads: values; verify() may be called from any.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chatrt/result.h"

namespace chatd::auth {

enum class JwtAlgorithm { hs256, rs256, es256, eddsa };
// "HS256", "RS256", "ES256", "EdDSA"; case matters, as in tokens.
std::optional<JwtAlgorithm> parse_jwt_algorithm(std::string_view name) noexcept;

class JwtKey {
 public:
  static constexpr std::size_t kSecretBytesMin = 32;
  static constexpr int kRsaBitsMin = 2048;

  // An Error says what is wrong with the key, for the one who configured it.
  static chatrt::Result<JwtKey> from_secret(std::string secret);  // HS256
  static chatrt::Result<JwtKey> from_pem(JwtAlgorithm algorithm, std::string_view pem);
  static chatrt::Result<JwtKey> from_rsa(std::string_view n, std::string_view e);   // big endian
  static chatrt::Result<JwtKey> from_p256(std::string_view x, std::string_view y);  // 32 bytes each
  static chatrt::Result<JwtKey> from_ed25519(std::string_view x);                   // 32 bytes

  JwtAlgorithm algorithm() const noexcept { return algorithm_; }
  // Is `signature`, as it stands in a token, this key's of `signed_text`?
  bool verify(std::string_view signed_text, std::string_view signature) const;

 private:
  JwtKey(JwtAlgorithm algorithm, std::string secret, void* key);
  static chatrt::Result<JwtKey> of_public_key(JwtAlgorithm algorithm, void* key);

  JwtAlgorithm algorithm_;
  std::string secret_;         // of HS256
  std::shared_ptr<void> key_;  // an EVP_PKEY: OpenSSL stays out of this header
};

struct JwtKeys {
  struct Entry {
    std::string kid;  // empty: any
    JwtKey key;
  };
  std::vector<Entry> entries;

  // The key that a token with this `kid` is to be checked by. Without a kid there must be one key
  // alone; a key without one takes every token.
  const JwtKey* find(const std::optional<std::string>& kid) const noexcept;
};

// A file of one key: PEM, or for HS256 the secret itself (an end of line behind it is none of it).
chatrt::Result<JwtKeys> read_key_file(const std::string& file, JwtAlgorithm algorithm);
// A JSON Web Key Set (RFC 7517). Keys that are not for signatures, or of kinds we do not take, are
// passed over; one that is broken, a repeated kid, or none that is left is an Error.
chatrt::Result<JwtKeys> read_jwks_file(const std::string& file);
// The same from the text.
chatrt::Result<JwtKeys> read_jwks(std::string_view text);

}  // namespace chatd::auth
