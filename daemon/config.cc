#include "config.h"

#include <arpa/inet.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <map>
#include <set>
#include <stdexcept>

#include "config_file.h"
#include "version.h"

namespace chatd {
namespace {

constexpr std::uint64_t kMinute = 60'000;
constexpr std::uint64_t kHour = 60 * kMinute;
constexpr std::uint64_t kMiB = 1 << 20;

constexpr std::array kOptions = {
    Option{"dev", &Config::dev, "", 0, 0,
           "for development: loopback only, no tokens, pages of any localhost port may connect"},
    Option{"listen", &Config::listen, "", 0, 0,
           "address to listen on; \"localhost\" is both loopbacks"},
    Option{"port", &Config::port, "", 0, 65535, "port to listen on; 0 takes a free one"},
    Option{"db", &Config::db, "", 0, 0,
           "the SQLite file, made if absent; \":memory:\" keeps messages until chatd ends, without "
           "a bound"},
    Option{"recovery-key", &Config::recovery_key, "", 0, 0,
           "a file with the key that signs what clients resume by, made if absent; where none is "
           "named it is beside the database"},
    Option{"recovery-window", &Config::recovery_window_ms, "ms", kMinute, 90 * 24 * kHour,
           "from the begin of a client's session, to resume it"},
    Option{"shards", &Config::shards, "threads", 1, 64, "threads that serve connections"},
    Option{"read-threads", &Config::read_threads, "threads", 1, 64, "threads that read the store"},
    Option{"log-level", &Config::log_level, "", 0, 0, "debug, info, warning or error"},
    Option{"jwt-key", &Config::jwt_key, "", 0, 0,
           "a file with the key that users' tokens are checked by: PEM, or for HS256 the secret; "
           "read again on SIGHUP"},
    Option{"jwt-alg", &Config::jwt_alg, "", 0, 0,
           "the one algorithm of that key: HS256, RS256, ES256 or EdDSA"},
    Option{"jwks", &Config::jwks, "", 0, 0,
           "in its place: a file with a JSON Web Key Set; read again on SIGHUP"},
    Option{"jwt-issuer", &Config::jwt_issuer, "", 0, 0, "what a token's iss must be"},
    Option{"jwt-audience", &Config::jwt_audience, "", 0, 0, "what a token's aud must name"},
    Option{"token-grace", &Config::token_grace_ms, "ms", 0, kHour,
           "from the end of a connection's token until it is sent away"},
    Option{"operator-key", &Config::operator_key, "", 0, 0,
           "a file with the secret by which servers call for any user, and see and do what only "
           "operators may; read again on SIGHUP"},
    Option{"metrics-key", &Config::metrics_key, "", 0, 0,
           "a file with the secret by which /metrics alone is read; read again on SIGHUP"},
    Option{
        "tls-cert", &Config::tls_cert, "", 0, 0,
        "a PEM file with the certificate and its chain: chatd then speaks TLS, and nothing else; "
        "read again on SIGHUP"},
    Option{"tls-key", &Config::tls_key, "", 0, 0,
           "a PEM file with the certificate's key; read again on SIGHUP"},
    Option{"cors-origin", &Config::cors_origins, "", 0, 0,
           "an origin whose pages may connect, as https://chat.example; may be given again; \"*\" "
           "is all of them, without credentials"},
    Option{"cors-credentials", &Config::cors_credentials, "", 0, 0,
           "let the pages of those origins send credentials"},
    Option{"ping-interval", &Config::ping_interval_ms, "ms", 100, kHour,
           "from a client's pong to the next ping"},
    Option{"ping-timeout", &Config::ping_timeout_ms, "ms", 100, kHour,
           "for a pong; then the connection is closed"},
    Option{"upgrade-timeout", &Config::upgrade_timeout_ms, "ms", 100, kHour,
           "for an upgrade to WebSocket; then the client stays on polling"},
    Option{"connect-timeout", &Config::connect_timeout_ms, "ms", 100, kHour,
           "for a connection to join a namespace"},
    Option{"register-timeout", &Config::register_timeout_ms, "ms", 100, kHour,
           "from a client's first event until it has registered"},
    Option{"presence-grace", &Config::presence_grace_ms, "ms", 0, kHour,
           "from a user's last disconnect until others are told"},
    Option{"drain-timeout", &Config::drain_timeout_ms, "ms", 0, kHour,
           "for clients to take what is left when chatd ends"},
    Option{"text-bytes-max", &Config::text_bytes_max, "bytes", 1, kMiB, "of one message's text"},
    Option{"payload-bytes-max", &Config::payload_bytes_max, "bytes", 1024, 64 * kMiB,
           "of one packet or request body"},
    Option{"queue-bytes-max", &Config::queue_bytes_max, "bytes", 4096, 1024 * kMiB,
           "waiting for one connection; then it is closed and resumes later"},
    Option{"connections-max", &Config::connections_max, "", 0, 10'000'000,
           "connections at a time; 0 is 80 % of the open-file limit"},
    Option{"connections-per-address", &Config::connections_per_address, "", 0, 1'000'000,
           "connections of one address at a time; 0 is no limit", true},
    Option{"connections-per-user", &Config::connections_per_user, "", 0, 1'000'000,
           "connections of one user at a time; 0 is no limit", true},
    Option{"unauthenticated-max", &Config::unauthenticated_max, "", 0, 10'000'000,
           "sessions that have not said who they are, at a time; 0 is a quarter of "
           "connections-max, but under --dev no limit",
           true},
    Option{"handshakes-per-address", &Config::handshakes_per_address, "per s", 0, 1'000'000,
           "new sessions of one address, twice that at once; 0 is no limit", true},
    Option{"events-per-user", &Config::events_per_user, "per s", 0, 1'000'000,
           "events and API calls of one connection and of one user, five times that at once; 0 is "
           "no limit",
           true},
    Option{"events-per-address", &Config::events_per_address, "per s", 0, 10'000'000,
           "the same of one address; 0 is no limit", true},
    Option{"reads-per-user", &Config::reads_per_user, "", 1, 4096,
           "reads of one user that wait while one runs; then `busy`"},
    Option{"queue-bytes-total-max", &Config::queue_bytes_total_max, "bytes", kMiB,
           1024 * 1024 * kMiB,
           "waiting for all connections; above, whoever has more than 64 KiB of it is closed"},
    Option{"trusted-proxy", &Config::trusted_proxies, "", 0, 0,
           "an IP address whose X-Forwarded-For is believed; may be given again"},
    Option{"no-io-uring", &Config::no_io_uring, "", 0, 0,
           "a system call for each connection's reads and writes, though the kernel has io_uring"},
};

// What was said of an option, and where.
struct Said {
  std::vector<std::string> values;
  std::string place;
};

std::string variable_of(const Option& option) {
  std::string name = "CHATD_";
  for (const char c : option.name) {
    name.push_back(c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c));
  }
  return name;
}

std::optional<bool> to_bool(std::string_view text) {
  if (text == "true" || text == "1" || text == "yes") return true;
  if (text == "false" || text == "0" || text == "no") return false;
  return std::nullopt;
}

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Puts what was said into the config; an error in words if it cannot be.
std::optional<std::string> apply(const Option& option, const Said& said, Config& config) {
  const auto wrong = [&](const std::string& what) {
    return std::string{option.name} + ": " + what + " (" + said.place + ")";
  };
  if (const auto* list = std::get_if<std::vector<std::string> Config::*>(&option.member)) {
    config.** list = said.values;
    return std::nullopt;
  }
  if (said.values.size() != 1) return wrong("takes one value");
  const std::string& value = said.values.front();
  if (const auto* flag = std::get_if<bool Config::*>(&option.member)) {
    const auto truth = to_bool(value);
    if (!truth) return wrong("\"" + value + "\" is neither true nor false");
    config.** flag = *truth;
  } else if (const auto* number = std::get_if<std::uint64_t Config::*>(&option.member)) {
    const auto parsed = to_number(value);
    if (!parsed || *parsed < option.min || *parsed > option.max) {
      return wrong("\"" + value + "\" is not a number from " + std::to_string(option.min) + " to " +
                   std::to_string(option.max));
    }
    config.** number = *parsed;
  } else {
    if (value.empty()) return wrong("is empty");
    config.**std::get_if<std::string Config::*>(&option.member) = value;
  }
  return std::nullopt;
}

bool is_loopback(std::string_view address) {
  return address == "localhost" || address == "::1" || address.starts_with("127.");
}

std::optional<std::string> token_contradiction(const Config& config) {
  if (config.dev) {
    if (!config.jwt_key.empty() || !config.jwks.empty()) {
      return std::string{config.jwks.empty() ? "jwt-key" : "jwks"} +
             ": --dev asks for no tokens; leave out one of them";
    }
    return std::nullopt;
  }
  if (config.jwt_key.empty() && config.jwks.empty()) {
    return "jwt-key: nothing says how users are authenticated; set jwt-key and jwt-alg, or jwks; "
           "or, to try it out, --dev, which believes everybody and listens on loopback alone";
  }
  if (!config.jwt_key.empty() && !config.jwks.empty()) {
    return "jwks: never together with jwt-key; put all keys into the set";
  }
  constexpr std::array<std::string_view, 4> kAlgorithms = {"HS256", "RS256", "ES256", "EdDSA"};
  const bool known =
      std::find(kAlgorithms.begin(), kAlgorithms.end(), config.jwt_alg) != kAlgorithms.end();
  if (!config.jwt_key.empty() && !known) {
    return "jwt-alg: \"" + config.jwt_alg + "\" is none of HS256, RS256, ES256, EdDSA";
  }
  if (!config.jwks.empty() && !config.jwt_alg.empty()) {
    return "jwt-alg: goes with jwt-key; the keys of a set name their own";
  }
  return std::nullopt;
}

// As the system writes it, which is how peers' addresses are compared.
std::optional<std::string> written(const std::string& address) {
  std::array<unsigned char, 16> bytes;
  std::array<char, INET6_ADDRSTRLEN> text;
  for (const int family : {AF_INET, AF_INET6}) {
    if (::inet_pton(family, address.c_str(), bytes.data()) == 1) {
      return ::inet_ntop(family, bytes.data(), text.data(), text.size());
    }
  }
  return std::nullopt;
}

std::optional<std::string> proxy_contradiction(const Config& config) {
  for (const std::string& proxy : config.trusted_proxies) {
    const auto address = written(proxy);
    if (!address) {
      return "trusted-proxy: \"" + proxy + "\" is no IP address; networks and names are not taken";
    }
    if (*address != proxy) return "trusted-proxy: \"" + proxy + "\" is written " + *address;
  }
  return std::nullopt;
}

std::optional<std::string> listen_contradiction(const Config& config) {
  const std::string& listen = config.listen;
  if (listen != "localhost" && !written(listen.substr(0, listen.find('%')))) {  // behind it: a zone
    return "listen: \"" + listen + "\" is neither an IP address nor localhost";
  }
  if (config.dev && !is_loopback(listen)) {
    return "listen: with --dev anybody may be anybody, so chatd listens on loopback alone, not "
           "on " +
           listen;
  }
  return std::nullopt;
}

// What no single option shows.
std::optional<std::string> contradiction(const Config& config) {
  constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warning", "error"};
  if (std::find(kLevels.begin(), kLevels.end(), config.log_level) == kLevels.end()) {
    return "log-level: \"" + config.log_level + "\" is none of debug, info, warning, error";
  }
  if (config.tls_cert.empty() != config.tls_key.empty()) {
    return std::string{config.tls_cert.empty() ? "tls-cert" : "tls-key"} +
           ": tls-cert and tls-key go together";
  }
  for (const std::string& origin : config.cors_origins) {
    if (origin == "*") {
      if (config.cors_credentials) {
        return "cors-credentials: never together with cors-origin \"*\"; list the origins";
      }
      if (config.cors_origins.size() > 1) return "cors-origin: \"*\" stands alone or not at all";
      continue;
    }
    // Of apps too: "capacitor://localhost", "file://".
    const std::size_t scheme = origin.find("://");
    const bool has_host = scheme + 3 < origin.size() || origin == "file://";
    if (scheme == std::string::npos || scheme == 0 || !has_host ||
        origin.find_first_of("/ ?#*", scheme + 3) != std::string::npos) {
      return "cors-origin: \"" + origin + "\" is no origin; write it as https://chat.example";
    }
    const bool is_default_port = (origin.starts_with("http://") && origin.ends_with(":80")) ||
                                 (origin.starts_with("https://") && origin.ends_with(":443"));
    if (is_default_port ||
        std::any_of(origin.begin(), origin.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
      return "cors-origin: \"" + origin +
             "\" is never sent so; browsers write lower case and leave the default port out";
    }
  }
  if (config.queue_bytes_max < kQueueOfTexts * config.text_bytes_max) {
    return "queue-bytes-max: what comes of one message of text-bytes-max would not fit; at least " +
           std::to_string(kQueueOfTexts * config.text_bytes_max);
  }
  if (auto wrong = proxy_contradiction(config)) return wrong;
  if (auto wrong = token_contradiction(config)) return wrong;
  return listen_contradiction(config);
}

std::string from_environment(const std::string& name, Said& said) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return {};
  said = {{value}, name};
  return value;
}

}  // namespace

