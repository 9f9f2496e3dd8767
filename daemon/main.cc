// chatd: reads its configuration, runs the Server until it is told to end, and says by its exit
// code how that went: 0 drained, 2 unusable configuration, 3 unusable database, 4 drained because
// the disk failed.

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <mutex>
#include <optional>
#include <string>

#include "auth/secrets.h"
#include "chatrt/clock.h"
#include "chatrt/sqlite_store.h"
#include "config.h"
#include "explain_command.h"
#include "json_log.h"
#include "server.h"

namespace {

constexpr int kNoAnswer = 1;
constexpr int kBadConfiguration = 2;
constexpr int kBadDatabase = 3;
constexpr int kDiskFailed = 4;

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
  const std::string scheme = config.tls_cert.empty() ? "http://" : "https://";
  const std::string url = scheme + host + ":" + std::to_string(port);
  std::printf(
      "chatd is running at %s (development: anybody may be anybody; loopback only)\n"
      "\n"
      "  connect    io(\"%s\"), then socket.emit(\"register\", \"ann\")\n"
      "  send       socket.emit(\"send_message\", {selectedUser: \"bob\", textMessage: \"hi\"})\n"
      "  or by HTTP curl -s %s/api/message/create-message -H 'content-type: application/json' \\\n"
      "               -d '{\"senderId\":\"ann\",\"selectedUser\":\"bob\",\"textMessage\":\"hi\"}'\n"
      "  look       %s in a browser, %s/operator, %s/metrics, %s/healthz\n"
      "  messages   in %s\n"
      "  stop       Ctrl-C\n\n",
      url.c_str(), url.c_str(), url.c_str(), url.c_str(), url.c_str(), url.c_str(), url.c_str(),
      config.db.c_str());
  std::fflush(stdout);
}

// Where one of the three is closed, the next file would take its number, and the log be written
// into that: the database, say.
void open_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) == -1) ::open("/dev/null", O_RDWR);
  }
}

// Whoever has started us may say so before we are ready for it.
void hold_reload() {
  sigset_t reload;
  sigemptyset(&reload);
  sigaddset(&reload, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &reload, nullptr);
}

// Signals that end the process or reload its keys are waited for, not handled: threads made from
// here on leave them to main(). Of what a client may cause, SIGPIPE is ignored.
sigset_t block_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t awaited;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGTERM);
  sigaddset(&awaited, SIGINT);
  sigaddset(&awaited, SIGHUP);
  sigaddset(&awaited, SIGUSR1);  // our own: the store has failed
  pthread_sigmask(SIG_BLOCK, &awaited, nullptr);
  return awaited;
}

// The files of keys again. What is there stays if they are no good.
void reload(const chatd::Config& config, chatd::Server& server, chatrt::LogSink& log) {
  auto secrets = chatd::auth::read_secrets(config);
  if (!secrets) {
    return log.log(chatrt::LogLevel::error, "reload",
                   {{"error", std::string_view{secrets.error().detail}}});
  }
  server.set_secrets(*std::move(secrets));
  log.log(chatrt::LogLevel::info, "reload");
}

// What the store said when it failed for good. Any thread.
class StoreFailure {
 public:
  // Wakes main(). Where there is no memory for it, the process ends at once.
  void report(const std::string& why) noexcept {
    {
      const std::lock_guard lock(mutex_);
      why_ = why;
    }
    ::kill(::getpid(), SIGUSR1);
  }
  std::optional<std::string> why() const {
    const std::lock_guard lock(mutex_);
    return why_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<std::string> why_;  // guarded by mutex_
};

int wait_for_signal(const sigset_t& awaited, const StoreFailure& failure) {
  int signal = 0;
  do {
    sigwait(&awaited, &signal);
  } while (signal == SIGUSR1 && !failure.why());
  return signal;
}

int run(int argc, const char* const* argv) {
  const chatd::CommandLine line = chatd::read_command_line(argc, argv);
  if (line.print) {
    std::fputs(line.print->c_str(), stdout);
    return 0;
  }
  if (line.error) return fail(kBadConfiguration, *line.error);
  if (line.explain) {
    const auto explained = chatd::explain_command(line.config, *line.explain);
    if (!explained) return fail(kNoAnswer, explained.error().detail);
    std::fputs(explained->c_str(), stdout);
    return 0;
  }
  auto secrets = chatd::auth::read_secrets(line.config);
  if (!secrets) return fail(kBadConfiguration, secrets.error().detail);
  if (line.check) {
    std::puts("chatd: the configuration is good");
    return 0;
  }
  ::umask(077);
  chatrt::stop_counting_sqlite_memory();
  const sigset_t awaited = block_signals();
  const auto clock = chatrt::make_system_clock();
  chatd::JsonLog log(STDERR_FILENO, level_of(line.config.log_level), *clock);

  StoreFailure failure;
  auto server = chatd::Server::open(line.config, *std::move(secrets), *clock, log,
                                    [&](const std::string& why) { failure.report(why); });
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

  int signal = wait_for_signal(awaited, failure);
  for (; signal == SIGHUP; signal = wait_for_signal(awaited, failure)) {
    reload(line.config, **server, log);
  }
  log.log(chatrt::LogLevel::info, "drain", {{"signal", std::int64_t{signal}}});
  // A second one ends the process at once.
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  sigset_t second;
  sigemptyset(&second);
  sigaddset(&second, SIGTERM);
  sigaddset(&second, SIGINT);
  pthread_sigmask(SIG_UNBLOCK, &second, nullptr);
  (*server)->stop();
  log.log(chatrt::LogLevel::info, "stop");
  if (const auto why = failure.why()) return fail(kDiskFailed, *why);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_descriptors();
  hold_reload();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {  // no descriptors, threads or memory to begin with
    return fail(kBadConfiguration, error.what());
  }
}
