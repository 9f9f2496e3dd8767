// The configuration of chatd: one table of options, from which flags, environment variables, file
// keys, --help and docs/operating.md come. Flags win over the environment, that over the file, that
// over the defaults.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace chatd {

// As JSON a text is up to six times as long (of control characters), and one to oneself comes back
// three times. What may wait for a connection has room for this, and some more.
inline constexpr std::uint64_t kAnswersOfText = 3 * 6;
inline constexpr std::uint64_t kQueueOfTexts = kAnswersOfText + 2;

struct Config {
  bool dev = false;
  std::string listen = "127.0.0.1";
  std::uint64_t port = 3000;
  std::string db = "chatd.db";
  std::string recovery_key;
  std::uint64_t shards = 1;
  std::uint64_t read_threads = 2;
  std::string log_level = "info";
  std::string jwt_key;
  std::string jwt_alg;
  std::string jwks;
  std::string jwt_issuer;
  std::string jwt_audience;
  std::string operator_key;
  std::string metrics_key;
  std::string tls_cert;
  std::string tls_key;
  std::uint64_t token_grace_ms = 25000;
  std::vector<std::string> cors_origins;
  bool cors_credentials = false;
  std::uint64_t ping_interval_ms = 25000;
  std::uint64_t ping_timeout_ms = 20000;
  std::uint64_t upgrade_timeout_ms = 10000;
  std::uint64_t connect_timeout_ms = 10000;
  std::uint64_t register_timeout_ms = 30000;
  std::uint64_t recovery_window_ms = 7 * 24 * 3'600'000;
  std::uint64_t presence_grace_ms = 5000;
  std::uint64_t drain_timeout_ms = 5000;
  std::uint64_t text_bytes_max = 65536;
  std::uint64_t payload_bytes_max = 1'000'000;
  // Room for what the longest text brings to its own author: an answer and two events, as JSON.
  std::uint64_t queue_bytes_max = 2 << 20;
  std::uint64_t connections_max = 0;
  std::uint64_t connections_per_address = 256;
  std::uint64_t connections_per_user = 32;
  std::uint64_t unauthenticated_max = 0;
  std::uint64_t handshakes_per_address = 50;
  std::uint64_t events_per_user = 20;
  std::uint64_t events_per_address = 200;
  std::uint64_t reads_per_user = 64;
  std::uint64_t queue_bytes_total_max = 256 << 20;
  std::vector<std::string> trusted_proxies;
  bool no_io_uring = false;
};

// One option. The flag is "--" + name, the variable "CHATD_" + NAME with underscores, the key in
// the file the name itself.
struct Option {
  std::string_view name;
  std::variant<bool Config::*, std::uint64_t Config::*, std::string Config::*,
               std::vector<std::string> Config::*>
      member;
  std::string_view unit;           // "ms", "bytes", ...; empty: none
  std::uint64_t min = 0, max = 0;  // of numbers, inclusive
  std::string_view help;
  bool is_quota = false;  // of a user or an address: off (0) under --dev unless it is set
};
std::span<const Option> option_table() noexcept;
// The default as the documentation shows it.
std::string default_text(const Option& option);

struct CommandLine {
  Config config;
  bool check = false;                  // --check
  std::optional<std::string> explain;  // `explain ID`: of this message
  std::optional<std::string> print;    // --help or --version: print this and exit 0
  std::optional<std::string> error;    // one line that names the key and its place: exit 2
};
CommandLine read_command_line(int argc, const char* const* argv);

}  // namespace chatd
