// chatload - load generator for Socket.IO v5 / Engine.IO v4 chat servers.
// One file, no dependencies, C++20, raw non-blocking epoll. Loopback only.
// See --help (bottom of this file) for scenarios and flags.
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using std::string;
using std::string_view;
using u32 = uint32_t;
using u64 = uint64_t;

static inline u64 now_ns() {
  timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return u64(ts.tv_sec) * 1000000000ull + u64(ts.tv_nsec);
}

// ---------------------------------------------------------------- histogram
// Log-linear, 128 sub-buckets per power of two: error below 0.8 %.
struct Hist {
  static constexpr int SUB = 7;
  std::vector<u64> c = std::vector<u64>(size_t(57) * 128 + 256);
  u64 n = 0, mx = 0;
  double sum = 0;
  static size_t index(u64 v) {
    if (v < 256) return v;
    int shift = 63 - __builtin_clzll(v) - SUB;
    return (size_t(shift) << SUB) + size_t(v >> shift);
  }
  static u64 upper(size_t i) {
    if (i < 256) return i;
    size_t shift = (i >> SUB) - 1;
    u64 m = i - (shift << SUB);
    return ((m + 1) << shift) - 1;
  }
  void add(u64 v) {
    ++c[index(v)];
    ++n;
    sum += double(v);
    if (v > mx) mx = v;
  }
  void merge(const Hist& o) {
    for (size_t i = 0; i < c.size(); ++i) c[i] += o.c[i];
    n += o.n;
    sum += o.sum;
    mx = std::max(mx, o.mx);
  }
  u64 q(double p) const {
    if (!n) return 0;
    u64 want = u64(std::ceil(p * double(n)));
    if (want < 1) want = 1;
    u64 acc = 0;
    for (size_t i = 0; i < c.size(); ++i) {
      acc += c[i];
      if (acc >= want) return std::min(upper(i), mx);
    }
    return mx;
  }
  string json() const {
    char b[256];
    snprintf(b, sizeof b,
             "{\"n\":%llu,\"mean\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}",
             (unsigned long long)n, n ? sum / double(n) / 1e3 : 0.0, double(q(.5)) / 1e3,
             double(q(.99)) / 1e3, double(q(.999)) / 1e3, double(mx) / 1e3);
    return b;
  }
};

// ------------------------------------------------------------------ options
struct Opts {
  std::map<string, string> m;
  string s(const char* k, const char* d) const {
    auto it = m.find(k);
    return it == m.end() ? string(d) : it->second;
  }
  double f(const char* k, double d) const {
    auto it = m.find(k);
    return it == m.end() ? d : atof(it->second.c_str());
  }
  long i(const char* k, long d) const { return long(f(k, double(d))); }
};

struct Cfg {
  string scenario, host, path, send_ev, recv_ev, sent_ev, reg_ev, ready_ev, to_f, text_f, from_f,
      http_path, http_header, connect_payload, query, prefix, transport, wait, auth;
  int port = 0;
  bool ack = true, use_register = true, verbose = false, bidir = false, poisson = false,
       spin = false;
  long n = 0, window = 1, size = 100, threads = 1, receivers = 0, nsrc = 1;
  double rate = 0, dur = 5, warmup = 1, hold = 5, conn_rate = 2000, drain = 5, settle = 0.7,
         timeout = 20;
  long conn_inflight = 256;
  int server_pid = 0;
  u32 nonce = 0;
  sockaddr_in dst{};
} g;

static std::atomic<u64> g_t0{0};  // start of warm-up; set by main when all workers connected
static std::atomic<int> g_connected{0}, g_done{0};
static std::atomic<u64> g_fan_delivered{0};
static std::atomic<u32> g_src{0};
static std::atomic<int> g_verb{0};

static void note(const char* what, string_view x = {}) {
  if (g.verbose && g_verb.fetch_add(1) < 40)
    fprintf(stderr, "chatload: %s: %.*s\n", what, int(std::min<size_t>(x.size(), 200)), x.data());
}

static string subst(string t, const string& user) {
  for (size_t p = 0; (p = t.find("%u", p)) != string::npos; p += user.size()) t.replace(p, 2, user);
  return t;
}
static string user_name(const char* kind, u64 id) {
  char b[96];
  snprintf(b, sizeof b, "%s%04x%s%llu", g.prefix.c_str(), g.nonce, kind, (unsigned long long)id);
  return b;
}

// -------------------------------------------------------------------- stats
struct Stats {
  Hist lat, ack, hs;
  u64 sent = 0, received = 0, win_recv = 0, win_ack = 0, acks = 0, sent_events = 0, errors = 0,
      closed = 0, foreign = 0, misrouted = 0, dup = 0, ooo = 0, lost = 0, nack = 0, pings = 0,
      retries = 0, reconnects = 0, conn_ok = 0, conn_fail = 0, alive = 0, behind = 0,
      backlog_max = 0;
  double cpu_s = 0, wall_s = 0, connect_s = 0;
  void merge(const Stats& o) {
    lat.merge(o.lat);
    ack.merge(o.ack);
    hs.merge(o.hs);
    u64* a = &sent;
    const u64* b = &o.sent;
    for (; a <= &backlog_max; ++a, ++b) *a += *b;
    cpu_s += o.cpu_s;
    wall_s = std::max(wall_s, o.wall_s);
    connect_s = std::max(connect_s, o.connect_s);
  }
};

// --------------------------------------------------------------- event loop
struct Worker;
struct Conn {
  Worker* w = nullptr;
  int fd = -1;
  u32 gen = 0;
  bool connecting = false, want_w = false, dirty = false;
  string in, out;
  size_t opos = 0;
  virtual ~Conn() {}
  virtual void on_open(u64) {}
  virtual size_t on_data(char* p, size_t n, u64 t) = 0;
  virtual void on_close(u64, const char*) = 0;
};

static constexpr size_t BUFSZ = 256 * 1024;

