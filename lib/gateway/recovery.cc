#include "recovery.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

#include "fields.h"

namespace chatrt::gateway {
namespace {

// Of sessions without a connection: what they have confirmed is of use only to a client that brings
// a broken offset.
constexpr std::size_t kEndedMax = 65536;

constexpr char kVersion = 2;
constexpr std::size_t kNumbers = 5;  // session (2), issued, start, brought
constexpr std::size_t kHeadBytes = 1 + kNumbers * 8;

void append_number(std::string& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift & 0xff));
  }
}

std::uint64_t number_at(std::string_view bytes, std::size_t index) {
  std::uint64_t value = 0;
  for (const char c : bytes.substr(1 + index * 8, 8)) {
    value = value << 8 | static_cast<unsigned char>(c);
  }
  return value;
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15U]);
  }
  return text;
}

// Nothing if `text` is not what to_hex() gives.
std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
    if (error != std::errc{} || end != text.data() + i + 2) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

// Takes as long wherever they differ.
bool same(const SessionVault::Mac& mac, std::string_view bytes) {
  unsigned difference = 0;
  for (std::size_t i = 0; i < mac.size(); ++i) {
    difference |= std::to_integer<unsigned>(mac[i]) ^ static_cast<unsigned char>(bytes[i]);
  }
  return difference == 0;
}

}  // namespace

std::string Recovery::write(const Pid& pid) const {
  std::string bytes(1, kVersion);
  append_number(bytes, pid.session.high);
  append_number(bytes, pid.session.low);
  append_number(bytes, static_cast<std::uint64_t>(pid.issued.time_since_epoch().count()));
  append_number(bytes, pid.start.value);
  append_number(bytes, pid.brought.value);
  bytes += pid.user.str();
  for (const std::byte b : vault_->sign(bytes)) bytes.push_back(static_cast<char>(b));
  return to_hex(bytes);
}

std::optional<Recovery::Pid> Recovery::parse(std::string_view text) const {
  constexpr std::size_t kMacBytes = std::tuple_size_v<SessionVault::Mac>;
  const auto decoded = text.size() > 512 ? std::nullopt : from_hex(text);
  if (!decoded || decoded->size() < kHeadBytes + kMacBytes) return std::nullopt;
  const std::string_view bytes = std::string_view(*decoded).substr(0, decoded->size() - kMacBytes);
  const std::string_view mac = std::string_view(*decoded).substr(bytes.size());
  if (!same(vault_->sign(bytes), mac) || bytes[0] != kVersion) return std::nullopt;
  Pid pid{.session = {number_at(bytes, 0), number_at(bytes, 1)},
          .issued = Timestamp{Duration{static_cast<Duration::rep>(number_at(bytes, 2))}},
          .start = Position{number_at(bytes, 3)},
          .brought = Position{number_at(bytes, 4)},
          .user = {}};
  if (const std::string_view name = bytes.substr(kHeadBytes); !name.empty()) {
    Result<UserId> user = UserId::parse(name);
    if (!user) return std::nullopt;
    pid.user = *std::move(user);
  }
  return pid;
}

Recovery::Issued Recovery::begin(ConnectionId connection, const UserId& user, Position head,
                                 socketio::JsonView offset) {
  std::array<std::byte, 16> random;
  vault_->fill_random(random);
  const std::string_view bytes(reinterpret_cast<const char*>(random.data()), random.size());
  Issued issued{.pid = {.session = {},
                        .issued = clock_.now(),
                        .start = head,
                        .brought = read_position(offset).value_or(kNoPosition),
                        .user = user},
                .text = {}};
  for (const char c : bytes.substr(0, 8)) {
    issued.pid.session.high = issued.pid.session.high << 8 | static_cast<unsigned char>(c);
  }
  for (const char c : bytes.substr(8)) {
    issued.pid.session.low = issued.pid.session.low << 8 | static_cast<unsigned char>(c);
  }
  issued.text = write(issued.pid);
  const std::lock_guard lock(mutex_);
  known_[issued.pid.session].connection = connection;
  return issued;
}

std::optional<Recovery::Asked> Recovery::read(socketio::JsonView auth) const {
  const socketio::JsonView text = auth.find("pid");
  if (!enabled() || !text.present() || text.is_null()) return std::nullopt;
  std::optional<Pid> pid = parse(text.as_string().value_or(std::string_view{}));
  if (!pid || expiry_of(*pid) < clock_.now()) return Asked{};
  if (const auto note = vault_->find(pid->session)) {
    if (note->ended) return Asked{};
    pid->user = note->user;
  }
  if (pid->user.empty()) return std::nullopt;
  return Asked{.valid = true, .pid = *std::move(pid)};
}

Recovery::Resumed Recovery::resume(const Pid& pid, socketio::JsonView offset,
                                   std::optional<Position> head, ConnectionId connection) {
  const std::lock_guard lock(mutex_);
  Known& known = known_[pid.session];
  Resumed resumed{.since = {pid.start},
                  .undelivered = true,
                  .before = std::exchange(known.connection, connection)};
  if (offset.present() && !offset.is_null()) {
    const Offset brought = read_offset(offset).value_or(Offset{kNoPosition});
    const bool usable = brought.position != kNoPosition && brought.position != pid.brought &&
                        (!head || brought.position <= *head);
    if (usable || known.confirmed) {
      resumed.since = usable ? brought : Offset{*known.confirmed};
      resumed.undelivered = false;
    }
  }
  return resumed;
}

void Recovery::bind(const Pid& pid, const UserId& user) {
  if (enabled() && pid.user != user) vault_->bind(pid.session, user, expiry_of(pid));
}

void Recovery::confirm(SessionId session, Position position) {
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(session);
  if (known == known_.end()) return;
  known->second.confirmed = std::max(known->second.confirmed.value_or(Position{}), position);
}

void Recovery::end(const Pid& pid, ConnectionId connection, bool for_good) {
  if (!enabled()) return;
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(pid.session);
    if (known == known_.end()) return;
    if (known->second.connection != connection) return;
    if (for_good) {
      known_.erase(known);
    } else {
      known->second.connection.reset();
      ended_.push_back(pid.session);
      if (ended_.size() > kEndedMax) {
        const auto oldest = known_.find(ended_.front());
        if (oldest != known_.end() && !oldest->second.connection) known_.erase(oldest);
        ended_.pop_front();
      }
    }
  }
  if (for_good) vault_->end(pid.session, expiry_of(pid));
}

}  // namespace chatrt::gateway
