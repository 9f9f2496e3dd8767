#include "http_call.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "embedded_files.h"
#include "http_api.h"
#include "revoke_call.h"

using namespace chatd;
using chatrt::Errc;
using transport::HttpRequest;
using transport::HttpResponse;

namespace {

Arguments of_query(std::string query) {
  auto arguments = Arguments::of({.method = "GET", .path = "/", .query = std::move(query)});
  REQUIRE(arguments);
  return *std::move(arguments);
}

Arguments of_body(std::string body) {
  auto arguments = Arguments::of({.method = "POST", .path = "/", .body = std::move(body)});
  REQUIRE(arguments);
  return *std::move(arguments);
}

std::string header(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

TEST_SUITE("Arguments") {
  TEST_CASE("are decoded parameters of a query") {
    const Arguments arguments = of_query("a=x%20y+z&n=12&empty=&user=%C3%A4nn");

    CHECK(**arguments.text("a") == "x y z");
    CHECK(**arguments.text("empty") == "");
    CHECK_FALSE(*arguments.text("absent"));
    CHECK(**arguments.number("n") == 12);
    CHECK((**arguments.user("user")).str() == "\xc3\xa4nn");
  }

  TEST_CASE("are fields of a JSON body") {
    const Arguments arguments = of_body(R"({"a":"x","n":12,"s":"12","nothing":null,"user":"ann"})");

    CHECK(**arguments.text("a") == "x");
    CHECK(**arguments.number("n") == 12);
    CHECK(**arguments.number("s") == 12);
    CHECK_FALSE(*arguments.text("nothing"));
    CHECK_FALSE(*arguments.number("nothing"));
    CHECK_FALSE(*arguments.user("absent"));
    CHECK((**arguments.user("user")).str() == "ann");
  }

  TEST_CASE("name what is of another kind") {
    const Arguments body = of_body(R"({"a":1,"n":"x","f":1.5,"m":-1,"user":"","o":{}})");

    CHECK(body.text("a").error().detail == "a is not a string");
    for (const std::string name : {"n", "f", "m", "o"}) {
      CAPTURE(name);
      REQUIRE_FALSE(body.number(name));
      CHECK(body.number(name).error().code == Errc::invalid_argument);
      CHECK(body.number(name).error().detail.starts_with(name));
    }
    CHECK(body.user("user").error().detail == "user is no user id");
    const Arguments query = of_query("a=%FF&n=1x&m=-1&big=18446744073709551616&none=");
    CHECK(query.text("a").error().detail == "a is not valid UTF-8");
    for (const std::string name : {"n", "m", "big", "none"}) {
      CAPTURE(name);
      CHECK_FALSE(query.number(name));
    }
  }

  TEST_CASE("name a conversation by a text or a number") {
    const Arguments body = of_body(
        R"({"n":7,"t":"7","zero":0,"minus":-1,"half":1.5,"x":"x","lead":"07","empty":"","null":null})");
    CHECK(**body.conversation("n") == chatrt::ConversationId{7});
    CHECK(**body.conversation("t") == chatrt::ConversationId{7});
    CHECK_FALSE(*body.conversation("absent"));
    CHECK_FALSE(*body.conversation("null"));
    for (const std::string name : {"zero", "minus", "half", "x", "lead", "empty"}) {
      CAPTURE(name);
      REQUIRE_FALSE(body.conversation(name));
      CHECK(body.conversation(name).error().detail.starts_with(name));
    }
    CHECK(**of_query("n=7").conversation("n") == chatrt::ConversationId{7});
  }

  TEST_CASE("say what is wrong with a body") {
    const auto detail_of = [](const std::string& body) {
      return Arguments::of({.method = "POST", .path = "/", .body = body}).error().detail;
    };
    CHECK(detail_of("[]") == "the body is not a JSON object");
    CHECK(detail_of("{") == "the body is not JSON in UTF-8, or is nested too deep");
    CHECK(detail_of("{\"a\":\"\\ud800\"}") ==
          "the body has a lone surrogate or a number out of range");
    CHECK(detail_of("{\"a\":1e999}") == "the body has a lone surrogate or a number out of range");
  }

  TEST_CASE("are refused where the body is no JSON object") {
    for (const std::string body :
         {"", "x", "1", "[]", "\"a\"", "{", "{}x", "{\"a\":\"\xff\"}", "{\"a\":\"\\ud800\"}"}) {
      CAPTURE(body);
      const auto arguments = Arguments::of({.method = "POST", .path = "/", .body = body});
      REQUIRE_FALSE(arguments);
      CHECK(arguments.error().code == Errc::invalid_argument);
    }
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
    CHECK_FALSE(Arguments::of({.method = "POST", .path = "/", .body = deep}));
  }
}

TEST_SUITE("read_revocation") {
  constexpr chatrt::Timestamp kNow{chatrt::Duration{1'800'000'000'500}};

  TEST_CASE("covers what was issued before a time, and not what was issued at it") {
    for (const std::string user : {"", R"("userId":"ann",)"}) {
      CAPTURE(user);
      const auto read =
          read_revocation(of_body("{" + user + R"("issuedBefore":1800000000})"), kNow);
      REQUIRE(read);
      CHECK(read->user.has_value() == !user.empty());
      CHECK(read->issued_until == chatrt::Timestamp{chatrt::Duration{1'799'999'999'999}});
    }
  }

  TEST_CASE("covers what was issued up to now where a user has no time") {
    CHECK(read_revocation(of_body(R"({"userId":"ann"})"), kNow)->issued_until == kNow);
  }

  TEST_CASE("covers a token until it expires") {
    const auto read = read_revocation(of_body(R"({"tokenId":"t1","expiresAt":1800000060})"), kNow);
    REQUIRE(read);
    CHECK(read->token_id == "t1");
    CHECK(read->expires_at == chatrt::Timestamp{chatrt::Duration{1'800'000'060'000}});
  }
}

TEST_SUITE("problem") {
  TEST_CASE("has the code, a status for it, and a detail for the client's errors alone") {
    const HttpResponse wrong = problem(Errc::invalid_argument, "a is \"missing\"");
    CHECK(wrong.status == 400);
    CHECK(wrong.content_type == "application/problem+json");
    CHECK(wrong.body ==
          R"({"type":"about:blank","title":"Bad Request","status":400,"code":"invalid_argument",)"
          R"("detail":"a is \"missing\""})");
    for (const Errc code : {Errc::corrupt, Errc::unavailable, Errc::storage_full}) {
      CAPTURE(static_cast<int>(code));
      CHECK(problem(code, "/secret/path").body.find("detail") == std::string::npos);
    }
    CHECK(problem(Errc::invalid_argument, "\xff").body.find("detail") == std::string::npos);
  }

  TEST_CASE("says when to try again where that helps") {
    for (const Errc code : {Errc::busy, Errc::unavailable, Errc::storage_full, Errc::rate_limited,
                            Errc::shutting_down}) {
      CAPTURE(static_cast<int>(code));
      const HttpResponse response = problem(code);
      CHECK(response.status >= 429);
      CHECK(std::stoi(header(response, "Retry-After")) >= 1);
    }
    CHECK(header(problem(Errc::busy), "Retry-After") == "1");  // seconds
    CHECK(header(problem(Errc::storage_full), "Retry-After") == "10");
    CHECK(header(problem(Errc::not_found), "Retry-After").empty());
  }

  TEST_CASE("has a status for every code") {
    for (int i = 0; i <= static_cast<int>(chatrt::kErrcLast); ++i) {
      CAPTURE(i);
      const HttpResponse response = problem(static_cast<Errc>(i));
      CHECK(response.status >= 400);
      CHECK(transport::status_text(response.status) != "Status");
    }
  }
}

TEST_SUITE("embedded_file_response") {
  TEST_CASE("leaves alone what is not in its tables, and what is no GET") {
    CHECK_FALSE(embedded_file_response({.method = "GET", .path = "/v1/messages"}));
    CHECK_FALSE(embedded_file_response({.method = "GET", .path = "/socket.io"}));
    CHECK_FALSE(embedded_file_response({.method = "POST", .path = "/socket.io/socket.io.js"}));
    CHECK_FALSE(embedded_file_response({.method = "POST", .path = "/"}));
  }

  TEST_CASE("gives a file of a table with its ETag, and 304 to whoever has it") {
    if (client_files().empty()) {
      CHECK(embedded_file_response({.method = "GET", .path = "/socket.io/socket.io.js"})->status ==
            404);
      return;
    }
    HttpRequest request{.method = "GET", .path = "/socket.io/socket.io.js"};

    const auto response = embedded_file_response(request);

    REQUIRE(response);
    CHECK(response->status == 200);
    CHECK(response->content_type == "application/javascript; charset=utf-8");
    CHECK(response->body.find("Socket.IO v4.") != std::string::npos);
    const std::string etag = header(*response, "ETag");
    CHECK(etag.size() > 2);
    for (const std::string& same : {etag, "W/" + etag}) {
      request.if_none_match = same;
      const auto unchanged = embedded_file_response(request);
      REQUIRE(unchanged);
      CHECK(unchanged->status == 304);
      CHECK(unchanged->body.empty());
      CHECK(header(*unchanged, "ETag") == etag);
    }
    request.if_none_match = "\"other\"";
    CHECK(embedded_file_response(request)->status == 200);
  }

  TEST_CASE("compresses for those who take gzip") {
    if (client_files().empty()) return;
    HttpRequest request{.method = "GET", .path = "/socket.io/socket.io.js"};
    const std::size_t whole = embedded_file_response(request)->body.size();
    for (const std::string accepted : {"gzip", "br, gzip, deflate", "gzip;q=0.5", "br,gzip"}) {
      CAPTURE(accepted);
      request.accept_encoding = accepted;
      const auto response = embedded_file_response(request);
      CHECK(header(*response, "Content-Encoding") == "gzip");
      CHECK(response->body.size() < whole / 2);
    }
    for (const std::string accepted : {"", "br", "xgzip", "gzip;q=0", "gzip;q=0.0, br"}) {
      CAPTURE(accepted);
      request.accept_encoding = accepted;
      const auto response = embedded_file_response(request);
      CHECK(header(*response, "Content-Encoding").empty());
      CHECK(response->body.size() == whole);
    }
  }

  TEST_CASE("gives the page at / with a strict policy, or says that there is none") {
    const auto response = embedded_file_response({.method = "GET", .path = "/"});

    REQUIRE(response);
    CHECK(response->status == 200);
    if (page_files().empty()) {
      CHECK(response->body.find("without its page") != std::string::npos);
      return;
    }
    CHECK(response->content_type == "text/html; charset=utf-8");
    const std::string policy = header(*response, "Content-Security-Policy");
    CHECK(policy.find("default-src 'none'") != std::string::npos);
    CHECK(policy.find("unsafe") == std::string::npos);
    CHECK(policy.find("://") == std::string::npos);
    CHECK(embedded_file_response({.method = "GET", .path = "/operator"}));
  }

  TEST_CASE("knows the names of its tables alone") {
    if (client_files().empty()) return;
    for (const std::string path :
         {"/socket.io/", "/socket.io/other.js", "/socket.io/../socket.io.js", "/socket.io/%2e%2e/x",
          "/socket.io/socket.io.js/", "/socket.io//socket.io.js", "/socket.io/Socket.io.js",
          "/index.html", "/assets/", "/assets"}) {
      CAPTURE(path);
      CHECK_FALSE(embedded_file_response({.method = "GET", .path = path}));
    }
  }
}

namespace {

// "GET /v1/sync" for each operation of docs/openapi.yaml, by its indentation.
std::vector<std::string> described_routes() {
  std::ifstream file(CHATRT_OPENAPI);
  REQUIRE(file);
  std::vector<std::string> routes;
  std::string path;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("  /")) path = line.substr(2, line.find(':') - 2);
    if (line.starts_with("components:")) break;
    for (const std::string method : {"get", "post", "put", "patch", "delete"}) {
      if (path.empty() || !line.starts_with("    " + method + ":")) continue;
      std::string upper = method;
      for (char& c : upper) c = static_cast<char>(c - 32);
      routes.push_back(upper + " " + path);
    }
  }
  return routes;
}

}  // namespace

TEST_SUITE("route_names") {
  TEST_CASE("is what docs/openapi.yaml describes") {
    std::vector<std::string> names = route_names();
    std::vector<std::string> described = described_routes();
    std::sort(names.begin(), names.end());
    std::sort(described.begin(), described.end());
    CHECK(names == described);
  }

  TEST_CASE("has each route once") {
    std::vector<std::string> names = route_names();
    CHECK(names.size() >= 13);
    std::sort(names.begin(), names.end());
    CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
  }
}