struct Worker {
  int ep = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Conn*> dirty;
  std::unique_ptr<char[]> buf{new char[BUFSZ]};
  u64 rng = 0x9e3779b97f4a7c15ull ^ now_ns();
  Stats st;
  u32 rnd() {
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return u32(rng >> 16);
  }
  void ctl(Conn* c, int op) {
    epoll_event e{};
    e.events = EPOLLIN | ((c->want_w || c->connecting) ? u32(EPOLLOUT) : 0u);
    e.data.ptr = c;
    epoll_ctl(ep, op, c->fd, &e);
  }
  bool open(Conn* c) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      note("socket", strerror(errno));
      return false;
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (g.nsrc > 1) {
      setsockopt(fd, IPPROTO_IP, 24 /*IP_BIND_ADDRESS_NO_PORT*/, &one, sizeof one);
      sockaddr_in a{};
      a.sin_family = AF_INET;
      a.sin_addr.s_addr = htonl(0x7f000002u + g_src.fetch_add(1) % u32(g.nsrc));
      if (bind(fd, (sockaddr*)&a, sizeof a)) note("bind", strerror(errno));
    }
    int r = connect(fd, (sockaddr*)&g.dst, sizeof g.dst);
    if (r && errno != EINPROGRESS) {
      note("connect", strerror(errno));
      ::close(fd);
      return false;
    }
    c->w = this;
    c->fd = fd;
    ++c->gen;
    c->connecting = true;
    c->want_w = false;
    c->in.clear();
    c->out.clear();
    c->opos = 0;
    ctl(c, EPOLL_CTL_ADD);
    return true;
  }
  void drop(Conn* c) {  // close without callback
    if (c->fd < 0) return;
    ::close(c->fd);
    c->fd = -1;
    ++c->gen;
    c->connecting = c->want_w = false;
    c->in.clear();
    c->out.clear();
    c->opos = 0;
  }
  void mark(Conn* c) {
    if (!c->dirty) {
      c->dirty = true;
      dirty.push_back(c);
    }
  }
  void flush_conn(Conn* c) {
    if (c->fd < 0 || c->connecting || c->opos >= c->out.size()) return;
    ssize_t r = send(c->fd, c->out.data() + c->opos, c->out.size() - c->opos, MSG_NOSIGNAL);
    if (r < 0) {
      if (errno != EAGAIN && errno != EINTR) return;  // the read side reports it
      r = 0;
    }
    c->opos += size_t(r);
    bool more = c->opos < c->out.size();
    if (!more) {
      c->out.clear();
      c->opos = 0;
    }
    if (more != c->want_w) {
      c->want_w = more;
      ctl(c, EPOLL_CTL_MOD);
    }
  }
  void flush_dirty() {
    for (size_t i = 0; i < dirty.size(); ++i) {
      dirty[i]->dirty = false;
      flush_conn(dirty[i]);
    }
    dirty.clear();
  }
  void readable(Conn* c) {
    for (;;) {
      ssize_t r = recv(c->fd, buf.get(), BUFSZ, 0);
      if (r < 0 && (errno == EAGAIN || errno == EINTR)) return;
      u64 t = now_ns();
      if (r <= 0) {
        const char* why = r == 0 ? "eof" : strerror(errno);
        c->on_close(t, why);
        return;
      }
      u32 gen = c->gen;
      if (c->in.empty()) {
        size_t used = c->on_data(buf.get(), size_t(r), t);
        if (c->gen != gen || c->fd < 0) return;
        if (used < size_t(r)) c->in.assign(buf.get() + used, size_t(r) - used);
      } else {
        string tmp;
        tmp.swap(c->in);
        tmp.append(buf.get(), size_t(r));
        size_t used = c->on_data(tmp.data(), tmp.size(), t);
        if (c->gen != gen || c->fd < 0) return;
        if (used < tmp.size()) c->in = used ? tmp.substr(used) : std::move(tmp);
      }
      if (size_t(r) < BUFSZ) return;
    }
  }
  void poll(u64 until) {  // one epoll_wait, sleeping at most until then
    flush_dirty();
    epoll_event ev[64];
    u64 n0 = now_ns();
    u64 d = until > n0 && !g.spin ? until - n0 : 0;
    timespec ts{time_t(d / 1000000000ull), long(d % 1000000000ull)};
    int n = epoll_pwait2(ep, ev, 64, &ts, nullptr);
    for (int i = 0; i < n; ++i) {
      Conn* c = (Conn*)ev[i].data.ptr;
      if (c->fd < 0) continue;
      u32 gen = c->gen;
      if (c->connecting && (ev[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) {
        int err = 0;
        socklen_t l = sizeof err;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &l);
        if (err) {
          c->on_close(now_ns(), strerror(err));
          continue;
        }
        c->connecting = false;
        ctl(c, EPOLL_CTL_MOD);
        c->on_open(now_ns());
      } else if (ev[i].events & EPOLLOUT) {
        flush_conn(c);
      }
      if (c->gen == gen && c->fd >= 0 && (ev[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
        readable(c);
      flush_dirty();
    }
  }
};

// ------------------------------------------------------------ HTTP response
struct HttpResp {
  int status = 0;
  bool close = false;
  const char* body = nullptr;
  size_t blen = 0;
};
// >0: bytes used; 0: incomplete; -1: malformed. until_close: length known only by EOF.
static ssize_t parse_http(char* p, size_t n, HttpResp& r, bool eof, string& scratch) {
  char* e = (char*)memmem(p, n, "\r\n\r\n", 4);
  if (!e) return 0;
  if (n < 12 || memcmp(p, "HTTP/1.", 7)) return -1;
  r.status = atoi(p + 9);
  r.close = p[7] == '0';
  long clen = -1;
  bool chunked = false;
  char* l = (char*)memchr(p, '\n', size_t(e - p) + 2) + 1;
  while (l < e + 2) {
    char* le = (char*)memchr(l, '\r', size_t(e + 2 - l) + 1);
    if (!le) break;
    size_t ln = size_t(le - l);
    if (ln > 15 && !strncasecmp(l, "content-length:", 15))
      clen = atol(l + 15);
    else if (ln > 18 && !strncasecmp(l, "transfer-encoding:", 18))
      chunked = memmem(l, ln, "hunked", 6);
    else if (ln > 11 && !strncasecmp(l, "connection:", 11)) {
      if (strcasestr(string(l, ln).c_str(), "close"))
        r.close = true;
      else if (strcasestr(string(l, ln).c_str(), "keep-alive"))
        r.close = false;
    }
    l = le + 2;
  }
  size_t h = size_t(e - p) + 4;
  if (r.status == 204 || r.status == 304 || r.status / 100 == 1) {
    r.body = p + h;
    r.blen = 0;
    return ssize_t(h);
  }
  if (chunked) {
    scratch.clear();
    size_t o = h;
    for (;;) {
      char* nl = (char*)memmem(p + o, n - o, "\r\n", 2);
      if (!nl) return 0;
      size_t len = strtoul(p + o, nullptr, 16);
      size_t d = size_t(nl - p) + 2;
      if (d + len + 2 > n) return 0;
      if (!len) {
        r.body = scratch.data();
        r.blen = scratch.size();
        return ssize_t(d + 2);
      }
      scratch.append(p + d, len);
      o = d + len + 2;
    }
  }
  if (clen >= 0) {
    if (n - h < size_t(clen)) return 0;
    r.body = p + h;
    r.blen = size_t(clen);
    return ssize_t(h + size_t(clen));
  }
  if (!eof) return 0;
  r.close = true;
  r.body = p + h;
  r.blen = n - h;
  return ssize_t(n);
}

// One request at a time; copes with keep-alive and with Connection: close.
struct HttpConn : Conn {
  string req;  // request being answered (kept for one retry)
  bool busy = false, fresh = true, got = false;
  string scratch;
  virtual void on_response(const HttpResp& r, u64 t) = 0;
  virtual void on_fail(u64 t, const char* why) = 0;
  void submit(string r) {
    req = std::move(r);
    busy = true;
    got = false;
    if (fd < 0) {
      fresh = true;
      if (!w->open(this)) {
        busy = false;
        on_fail(now_ns(), "open");
      }
    } else if (!connecting) {
      out = req;
      opos = 0;
      w->mark(this);
    }
  }
  void on_open(u64) override {
    if (busy) {
      out = req;
      opos = 0;
      w->mark(this);
    }
  }
  size_t on_data(char* p, size_t n, u64 t) override {
    if (!busy) {
      note("unexpected http data", {p, n});
      return n;
    }
    got = true;
    HttpResp r;
    ssize_t used = parse_http(p, n, r, false, scratch);
    if (used == 0) return 0;
    if (used < 0) {
      ++w->st.errors;
      note("bad http", {p, n});
      busy = false;
      w->drop(this);
      on_fail(t, "bad http");
      return n;
    }
    finish(r, t);
    return size_t(used);
  }
  void finish(const HttpResp& r, u64 t) {
    busy = false;
    fresh = false;
    if (r.close) {
      ++w->st.reconnects;
      // the body may live in our buffers: keep it
      string b(r.body, r.blen);
      HttpResp c = r;
      c.body = b.data();
      w->drop(this);
      on_response(c, t);
    } else {
      on_response(r, t);
    }
  }
  void on_close(u64 t, const char* why) override {
    if (busy && got) {
      HttpResp r;
      string tmp;
      tmp.swap(in);
      if (parse_http(tmp.data(), tmp.size(), r, true, scratch) > 0) {
        r.close = true;
        finish(r, t);
        return;
      }
    }
    w->drop(this);
    if (!busy) return;  // idle keep-alive connection closed by the server
    if (!fresh &&
        !got) {  // lost the race with the server's idle timeout: one retry, as browsers do
      ++w->st.retries;
      fresh = true;
      if (w->open(this)) return;
    }
    busy = false;
    on_fail(t, why);
  }
};

// ---------------------------------------------------------------- endpoints
struct Load;
struct Endpoint {
  Load* L = nullptr;
  u32 idx = 0;
  string user;
  bool ready = false, dead = false;
  u64 t_start = 0;
  struct RxNode* rx = nullptr;
  virtual ~Endpoint() {}
  virtual bool start(u64 t) = 0;
  virtual void send(string_view a, string_view b = {}, string_view c = {}) = 0;
  virtual void shut() = 0;
  virtual void packet(char* p, size_t n, u64 t);
  virtual void fail(u64 t, const char* why);
  virtual void connected(u64 t);
};

static void ws_frame(Worker* w, string& o, u32 op, string_view a, string_view b, string_view c) {
  size_t n = a.size() + b.size() + c.size();
  size_t h = n < 126 ? 2 : n < 65536 ? 4 : 10;
  size_t base = o.size();
  o.resize(base + h + 4 + n);
  unsigned char* q = (unsigned char*)o.data() + base;
  q[0] = (unsigned char)(0x80 | op);
  if (h == 2)
    q[1] = (unsigned char)(0x80 | n);
  else if (h == 4) {
    q[1] = 0x80 | 126;
    q[2] = (unsigned char)(n >> 8);
    q[3] = (unsigned char)n;
  } else {
    q[1] = 0x80 | 127;
    for (int i = 0; i < 8; ++i) q[2 + i] = (unsigned char)(u64(n) >> (56 - 8 * i));
  }
  u32 key = w->rnd();
  memcpy(q + h, &key, 4);
  unsigned char* d = q + h + 4;
  memcpy(d, a.data(), a.size());
  if (!b.empty()) memcpy(d + a.size(), b.data(), b.size());
  if (!c.empty()) memcpy(d + a.size() + b.size(), c.data(), c.size());
  u64 k8 = u64(key) << 32 | key;
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    u64 v;
    memcpy(&v, d + i, 8);
    v ^= k8;
    memcpy(d + i, &v, 8);
  }
  for (; i < n; ++i) d[i] ^= (unsigned char)(key >> (8 * (i & 3)));
}

static string eio_url(const char* transport, const string& user, const string& sid = {}) {
  string u = g.path + "?EIO=4&transport=" + transport;
  if (!g.query.empty()) u += "&" + subst(g.query, user);
  if (!sid.empty()) u += "&sid=" + sid;
  return u;
}
static string host_hdr() { return "Host: " + g.host + ":" + std::to_string(g.port) + "\r\n"; }

struct WsEnd : Endpoint, Conn {
  bool upgraded = false;
  string frag, sid;  // sid: set when an existing polling session is being upgraded
  Worker* wk;
  bool start(u64 t) override {
    t_start = t;
    return wk->open(this);
  }
  void shut() override { wk->drop(this); }
  void on_open(u64) override {
    out += "GET " + eio_url("websocket", user, sid) + " HTTP/1.1\r\n" + host_hdr() +
           "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    w->mark(this);
  }
  void on_close(u64 t, const char* why) override {
    w->drop(this);
    fail(t, why);
  }
  void send(string_view a, string_view b, string_view c) override {
    if (fd < 0) return;
    ws_frame(w, out, 1, a, b, c);
    w->mark(this);
  }
  size_t on_data(char* p, size_t n, u64 t) override {
    size_t o = 0;
    if (!upgraded) {
      char* e = (char*)memmem(p, n, "\r\n\r\n", 4);
      if (!e) return 0;
      if (n < 12 || memcmp(p + 9, "101", 3)) {
        note("upgrade refused", {p, n});
        on_close(t, "upgrade refused");
        return n;
      }
      upgraded = true;
      o = size_t(e - p) + 4;
    }
    u32 g0 = gen;
    while (n - o >= 2) {
      unsigned char* q = (unsigned char*)p + o;
      size_t h = 2, len = q[1] & 0x7f;
      if (q[1] & 0x80) {
        ++w->st.errors;
        on_close(t, "masked server frame");
        return n;
      }
      if (len == 126) {
        if (n - o < 4) break;
        len = size_t(q[2]) << 8 | q[3];
        h = 4;
      } else if (len == 127) {
        if (n - o < 10) break;
        len = 0;
        for (int i = 0; i < 8; ++i) len = len << 8 | q[2 + i];
        h = 10;
      }
      if (n - o < h + len) break;
      char* d = p + o + h;
      u32 op = q[0] & 15;
      bool fin = q[0] & 0x80;
      o += h + len;
      if (op == 8) {
        on_close(t, "ws close");
        return n;
      }
      if (op == 9) {
        ws_frame(w, out, 10, {d, len}, {}, {});
        w->mark(this);
      } else if (op <= 2) {
        if (op != 0 && fin)
          packet(d, len, t);
        else {
          frag.append(d, len);
          if (fin) {
            string f;
            f.swap(frag);
            packet(f.data(), f.size(), t);
          }
        }
        if (gen != g0) return n;
      }
    }
    return o;
  }
};

struct PollEnd : Endpoint {
  struct C : HttpConn {
    PollEnd* e = nullptr;
    bool get = false;
    void on_response(const HttpResp& r, u64 t) override { e->resp(get, r, t); }
    void on_fail(u64 t, const char* why) override {
      if (!e->dead) e->fail(t, why);
    }
  };
  C get, post;
  string sid, pend;
  bool pausing = false;  // upgrade under way: let the pending requests end, start no more
  Worker* wk;
  virtual void opened() {}
  virtual void quiet() {}
  bool start(u64 t) override {
    t_start = t;
    get.e = post.e = this;
    get.get = true;
    get.w = post.w = wk;
    poll();
    return true;
  }
  void shut() override {
    wk->drop(&get);
    wk->drop(&post);
  }
  void poll() {
    if (!pausing)
      get.submit("GET " + eio_url("polling", user, sid) + " HTTP/1.1\r\n" + host_hdr() + "\r\n");
  }
  void kick() {
    if (pausing || post.busy || pend.empty() || dead) return;
    string r =
        "POST " + eio_url("polling", user, sid) + " HTTP/1.1\r\n" + host_hdr() +
        "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: " + std::to_string(pend.size()) +
        "\r\n\r\n";
    r += pend;
    pend.clear();
    post.submit(std::move(r));
  }
  void send(string_view a, string_view b, string_view c) override {
    if (!pend.empty()) pend += '\x1e';
    pend.append(a).append(b).append(c);
    kick();
  }
  void resp(bool isget, const HttpResp& r, u64 t) {
    if (dead) return;
    if (r.status != 200) {
      note("polling status", {r.body, r.blen});
      fail(t, "status");
      return;
    }
    if (!isget) {
      kick();
      if (pausing && !get.busy && !post.busy) quiet();
      return;
    }
    string body(r.body, r.blen);
    if (sid.empty()) {
      size_t p = body.find("\"sid\":\"");
      if (body.empty() || body[0] != '0' || p == string::npos) {
        fail(t, "bad open");
        return;
      }
      p += 7;
      sid = body.substr(p, body.find('"', p) - p);
      opened();
    }
    poll();  // keep one GET pending, as the client does, before handling what came
    size_t i = 0;
    while (i <= body.size()) {
      size_t j = body.find('\x1e', i);
      if (j == string::npos) j = body.size();
      if (j > i) packet(body.data() + i, j - i, t);
      if (dead) return;
      i = j + 1;
    }
    if (pausing && !get.busy && !post.busy) quiet();
  }
};

// Starts by polling and upgrades, as the stock client does by default.
struct UpEnd : PollEnd {
  struct U : WsEnd {
    UpEnd* e = nullptr;
    size_t on_data(char* p, size_t n, u64 t) override {
      bool was = upgraded;
      u32 g0 = gen;
      size_t r = WsEnd::on_data(p, n, t);
      if (!was && upgraded && gen == g0) send("2probe", {}, {});
      return r;
    }
    void packet(char* p, size_t n, u64 t) override { e->ws_packet(p, n, t); }
    void fail(u64 t, const char* why) override { e->fail(t, why); }
  } ws;
  bool up = false, sio = false;
  void opened() override {
    ws.e = this;
    ws.wk = wk;
    ws.user = user;
    ws.sid = sid;
    if (!ws.start(now_ns())) fail(now_ns(), "upgrade open");
  }
  void ws_packet(char* p, size_t n, u64 t) {
    if (!up && string_view(p, n) == "3probe") {
      pausing = true;
      if (!get.busy && !post.busy) quiet();
    } else
      packet(p, n, t);
  }
  void quiet() override {
    if (up) return;
    up = true;
    ws.send("5", {}, {});
    size_t i = 0;
    while (i < pend.size()) {
      size_t j = std::min(pend.find('\x1e', i), pend.size());
      ws.send(string_view(pend).substr(i, j - i), {}, {});
      i = j + 1;
    }
    pend.clear();
    wk->drop(&get);
    wk->drop(&post);
    if (sio && !ready && !dead) Endpoint::connected(now_ns());
  }
  void connected(u64 t) override {
    sio = true;
    if (up) Endpoint::connected(t);
  }
  void send(string_view a, string_view b, string_view c) override {
    if (up)
      ws.send(a, b, c);
    else
      PollEnd::send(a, b, c);
  }
  void shut() override {
    PollEnd::shut();
    wk->drop(&ws);
  }
};

// ----------------------------------------------------------------- scenario
struct RxNode {  // exactly-once, in-order check of one stream at one receiver
  u32 expect = 0;
  std::vector<u32> missing;
  int see(u32 seq) {  // 0 in order, 1 duplicate, 2 gap before it, 3 late (out of order)
    if (seq == expect) {
      ++expect;
      return 0;
    }
    if (seq > expect) {
      if (seq - expect > 10000000) return 1;
      while (expect < seq) missing.push_back(expect++);
      ++expect;
      return 2;
    }
    auto it = std::find(missing.begin(), missing.end(), seq);
    if (it == missing.end()) return 1;
    missing.erase(it);
    return 3;
  }
  u64 lost(u32 sent) const { return missing.size() + (sent > expect ? sent - expect : 0); }
};

struct PostConn : HttpConn {
  Load* L = nullptr;
  u32 stream = 0;
  void on_response(const HttpResp& r, u64 t) override;
  void on_fail(u64 t, const char* why) override;
};

struct Stream {
  Endpoint* snd = nullptr;
  Endpoint* rcv = nullptr;
  std::unique_ptr<PostConn> http;
  string mid;  // text between ack id and message text
  u32 next = 0, outst = 0, acked = 0;
  std::vector<u64> ts;  // send times, ring
  RxNode rx;
  std::deque<u64> backlog;  // http open loop: scheduled times not yet sent
  u64 cur = 0;              // http: send/scheduled time of the request in flight
};

struct Load {
  Worker w;
  int wid;
  u32 base = 0;  // global id of streams[0]
  std::vector<std::unique_ptr<Endpoint>> eps;
  std::vector<Stream> streams;
  std::vector<RxNode> fan;  // fan-out: one per receiving socket
  u64 mstart = ~0ull, mend = ~0ull;
  bool running = false, measuring = false;
  size_t inflight = 0, finished = 0;
  string suffix = "\"}]";
  u64 outstanding = 0;
  char text[65536];

  Load(int id) : wid(id) {}

  size_t make_text(u32 stream, u32 seq, u64 ts) {
    char* p = text;
    memcpy(p, "~CL", 3);
    p += 3;
    auto put = [&](u64 v, char sep) {
      p = std::to_chars(p, p + 24, v).ptr;
      *p++ = sep;
    };
    put(g.nonce, '.');
    put(stream, '.');
    put(seq, '.');
    put(ts, '~');
    while (p < text + g.size) *p++ = 'x';
    return size_t(p - text);
  }
  static bool parse_text(const char* p, size_t n, u32& nonce, u32& stream, u32& seq, u64& ts) {
    const char* m = (const char*)memmem(p, n, "~CL", 3);
    if (!m) return false;
    const char* e = p + n;
    auto r = std::from_chars(m + 3, e, nonce);
    if (r.ec != std::errc() || r.ptr >= e || *r.ptr != '.') return false;
    r = std::from_chars(r.ptr + 1, e, stream);
    if (r.ec != std::errc() || r.ptr >= e || *r.ptr != '.') return false;
    r = std::from_chars(r.ptr + 1, e, seq);
    if (r.ec != std::errc() || r.ptr >= e || *r.ptr != '.') return false;
    r = std::from_chars(r.ptr + 1, e, ts);
    return r.ec == std::errc() && r.ptr < e && *r.ptr == '~';
  }

  void send_msg(Stream& s, u64 t) {  // t: the time latency counts from
    u32 id = u32(&s - streams.data()) + base;
    u32 seq = s.next++;
    size_t n = make_text(id, seq, t);
    ++w.st.sent;
    ++s.outst;
    ++outstanding;
    if (s.http) {
      string body = s.mid;
      body.append(text, n).append("\"}");
      string r = "POST " + g.http_path + " HTTP/1.1\r\n" + host_hdr() +
                 "Content-Type: application/json\r\n" + g.http_header +
                 "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
      r += body;
      s.cur = t;
      s.http->submit(std::move(r));
      return;
    }
    char head[512];
    char* h = head;
    *h++ = '4';
    *h++ = '2';
    if (g.ack) {
      h = std::to_chars(h, h + 12, seq).ptr;
      s.ts[seq & (s.ts.size() - 1)] = t;
    }
    memcpy(h, s.mid.data(), s.mid.size());
    h += s.mid.size();
    s.snd->send({head, size_t(h - head)}, {text, n}, suffix);
  }

  void ready(Endpoint* e, u64 t) {
    e->ready = true;
    w.st.hs.add(t - e->t_start);
    ++w.st.conn_ok;
    ++finished;
    --inflight;
    if (g.use_register && g.ready_ev.empty()) enroll(e);
  }
  void enroll(Endpoint* e) { e->send("42[\"" + g.reg_ev + "\",\"" + e->user + "\"]"); }
  void failed(Endpoint* e, u64, const char* why) {
    if (e->ready) {
      ++w.st.closed;
      ++w.st.errors;
      note("closed", why);
    } else {
      ++w.st.conn_fail;
      ++finished;
      --inflight;
      note("handshake failed", why);
    }
    e->ready = false;
  }
  void event(Endpoint* e, char* p, size_t n, u64 t) {  // p after "42"
    while (n && *p >= '0' && *p <= '9') ++p, --n;
    if (n < 4 || p[0] != '[' || p[1] != '"') {
      ++w.st.errors;
      return;
    }
    string_view name(p + 2, n - 2);
    if (g.scenario == "connect") {
      w.st.received += name.starts_with(g.recv_ev + '"');
      if (!g.ready_ev.empty() && !e->ready && name.starts_with(g.ready_ev + '"')) ready(e, t);
      return;
    }
    bool is_recv = name.size() > g.recv_ev.size() && name[g.recv_ev.size()] == '"' &&
                   name.compare(0, g.recv_ev.size(), g.recv_ev) == 0;
    if (!is_recv) {
      if (name.size() > g.sent_ev.size() && name[g.sent_ev.size()] == '"' &&
          name.compare(0, g.sent_ev.size(), g.sent_ev) == 0)
        ++w.st.sent_events;
      return;
    }
    u32 nonce, id, seq;
    u64 ts;
    if (!parse_text(p, n, nonce, id, seq, ts)) {
      ++w.st.errors;
      note("unreadable message", {p, n});
      return;
    }
    if (nonce != g.nonce) {
      ++w.st.foreign;
      return;
    }
    if (e->rx) {  // fan-out
      account(*e->rx, seq, ts, t);
      return;
    }
    if (id < base || id - base >= streams.size() || streams[id - base].rcv != e) {
      ++w.st.misrouted;
      return;
    }
    Stream& s = streams[id - base];
    if (!account(s.rx, seq, ts, t)) return;
    if (!s.http || g.wait != "ack") {
      done(s);
      if (running && g.rate <= 0 && g.wait == "recv" && s.snd && s.snd->ready)
        send_msg(s, t);
      else if (running && g.rate <= 0 && s.http && g.wait == "both" && !s.http->busy)
        send_msg(s, t);
    }
  }
  void done(Stream& s) {
    if (s.outst) {
      --s.outst;
      --outstanding;
    }
  }
  bool account(RxNode& r, u32 seq, u64 ts, u64 t) {
    int k = r.see(seq);
    if (k == 1) {
      ++w.st.dup;
      return false;
    }
    if (k >= 2) ++w.st.ooo;
    ++w.st.received;
    if (ts >= mstart && ts < mend) w.st.lat.add(t > ts ? t - ts : 0);
    if (t >= mstart && t < mend) ++w.st.win_recv;
    return true;
  }
  void ackd(Endpoint* e, const char* p, size_t n, u64 t) {  // p after "43"
    u32 id = 0;
    std::from_chars(p, p + n, id);
    ++w.st.acks;
    Stream* s = e->idx < streams.size() && streams[e->idx].snd == e ? &streams[e->idx] : nullptr;
    if (!s) return;
    ++s->acked;
    if (memmem(p, n, "~CL", 3) == nullptr) {
      ++w.st.nack;
      note("ack without the message", {p, n});
    }
    u64 ts = s->ts[id & (s->ts.size() - 1)];
    if (ts >= mstart && ts < mend) w.st.ack.add(t > ts ? t - ts : 0);
    if (t >= mstart && t < mend) ++w.st.win_ack;
    if (g.wait == "ack" && g.scenario != "fanout") {
      done(*s);
      if (running && g.rate <= 0) send_msg(*s, t);
    }
  }
  void http_done(Stream& s, const HttpResp& r, u64 t) {
    if (r.status < 200 || r.status > 299 || !memmem(r.body, r.blen, "\"_id\"", 5)) {
      ++w.st.errors;
      ++w.st.nack;
      note("http answer", {r.body, r.blen});
    }
    ++w.st.acks;
    if (s.cur >= mstart && s.cur < mend) w.st.ack.add(t - s.cur);
    if (t >= mstart && t < mend) ++w.st.win_ack;
    if (g.wait == "ack") done(s);
    if (g.rate > 0) {
      if (!s.backlog.empty()) {
        u64 x = s.backlog.front();
        s.backlog.pop_front();
        send_msg(s, x);
      }
    } else if (running && (g.wait == "ack" || s.rx.expect >= s.next))
      send_msg(s, t);
  }

  // ------- phases
  Endpoint* add(const string& user, bool polling) {
    std::unique_ptr<Endpoint> e;
    if (g.transport == "upgrade") {
      auto p = std::make_unique<UpEnd>();
      p->wk = &w;
      e = std::move(p);
    } else if (polling) {
      auto p = std::make_unique<PollEnd>();
      p->wk = &w;
      e = std::move(p);
    } else {
      auto p = std::make_unique<WsEnd>();
      p->wk = &w;
      e = std::move(p);
    }
    e->L = this;
    e->user = user;
    e->idx = ~0u;
    eps.push_back(std::move(e));
    return eps.back().get();
  }
  void connect_all() {
    u64 t0 = now_ns(), last = t0;
    size_t i = 0, lastfin = 0;
    double step = 1e9 / (g.conn_rate / double(g.threads));
    while (finished < eps.size()) {
      u64 t = now_ns();
      while (i < eps.size() && inflight < size_t(g.conn_inflight) &&
             t >= t0 + u64(double(i) * step)) {
        ++inflight;
        Endpoint* e = eps[i++].get();
        if (!e->start(now_ns())) e->fail(t, "start");
      }
      if (finished != lastfin) {
        lastfin = finished;
        last = t;
      } else if (double(t - last) / 1e9 > g.timeout) {
        w.st.conn_fail += eps.size() - finished;
        note("connect phase timed out");
        break;
      }
      w.poll(t + (i < eps.size() && inflight < size_t(g.conn_inflight)
                      ? std::min<u64>(2000000, u64(step))
                      : 2000000));
    }
    w.st.connect_s = double(now_ns() - t0) / 1e9;
  }
  void idle_until(u64 t) {
    while (now_ns() < t) w.poll(std::min(t, now_ns() + 100000000));
  }
  static double cpu_thread() {
    rusage r;
    getrusage(RUSAGE_THREAD, &r);
    return double(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           double(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
  }
  size_t ring() const {
    size_t want = g.rate > 0 ? 4096 : size_t(g.window) * 4, r = 8;
    while (r < want) r <<= 1;
    return r;
  }
  string ws_mid(const string& to) const {
    return "[\"" + g.send_ev + "\",{\"" + g.to_f + "\":\"" + to + "\",\"" + g.text_f + "\":\"";
  }
  void setup() {
    bool polling = g.transport == "polling";
    long T = g.threads;
    if (g.scenario == "connect") {
      for (long i = wid; i < g.n; i += T) add(user_name("c", u64(i)), polling);
    } else if (g.scenario == "pairs") {
      long mine = g.n / T + (wid < g.n % T);
      long per = g.bidir ? 2 : 1;
      base = u32(wid) * 10000000u;
      streams.resize(size_t(mine * per));
      for (long i = 0; i < mine; ++i) {
        u64 gid = u64(base) + u64(i);
        Endpoint* a = add(user_name("a", gid), polling);
        Endpoint* b = add(user_name("b", gid), polling);
        for (long k = 0; k < per; ++k) {
          Stream& s = streams[size_t(i * per + k)];
          s.snd = k ? b : a;
          s.rcv = k ? a : b;
          s.snd->idx = u32(i * per + k);
          s.mid = ws_mid(s.rcv->user);
          s.ts.resize(ring());
        }
      }
    } else if (g.scenario == "fanout") {
      fan.resize(size_t(g.n / T + (wid < g.n % T)));
      string target = user_name("f", 0);
      for (auto& r : fan) add(target, polling)->rx = &r;
      if (wid == 0) {
        streams.resize(1);
        Stream& s = streams[0];
        s.snd = add(user_name("s", 0), false);
        s.snd->idx = 0;
        s.mid = ws_mid(target);
        s.ts.resize(std::max<size_t>(ring(), 4096));
      }
    } else if (g.scenario == "http") {
      long mine = g.n / T + (wid < g.n % T), rc = g.receivers / T + (wid < g.receivers % T);
      base = u32(wid) * 10000000u;
      if (rc < 1) rc = 1;
      for (long i = 0; i < rc; ++i) add(user_name("r", u64(base) + u64(i)), polling);
      streams.resize(size_t(mine));
      for (long i = 0; i < mine; ++i) {
        Stream& s = streams[size_t(i)];
        s.http = std::make_unique<PostConn>();
        s.http->L = this;
        s.http->w = &w;
        s.http->stream = u32(i);
        s.rcv = eps[size_t(i % rc)].get();
        s.mid = "{\"" + g.from_f + "\":\"" + user_name("h", u64(base) + u64(i)) + "\",\"" + g.to_f +
                "\":\"" + s.rcv->user + "\",\"" + g.text_f + "\":\"";
      }
    }
  }
  void run() {
    setup();
    connect_all();
    g_connected.fetch_add(1);
    while (!g_t0.load()) w.poll(now_ns() + 2000000);
    u64 t0 = g_t0.load();
    if (g.scenario == "connect") {
      idle_until(t0 + u64(g.hold * 1e9));
      for (auto& e : eps) w.st.alive += e->ready;
      g_done.fetch_add(1);
      while (g_done.load() < int(g.threads) + 1)
        w.poll(now_ns() + 2000000);  // main samples RSS first
      return;
    }
    idle_until(t0);
    mstart = t0 + u64(g.warmup * 1e9);
    mend = mstart + u64(g.dur * 1e9);
    running = true;
    double cpu0 = 0;
    u64 wall0 = 0;
    bool fanout = g.scenario == "fanout";
    size_t S = streams.size();
    u64 k = 0;  // open-loop counter
    double step = g.rate > 0 ? 1e9 * double(fanout ? 1 : g.threads) / g.rate : 0;
    double sched = double(t0) + step * double(wid) / double(g.threads);
    if (g.rate <= 0 && !fanout)
      for (auto& s : streams) {
        if (!s.http && !(s.snd->ready && s.rcv->ready)) continue;
        for (long i = 0; i < (s.http ? 1 : g.window); ++i) send_msg(s, now_ns());
        w.flush_dirty();
      }
    for (;;) {
      u64 t = now_ns();
      if (!measuring && t >= mstart) {
        measuring = true;
        cpu0 = cpu_thread();
        wall0 = t;
      }
      if (t >= mend) break;
      u64 next = std::min(mend, t + 20000000);
      if (!measuring) next = std::min(next, mstart);
      if (g.rate > 0 && S) {
        while (u64(sched) <= t) {
          Stream& s = streams[k % S];
          u64 at = u64(sched);
          if (t - at > 1000000) ++w.st.behind;  // generator more than 1 ms late
          if (s.http) {
            if (s.http->busy) {
              s.backlog.push_back(at);
              w.st.backlog_max = std::max(w.st.backlog_max, u64(s.backlog.size()));
            } else
              send_msg(s, at);
          } else if (s.snd->ready)
            send_msg(s, at);
          w.flush_dirty();
          ++k;
          double d = step;
          if (g.poisson) d = -std::log((double(w.rnd()) + 1.0) / 4294967297.0) * step;
          sched += d;
          if ((k & 15) == 0) t = now_ns();
        }
        next = std::min(next, u64(sched));
      } else if (fanout && S) {
        Stream& s = streams[0];
        u64 del = g.threads > 1 ? g_fan_delivered.load() : w.st.received;
        while (s.snd->ready && u64(s.next) * u64(g.n) < del + u64(g.window) * u64(g.n)) {
          send_msg(s, now_ns());
          w.flush_dirty();
        }
        if (g.threads > 1) next = std::min(next, t + 50000);
      }
      u64 before = w.st.received;
      w.poll(next);
      if (fanout && g.threads > 1) g_fan_delivered.fetch_add(w.st.received - before);
    }
    w.st.cpu_s = cpu_thread() - cpu0;
    w.st.wall_s = double(now_ns() - wall0) / 1e9;
    running = false;
    for (auto& s : streams) s.backlog.clear();
    // drain
    u64 dl = now_ns() + u64(g.drain * 1e9);
    u64 last = w.st.received;
    u64 lastt = now_ns();
    while (now_ns() < dl) {
      w.poll(now_ns() + 2000000);
      u64 t = now_ns();
      if (w.st.received != last) {
        last = w.st.received;
        lastt = t;
      }
      if (fanout ? (t - lastt > 1000000000) : complete()) break;
    }
    idle_until(now_ns() + 50000000);  // stragglers and duplicates
    if (fanout) {
      // the sender's count is known to worker 0 only; others are reckoned in main
      fan_lost_base();
    } else {
      for (auto& s : streams) w.st.lost += s.rx.lost(s.next);
    }
    for (auto& e : eps) w.st.alive += e->ready;
    g_done.fetch_add(1);
    while (g_done.load() < int(g.threads) + 1) w.poll(now_ns() + 2000000);
  }
  static inline std::atomic<u64> fan_sent{0};
  void fan_lost_base() {
    if (wid == 0)
      fan_sent = streams[0].next;
    else
      while (!fan_sent.load() && now_ns() < mend + u64((g.drain + 2) * 1e9))
        w.poll(now_ns() + 1000000);
    for (auto& r : fan) w.st.lost += r.lost(u32(fan_sent.load()));
  }
  bool complete() const {
    if (w.st.received < w.st.sent) return false;
    if ((g.ack || g.scenario == "http") && w.st.acks < w.st.sent) return false;
    return true;
  }
};

void Endpoint::fail(u64 t, const char* why) {
  if (dead) return;
  dead = true;
  shut();
  L->failed(this, t, why);
}
void Endpoint::connected(u64 t) { L->ready(this, t); }
void Endpoint::packet(char* p, size_t n, u64 t) {
  if (!n) return;
  switch (p[0]) {
    case '0': send("40", subst(g.connect_payload, user)); return;
    case '2':
      ++L->w.st.pings;
      p[0] = '3';
      send({p, n});
      return;
    case '1': fail(t, "engine close"); return;
    case '6':
    case '3': return;
    case '4':
      if (n < 2) break;
      if (p[1] == '2')
        L->event(this, p + 2, n - 2, t);
      else if (p[1] == '3')
        L->ackd(this, p + 2, n - 2, t);
      else if (p[1] == '0') {
        if (!ready && g.ready_ev.empty()) connected(t);
        if (!g.ready_ev.empty()) L->enroll(this);
      } else if (p[1] == '4' || p[1] == '1') {
        note("refused/disconnected", {p, n});
        fail(t, "socket.io refused");
      }
      return;
  }
  ++L->w.st.errors;
  note("odd packet", {p, n});
}
void PostConn::on_response(const HttpResp& r, u64 t) { L->http_done(L->streams[stream], r, t); }
void PostConn::on_fail(u64 t, const char* why) {
  ++L->w.st.errors;
  note("post failed", why);
  Stream& s = L->streams[stream];
  L->done(s);
  if (L->running && g.rate <= 0 && L->w.st.errors < 100000) L->send_msg(s, t);
}

// ------------------------------------------------------------- server /proc
struct ProcSample {
  double cpu_s = 0;
  u64 rss_kb = 0, peak_kb = 0;
  int nproc = 0, nthr = 0;
};
static std::vector<int> g_pids;
static bool read_file(const char* path, char* b, size_t n) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t r = read(fd, b, n - 1);
  ::close(fd);
  if (r <= 0) return false;
  b[r] = 0;
  return true;
}
static void find_pids(int root) {
  std::multimap<int, int> kids;
  if (DIR* d = opendir("/proc")) {
    while (dirent* e = readdir(d)) {
      int pid = atoi(e->d_name);
      if (pid <= 0) continue;
      char path[64], b[1024];
      snprintf(path, sizeof path, "/proc/%d/stat", pid);
      if (!read_file(path, b, sizeof b)) continue;
      char* q = strrchr(b, ')');
      int pp = 0;
      if (q && sscanf(q + 1, " %*c %d", &pp) == 1) kids.emplace(pp, pid);
    }
    closedir(d);
  }
  g_pids.assign(1, root);
  for (size_t i = 0; i < g_pids.size(); ++i) {
    auto r = kids.equal_range(g_pids[i]);
    for (auto it = r.first; it != r.second; ++it) g_pids.push_back(it->second);
  }
}
static ProcSample sample() {
  ProcSample s;
  static const double tick = double(sysconf(_SC_CLK_TCK));
  static const u64 page = u64(sysconf(_SC_PAGESIZE)) / 1024;
  for (int pid : g_pids) {
    char path[64], b[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (!read_file(path, b, sizeof b)) continue;
    char* q = strrchr(b, ')');
    if (!q) continue;
    unsigned long ut = 0, stm = 0;
    long thr = 0, rss = 0;
    sscanf(
        q + 1,
        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %ld %*d %*u %*u %ld",
        &ut, &stm, &thr, &rss);
    s.cpu_s += double(ut + stm) / tick;
    s.rss_kb += u64(rss) * page;
    s.nthr += int(thr);
    ++s.nproc;
  }
  return s;
}
// Per-core busy time: shows work in softirq that a kernel may charge to no process, and other
// programs that disturb the run.
struct CpuSample {
  int n = 0;
  double busy[64] = {}, soft[64] = {}, steal = 0;
};
static CpuSample cpus() {
  CpuSample r;
  static char b[65536];
  if (!read_file("/proc/stat", b, sizeof b)) return r;
  static const double tick = double(sysconf(_SC_CLK_TCK));
  for (char* l = b; l && !strncmp(l, "cpu", 3); l = strchr(l, '\n'), l = l ? l + 1 : l) {
    unsigned long long v[8] = {};
    int id = -1;
    if (l[3] == ' ') continue;
    if (sscanf(l + 3, "%d %llu %llu %llu %llu %llu %llu %llu %llu", &id, v, v + 1, v + 2, v + 3,
               v + 4, v + 5, v + 6, v + 7) < 9 ||
        id < 0 || id >= 64)
      continue;
    r.busy[id] = double(v[0] + v[1] + v[2] + v[5] + v[6]) / tick;
    r.soft[id] = double(v[5] + v[6]) / tick;
    r.steal += double(v[7]) / tick;
    r.n = std::max(r.n, id + 1);
  }
  return r;
}
static u64 tcp_mem_kb() {  // kernel socket buffers, whole machine
  char b[4096];
  if (!read_file("/proc/net/sockstat", b, sizeof b)) return 0;
  char* q = strstr(b, "TCP:");
  q = q ? strstr(q, " mem ") : nullptr;
  return q ? strtoull(q + 5, nullptr, 10) * 4 : 0;
}
static void sleep_until(u64 t) {
  u64 n = now_ns();
  if (t <= n) return;
  timespec ts{time_t((t - n) / 1000000000ull), long((t - n) % 1000000000ull)};
  nanosleep(&ts, nullptr);
}

static const char* HELP =
    R"(chatload SCENARIO --port N [flags]; prints one line of JSON. Loopback only.
scenarios
  connect   open --n sessions at --conn-rate/s, hold --hold s; handshake latency, memory/connection
  pairs     --n pairs; closed loop, --window outstanding each; or open loop, --rate msgs/s in all
  fanout    --n sockets of one user; --rate msgs/s (open) or --window outstanding (closed)
  http      --n keep-alive POST connections, --receivers websocket receivers (default n)
  polling   as pairs, over HTTP long polling (same as pairs --transport polling)
common    --host 127.0.0.1 --path /socket.io/ --threads 1|2 --server-pid PID --transport websocket|polling|upgrade (upgrade: polling
          first, then websocket, as the stock client does by default)
          --duration 5 --warmup 1 --settle 0.7 --drain 5 --size 100 (text bytes) --timeout 20
          --conn-rate 2000 --conn-inflight 256 --src-addrs auto --verbose 1 --label TEXT
load      --wait recv|ack|both (what frees a slot; http: default ack = the response) --ack 1|0
          --bidir 1 (both ways) --poisson 1 (open loop with exponential gaps)
          --spin 1 (never sleep: keeps the wake-up cost of an idle core, large in a VM, out of the latency;
          gen_cpu_pct is then 100 by design)
protocol  --send-event send_message --recv-event receive_message --sent-event message_sent
          --register-event register --register 1|0 --to-field selectedUser --from-field senderId
          --text-field textMessage --http-path /api/message/create-message --http-header 'K: v'
          --connect-payload '{"token":"%u"}' --query 'userId=%u' (%u = user id) --user-prefix u
          --ready-event ready (connect: a session counts once this event has come after its register)
          --nonce N (connect: users are named alike in every run)
)";

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  Opts o;
  if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
    fputs(HELP, stderr);
    return 2;
  }
  g.scenario = argv[1];
  static const char* known[] = {"host",       "path",           "port",
                                "n",          "window",         "rate",
                                "duration",   "warmup",         "settle",
                                "drain",      "size",           "timeout",
                                "conn-rate",  "conn-inflight",  "src-addrs",
                                "verbose",    "label",          "wait",
                                "ack",        "bidir",          "poisson",
                                "spin",       "send-event",     "recv-event",
                                "sent-event", "register-event", "register",
                                "to-field",   "from-field",     "text-field",
                                "http-path",  "http-header",    "connect-payload",
                                "query",      "user-prefix",    "threads",
                                "server-pid", "transport",      "hold",
                                "receivers",  "ready-event",    "nonce"};
  for (int i = 2; i < argc; i += 2) {
    bool ok = false;
    if (!strncmp(argv[i], "--", 2) && i + 1 < argc)
      for (auto k : known) ok |= !strcmp(k, argv[i] + 2);
    if (!ok) {
      fprintf(stderr, "chatload: bad flag %s\n%s", argv[i], HELP);
      return 2;
    }
    o.m[argv[i] + 2] = argv[i + 1];
  }
  g.transport = o.s("transport", "websocket");
  if (g.scenario == "polling") {
    g.scenario = "pairs";
    g.transport = "polling";
  }
  if (g.scenario != "connect" && g.scenario != "pairs" && g.scenario != "fanout" &&
      g.scenario != "http") {
    fprintf(stderr, "chatload: unknown scenario\n%s", HELP);
    return 2;
  }
  g.host = o.s("host", "127.0.0.1");
  g.port = int(o.i("port", 3000));
  g.path = o.s("path", "/socket.io/");
  g.n = o.i("n", 100);
  g.window = std::max(1l, o.i("window", 1));
  g.rate = o.f("rate", 0);
  g.dur = o.f("duration", 5);
  g.warmup = o.f("warmup", 1);
  g.settle = o.f("settle", 0.7);
  g.drain = o.f("drain", 5);
  g.hold = o.f("hold", 5);
  g.size = std::clamp(o.i("size", 100), 0l, 60000l);
  g.timeout = o.f("timeout", 20);
  g.conn_rate = std::max(1.0, o.f("conn-rate", 2000));
  g.conn_inflight = std::max(1l, o.i("conn-inflight", 256));
  g.verbose = o.i("verbose", 0);
  g.wait = o.s("wait", g.scenario == "http" ? "ack" : "recv");
  g.ack = o.i("ack", 1);
  g.bidir = o.i("bidir", 0);
  g.poisson = o.i("poisson", 0);
  g.spin = o.i("spin", 0);
  g.send_ev = o.s("send-event", "send_message");
  g.recv_ev = o.s("recv-event", "receive_message");
  g.sent_ev = o.s("sent-event", "message_sent");
  g.reg_ev = o.s("register-event", "register");
  g.use_register = o.i("register", 1);
  g.ready_ev = o.s("ready-event", "");
  g.to_f = o.s("to-field", "selectedUser");
  g.from_f = o.s("from-field", "senderId");
  g.text_f = o.s("text-field", "textMessage");
  g.http_path = o.s("http-path", "/api/message/create-message");
  g.http_header = o.s("http-header", "");
  if (!g.http_header.empty()) g.http_header += "\r\n";
  g.connect_payload = o.s("connect-payload", "");
  g.query = o.s("query", "");
  g.prefix = o.s("user-prefix", "u");
  g.threads = std::clamp(o.i("threads", 1), 1l, 2l);
  g.server_pid = int(o.i("server-pid", 0));
  g.receivers = o.i("receivers", g.n);
  g.nonce = u32(now_ns() >> 10 ^ u64(getpid()) * 40503u) & 0xffff;
  g.nonce = u32(o.i("nonce", g.nonce));
  long conns = g.scenario == "pairs"  ? g.n * (g.transport != "websocket" ? 4 : 2)
               : g.scenario == "http" ? g.n + g.receivers
                                      : g.n * (g.transport != "websocket" ? 2 : 1);
  g.nsrc = o.i("src-addrs", conns / 12000 + 1);
  g.dst.sin_family = AF_INET;
  g.dst.sin_port = htons(uint16_t(g.port));
  if (inet_pton(AF_INET, g.host.c_str(), &g.dst.sin_addr) != 1 ||
      (ntohl(g.dst.sin_addr.s_addr) >> 24) != 127) {
    fprintf(stderr, "chatload: --host must be a loopback IPv4 address\n");
    return 2;
  }
  rlimit rl{1048576, 1048576};
  if (setrlimit(RLIMIT_NOFILE, &rl)) {
    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    setrlimit(RLIMIT_NOFILE, &rl);
  }
  getrlimit(RLIMIT_NOFILE, &rl);
  if (u64(conns) + 64 > rl.rlim_cur)
    fprintf(stderr, "chatload: warning: only %lu files allowed\n", (unsigned long)rl.rlim_cur);
  prctl(PR_SET_TIMERSLACK, 1000ul, 0, 0, 0);

  if (g.server_pid) find_pids(g.server_pid);
  ProcSample s_idle = sample();
  u64 tcp0 = tcp_mem_kb();
  std::vector<std::unique_ptr<Load>> ld;
  std::vector<std::thread> th;
  for (int i = 0; i < g.threads; ++i) ld.push_back(std::make_unique<Load>(i));
  u64 wall0 = now_ns();
  for (auto& l : ld)
    th.emplace_back([&l] {
      prctl(PR_SET_TIMERSLACK, 1000ul, 0, 0, 0);
      l->run();
    });
  while (g_connected.load() < int(g.threads)) usleep(2000);
  if (g.server_pid) find_pids(g.server_pid);
  ProcSample s_conn = sample();
  u64 t0 = now_ns() + u64(g.settle * 1e9);
  g_t0 = t0;
  ProcSample a, b;
  u64 ta = 0, tb = 0;
  CpuSample ca, cb;
  if (g.scenario != "connect") {
    sleep_until(t0 + u64(g.warmup * 1e9));
    ta = now_ns();
    a = sample();
    ca = cpus();
    sleep_until(t0 + u64((g.warmup + g.dur) * 1e9));
    tb = now_ns();
    b = sample();
    cb = cpus();
  }
  while (g_done.load() < int(g.threads)) usleep(2000);
  if (g.server_pid) find_pids(g.server_pid);
  ProcSample s_end = sample();
  u64 tcp1 = tcp_mem_kb();
  u64 alive_wall = now_ns();
  g_done.fetch_add(1);
  for (auto& t : th) t.join();
  Stats st;
  double maxcpu = 0;
  for (auto& l : ld) {
    st.merge(l->w.st);
    if (l->w.st.wall_s > 0) maxcpu = std::max(maxcpu, l->w.st.cpu_s / l->w.st.wall_s);
  }
  rusage ru;
  getrusage(RUSAGE_SELF, &ru);
  double total_cpu = double(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
                     double(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
  using ull = unsigned long long;
  string js;
  char t[2048];
  auto P = [&](const char* f, auto... x) {
    snprintf(t, sizeof t, f, x...);
    js += t;
  };
  P("{\"scenario\":\"%s\",\"label\":\"%s\",\"transport\":\"%s\",\"n\":%ld", g.scenario.c_str(),
    o.s("label", "").c_str(), g.transport.c_str(), g.n);
  if (g.scenario == "connect") {
    P(",\"rate\":%.0f,\"connected\":%llu,\"failed\":%llu,\"alive\":%llu,\"connect_s\":%.2f,"
      "\"received\":%llu,\"achieved_rate\":%.0f",
      g.conn_rate, (ull)st.conn_ok, (ull)st.conn_fail, (ull)st.alive, st.connect_s,
      (ull)st.received, st.connect_s > 0 ? double(st.conn_ok) / st.connect_s : 0);
    js += ",\"handshake_us\":" + st.hs.json();
    double per =
        st.conn_ok ? (double(s_end.rss_kb) - double(s_idle.rss_kb)) * 1024 / double(st.conn_ok) : 0;
    double kper = st.conn_ok ? (double(tcp1) - double(tcp0)) * 1024 / double(st.conn_ok) : 0;
    P(",\"rss_before_kb\":%llu,\"rss_connected_kb\":%llu,\"rss_after_hold_kb\":%llu,\"bytes_per_"
      "conn\":%.0f,"
      "\"kernel_tcp_bytes_per_conn_both_ends\":%.0f,\"hold_s\":%.1f,\"pings\":%llu,\"errors\":%llu",
      (ull)s_idle.rss_kb, (ull)s_conn.rss_kb, (ull)s_end.rss_kb, per, kper, g.hold, (ull)st.pings,
      (ull)st.errors);
    double wall = double(alive_wall - wall0) / 1e9;
    P(",\"server_cpu_s\":%.2f,\"gen_cpu_s\":%.2f,\"gen_cpu_pct\":%.1f}", s_end.cpu_s - s_idle.cpu_s,
      total_cpu, 100 * total_cpu / wall);
  } else {
    double win = g.dur;
    double thr = double(st.win_recv) / win;
    P(",\"mode\":\"%s\",\"window\":%ld,\"rate\":%.0f,\"size\":%ld,\"duration_s\":%.1f,"
      "\"connected\":%llu,\"conn_failed\":%llu",
      g.rate > 0 ? "open" : "closed", g.window, g.rate, g.size, g.dur, (ull)st.conn_ok,
      (ull)st.conn_fail);
    P(",\"throughput\":%.0f,\"acks_per_s\":%.0f,\"sent\":%llu,\"received\":%llu,\"acks\":%llu,"
      "\"sent_events\":%llu",
      thr, double(st.win_ack) / win, (ull)st.sent, (ull)st.received, (ull)st.acks,
      (ull)st.sent_events);
    js += ",\"recv_us\":" + st.lat.json() + ",\"ack_us\":" + st.ack.json() +
          ",\"handshake_us\":" + st.hs.json();
    P(",\"lost\":%llu,\"duplicated\":%llu,\"out_of_order\":%llu,\"misrouted\":%llu,\"foreign\":%"
      "llu,\"bad_acks\":%llu,"
      "\"errors\":%llu,\"closed\":%llu,\"retries\":%llu,\"reconnects\":%llu,\"behind\":%llu",
      (ull)st.lost, (ull)st.dup, (ull)st.ooo, (ull)st.misrouted, (ull)st.foreign, (ull)st.nack,
      (ull)st.errors, (ull)st.closed, (ull)st.retries, (ull)st.reconnects, (ull)st.behind);
    P(",\"gen_cpu_pct\":%.1f,\"gen_max_thread_pct\":%.1f",
      st.wall_s > 0 ? 100 * st.cpu_s / st.wall_s : 0, 100 * maxcpu);
    if (g.server_pid) {
      double sc = b.cpu_s - a.cpu_s, sw = double(tb - ta) / 1e9;
      P(",\"server_rss_kb\":%llu,\"server_procs\":%d,\"server_threads\":%d,\"server_cpu_s\":%.2f,"
        "\"server_cpu_pct\":%.1f,"
        "\"server_us_per_msg\":%.2f",
        (ull)s_end.rss_kb, s_end.nproc, s_end.nthr, sc, 100 * sc / sw,
        thr > 0 ? sc * 1e6 / (thr * win) : 0);
    }
    double sw = double(tb - ta) / 1e9, all = 0, soft = 0;
    js += ",\"core_busy_pct\":[";
    for (int i = 0; i < cb.n; ++i) {
      P("%s%.1f", i ? "," : "", 100 * (cb.busy[i] - ca.busy[i]) / sw);
      all += cb.busy[i] - ca.busy[i];
      soft += cb.soft[i] - ca.soft[i];
    }
    // what neither the server nor this program used: other work on the machine
    P("],\"softirq_pct\":%.1f,\"other_cpu_pct\":%.1f,\"steal_pct\":%.1f", 100 * soft / sw,
      100 * std::max(0.0, all - (b.cpu_s - a.cpu_s) - st.cpu_s) / sw,
      100 * (cb.steal - ca.steal) / sw);
    js += "}";
  }
  puts(js.c_str());
  fflush(stdout);
  _exit(0);
}
