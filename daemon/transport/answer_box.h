// AnswerBox: answers to HTTP requests on their way from other threads to their shard.
//
// Threads: as each member says. Ownership: a Shard's.
#pragma once

#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "http.h"

namespace chatd::transport {

class AnswerBox {
 public:
  using Answer = std::pair<std::uint64_t, HttpResponse>;  // and the exchange it is for

  // Any thread: puts one in. True: it was empty, and the shard is to be woken.
  bool put(std::uint64_t exchange, HttpResponse response);

  // One thread at a time: keeps one back until hand_over(), which puts all of them in at once. A
  // shard that is woken by the first of many would send that one alone.
  void hold(std::uint64_t exchange, HttpResponse response);
  bool hand_over();  // true as for put()

  // The shard's thread: takes out what is in it. To be cleared before the next call.
  std::vector<Answer>& take();

 private:
  std::vector<Answer> held_;
  std::mutex mutex_;
  std::vector<Answer> waiting_;  // guarded by mutex_
  std::vector<Answer> taken_;
};

}  // namespace chatd::transport
