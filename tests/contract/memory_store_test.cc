#include "chatrt/message_store.h"
#include "chatrt/testing/message_store_contract.h"

TEST_CASE("the memory store keeps the contract") {
  chatrt::testing::check_message_store([] { return chatrt::make_memory_store(); });
}
