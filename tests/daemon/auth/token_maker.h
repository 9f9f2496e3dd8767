// Makes tokens as an issuer does, and as somebody who wants in without one does.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

namespace chatd::auth {

std::string encode_base64url(std::string_view bytes);

// A private key of one algorithm.
class Issuer {
 public:
  static Issuer with_secret(std::string secret);          // HS256
  static Issuer with_rsa(unsigned bits = 2048);           // RS256
  static Issuer with_curve(const char* group = "P-256");  // ES256
  static Issuer with_ed25519();

  std::string public_pem() const;
  // The signature as it stands in a token, as bytes; of ES256 in DER if asked for.
  std::string sign(std::string_view text, bool der = false) const;
  // A token of these two JSON texts.
  std::string token(std::string_view header, std::string_view claims) const;
  // A JSON Web Key with this kid.
  std::string jwk(std::string_view kid) const;

 private:
  Issuer() = default;
  std::string secret_;
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace chatd::auth