std::span<const Option> option_table() noexcept { return kOptions; }

std::string default_text(const Option& option) {
  const Config defaults;
  if (const auto* flag = std::get_if<bool Config::*>(&option.member)) {
    return defaults.**flag ? "true" : "false";
  }
  if (const auto* number = std::get_if<std::uint64_t Config::*>(&option.member)) {
    return std::to_string(defaults.**number);
  }
  if (const auto* text = std::get_if<std::string Config::*>(&option.member)) {
    if (!(defaults.**text).empty()) return defaults.**text;
  }
  return "none";
}

CommandLine read_command_line(int argc, const char* const* argv) {
  CommandLine result;
  CLI::App app{"chatd: a durable real-time chat server for Socket.IO clients", "chatd"};
  std::map<std::string_view, std::vector<std::string>> flags;
  std::string file;
  bool check = false;
  bool version = false;
  for (const Option& option : kOptions) {
    const std::string flag = "--" + std::string{option.name};
    const std::string help = std::string{option.help} +
                             (option.unit.empty() ? "" : " [" + std::string{option.unit} + "]") +
                             " (" + default_text(option) + ")";
    if (std::holds_alternative<bool Config::*>(option.member)) {
      // "--dev", "--dev=false": counts up or down.
      app.add_flag_function(
             flag,
             [&flags, &option](std::int64_t count) {
               flags[option.name] = {count > 0 ? "true" : "false"};
             },
             help)
          ->take_last();
    } else {
      app.add_option(flag, flags[option.name], help)->take_all()->allow_extra_args(false);
    }
  }
  app.add_option("--config", file, "a TOML file with options by their names")->take_last();
  app.add_flag("--check", check, "check the configuration and exit");
  app.add_flag("--version", version, "print versions, of what it is linked with too, and exit");
  // Options may stand before it and behind it.
  app.fallthrough();
  std::string explained;
  CLI::App* const explain =
      app.add_subcommand("explain", "ask a running chatd what became of a message, and exit");
  explain->add_option("ID", explained, "its _id, or the clientMessageId of one that was refused")
      ->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    result.print = app.help();
    return result;
  } catch (const CLI::ParseError& error) {
    result.error = error.what();
    std::replace(result.error->begin(), result.error->end(), '\n', ' ');
    return result;
  } catch (const std::logic_error&) {  // of the parser, where a flag's value is no number either
    result.error = "the value of a flag (--dev=...) is neither true nor false";
    return result;
  }
  if (version) {
    result.print = version_text();
    return result;
  }
  result.check = check;
  if (explain->parsed()) result.explain = explained;

  Said config_said{{file}, "--config"};
  if (file.empty()) file = from_environment("CHATD_CONFIG", config_said);
  std::map<std::string, FileValue, std::less<>> in_file;
  if (!file.empty()) {
    auto read = read_config_file(file);
    if (!read) {
      result.error = read.error().detail;
      return result;
    }
    in_file = *std::move(read);
  }
  std::map<std::string_view, std::string> places;
  for (const Option& option : kOptions) {
    Said said;
    const auto found = in_file.find(option.name);
    if (found != in_file.end()) {
      said = {found->second.values, file + ":" + std::to_string(found->second.line)};
      in_file.erase(found);
    }
    from_environment(variable_of(option), said);
    std::vector<std::string>& given = flags[option.name];
    // Of an option that takes one value the last flag counts, so that a script can put its own
    // arguments behind defaults.
    const bool is_list = std::holds_alternative<std::vector<std::string> Config::*>(option.member);
    if (!given.empty() && !is_list) given = {given.back()};
    if (!given.empty()) said = {given, "--" + std::string{option.name}};
    if (said.place.empty() && option.is_quota && result.config.dev) said = {{"0"}, "--dev"};
    if (said.place.empty()) continue;
    if ((result.error = apply(option, said, result.config))) return result;
    places[option.name] = said.place;
  }
  if (!in_file.empty()) {
    result.error = in_file.begin()->first + ": no such option (" + file + ":" +
                   std::to_string(in_file.begin()->second.line) + ")";
    return result;
  }
  // Who only asks needs to know where, and the operators' key.
  if (!result.explain) result.error = contradiction(result.config);
  if (result.error) {
    const auto place =
        places.find(std::string_view{*result.error}.substr(0, result.error->find(':')));
    if (place != places.end()) *result.error += " (" + place->second + ")";
  }
  return result;
}

}  // namespace chatd
