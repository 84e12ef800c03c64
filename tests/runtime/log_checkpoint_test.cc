// SPDX-License-Identifier: Apache-2.0
// A checkpoint says how far a log reached, and a bundle proves a tenant's records without the log; neither survives a
// change to any of it.
#include "runtime/log_checkpoint.h"

#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "symphainy/json.h"

#include "base/bytes.h"
#include "base/try.h"
#include "public_works/adapters/memory/manual_clock.h"
#include "public_works/adapters/memory/memory_event_log.h"
#include "public_works/adapters/memory/seeded_random.h"

namespace symphainy::runtime {
namespace {

using ::testing::HasSubstr;

class NobodyListens final : public public_works::EventLogListener {
 public:
  void on_durable(std::vector<std::shared_ptr<const base::LogBatch>>) override {}
  void on_stopped(const Error&) override {}
};

class Checkpoints : public ::testing::Test {
 protected:
  Checkpoints() {
    log_.start(nobody_);
    for (int i = 0; i < 4; ++i) append({"acme", "zeta"}, 0);
    append({"acme", "_system", "acme"}, 1);
    append({"beta"}, 0);
  }
  void append(const std::vector<std::string>& tenants, std::uint16_t partition) {
    std::vector<base::RecordDraft> drafts;
    for (const std::string& tenant : tenants) {
      base::RecordDraft draft;
      draft.tenant = tenant;
      draft.partition = tenant == "acme" ? partition : std::uint16_t{0};
      draft.partition_epoch = 1;
      draft.type = 1;
      draft.payload = R"({"n":)" + std::to_string(++count_) + "}";
      drafts.push_back(std::move(draft));
    }
    CHECK(log_.append(std::move(drafts)));
  }
  base::LogChain chain() {
    base::LogChain chain;
    CHECK(log_.read_batches(1, [&](const base::LogBatch& batch) {
      CHECK(chain.follow(batch, log_.identity().store));
      return true;
    }));
    return chain;
  }
  std::string signed_checkpoint() { return sign_checkpoint(checkpoint_of(chain(), log_.identity(), kNoonUs), key_); }
  std::vector<std::string> bundle(const std::string& tenant) {
    std::vector<std::string> lines;
    CHECK(write_bundle(log_, chain(), signed_checkpoint(), tenant, [&](std::string_view line) -> Result<void> {
      lines.emplace_back(line);
      return {};
    }));
    return lines;
  }
  static BundleReport check(const std::vector<std::string>& lines) {
    std::size_t next = 0;
    return check_bundle([&](std::string& line) -> Result<bool> {
             if (next == lines.size()) return false;
             line = lines[next++];
             return true;
           })
        .value();
  }

