// The token matrix: every way we know to get in with what is no token of ours.
#include "auth/jwt.h"

#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <vector>

#include "../../temp_folder.h"
#include "token_maker.h"

namespace chatd::auth {
namespace {

using chatrt::Duration;
using chatrt::Errc;
using chatrt::Timestamp;

constexpr std::int64_t kNowSeconds = 1'800'000'000;  // seconds
constexpr Timestamp kNowAt{Duration{kNowSeconds * 1000}};
const std::string kSecret = "0123456789abcdef0123456789abcdef";

std::string at(std::int64_t seconds) { return std::to_string(kNowSeconds + seconds); }
std::string header(const std::string& alg, const std::string& more = {}) {
  return R"({"alg":")" + alg + R"(","typ":"JWT")" + more + '}';
}
const std::string kHs = header("HS256");
// What a good token says, with `more` members behind.
std::string claims(const std::string& more = {}) {
  return R"({"sub":"ann","exp":)" + at(60) + R"(,"iss":"https://id.example","aud":"chat")" + more +
         '}';
}

JwtKeys one_key(JwtAlgorithm algorithm, const Issuer& issuer) {
  JwtKeys keys;
  auto key = JwtKey::from_pem(algorithm, issuer.public_pem());
  REQUIRE(key);
  keys.entries.push_back({.kid = {}, .key = *std::move(key)});
  return keys;
}

JwtKeys secret_key() {
  JwtKeys keys;
  keys.entries.push_back({.kid = {}, .key = *JwtKey::from_secret(kSecret)});
  return keys;
}

const JwtPolicy kPolicy{.issuer = "https://id.example", .audience = "chat"};

Errc code_of(const std::string& token, const JwtKeys& keys) {
  const auto verified = verify_jwt(token, keys, kPolicy, kNowAt);
  REQUIRE_FALSE(verified);
  return verified.error().code;
}

struct Row {
  const char* what;
  std::string token;
  Errc code = Errc::token_malformed;
};

void check_rows(const std::vector<Row>& rows, const JwtKeys& keys) {
  for (const Row& row : rows) {
    INFO(row.what);
    const auto verified = verify_jwt(row.token, keys, kPolicy, kNowAt);
    CHECK_FALSE(verified);
    if (!verified) CHECK(verified.error().code == row.code);
  }
}

}  // namespace

TEST_SUITE("verify_jwt takes") {
  TEST_CASE("a good token of each algorithm") {
    const Issuer hs = Issuer::with_secret(kSecret);
    const Issuer rs = Issuer::with_rsa();
    const Issuer es = Issuer::with_curve();
    const Issuer ed = Issuer::with_ed25519();

    CHECK(verify_jwt(hs.token(kHs, claims()), secret_key(), kPolicy, kNowAt)->user.str() == "ann");
    CHECK(verify_jwt(rs.token(header("RS256"), claims()), one_key(JwtAlgorithm::rs256, rs), kPolicy,
                     kNowAt));
    CHECK(verify_jwt(es.token(header("ES256"), claims()), one_key(JwtAlgorithm::es256, es), kPolicy,
                     kNowAt));
    CHECK(verify_jwt(ed.token(header("EdDSA"), claims()), one_key(JwtAlgorithm::eddsa, ed), kPolicy,
                     kNowAt));
  }

  TEST_CASE("what is within the leeway, and an audience in a list") {
    const Issuer issuer = Issuer::with_secret(kSecret);
    const std::string base = R"({"sub":"ann","iss":"https://id.example","aud":["x","chat"])";
    for (const std::string& more :
         {R"(,"exp":)" + at(-29), R"(,"exp":)" + at(1) + R"(,"nbf":)" + at(29),
          R"(,"exp":)" + at(1) + R"(,"iat":)" + at(29), R"(,"exp":)" + at(1) + ".5"}) {
      CHECK(verify_jwt(issuer.token(kHs, base + more + '}'), secret_key(), kPolicy, kNowAt));
    }
  }

  TEST_CASE("its times and its id, for later") {
    const auto identity = verify_jwt(
        Issuer::with_secret(kSecret).token(kHs, claims(R"(,"iat":)" + at(-10) + R"(,"jti":"t1")")),
        secret_key(), kPolicy, kNowAt);
    REQUIRE(identity);
    CHECK(identity->expires_at == kNowAt + Duration{60000});
    CHECK(identity->issued_at == kNowAt - Duration{10000});
    CHECK(identity->token_id == "t1");
  }

  TEST_CASE("any issuer and audience where none is configured") {
    CHECK(
        verify_jwt(Issuer::with_secret(kSecret).token(kHs, R"({"sub":"ann","exp":)" + at(60) + '}'),
                   secret_key(), {}, kNowAt));
  }
}

TEST_SUITE("verify_jwt refuses") {
  TEST_CASE("what is no token by its form") {
    const Issuer hs = Issuer::with_secret(kSecret);
    const std::string good = hs.token(kHs, claims());
    const std::string first = good.substr(0, good.find('.'));
    const std::string last = good.substr(good.rfind('.') + 1);
    // 32 bytes are 43 characters: of the last, 4 bits count, and 2 must be 0.
    std::string loose = good;
    loose.back() = static_cast<char>(loose.back() + 1);
    check_rows(
        {
            {"nothing at all", ""},
            {"two dots alone", ".."},
            {"one part", "abc"},
            {"two parts", first + "." + last},
            {"four parts", good + ".x"},
            {"five parts, as encrypted ones have", "a.b.c.d.e"},
            {"padding", good + "="},
            {"bits left over in the signature", loose},
            {"plain base64", hs.token(kHs, claims()).replace(2, 1, "+")},
            {"a line break", good + "\n"},
            {"a NUL", good + std::string(1, '\0')},
            {"a space in front", " " + good},
            {"a header that is no JSON", hs.token("{", claims())},
            {"a header that is an array", hs.token(R"(["HS256"])", claims())},
            {"a header 65 deep",
             hs.token(R"({"alg":"HS256","x":)" + std::string(65, '[') + std::string(65, ']') + '}',
                      claims())},
            {"a header 500 deep", hs.token(std::string(500, '['), claims())},
            {"claims that are no JSON", hs.token(kHs, "sub=ann")},
            {"claims that are an array", hs.token(kHs, "[]")},
            {"claims 65 deep",
             hs.token(kHs, claims(R"(,"x":)" + std::string(65, '[') + std::string(65, ']')))},
            {"claims of broken UTF-8", hs.token(kHs, claims(",\"x\":\"\xff\""))},
            {"a byte too long", hs.token(kHs, claims(R"(,"x":")" + std::string(8192, 'x') + '"'))},
        },
        secret_key());
  }

  TEST_CASE("a good token at one byte more than the limit, and takes it at the limit") {
    const Issuer hs = Issuer::with_secret(kSecret);
    std::size_t taken = 0;
    std::size_t refused = kTokenBytesMax * 2;
    for (std::size_t fill = 5800; fill < 6200; ++fill) {
      const std::string token = hs.token(kHs, claims(R"(,"x":")" + std::string(fill, 'x') + '"'));
      const bool holds = verify_jwt(token, secret_key(), kPolicy, kNowAt).has_value();
      if (holds) taken = std::max(taken, token.size());
      if (!holds) refused = std::min(refused, token.size());
    }
    CHECK(taken <= kTokenBytesMax);
    CHECK(taken >= kTokenBytesMax - 2);
    CHECK(refused > kTokenBytesMax);
  }

  TEST_CASE("what is not signed by the key, or not by its algorithm") {
    const Issuer hs = Issuer::with_secret(kSecret);
    const std::string good = hs.token(kHs, claims());
    const std::string unsigned_part =
        encode_base64url(header("none")) + '.' + encode_base64url(claims()) + '.';
    std::string flipped = good;
    flipped[good.rfind('.') + 3] = good[good.rfind('.') + 3] == 'A' ? 'B' : 'A';
    std::string changed = good;
    changed[good.find('.') + 10] = good[good.find('.') + 10] == 'A' ? 'B' : 'A';
    check_rows(
        {
            {"alg none", unsigned_part},
            {"alg none, signed all the same", hs.token(header("none"), claims())},
            {"alg nOnE", encode_base64url(header("nOnE")) + '.' + encode_base64url(claims()) + '.'},
            {"alg of another case", hs.token(header("hs256"), claims())},
            {"alg HS512", hs.token(header("HS512"), claims())},
            {"alg RS256 for a secret", hs.token(header("RS256"), claims())},
            {"alg missing", hs.token(R"({"typ":"JWT"})", claims())},
            {"alg no string", hs.token(R"({"alg":["HS256"]})", claims())},
            {"the signature cut off", good.substr(0, good.rfind('.') + 1)},
            {"half of the signature", good.substr(0, good.size() - 20)},
            {"a changed signature", flipped},
            {"changed claims", changed},
            {"another secret", Issuer::with_secret(std::string(32, 'x')).token(kHs, claims())},
            {"an empty secret", Issuer::with_secret("").token(kHs, claims())},
            {"crit with an extension", hs.token(header("HS256", R"(,"crit":["exp"])"), claims())},
            {"crit that is empty", hs.token(header("HS256", R"(,"crit":[])"), claims())},
            {"b64 false with crit",
             hs.token(header("HS256", R"(,"b64":false,"crit":["b64"])"), claims())},
            {"kid that is no string", hs.token(header("HS256", R"(,"kid":7)"), claims())},
        },
        secret_key());
  }

  TEST_CASE("a public key taken for a secret") {
    const Issuer rs = Issuer::with_rsa();
    const Issuer fake = Issuer::with_secret(rs.public_pem());

    CHECK(code_of(fake.token(kHs, claims()), one_key(JwtAlgorithm::rs256, rs)) ==
          Errc::token_malformed);
  }

  TEST_CASE("an ES256 signature in another form") {
    const Issuer es = Issuer::with_curve();
    const JwtKeys keys = one_key(JwtAlgorithm::es256, es);
    const std::string text = encode_base64url(header("ES256")) + '.' + encode_base64url(claims());
    const std::string raw = es.sign(text);
    REQUIRE(verify_jwt(text + '.' + encode_base64url(raw), keys, kPolicy, kNowAt));

    check_rows({{"DER", text + '.' + encode_base64url(es.sign(text, true))},
                {"all zero", text + '.' + encode_base64url(std::string(64, '\0'))},
                {"s alone", text + '.' + encode_base64url(raw.substr(32))},
                {"a byte more", text + '.' + encode_base64url(raw + '\0')}},
               keys);
  }

  TEST_CASE("another key of the same kind") {
    CHECK(code_of(Issuer::with_ed25519().token(header("EdDSA"), claims()),
                  one_key(JwtAlgorithm::eddsa, Issuer::with_ed25519())) == Errc::token_malformed);
    CHECK(code_of(Issuer::with_rsa().token(header("RS256"), claims()),
                  one_key(JwtAlgorithm::rs256, Issuer::with_rsa())) == Errc::token_malformed);
  }

  TEST_CASE("claims that do not do") {
    const Issuer hs = Issuer::with_secret(kSecret);
    const auto with = [&](const std::string& sub, const std::string& exp, const std::string& iss,
                          const std::string& aud, const std::string& more = {}) {
      return hs.token(kHs, "{" + sub + exp + iss + aud + R"("x":1)" + more + "}");
    };
    const std::string sub = R"("sub":"ann",)";
    const std::string exp = R"("exp":)" + at(60) + ",";
    const std::string iss = R"("iss":"https://id.example",)";
    const std::string aud = R"("aud":"chat",)";
    check_rows(
        {
            {"no exp", with(sub, "", iss, aud)},
            {"exp null", with(sub, R"("exp":null,)", iss, aud)},
            {"exp as text", with(sub, R"("exp":")" + at(60) + R"(",)", iss, aud)},
            {"exp below 0", with(sub, R"("exp":-1,)", iss, aud)},
            {"exp beyond all times", with(sub, R"("exp":1e300,)", iss, aud)},
            {"exp 31 s ago", with(sub, R"("exp":)" + at(-31) + ",", iss, aud), Errc::token_expired},
            {"exp at the leeway's end", with(sub, R"("exp":)" + at(-30) + ",", iss, aud),
             Errc::token_expired},
            {"exp 0", with(sub, R"("exp":0,)", iss, aud), Errc::token_expired},
            {"nbf in 31 s", with(sub, exp, iss, aud, R"(,"nbf":)" + at(31))},
            {"nbf as text", with(sub, exp, iss, aud, R"(,"nbf":"now")")},
            {"iat in 31 s", with(sub, exp, iss, aud, R"(,"iat":)" + at(31))},
            {"iat as text", with(sub, exp, iss, aud, R"(,"iat":"now")")},
            {"no sub", with("", exp, iss, aud)},
            {"sub a number", with(R"("sub":7,)", exp, iss, aud)},
            {"sub empty", with(R"("sub":"",)", exp, iss, aud)},
            {"sub of 129 bytes",
             with(R"("sub":")" + std::string(129, 'a') + R"(",)", exp, iss, aud)},
            {"sub with a NUL", with(R"("sub":"a\u0000b",)", exp, iss, aud)},
            {"sub with a line break", with(R"("sub":"a\nb",)", exp, iss, aud)},
            {"no iss", with(sub, exp, "", aud)},
            {"another iss", with(sub, exp, R"("iss":"https://id.example.evil",)", aud)},
            {"iss in a list", with(sub, exp, R"("iss":["https://id.example"],)", aud)},
            {"no aud", with(sub, exp, iss, "")},
            {"another aud", with(sub, exp, iss, R"("aud":"chats",)")},
            {"an empty list of aud", with(sub, exp, iss, R"("aud":[],)")},
            {"aud in an object", with(sub, exp, iss, R"("aud":{"chat":"chat"},)")},
            {"jti a number", with(sub, exp, iss, aud, R"(,"jti":1)")},
            {"jti of 257 bytes",
             with(sub, exp, iss, aud, R"(,"jti":")" + std::string(257, 'j') + '"')},
            {"an expired one of another issuer",
             with(sub, R"("exp":)" + at(-90) + ",", R"("iss":"x",)", aud)},
        },
        secret_key());
  }

  TEST_CASE("of two equal keys the first: the last counts, for us as for JavaScript") {
    const Issuer hs = Issuer::with_secret(kSecret);
    const auto identity = verify_jwt(hs.token(kHs, R"({"sub":"eve",)" + claims().substr(1)),
                                     secret_key(), kPolicy, kNowAt);
    REQUIRE(identity);
    CHECK(identity->user.str() == "ann");
  }
}

TEST_SUITE("keys") {
  TEST_CASE("are found by their kid, and kid is nothing but a name") {
    const Issuer hs = Issuer::with_secret(kSecret);
    const Issuer es = Issuer::with_curve();
    const Issuer rs = Issuer::with_rsa();
    const Issuer ed = Issuer::with_ed25519();
    const auto keys = read_jwks(R"({"keys":[)" + hs.jwk("h") + ',' + es.jwk("e") + ',' +
                                rs.jwk("r") + ',' + ed.jwk("d") + "]}");
    REQUIRE(keys);
    const auto kid = [](const std::string& name) { return R"(,"kid":")" + name + '"'; };

    CHECK(verify_jwt(hs.token(header("HS256", kid("h")), claims()), *keys, kPolicy, kNowAt));
    CHECK(verify_jwt(es.token(header("ES256", kid("e")), claims()), *keys, kPolicy, kNowAt));
    CHECK(verify_jwt(rs.token(header("RS256", kid("r")), claims()), *keys, kPolicy, kNowAt));
    CHECK(verify_jwt(ed.token(header("EdDSA", kid("d")), claims()), *keys, kPolicy, kNowAt));
    check_rows(
        {{"no kid where there are several", hs.token(kHs, claims())},
         {"an empty kid", hs.token(header("HS256", kid("")), claims())},
         {"another's kid", hs.token(header("HS256", kid("e")), claims())},
         {"a kid that is none", hs.token(header("HS256", kid("x")), claims())},
         {"a path", hs.token(header("HS256", kid("../../dev/null")), claims())},
         {"SQL", hs.token(header("HS256", kid("h' OR '1'='1")), claims())},
         {"a key of its own", hs.token(header("HS256", R"(,"jwk":)" + hs.jwk("x")), claims())},
         {"a link to a key", hs.token(header("HS256", R"(,"jku":"http://127.0.0.1/")"), claims())}},
        *keys);
  }

  TEST_CASE("of other kinds and uses are passed over") {
    const Issuer ed = Issuer::with_ed25519();
    const auto keys = read_jwks(
        R"({"keys":[{"kty":"EC","crv":"P-521"},{"kty":"RSA","use":"enc"},{"kty":"oct","k":"AA"},)"
        R"({"kty":"RSA","alg":"PS512"},{"kty":"new"},)" +
        ed.jwk("d") + "]}");
    REQUIRE(keys);
    CHECK(keys->entries.size() == 1);
  }

  TEST_CASE("that are broken are refused, with the reason") {
    const auto why = [](const std::string& text) {
      const auto keys = read_jwks(text);
      return keys ? std::string("none") : keys.error().detail;
    };
    CHECK(why("{") == "not JSON");
    CHECK(why("[]") == "no JSON Web Key Set: \"keys\" is no array");
    CHECK(why(R"({"keys":[]})") == "no key for HS256, RS256, ES256 or EdDSA");
    CHECK(why(R"({"keys":[{"kty":"oct","alg":"HS256","kid":"s","k":"AAAA"}]})") ==
          "key \"s\": a secret of 3 bytes is too short; take 32 random bytes or more");
    CHECK(why(R"({"keys":[{"kty":"OKP","crv":"Ed25519","kid":"d","x":"AAAA"}]})") ==
          "key \"d\": no Ed25519 key");
    CHECK(why(R"({"keys":[{"kty":"EC","crv":"P-256","kid":"e","x":")" + std::string(43, 'A') +
              R"(","y":")" + std::string(43, 'A') + R"("}]})") == "key \"e\": no point of P-256");
    CHECK(why(R"({"keys":[)" + Issuer::with_rsa(1024).jwk("r") + "]}") ==
          "key \"r\": an RSA key needs 2048 bits or more");
    const Issuer hs = Issuer::with_secret(kSecret);
    CHECK(why(R"({"keys":[)" + hs.jwk("h") + ',' + hs.jwk("h") + "]}") ==
          "two keys have the kid \"h\"");
  }

  TEST_CASE("are so many in a set, and so large a file, at most") {
    const auto why = [](std::size_t keys) {
      std::string list = R"({"kty":"new"})";
      for (std::size_t i = 1; i < keys; ++i) list += R"(,{"kty":"new"})";
      return read_jwks(R"({"keys":[)" + list + "]}").error().detail;
    };
    CHECK(why(64) == "no key for HS256, RS256, ES256 or EdDSA");
    CHECK(why(65) == "more than 64 keys");

    const chatrt::testing::TempFolder folder;
    const std::string file = folder / "key";
    std::ofstream(file) << std::string(1 << 20, 'k');
    CHECK(read_key_file(file, JwtAlgorithm::hs256));
    std::ofstream(file, std::ios::app) << 'k';
    for (const std::string& detail : {read_key_file(file, JwtAlgorithm::hs256).error().detail,
                                      read_jwks_file(file).error().detail}) {
      CHECK(detail == file + ": larger than 1 MB");
    }
  }

  TEST_CASE("in PEM must be of the algorithm they are pinned to") {
    const std::string rsa = Issuer::with_rsa().public_pem();
    CHECK_FALSE(JwtKey::from_pem(JwtAlgorithm::es256, rsa));
    CHECK_FALSE(JwtKey::from_pem(JwtAlgorithm::eddsa, rsa));
    CHECK_FALSE(JwtKey::from_pem(JwtAlgorithm::rs256, Issuer::with_ed25519().public_pem()));
    CHECK_FALSE(JwtKey::from_pem(JwtAlgorithm::rs256, Issuer::with_rsa(1024).public_pem()));
    CHECK_FALSE(JwtKey::from_pem(JwtAlgorithm::es256, Issuer::with_curve("P-384").public_pem()));
    CHECK_FALSE(JwtKey::from_pem(JwtAlgorithm::es256, "-----BEGIN PUBLIC KEY-----\n"));
    CHECK_FALSE(JwtKey::from_secret(std::string(31, 's')));
    CHECK(JwtKey::from_secret(std::string(32, 's')));
  }
}

}  // namespace chatd::auth
