#include "jwt.h"

#include <cmath>
#include <utility>

#include "base64url.h"
#include "chatrt/socketio/json.h"

namespace chatd::auth {
namespace {

using chatrt::Errc;
using chatrt::Error;
using chatrt::Identity;
using chatrt::Result;
using chatrt::Timestamp;
using chatrt::socketio::Json;
using chatrt::socketio::JsonView;

constexpr std::size_t kTokenIdBytesMax = 256;
constexpr double kSecondsMax = 253402300799.0;  // the end of the year 9999

Error malformed(std::string why) { return {Errc::token_malformed, std::move(why)}; }

struct Parts {
  std::string_view header;
  std::string_view claims;
  std::string_view signature;
  std::string_view signed_text;  // header.claims
};

std::optional<Parts> split(std::string_view token) {
  const std::size_t first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  if (token.find('.', second + 1) != std::string_view::npos) return std::nullopt;
  return Parts{.header = token.substr(0, first),
               .claims = token.substr(first + 1, second - first - 1),
               .signature = token.substr(second + 1),
               .signed_text = token.substr(0, second)};
}

// A part of a token that is a JSON object.
bool parse_object(std::string_view part, Json& json) {
  const auto text = decode_base64url(part);
  return text && json.parse(*text) == Json::ParseStatus::ok && json.root().is_object();
}

// The key that the header asks for, if it is one we have and of the algorithm it is pinned to.
Result<const JwtKey*> key_for(JsonView header, const JwtKeys& keys) {
  if (header.find("crit").present()) return malformed("crit names an extension we do not know");
  const auto algorithm = parse_jwt_algorithm(header.find("alg").as_string().value_or(""));
  if (!algorithm) return malformed("alg is none that we take");
  std::optional<std::string> kid;
  if (const JsonView given = header.find("kid"); given.present()) {
    if (!given.is_string()) return malformed("kid is no string");
    kid = std::string(*given.as_string());
  }
  const JwtKey* key = keys.find(kid);
  if (key == nullptr) return malformed("no key for this kid");
  if (key->algorithm() != *algorithm) return malformed("alg is not the key's");
  return key;
}

// A NumericDate. Nothing if it is absent; an Error if it is no time.
Result<std::optional<Timestamp>> time_of(JsonView claims, std::string_view name) {
  const JsonView value = claims.find(name);
  if (!value.present()) return std::optional<Timestamp>{};
  const auto seconds = value.as_double();
  if (!seconds || !(*seconds >= 0) || *seconds > kSecondsMax) {
    return malformed(std::string(name) + " is no time");
  }
  const auto whole = static_cast<chatrt::Duration::rep>(std::floor(*seconds * 1000));
  return std::optional<Timestamp>{Timestamp{chatrt::Duration{whole}}};
}

bool names_audience(JsonView aud, std::string_view audience) {
  if (aud.is_string()) return aud.as_string() == audience;
  for (std::size_t i = 0; i < aud.size() && aud.is_array(); ++i) {
    if (aud.at(i).as_string() == audience) return true;
  }
  return false;
}

chatrt::Status check_times(JsonView claims, Timestamp now, Identity& identity) {
  const auto expires = time_of(claims, "exp");
  if (!expires) return expires.error();
  if (!*expires) return malformed("exp is missing");
  const auto not_before = time_of(claims, "nbf");
  if (!not_before) return not_before.error();
  if (*not_before && **not_before > now + kLeeway) return malformed("nbf lies ahead");
  const auto issued = time_of(claims, "iat");
  if (!issued) return issued.error();
  // Else a token could escape "issued before".
  if (*issued && **issued > now + kLeeway) return malformed("iat lies ahead");
  if (**expires <= now - kLeeway) return Error{Errc::token_expired, "exp is over"};
  identity.expires_at = *expires;
  identity.issued_at = *issued;
  return {};
}

Result<Identity> read_claims(JsonView claims, const JwtPolicy& policy, Timestamp now) {
  if (!policy.issuer.empty() && claims.find("iss").as_string() != policy.issuer) {
    return malformed("iss is another");
  }
  if (!policy.audience.empty() && !names_audience(claims.find("aud"), policy.audience)) {
    return malformed("aud names another");
  }
  auto user = chatrt::UserId::parse(claims.find("sub").as_string().value_or(""));
  if (!user) return malformed("sub is no user id");
  Identity identity{.user = *std::move(user)};
  if (const JsonView id = claims.find("jti"); id.present()) {
    if (!id.is_string() || id.as_string()->size() > kTokenIdBytesMax) {
      return malformed("jti is no string, or too long");
    }
    identity.token_id = *id.as_string();
  }
  if (const auto times = check_times(claims, now, identity); !times) return times.error();
  return identity;
}

}  // namespace

Result<Identity> verify_jwt(std::string_view token, const JwtKeys& keys, const JwtPolicy& policy,
                            Timestamp now) {
  if (token.size() > kTokenBytesMax) return malformed("longer than 8 KB");
  const auto parts = split(token);
  if (!parts) return malformed("not three parts");
  Json json;
  if (!parse_object(parts->header, json)) return malformed("the header is no JSON object");
  const auto key = key_for(json.root(), keys);
  if (!key) return key.error();
  const auto signature = decode_base64url(parts->signature);
  if (!signature || !(*key)->verify(parts->signed_text, *signature)) {
    return malformed("the signature does not hold");
  }
  if (!parse_object(parts->claims, json)) return malformed("the claims are no JSON object");
  return read_claims(json.root(), policy, now);
}

}  // namespace chatd::auth
