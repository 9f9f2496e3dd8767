// Callback: what is called with an answer. A std::move_only_function (C++23), but one in which up
// to 48 bytes of what a function captures lie inside: to ask for something takes no memory then.
//
// Threads: as the function in it. Ownership: it owns the function, and can be moved but not copied.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace chatrt {

template <typename Signature>
class Callback;

template <typename... Args>
class Callback<void(Args...)> {
 public:
  static constexpr std::size_t kBytesInside = 48;

  Callback() noexcept = default;
  Callback(std::nullptr_t) noexcept {}
  // An empty std::function makes an empty Callback.
  template <typename Function>
  requires(!std::same_as<Function, Callback> && std::invocable<Function&, Args...>)
      Callback(Function function) {
    if constexpr (requires { function == nullptr; }) {
      if (function == nullptr) return;
    }
    if constexpr (fits_inside<Function>()) {
      ::new (static_cast<void*>(bytes_)) Function(std::move(function));
      kind_ = &Inside<Function>::kKind;
    } else {
      auto made = std::make_unique<Function>(std::move(function));
      ::new (static_cast<void*>(bytes_)) Function*(made.release());
      kind_ = &Outside<Function>::kKind;
    }
  }
  Callback(Callback&& other) noexcept { take(other); }
  Callback& operator=(Callback&& other) noexcept {
    if (this != &other) {
      clear();
      take(other);
    }
    return *this;
  }
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;
  ~Callback() { clear(); }

  explicit operator bool() const noexcept { return kind_ != nullptr; }
  // REQUIRES: not empty
  void operator()(Args... args) const { kind_->call(bytes_, std::forward<Args>(args)...); }

 private:
  // What is done with a function of some type.
  struct Kind {
    void (*call)(std::byte* at, Args&&... args);
    void (*move)(std::byte* to, std::byte* from) noexcept;  // ends what is at `from`
    void (*end)(std::byte* at) noexcept;
  };

  template <typename T>
  static T& at(std::byte* bytes) noexcept {
    return *std::launder(reinterpret_cast<T*>(bytes));
  }
  template <typename Function>
  static constexpr bool fits_inside() {
    return sizeof(Function) <= kBytesInside && alignof(Function) <= alignof(std::max_align_t) &&
           std::is_nothrow_move_constructible_v<Function>;
  }

  template <typename Function>
  struct Inside {
    static void call(std::byte* bytes, Args&&... args) {
      std::invoke(at<Function>(bytes), std::forward<Args>(args)...);
    }
    static void move(std::byte* to, std::byte* from) noexcept {
      ::new (static_cast<void*>(to)) Function(std::move(at<Function>(from)));
      end(from);
    }
    static void end(std::byte* bytes) noexcept { at<Function>(bytes).~Function(); }
    static constexpr Kind kKind{&call, &move, &end};
  };
  // A pointer is inside.
  template <typename Function>
  struct Outside {
    static void call(std::byte* bytes, Args&&... args) {
      std::invoke(*at<Function*>(bytes), std::forward<Args>(args)...);
    }
    static void move(std::byte* to, std::byte* from) noexcept {
      ::new (static_cast<void*>(to)) Function*(at<Function*>(from));
    }
    static void end(std::byte* bytes) noexcept { delete at<Function*>(bytes); }
    static constexpr Kind kKind{&call, &move, &end};
  };

  void take(Callback& other) noexcept {
    if (other.kind_ == nullptr) return;
    other.kind_->move(bytes_, other.bytes_);
    kind_ = std::exchange(other.kind_, nullptr);
  }
  void clear() noexcept {
    if (kind_ != nullptr) std::exchange(kind_, nullptr)->end(bytes_);
  }

  alignas(std::max_align_t) mutable std::byte bytes_[kBytesInside];
  const Kind* kind_ = nullptr;
};

}  // namespace chatrt
