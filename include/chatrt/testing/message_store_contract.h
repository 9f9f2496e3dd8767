// The contract of MessageStore as doctest cases, one for each sentence of message_store.h. Whoever
// writes a store runs it in a test of their own:
//
//   #define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
//   #include "chatrt/testing/message_store_contract.h"
//   TEST_CASE("MyStore") {
//     chatrt::testing::check_message_store([] { return std::make_unique<MyStore>(); });
//   }
//
// Each claim is a SUBCASE and gets an empty store of its own; the names of the failing ones are the
// sentences that do not hold. A durable store also passes `reopen`, and what is to survive is
// checked across it. Needs doctest (https://github.com/doctest/doctest) on the include path.
#pragma once

#include <utility>

#include "chatrt/testing/contract/store_fixture.h"
#include "chatrt/testing/contract/store_lifetime.h"
#include "chatrt/testing/contract/store_marks.h"
#include "chatrt/testing/contract/store_posts.h"
#include "chatrt/testing/contract/store_reads.h"

namespace chatrt::testing {

// `make` gives a new and empty store. `reopen` closes the store it gets and opens the same data
// again; without it, nothing is said about durability.
inline void check_message_store(StoreMaker make, StoreReopener reopen = nullptr) {
  StoreFixture store(std::move(make), std::move(reopen));
  SUBCASE("append: posts") { check_posts(store); }
  SUBCASE("append: client ids") { check_client_ids(store); }
  SUBCASE("append: marks") { check_marks(store); }
  SUBCASE("unread counts") { check_unread(store); }
  SUBCASE("read_for_user, read_log") { check_change_reads(store); }
  SUBCASE("read_undelivered") { check_undelivered(store); }
  SUBCASE("read_conversation") { check_conversation_reads(store); }
  SUBCASE("conversations_of, contacts_of, contacts_among") { check_overviews(store); }
  SUBCASE("threads") { check_threads(store); }
  if (store.can_reopen()) {
    SUBCASE("reopened") { check_reopened(store); }
  }
}

}  // namespace chatrt::testing
