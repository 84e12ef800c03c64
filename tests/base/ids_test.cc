// SPDX-License-Identifier: Apache-2.0
// UUIDs carry their version and sort by time; names follow one grammar.
#include "base/ids.h"

#include <gtest/gtest.h>
#include <set>

namespace symphainy::base {
namespace {

constexpr std::string_view kNoise("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 16);
constexpr std::string_view kSilence("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);

TEST(Ids, Version7HoldsTheMillisecondsVersionAndVariant) {
  // The example of RFC 9562, appendix A.6: 2022-02-22T19:22:22Z.
  const std::string random("\0\0\0\0\0\0\x0C\xC3\x18\xC4\xDC\x0C\x0C\x07\x39\x8F", 16);
  EXPECT_EQ(make_uuid_v7(1'645'557'742'000'000, random).text(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
  EXPECT_EQ(make_uuid_v7(0, kNoise).text(), "00000000-0000-7fff-bfff-ffffffffffff");
  EXPECT_EQ(make_uuid_v7(0, kSilence).text(), "00000000-0000-7000-8000-000000000000");
}

TEST(Ids, Version7SortsByTimeAsValueAndAsText) {
  std::int64_t time_us = 1'700'000'000'000'000;
  Uuid before = make_uuid_v7(time_us, kNoise);
  // Steps that carry through every byte of the time, past 0x7f and 0xff.
  for (int step = 0; step < 48; ++step) {
    time_us += (std::int64_t{1} << (step % 36)) * 1000;
    const Uuid after = make_uuid_v7(time_us, kSilence);
    EXPECT_LT(before, after);
    EXPECT_LT(before.text(), after.text());
    before = make_uuid_v7(time_us, kNoise);
  }
}

TEST(Ids, UuidsOrderByUnsignedBytes) {
  EXPECT_LT(Uuid::from_bytes("\x7F"), Uuid::from_bytes("\x80"));
  EXPECT_LT(Uuid{}, Uuid::from_bytes("\xFF"));
}

TEST(Ids, FreshIdsAreVersion7AndDiffer) {
  std::set<Uuid> seen;
  for (int i = 0; i < 1000; ++i) {
    const Uuid id = fresh_uuid_v7();
    EXPECT_EQ(id.text()[14], '7');
    EXPECT_NE(std::string("89ab").find(id.text()[19]), std::string::npos);
    EXPECT_TRUE(seen.insert(id).second);
  }
}

TEST(Ids, Version8KeepsTheMomentAndFollowsTheName) {
  const Uuid moment = make_uuid_v7(1'645'557'742'000'000, kNoise);
  const Uuid id = make_uuid_v8(moment, "tenant/execution/step/0");
  EXPECT_EQ(id, make_uuid_v8(moment, "tenant/execution/step/0"));
  EXPECT_NE(id, make_uuid_v8(moment, "tenant/execution/step/1"));
  EXPECT_EQ(id.text().substr(0, 13), moment.text().substr(0, 13));
  EXPECT_EQ(id.text()[14], '8');
  EXPECT_NE(std::string("89ab").find(id.text()[19]), std::string::npos);
}

TEST(Ids, TextRoundTripsInEitherCase) {
  const auto id = Uuid::parse("017F22E2-79b0-7CC3-98c4-DC0c0c07398F");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->text(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
  EXPECT_EQ(Uuid::parse(id->text()), id);
  EXPECT_FALSE(id->is_nil());
  EXPECT_TRUE(Uuid{}.is_nil());
  EXPECT_EQ(Uuid{}.text(), "00000000-0000-0000-0000-000000000000");
}

TEST(Ids, OtherTextIsNoUuid) {
  for (const char* bad : {"", "017f22e2", "017f22e279b07cc398c4dc0c0c07398f", "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
                          "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0", "017f22e2-79b0-7cc3-98c4_dc0c0c07398f",
                          "017f22e2-79b0-7cc3-98c4-dc0c0c07398g", "017f22e-279b0-7cc3-98c4-dc0c0c07398f",
                          "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}", "-17f22e2-79b0-7cc3-98c4-dc0c0c07398f"}) {
    EXPECT_FALSE(Uuid::parse(bad)) << bad;
  }
}

TEST(Ids, NamesFollowTheGrammar) {
  for (const std::string& good : {std::string("a"), std::string("Z9"), std::string("0"), std::string("-"),
                                  std::string("a.b_c-d"), std::string("orders.v1"), std::string(128, 'x')}) {
    EXPECT_TRUE(is_name(good)) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string(".a"), std::string("_system"),
        std::string("a b"), std::string("a/b"), std::string("a\\b"), std::string("a:b"), std::string("a\n"),
        std::string("a\0b", 3), std::string("\xC3\xA9"), std::string("a*"), std::string(129, 'x')}) {
    EXPECT_FALSE(is_name(bad)) << bad;
  }
}

}  // namespace
}  // namespace symphainy::base
