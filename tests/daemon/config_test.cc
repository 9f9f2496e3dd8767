#include "config.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

using namespace chatd;

namespace {

// A file that goes with its scope.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    std::string name = "/tmp/chatd-config-XXXXXX";
    const int fd = ::mkstemp(name.data());
    REQUIRE(fd >= 0);
    ::close(fd);
    name_ = name;
    std::ofstream{name_} << text;
  }
  ~TemporaryFile() { std::remove(name_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

class Variable {
 public:
  Variable(std::string name, const std::string& value) : name_(std::move(name)) {
    ::setenv(name_.c_str(), value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_.c_str()); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const std::string name_;
};

CommandLine read(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"chatd", "--dev"});
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  return read_command_line(static_cast<int>(argv.size()), argv.data());
}

std::string error_of(std::vector<std::string> arguments) {
  return read(std::move(arguments)).error.value_or("");
}

std::string variable_of(const Option& option) {
  std::string name = "CHATD_";
  for (const char c : option.name) {
    name.push_back(c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c));
  }
  return name;
}

}  // namespace

TEST_SUITE("read_command_line") {
  TEST_CASE("takes the default, the file, the environment or the flag: the last of them wins") {
    const TemporaryFile file("port = 4001\n");
    const std::string config = "--config=" + file.name();

    CHECK(read({}).config.port == 3000);
    CHECK(read({config}).config.port == 4001);
    {
      const Variable variable("CHATD_PORT", "4002");
      CHECK(read({}).config.port == 4002);
      CHECK(read({config}).config.port == 4002);
      CHECK(read({config, "--port", "4003"}).config.port == 4003);
    }
    CHECK(read({config, "--port=4003"}).config.port == 4003);
    CHECK(read({"--port", "1", "--port", "2"}).config.port == 2);
  }

  TEST_CASE("reads values of each kind from each place") {
    const TemporaryFile file(
        "db = \"a b.db\"\nshards = 2\ncors-credentials = true\n"
        "cors-origin = [\"https://a.example\", \"http://b.example:81\"]\n");

    const Config config = read({"--config", file.name()}).config;

    CHECK(config.db == "a b.db");
    CHECK(config.shards == 2);
    CHECK(config.cors_credentials);
    CHECK(config.cors_origins ==
          std::vector<std::string>{"https://a.example", "http://b.example:81"});
    CHECK(read({"--cors-origin", "https://a.example", "--cors-origin", "https://b.example"})
              .config.cors_origins.size() == 2);
    const Variable variable("CHATD_CORS_CREDENTIALS", "yes");
    CHECK(read({}).config.cors_credentials);
    CHECK_FALSE(read({"--cors-credentials=false"}).config.cors_credentials);
    CHECK_FALSE(read({"--cors-credentials", "--cors-credentials=false"}).config.cors_credentials);
    CHECK(read({"--cors-credentials=false", "--cors-credentials"}).config.cors_credentials);
    CHECK(read({"--cors-credentials=true"}).config.cors_credentials);
    CHECK(error_of({"--cors-credentials=perhaps"}).find("neither true nor false") !=
          std::string::npos);
  }

  TEST_CASE("says why a file cannot be read") {
    CHECK(error_of({"--config", "/nonexistent/chatd.toml"}) ==
          "config: /nonexistent/chatd.toml: No such file or directory");
    CHECK(error_of({"--config", "/tmp"}) == "config: /tmp: Is a directory");
    const TemporaryFile file("port = 1\n");
    CHECK(read({"--config", "/nonexistent", "--config", file.name()}).config.port == 1);
  }

  TEST_CASE("names the place of what does not fit the rest, too") {
    const Variable variable("CHATD_LOG_LEVEL", "loud");
    CHECK(error_of({}).ends_with(" (CHATD_LOG_LEVEL)"));
    CHECK(error_of({"--log-level", "quiet"}).ends_with(" (--log-level)"));
  }

  TEST_CASE("names the key and the place of every value that is out of range or of another kind") {
    for (const Option& option : option_table()) {
      if (!std::holds_alternative<std::uint64_t Config::*>(option.member)) continue;
      const std::string name{option.name};
      std::vector<std::string> wrong = {
          "x", "", "-1", "1.5", " 1", "1 ", "99999999999999999999", std::to_string(option.max + 1)};
      if (option.min > 0) wrong.push_back(std::to_string(option.min - 1));
      for (const std::string& value : wrong) {
        CAPTURE(name);
        CAPTURE(value);
        const std::string by_flag = error_of({"--" + name + "=" + value});
        CHECK(by_flag.find(name) != std::string::npos);
        const Variable variable(variable_of(option), value);
        const std::string by_variable = error_of({});
        CHECK(by_variable.starts_with(name + ": "));
        CHECK(by_variable.find("(" + variable_of(option) + ")") != std::string::npos);
      }
      for (const std::uint64_t value : {option.min, option.max}) {
        CAPTURE(name);
        // These two have to fit each other; of a flag given twice the last one counts.
        CHECK(error_of({"--text-bytes-max", "200", "--queue-bytes-max", "1073741824", "--" + name,
                        std::to_string(value)}) == "");
      }
    }
  }

  TEST_CASE("names the file and line of what is wrong there") {
    const auto place = [](const std::string& text, const std::string& what) {
      const TemporaryFile file(text);
      const std::string error = error_of({"--config", file.name()});
      CAPTURE(error);
      return error.find(what) != std::string::npos &&
             error.find(file.name() + ":2") != std::string::npos;
    };
    CHECK(place("\nport = 70000\n", "port: \"70000\" is not a number from 0 to 65535"));
    CHECK(place("\nport = \"x\"\n", "port"));
    CHECK(place("\nport = [1, 2]\n", "port: takes one value"));
    CHECK(place("\ncors-credentials = \"perhaps\"\n", "neither true nor false"));
    CHECK(place("\nno-such-key = 1\n", "no-such-key: no such option"));
    CHECK(place("\nport = 1.5\n", "port is neither"));
    CHECK(place("\nport = {a = 1}\n", "port is neither"));
    CHECK(place("\ncors-origin = [[1]]\n", "cors-origin holds"));
    CHECK(place("\nport = \n", "config: "));
    CHECK(error_of({"--config", "/nonexistent/chatd.toml"}).find("/nonexistent/chatd.toml") !=
          std::string::npos);
  }

  TEST_CASE("refuses flags that do not exist, and flags without their value") {
    CHECK(error_of({"--no-such-flag"}).find("--no-such-flag") != std::string::npos);
    CHECK(error_of({"--port"}).find("--port") != std::string::npos);
    CHECK(error_of({"stray"}).find("stray") != std::string::npos);
    CHECK(error_of({"--no-such-flag"}).find('\n') == std::string::npos);
  }

  TEST_CASE("refuses a star with credentials, and origins that are none") {
    CHECK(error_of({"--cors-origin", "*"}) == "");
    CHECK(error_of({"--cors-origin", "*", "--cors-credentials"}).starts_with("cors-credentials: "));
    CHECK(error_of({"--cors-origin", "*", "--cors-origin", "https://a.example"})
              .starts_with("cors-origin: "));
    for (const std::string origin :
         {"a.example", "://a.example", "https://", "file:///", "https://a.example/",
          "https://a.example/path", "https://*.example", "https://a example", "null"}) {
      CAPTURE(origin);
      CHECK(error_of({"--cors-origin", origin}).starts_with("cors-origin: "));
    }
    CHECK(error_of({"--cors-origin", "https://a.example", "--cors-credentials"}) == "");
    CHECK(error_of({"--cors-origin", "capacitor://localhost", "--cors-origin", "file://"}) == "");
    for (const char* proxy : {"10.0.0.0/8", "nonsense", "10.0.0.1,10.0.0.2", "::0001", ""}) {
      CAPTURE(proxy);
      CHECK(error_of({"--trusted-proxy", proxy}).starts_with("trusted-proxy: "));
    }
    CHECK(error_of({"--trusted-proxy", "10.0.0.1", "--trusted-proxy", "fd00::1"}) == "");
    CHECK(error_of({"--queue-bytes-max", "65536"}).starts_with("queue-bytes-max: "));
    CHECK(error_of({"--queue-bytes-max", "65536", "--text-bytes-max", "3276"}) == "");
    CHECK(error_of({"--queue-bytes-max", "65536", "--text-bytes-max", "3277"})
              .ends_with("at least 65540 (--queue-bytes-max)"));
  }

  TEST_CASE("refuses a log level that is none, and --dev on an address others can reach") {
    CHECK(error_of({"--log-level", "loud"}).starts_with("log-level: "));
    for (const std::string address : {"0.0.0.0", "::", "10.0.0.1", "chat.example"}) {
      CAPTURE(address);
      CHECK(error_of({"--listen", address}).starts_with("listen: "));
    }
    for (const std::string address : {"127.0.0.1", "127.0.0.2", "::1", "localhost"}) {
      CAPTURE(address);
      CHECK(error_of({"--listen", address}) == "");
    }
  }

  TEST_CASE("does not start where nobody could be told apart") {
    const char* argv[] = {"chatd"};
    const std::string error = read_command_line(1, argv).error.value_or("");
    CHECK(error.find("--dev") != std::string::npos);
  }

  TEST_CASE("prints every option with its unit and default, and the versions") {
    const std::string help = read({"--help"}).print.value_or("");
    for (const Option& option : option_table()) {
      CAPTURE(option.name);
      CHECK(help.find("--" + std::string{option.name}) != std::string::npos);
      CHECK(option.help.size() > 0);
    }
    const std::string versions = read({"--version"}).print.value_or("");
    for (const std::string part :
         {"chatd", "SQLite", "WebSocket++", "OpenSSL", "zlib", "RapidJSON"}) {
      CAPTURE(part);
      CHECK(versions.find(part) != std::string::npos);
    }
  }

  TEST_CASE("checks on request") {
    CHECK_FALSE(read({}).check);
    CHECK(read({"--check"}).check);
    CHECK(error_of({"--check", "--port", "x"}).starts_with("port: "));
  }
}

TEST_SUITE("option_table") {
  TEST_CASE("has defaults that are within their limits") {
    const Config defaults;
    for (const Option& option : option_table()) {
      const auto* number = std::get_if<std::uint64_t Config::*>(&option.member);
      if (number == nullptr) continue;
      CAPTURE(option.name);
      CHECK(defaults.**number >= option.min);
      CHECK(defaults.**number <= option.max);
      CHECK(default_text(option) == std::to_string(defaults.**number));
    }
  }
}
