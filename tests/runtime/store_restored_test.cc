// SPDX-License-Identifier: Apache-2.0
// What a restored log says of the timelines that it comes from.
#include "runtime/store_restored.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/wal_record.h"

namespace symphainy::runtime {
namespace {

using ::testing::HasSubstr;

base::LogRecord record_of(const StoreRestored& restored, std::uint64_t position) {
  base::LogRecord record;
  record.type = static_cast<std::uint16_t>(RecordType::store_restored);
  record.tenant = base::kSystemTenant;
  record.position = position;
  record.payload = restored.payload();
  return record;
}

TEST(StoreRestored, IsReadAsItWasWritten) {
  const base::Uuid first = base::fresh_uuid_v7();
  const base::Uuid second = base::fresh_uuid_v7();
  const base::Uuid third = base::fresh_uuid_v7();
  const StoreRestored written{.kind = "repair",
                              .actor = {"user", "ada"},
                              .reason = "torn",
                              .timeline = third,
                              .earlier = {{first, 4}, {second, 9}}};
  const base::LogRecord record = record_of(written, 10);
  ASSERT_TRUE(is_store_restored(record));
  const auto read = read_store_restored(record);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->kind, "repair");
  EXPECT_EQ(read->actor, (Actor{"user", "ada"}));
  EXPECT_EQ(read->reason, "torn");
  EXPECT_EQ(read->timeline, third);
  ASSERT_EQ(read->earlier.size(), 2U);
  EXPECT_EQ(read->earlier[0].timeline, first);
  EXPECT_EQ(read->earlier[0].position, 4U);
  EXPECT_EQ(read->payload(), written.payload());
}

TEST(StoreRestored, MustStandRightBehindWhatItWasMadeOf) {
  const StoreRestored restored{.kind = "restore",
                               .actor = {"user", "ada"},
                               .reason = {},
                               .timeline = {},
                               .earlier = {{base::fresh_uuid_v7(), 9}}};
  const auto refused = read_store_restored(record_of(restored, 12));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::corrupt);
  EXPECT_THAT(refused.error().message, HasSubstr("position 12"));
}

TEST(StoreRestored, OfAnotherTenantIsNoneOfTheStore) {
  base::LogRecord record = record_of({}, 1);
  record.tenant = "acme";
  EXPECT_FALSE(is_store_restored(record));
}

TEST(StoreRestored, TimelinesReachNoFurtherThanTheCut) {
  const base::Uuid first = base::fresh_uuid_v7();
  const base::Uuid second = base::fresh_uuid_v7();
  const base::Uuid own = base::fresh_uuid_v7();
  const auto behind_all = timelines_up_to(20, {{first, 4}, {second, 9}}, own);
  ASSERT_EQ(behind_all.size(), 3U);
  EXPECT_EQ(behind_all[0].position, 4U);
  EXPECT_EQ(behind_all[1].position, 9U);
  EXPECT_EQ(behind_all[2].timeline, own);
  EXPECT_EQ(behind_all[2].position, 20U);
  const auto before_one = timelines_up_to(6, {{first, 4}, {second, 9}}, own);
  EXPECT_EQ(before_one[0].position, 4U);
  EXPECT_EQ(before_one[1].timeline, second);
  EXPECT_EQ(before_one[1].position, 6U);
}

}  // namespace
}  // namespace symphainy::runtime
