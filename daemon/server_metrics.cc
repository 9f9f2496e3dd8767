#include "server_metrics.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "metrics.h"
#include "version.h"

namespace chatd {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double seconds(chatrt::Timestamp time) {
  return static_cast<double>(time.time_since_epoch().count()) / 1e3;
}

std::uint64_t file_bytes(const std::string& file) {
  struct stat status {};
  return ::stat(file.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

std::uint64_t resident_bytes() {
  unsigned long pages = 0;
  if (std::FILE* const file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return std::uint64_t{pages} * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void add_files(MetricsText& text, const MetricsParts& parts) {
  if (parts.config.db != ":memory:") {
    text.gauge("chatd_database_bytes", "Size of the database file.", file_bytes(parts.config.db));
    text.gauge("chatd_wal_bytes", "Size of its write-ahead log.",
               file_bytes(parts.config.db + "-wal"));
  }
  if (parts.tls == nullptr) return;
  text.gauge("chatd_tls_certificate_end_seconds", "When the certificate ends, since 1970.",
             seconds(parts.tls->keys().end()));
}

// By the names that Prometheus' own clients use.
void add_process(MetricsText& text, chatrt::Timestamp started) {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  text.counter("process_cpu_seconds_total", "CPU time, user and system.",
               seconds(used.ru_utime) + seconds(used.ru_stime));
  text.gauge("process_resident_memory_bytes", "Resident memory.", resident_bytes());
  text.gauge("process_max_fds", "Most file descriptors.", std::uint64_t{files.rlim_cur});
  text.gauge("process_start_time_seconds", "When it started, since 1970.", seconds(started));
}

}  // namespace

std::string metrics_text(const MetricsParts& parts) {
  MetricsText text;
  const chatrt::Hub::Stats stats = parts.hub.stats();
  text.counter("chatd_messages_committed_total", "Messages stored.", stats.messages_committed);
  text.counter("chatd_messages_repeated_total", "Messages that were stored before.",
               stats.messages_repeated);
  text.counter("chatd_drafts_refused_total", "Messages and marks refused.", stats.drafts_refused);
  text.counter("chatd_commits_total", "Commits.", stats.commits);
  text.counter("chatd_commits_failed_total", "Commits that failed.", stats.commits_failed);
  text.counter("chatd_events_sent_total", "Events given to connections.", stats.events_sent);
  text.gauge("chatd_inbox", "Requests waiting for the commit lane.", stats.inbox);
  text.gauge("chatd_reads", "Reads waiting or running.", stats.reads);
  text.gauge("chatd_users_online", "Users with a connection.", stats.users_online);
  text.gauge("chatd_registered_connections", "Connections that have registered.",
             stats.connections);
  std::vector<std::pair<std::string, std::uint64_t>> refused;
  for (int i = 1; i <= static_cast<int>(chatrt::kErrcLast); ++i) {
    const auto code = static_cast<chatrt::Errc>(i);
    refused.emplace_back(chatrt::error_name(code),
                         parts.chat.refused(code) + parts.gate.refused(code));
  }
  text.counter("chatd_refused_total", "Connections, events and requests refused, by their code.",
               "code", refused);
  // A session sees what waits for it, a connection what it could not write.
  const std::uint64_t slow = parts.chat.slow_readers_closed();
  std::vector<std::pair<std::string, std::uint64_t>> turned_away;
  for (std::size_t i = 0; i < static_cast<std::size_t>(transport::TurnedAway::kCount); ++i) {
    const auto reason = static_cast<transport::TurnedAway>(i);
    turned_away.emplace_back(transport::turned_away_name(reason),
                             parts.doorman.turned_away(reason) +
                                 (reason == transport::TurnedAway::slow_reader ? slow : 0));
  }
  text.counter("chatd_turned_away_total", "Connections and requests turned away, by the reason.",
               "reason", turned_away);
  text.histogram("chatd_append_seconds", "Time of one commit in the store.",
                 parts.store.append_time());
  std::uint64_t connections = 0, websockets = 0, accepted = 0, requests = 0, in = 0, out = 0,
                sessions = 0;
  for (const auto& shard : parts.shards) {
    const transport::ShardCounters& counters = shard->counters();
    connections += counters.connections;
    websockets += counters.websockets;
    accepted += counters.accepted;
    requests += counters.requests;
    in += counters.bytes_in;
    out += counters.bytes_out;
    sessions += counters.sessions;
  }
  text.gauge("chatd_sessions", "Engine.IO sessions.", sessions);
  text.gauge("chatd_queued_bytes", "Bytes waiting to be written to connections.",
             parts.doorman.queued());
  text.gauge("chatd_connections", "TCP connections.", connections);
  text.gauge("chatd_websockets", "WebSockets.", websockets);
  text.counter("chatd_connections_accepted_total", "TCP connections accepted.", accepted);
  text.counter("chatd_http_requests_total", "HTTP requests.", requests);
  text.counter("chatd_received_bytes_total", "Bytes read from connections.", in);
  text.counter("chatd_sent_bytes_total", "Bytes written to connections.", out);
  text.counter("chatd_slow_readers_closed_total", "Connections closed for not reading.",
               slow + parts.doorman.turned_away(transport::TurnedAway::slow_reader));
  add_files(text, parts);
  add_process(text, parts.started);
  return text.text();
}

}  // namespace chatd
