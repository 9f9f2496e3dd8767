// JwtKeys: keys from files.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "base64url.h"
#include "chatrt/socketio/json.h"
#include "files.h"
#include "jwt_key.h"

namespace chatd::auth {
namespace {

using chatrt::Errc;
using chatrt::Error;
using chatrt::Result;
using chatrt::socketio::JsonView;

constexpr std::size_t kKeysMax = 64;

Error wrong(std::string what) { return {Errc::invalid_argument, std::move(what)}; }

std::string_view text_of(JsonView object, std::string_view name) {
  return object.find(name).as_string().value_or(std::string_view{});
}

std::string decoded(JsonView object, std::string_view name) {
  return decode_base64url(text_of(object, name)).value_or(std::string{});
}

// The algorithm that a JWK is for; nothing if it is one we do not take.
std::optional<JwtAlgorithm> algorithm_of(JsonView jwk) {
  const std::string_view kty = text_of(jwk, "kty");
  const std::string_view crv = text_of(jwk, "crv");
  std::optional<JwtAlgorithm> found;
  std::string_view name;
  if (kty == "oct") found = JwtAlgorithm::hs256, name = "HS256";
  if (kty == "RSA") found = JwtAlgorithm::rs256, name = "RS256";
  if (kty == "EC" && crv == "P-256") found = JwtAlgorithm::es256, name = "ES256";
  if (kty == "OKP" && crv == "Ed25519") found = JwtAlgorithm::eddsa, name = "EdDSA";
  const JsonView alg = jwk.find("alg");
  if (alg.present() && alg.as_string() != name) return std::nullopt;
  // A secret without its algorithm might be for anything.
  if (kty == "oct" && !alg.present()) return std::nullopt;
  const JsonView use = jwk.find("use");
  if (use.present() && use.as_string() != "sig") return std::nullopt;
  return found;
}

Result<JwtKey> key_of(JwtAlgorithm algorithm, JsonView jwk) {
  switch (algorithm) {
    case JwtAlgorithm::hs256: return JwtKey::from_secret(decoded(jwk, "k"));
    case JwtAlgorithm::rs256: return JwtKey::from_rsa(decoded(jwk, "n"), decoded(jwk, "e"));
    case JwtAlgorithm::es256: return JwtKey::from_p256(decoded(jwk, "x"), decoded(jwk, "y"));
    case JwtAlgorithm::eddsa: return JwtKey::from_ed25519(decoded(jwk, "x"));
  }
  return wrong("an unknown algorithm");
}

}  // namespace

const JwtKey* JwtKeys::find(const std::optional<std::string>& kid) const noexcept {
  if (entries.size() == 1 && (!kid || entries.front().kid.empty())) return &entries.front().key;
  if (!kid || kid->empty()) return nullptr;
  for (const Entry& entry : entries) {
    if (entry.kid == *kid) return &entry.key;
  }
  return nullptr;
}

Result<JwtKeys> read_key_file(const std::string& file, JwtAlgorithm algorithm) {
  auto text = read_small_file(file);
  if (!text) return std::move(text).error();
  if (algorithm == JwtAlgorithm::hs256) {
    if (text->ends_with('\n')) text->pop_back();
    if (text->ends_with('\r')) text->pop_back();
    if (text->starts_with("-----BEGIN")) {
      return wrong(file + ": a PEM key is no secret; set --jwt-alg to what the key is for");
    }
  }
  auto key = algorithm == JwtAlgorithm::hs256 ? JwtKey::from_secret(*std::move(text))
                                              : JwtKey::from_pem(algorithm, *text);
  if (!key) return wrong(file + ": " + key.error().detail);
  JwtKeys keys;
  keys.entries.push_back({.kid = {}, .key = *std::move(key)});
  return keys;
}

Result<JwtKeys> read_jwks(std::string_view text) {
  chatrt::socketio::Json json;
  if (json.parse(text) != chatrt::socketio::Json::ParseStatus::ok) return wrong("not JSON");
  const JsonView list = json.root().find("keys");
  if (!list.is_array()) return wrong("no JSON Web Key Set: \"keys\" is no array");
  if (list.size() > kKeysMax) return wrong("more than " + std::to_string(kKeysMax) + " keys");
  JwtKeys keys;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const JsonView jwk = list.at(i);
    const auto algorithm = algorithm_of(jwk);
    if (!algorithm) continue;
    const std::string kid{text_of(jwk, "kid")};
    auto key = key_of(*algorithm, jwk);
    if (!key) return wrong("key \"" + kid + "\": " + key.error().detail);
    for (const JwtKeys::Entry& entry : keys.entries) {
      if (entry.kid == kid) return wrong("two keys have the kid \"" + kid + "\"");
    }
    keys.entries.push_back({.kid = kid, .key = *std::move(key)});
  }
  if (keys.entries.empty()) return wrong("no key for HS256, RS256, ES256 or EdDSA");
  return keys;
}

Result<JwtKeys> read_jwks_file(const std::string& file) {
  const auto text = read_small_file(file);
  if (!text) return text.error();
  auto keys = read_jwks(*text);
  if (!keys) return wrong(file + ": " + keys.error().detail);
  return keys;
}

}  // namespace chatd::auth
