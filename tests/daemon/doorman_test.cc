#include "transport/doorman.h"

#include <doctest/doctest.h>

#include <string>

#include "transport/origin.h"

namespace chatd::transport {
namespace {

using chatrt::Duration;
using chatrt::MonotonicTime;
using Handshake = Doorman::Handshake;

constexpr MonotonicTime kStart{Duration{1'000'000}};

}  // namespace

TEST_SUITE("Doorman") {
  TEST_CASE("lets so many connections of an address in, and the next when one has left") {
    Doorman doorman({.connections_per_address = 2});
    CHECK(doorman.enter("a"));
    CHECK(doorman.enter("a"));

    CHECK_FALSE(doorman.enter("a"));
    CHECK(doorman.enter("b"));
    CHECK(doorman.turned_away(TurnedAway::address) == 1);

    doorman.leave("a");
    CHECK(doorman.enter("a"));
  }

  TEST_CASE("takes twice the rate of handshakes at once, and then the rate") {
    Doorman doorman({.handshakes_per_address = 10});
    for (int i = 0; i < 20; ++i) {
      CHECK(doorman.take_handshake("a", kStart) == Handshake::welcome);
    }

    CHECK(doorman.take_handshake("a", kStart) == Handshake::too_many);
    CHECK(doorman.take_handshake("b", kStart) == Handshake::welcome);
    CHECK(doorman.take_handshake("a", kStart + Duration{99}) == Handshake::too_many);
    CHECK(doorman.take_handshake("a", kStart + Duration{101}) == Handshake::welcome);
    CHECK(doorman.turned_away(TurnedAway::handshakes) == 2);
  }

  TEST_CASE("remembers who has something to make up for, among any number of others") {
    Doorman doorman({.handshakes_per_address = 1});
    for (int i = 0; i < 2; ++i) doorman.take_handshake("a", kStart);
    for (int i = 0; i < 5000; ++i) doorman.take_handshake(std::to_string(i), kStart);

    CHECK(doorman.take_handshake("a", kStart) == Handshake::too_many);
  }

  TEST_CASE("remembers what there is to make up for when the last connection has left") {
    Doorman doorman({.connections_per_address = 2, .handshakes_per_address = 1});
    CHECK(doorman.enter("a"));
    for (int i = 0; i < 2; ++i) doorman.take_handshake("a", kStart);
    doorman.leave("a");

    CHECK(doorman.enter("a"));
    CHECK(doorman.take_handshake("a", kStart) == Handshake::too_many);
  }

  TEST_CASE("remembers who has connections, among any number of others") {
    Doorman doorman({.connections_per_address = 1, .handshakes_per_address = 1});
    CHECK(doorman.enter("a"));
    for (int i = 0; i < 5000; ++i) doorman.take_handshake(std::to_string(i), kStart);

    CHECK_FALSE(doorman.enter("a"));
    CHECK(doorman.enter("b"));
  }

  TEST_CASE("lets nobody in while too many have not said who they are") {
    bool full = true;
    Doorman doorman({.unauthenticated_full = [&] { return full; }});
    CHECK(doorman.take_handshake("a", kStart) == Handshake::full);

    full = false;
    CHECK(doorman.take_handshake("a", kStart) == Handshake::welcome);
    CHECK(doorman.turned_away(TurnedAway::unauthenticated) == 1);
  }

  TEST_CASE("has no limits by default") {
    Doorman doorman({});
    for (int i = 0; i < 1000; ++i) {
      CHECK(doorman.enter("a"));
      CHECK(doorman.take_handshake("a", kStart) == Handshake::welcome);
    }
  }

  TEST_CASE("believes X-Forwarded-For from trusted proxies alone") {
    const Doorman doorman({.connections_per_address = 1, .trusted_proxies = {"10.0.0.1", "::1"}});

    CHECK(doorman.address_of("1.2.3.4", "9.9.9.9") == "1.2.3.4");
    CHECK(doorman.address_of("10.0.0.1", "9.9.9.9") == "9.9.9.9");
    CHECK(doorman.address_of("10.0.0.1", "6.6.6.6, 9.9.9.9") == "9.9.9.9");  // the first is made up
    CHECK(doorman.address_of("10.0.0.1", "9.9.9.9, ::1") == "9.9.9.9");
    CHECK(doorman.address_of("10.0.0.1", "::1") == "10.0.0.1");
    CHECK(doorman.address_of("10.0.0.1", "") == "10.0.0.1");
    CHECK(doorman.address_of("10.0.0.1", "9.9.9.9,") == "10.0.0.1");
    CHECK(doorman.address_of("10.0.0.1", std::string(45, '9')) == std::string(45, '9'));
    CHECK(doorman.address_of("10.0.0.1", std::string(46, '9')) == "10.0.0.1");  // none is so long
  }

  TEST_CASE("has no limit of connections for a trusted proxy") {
    Doorman doorman({.connections_per_address = 1, .trusted_proxies = {"10.0.0.1"}});
    CHECK(doorman.enter("10.0.0.1"));
    CHECK(doorman.enter("10.0.0.1"));
  }
}

TEST_SUITE("OriginPolicy::allows") {
  TEST_CASE("under --dev no page whose name was made to point at us") {
    const OriginPolicy dev{.allowed = {}, .credentials = false, .allow_loopback = true};
    CHECK(dev.allows("http://localhost:3000", "localhost:3000"));
    CHECK(dev.allows("http://127.0.0.2:3000", "127.0.0.2:3000"));
    CHECK(dev.allows("http://[::1]:3000", "[::1]:3000"));
    CHECK(dev.allows("http://workstation:3000", "workstation:3000"));
    CHECK_FALSE(dev.allows("http://evil.example:3000", "evil.example:3000"));

    const OriginPolicy other{.allowed = {}, .credentials = false, .allow_loopback = false};
    CHECK(other.allows("https://chat.example", "chat.example"));
  }
}

}  // namespace chatd::transport