  static constexpr std::int64_t kNoonUs = 1'700'000'000'000'000;
  public_works::ManualClock clock_{kNoonUs};
  public_works::SeededRandom random_{1};
  public_works::MemoryEventLog log_{clock_, random_, std::make_shared<public_works::MemoryLogContents>()};
  NobodyListens nobody_;
  const base::SigningKey key_ = base::SigningKey::create();
  int count_ = 0;
};

TEST_F(Checkpoints, ReadBackWhatWasSigned) {
  const std::string text = signed_checkpoint();
  const auto read = read_checkpoint(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->position, chain().position());
  EXPECT_EQ(read->store_hash, chain().store_hash());
  EXPECT_EQ(read->tenants, 5U) << "acme has two partitions";
  EXPECT_EQ(read->store, log_.identity().store);
  EXPECT_EQ(read->timeline, log_.identity().timeline);
  EXPECT_EQ(read->created_us, kNoonUs);
  EXPECT_EQ(read->public_key, key_.public_key());
  EXPECT_TRUE(read_checkpoint(text.substr(0, text.size() - 1))) << "an editor may have taken the line feed";
}

TEST_F(Checkpoints, AreRefusedAfterAChangeOfAnyByte) {
  const std::string text = signed_checkpoint();
  for (std::size_t at = 0; at + 1 < text.size(); ++at) {
    for (const int bit : {0, 5}) {
      std::string changed = text;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      EXPECT_FALSE(read_checkpoint(changed)) << "byte " << at << ", bit " << bit;
    }
  }
  for (const std::string& other : {std::string(), std::string("{}"), " " + text, text + text}) {
    EXPECT_FALSE(read_checkpoint(other));
  }
}

TEST_F(Checkpoints, OfAnotherStateOfTheLogHaveAnotherRoot) {
  const auto before = checkpoint_of(chain(), log_.identity(), kNoonUs);
  append({"beta"}, 0);
  const auto after = checkpoint_of(chain(), log_.identity(), kNoonUs);
  EXPECT_NE(before.merkle_root, after.merkle_root);
  EXPECT_NE(before.store_hash, after.store_hash);
}

TEST_F(Checkpoints, ABundleHoldsAllOfATenantsRecordsAndNobodyElses) {
  for (const auto& [tenant, records] : {std::pair("acme", 6U), std::pair("zeta", 4U), std::pair("beta", 1U)}) {
    const auto lines = bundle(tenant);
    ASSERT_EQ(lines.size(), records + 1);
    const BundleReport report = check(lines);
    EXPECT_EQ(report.damaged_line, 0U) << report.reason;
    EXPECT_EQ(report.records, records);
    EXPECT_EQ(report.tenant, tenant);
    EXPECT_EQ(report.checkpoint.public_key, key_.public_key());
  }
  const auto nobody =
      write_bundle(log_, chain(), signed_checkpoint(), "gamma", [](std::string_view) { return Result<void>(); });
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, ErrorCode::not_found);
}

TEST_F(Checkpoints, ABundleEndsAtItsCheckpointWhateverIsAppendedMeanwhile) {
  const base::LogChain at = chain();
  const std::string checkpoint = sign_checkpoint(checkpoint_of(at, log_.identity(), kNoonUs), key_);
  append({"acme"}, 0);
  std::vector<std::string> lines;
  ASSERT_TRUE(write_bundle(log_, at, checkpoint, "acme", [&](std::string_view line) -> Result<void> {
    lines.emplace_back(line);
    return {};
  }));
  EXPECT_EQ(check(lines).damaged_line, 0U);
  EXPECT_EQ(check(lines).records, 6U);
}

std::string edited(const std::string& line, const std::function<void(base::LogRecord&)>& edit) {
  const Json json = Json::parse(line).value();
  const std::string bytes = base::from_base64(*json.find("record")->as_string()).value();
  base::LogRecord record = base::read_record(bytes).value();
  edit(record);
  std::string out;
  base::append_record(out, record);
  return Json::object({{"record", base::to_base64(out)}}).dump();
}

TEST_F(Checkpoints, EveryRecordOfABundleCountsEditedDeletedReorderedRepeatedOrCutOff) {
  const auto whole = bundle("acme");
  const auto other = bundle("zeta");
  for (std::size_t i = 1; i < whole.size(); ++i) {
    SCOPED_TRACE(i);
    const auto expect_damage = [&](const std::vector<std::string>& lines, const char* what) {
      EXPECT_NE(check(lines).damaged_line, 0U) << what;
    };
    auto lines = whole;
    lines[i] = edited(whole[i], [](base::LogRecord& record) { record.payload = R"({"n":99})"; });
    expect_damage(lines, "an edited payload");
    lines[i] = edited(whole[i], [](base::LogRecord& record) {
      record.payload = R"({"n":99})";
      record.content_digest = base::sha256({record.salt.data(), record.salt.size()}, record.payload);
    });
    expect_damage(lines, "an edited payload with its digest made to fit");
    lines[i] = edited(whole[i], [](base::LogRecord& record) { record.time_us += 1; });
    expect_damage(lines, "an edited header");
    lines[i] = other[1];
    expect_damage(lines, "another tenant's record");
    lines[i] = "{}";
    expect_damage(lines, "no record");
    lines = whole;
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(i));
    expect_damage(lines, "a deleted record");
    lines = whole;
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(i), whole[i]);
    expect_damage(lines, "a repeated record");
    if (i + 1 < whole.size()) {
      lines = whole;
      std::swap(lines[i], lines[i + 1]);
      expect_damage(lines, "two records swapped");
    }
    lines.assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(i));
    expect_damage(lines, "a bundle cut off");
  }
  EXPECT_NE(check({}).damaged_line, 0U);
}

// Whoever cuts a bundle off can make its first line fit, but not the checkpoint's root.
TEST_F(Checkpoints, ABundleCutOffWithItsPromiseMadeToFitDoesNotReachTheRoot) {
  const auto whole = bundle("zeta");
  Json header = Json::parse(whole[0]).value();
  header["records"] = 3U;
  const Json record = Json::parse(whole[3]).value();
  const std::string bytes = base::from_base64(*record.find("record")->as_string()).value();
  const base::LogRecord last = base::read_record(bytes).value();
  Json chain = header.find("chains")->at(0);
  chain["seq"] = last.tenant_seq;
  chain["chain"] = last.chain.hex();
  header["chains"] = Json::array({chain});
  const BundleReport report = check({header.dump(), whole[1], whole[2], whole[3]});
  EXPECT_EQ(report.damaged_line, 1U);
  EXPECT_THAT(report.reason, HasSubstr("does not lead to the checkpoint's root"));
}

}  // namespace
}  // namespace symphainy::runtime
