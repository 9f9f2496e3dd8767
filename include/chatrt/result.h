// Result<T>: a value, or the Error that stands in its place. Errc: every way an operation can fail.
//
// Values only; any thread may use its own. What can go wrong in operation is a Result, never an
// exception. A REQUIRES that is broken is a defect of the caller: an assertion, or what the
// standard library does (the value of an Error: std::bad_variant_access).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "chatrt/export.h"

namespace chatrt {

// The values are part of the interface: new ones are only ever appended. error_name() gives the
// stable word that clients are told.
enum class Errc : int {
  invalid_argument = 1,  // malformed, missing or out of range
  unauthenticated,       // nobody has said who this is, or the credentials do not hold
  permission_denied,     // known, but not allowed
  not_found,             // absent, or hidden from the asker: both look the same
  conflict,              // the same client message id with another content
  too_large,             // above a documented limit
  rate_limited,          // too many in too short a time; retry later
  busy,                  // a queue is full or the database is locked; retry later
  storage_full,          // the disk is full; nothing was stored
  unavailable,           // a part that is needed does not answer; nothing is known to be stored
  corrupt,               // stored data is damaged
  gone,                  // the connection or the object is no more
  shutting_down,         // stop() was called; come back later
  unknown_event,         // no such event or route
  internal,              // a defect or a throwing host callback; the log has more
  token_missing,         // a token is needed and there is none
  token_malformed,       // not a token of ours: its form, signature, algorithm, issuer or audience
  token_expired,         // it was one of ours, and its time is over; get a new one
  token_revoked,         // taken back by the operator
};
inline constexpr Errc kErrcLast = Errc::token_revoked;

// "invalid_argument", "unauthenticated", ...: lower case, stable.
CHATRT_EXPORT std::string_view error_name(Errc code) noexcept;

struct Error {
  Errc code;
  std::string detail = {};  // for the log and for developers; never holds message text or tokens
};

// Members are named as in std::expected. Dereferencing an rvalue gives a value, so that
// `for (auto& m : *store.read(...))` is safe.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  // REQUIRES: has_value()
  const T& operator*() const& { return std::get<0>(state_); }
  T& operator*() & { return std::get<0>(state_); }
  T operator*() && { return std::get<0>(std::move(state_)); }
  const T* operator->() const { return &std::get<0>(state_); }
  T* operator->() { return &std::get<0>(state_); }

  // REQUIRES: !has_value()
  const Error& error() const& { return std::get<1>(state_); }
  Error error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

// The Result of what returns nothing: done, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : state_(std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  // REQUIRES: !has_value()
  const Error& error() const& { return std::get<1>(state_); }
  Error error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<std::monostate, Error> state_;
};

using Status = Result<void>;

}  // namespace chatrt
