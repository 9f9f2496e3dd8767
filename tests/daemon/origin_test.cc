#include "transport/origin.h"

#include <doctest/doctest.h>

#include <string>

using chatd::transport::OriginPolicy;

TEST_SUITE("OriginPolicy::allows") {
  TEST_CASE("whoever is no browser, the server's own host, and whom the list names") {
    const OriginPolicy policy{.allowed = {"https://chat.example", "http://a.example:8080"}};

    CHECK(policy.allows("", "server"));
    CHECK(policy.allows("http://server:3000", "server:3000"));
    CHECK(policy.allows("capacitor://server", "server"));
    CHECK(policy.allows("https://chat.example", "server"));
    CHECK(policy.allows("http://a.example:8080", "server"));
  }

  // Starscream (Swift), elephant.io (PHP)
  TEST_CASE("the server's own host as clients that are no browsers write it") {
    const OriginPolicy policy;
    for (const std::string origin :
         {"https://chat.example", "wss://chat.example", "wss://chat.example:443",
          "https://chat.example/", "https://chat.example/socket.io/", "https://CHAT.example"}) {
      CAPTURE(origin);
      CHECK(policy.allows(origin, "chat.example"));
      CHECK(policy.allows(origin, "chat.example:443"));
      CHECK(policy.allows(origin, "Chat.Example:443"));
      CHECK_FALSE(policy.allows(origin, "chat.example:80"));
      CHECK_FALSE(policy.allows(origin, "chat.example:4430"));
      CHECK_FALSE(policy.allows(origin, "evil-chat.example"));
      CHECK_FALSE(policy.allows(origin, ""));
    }
    CHECK(policy.allows("ws://chat.example", "chat.example:80"));
    CHECK(policy.allows("http://[::1]", "[::1]:80"));
    CHECK_FALSE(policy.allows("http://chat.example", "chat.example:443"));
    CHECK_FALSE(policy.allows("http://chat.example:443", "chat.example"));
    CHECK_FALSE(policy.allows("app://chat.example", "chat.example:80"));
    for (const std::string nobody : {"https://:443", "http://:80", "https:///", "wss://"}) {
      CAPTURE(nobody);
      CHECK_FALSE(policy.allows(nobody, ""));
      CHECK_FALSE(policy.allows(nobody, ":443"));
      CHECK_FALSE(policy.allows(nobody, ":80"));
    }
  }

  TEST_CASE("nobody who only looks like them") {
    const OriginPolicy policy{.allowed = {"https://chat.example"}};

    for (const std::string origin :
         {"null", "https://chat.example.evil", "https://evil-chat.example", "http://chat.example",
          "https://chat.example:444", "https://chat.example/", "https://CHAT.example",
          "chat.example", "http://localhost:1", "http://server:3001", "https://sub.chat.example",
          "*", "https://"}) {
      CAPTURE(origin);
      CHECK_FALSE(policy.allows(origin, "server:3000"));
    }
    CHECK_FALSE(policy.allows("https://", ""));
    CHECK(OriginPolicy{.allowed = {"file://"}}.allows("file://", "server"));
    CHECK_FALSE(OriginPolicy{.allowed = {"file://"}}.allows("file:///", "server"));
  }

  TEST_CASE("pages of any loopback port, for development alone") {
    const OriginPolicy dev{.allowed = {}, .credentials = false, .allow_loopback = true};

    for (const std::string origin :
         {"http://localhost", "http://localhost:5173", "http://127.0.0.1:1", "http://[::1]:8080"}) {
      CAPTURE(origin);
      CHECK(dev.allows(origin, "server"));
      CHECK_FALSE(OriginPolicy{}.allows(origin, "server"));
    }
    for (const std::string origin : {"http://localhost.evil", "http://localhost:1@evil",
                                     "http://127.0.0.1.evil", "http://evil/localhost", "null"}) {
      CAPTURE(origin);
      CHECK_FALSE(dev.allows(origin, "server"));
    }
  }

  TEST_CASE("everybody but null, by the star") {
    const OriginPolicy any{.allowed = {"*"}};
    CHECK(any.allows("https://whoever.example", "server"));
    CHECK_FALSE(any.allows("null", "server"));
  }
}

TEST_SUITE("OriginPolicy::headers") {
  TEST_CASE("names the origin that may read the answer, and that answers differ by it") {
    const OriginPolicy policy{.allowed = {"https://chat.example"}, .credentials = true};
    CHECK(policy.headers("https://chat.example", "server") ==
          "Access-Control-Allow-Origin: https://chat.example\r\nVary: Origin\r\n"
          "Access-Control-Allow-Credentials: true\r\n");
    CHECK(policy.headers("https://evil.example", "server") == "Vary: Origin\r\n");
    CHECK(policy.headers("", "server") == "Vary: Origin\r\n");
  }

  TEST_CASE("never a star with credentials") {
    const OriginPolicy any{.allowed = {"*"}, .credentials = true};
    CHECK(any.headers("https://a.example", "server") ==
          "Access-Control-Allow-Origin: *\r\nVary: Origin\r\n");
  }
}

TEST_SUITE("OriginPolicy::preflight_headers") {
  TEST_CASE("allows the methods of the routes and the headers that were asked for") {
    const std::string lines = OriginPolicy::preflight_headers("content-type, idempotency-key");
    CHECK(lines.find("Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE\r\n") !=
          std::string::npos);
    CHECK(lines.find("Access-Control-Allow-Headers: content-type, idempotency-key\r\n") !=
          std::string::npos);
    CHECK(OriginPolicy::preflight_headers("").find("Allow-Headers") == std::string::npos);
  }
}
