// chatd: reads its configuration, runs the Server until it is told to end, and says by its exit
// code how that went: 0 drained, 2 unusable configuration, 3 unusable database.

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "chatrt/clock.h"
#include "config.h"
#include "json_log.h"
#include "server.h"

namespace {

constexpr int kBadConfiguration = 2;
constexpr int kBadDatabase = 3;

chatrt::LogLevel level_of(const std::string& name) {
  if (name == "debug") return chatrt::LogLevel::debug;
  if (name == "warning") return chatrt::LogLevel::warning;
  if (name == "error") return chatrt::LogLevel::error;
  return chatrt::LogLevel::info;
}

int fail(int code, const std::string& why) {
  std::fprintf(stderr, "chatd: %s\n", why.c_str());
  return code;
}

void print_banner(const chatd::Config& config, std::uint16_t port) {
  const std::string host = config.listen == "localhost" ? "localhost" : config.listen;
  const std::string url = "http://" + host + ":" + std::to_string(port);
  std::printf(
      "chatd is running at %s (development: anybody may be anybody; loopback only)\n"
      "\n"
      "  connect    io(\"%s\"), then socket.emit(\"register\", \"ann\")\n"
      "  send       socket.emit(\"send_message\", {selectedUser: \"bob\", textMessage: \"hi\"})\n"
      "  or by HTTP curl -s %s/api/message/create-message -H 'content-type: application/json' \\\n"
      "               -d '{\"senderId\":\"ann\",\"selectedUser\":\"bob\",\"textMessage\":\"hi\"}'\n"
      "  look       %s/metrics, %s/healthz\n"
      "  messages   in %s\n"
      "  stop       Ctrl-C\n\n",
      url.c_str(), url.c_str(), url.c_str(), url.c_str(), url.c_str(), config.db.c_str());
  std::fflush(stdout);
}

// Signals that end the process are waited for, not handled: threads made from here on leave them to
// main(). Of what a client may cause, SIGPIPE is ignored.
sigset_t block_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  return ending;
}

}  // namespace

int main(int argc, char** argv) {
  const chatd::CommandLine line = chatd::read_command_line(argc, argv);
  if (line.print) {
    std::fputs(line.print->c_str(), stdout);
    return 0;
  }
  if (line.error) return fail(kBadConfiguration, *line.error);
  if (line.check) {
    std::puts("chatd: the configuration is good");
    return 0;
  }
  ::umask(077);
  const sigset_t ending = block_signals();
  const auto clock = chatrt::make_system_clock();
  chatd::JsonLog log(STDERR_FILENO, level_of(line.config.log_level), *clock);

  auto server = chatd::Server::open(line.config, *clock, log);
  if (!server) return fail(kBadDatabase, server.error().detail);
  const auto port = (*server)->start();
  if (!port) return fail(kBadConfiguration, "listen: " + port.error().detail);
  // Whoever starts chatd waits for this line: it is written at every level.
  log.write(
      chatrt::LogLevel::info, "start",
      std::initializer_list<chatrt::LogField>{{"port", std::uint64_t{*port}},
                                              {"listen", std::string_view{line.config.listen}},
                                              {"db", std::string_view{line.config.db}},
                                              {"pid", static_cast<std::int64_t>(::getpid())}});
  if (line.config.dev) print_banner(line.config, *port);

  int signal = 0;
  sigwait(&ending, &signal);
  log.log(chatrt::LogLevel::info, "drain", {{"signal", std::int64_t{signal}}});
  // A second one ends the process at once.
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &ending, nullptr);
  (*server)->stop();
  log.log(chatrt::LogLevel::info, "stop");
  return 0;
}
