// JSON Web Tokens and key sets: no token holds whose signature is not the key's; of one that holds,
// the claims say who, and it has not ended.

#include "auth/jwt.h"

#include <set>
#include <string>

#include "daemon/auth/token_maker.h"
#include "input.h"

namespace {

using namespace chatd::auth;
using chatrt::Timestamp;

constexpr Timestamp kNow{std::chrono::milliseconds{1'795'464'900'123}};

// A token as it comes, which nobody has signed.
void forged(std::string_view token, const JwtKeys& keys) {
  const auto identity = verify_jwt(token, keys, {}, kNow);
  REQUIRE_THAT(!identity && identity.error().code == chatrt::Errc::token_malformed);
}

// Whatever header and claims the issuer has signed.
void signed_by(const Issuer& issuer, chatrt::fuzz::Input& input, const JwtKeys& keys) {
  const std::string_view header = input.chunk();
  const auto identity = verify_jwt(issuer.token(header, input.chunk()), keys, {}, kNow);
  if (!identity) return;
  REQUIRE_THAT(header.find("HS256") != std::string_view::npos);
  REQUIRE_THAT(!identity->user.str().empty() && identity->expires_at);
  REQUIRE_THAT(*identity->expires_at > kNow - kLeeway);
  REQUIRE_THAT(!identity->issued_at || *identity->issued_at <= kNow + kLeeway);
}

void key_set(std::string_view text) {
  const auto keys = read_jwks(text);
  if (!keys) return;
  REQUIRE_THAT(!keys->entries.empty());
  std::set<std::string> names;
  for (const JwtKeys::Entry& entry : keys->entries) REQUIRE_THAT(names.insert(entry.kid).second);
  forged("eyJhbGciOiJIUzI1NiJ9.e30.AAAA", *keys);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string secret(JwtKey::kSecretBytesMin, 's');
  static const Issuer issuer = Issuer::with_secret(secret);
  static const JwtKeys keys{{{.kid = {}, .key = *JwtKey::from_secret(secret)}}};
  chatrt::fuzz::Input input(data, size);
  switch (input.byte() % 3) {
    case 0: forged(input.chunk(), keys); break;
    case 1: signed_by(issuer, input, keys); break;
    case 2: key_set(input.chunk()); break;
  }
  return 0;
}
