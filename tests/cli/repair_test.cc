// SPDX-License-Identifier: Apache-2.0
// `wal repair` makes a store of what is sound of a damaged one, says what is lost, and never touches the damaged one.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "copied_store.h"

namespace symphainy::tests {
namespace {

namespace fs = std::filesystem;

class Repair : public CopiedStore {
 protected:
  void SetUp() override { execute_all("data", 1, 10); }
  Json repair(const std::string& target = "repaired") {
    const auto before = files_of("data");
    const Ended ended = run({"wal", "repair", "--data", "data", target, "--actor", "user:ada"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_TRUE(files_of("data") == before) << "the damaged directory was changed";
    return ended.json();
  }
  /// Where the batch with this position begins, as verifying a copy with a flipped bit in it tells.
  std::uint64_t damage(std::uint64_t position) {
    const std::string segment = segment_of("data");
    std::string bytes = read_whole_file(segment);
    std::size_t at = 12'288;
    while (true) {
      const auto length = base::load_integer<std::uint32_t>(bytes.data() + at + 4);
      const auto count = base::load_integer<std::uint32_t>(bytes.data() + at + 8);
      const auto first = base::load_integer<std::uint64_t>(bytes.data() + at + 16);
      if (position < first + count) {
        flip(segment, at + 100);
        return first;
      }
      at += length;
    }
  }
};

TEST_F(Repair, KeepsWhatIsSoundAndListsWhatIsLost) {
  const auto records = run({"wal", "cat", "--data", "data", "--tenant", "*"}).json_lines();
  const std::uint64_t last = last_position("data");
  const std::uint64_t first_lost = damage(last / 2);
  const Ended refused = run({"run", "--data", "data", "--tenant", "acme"}, intents(1, 1));
  EXPECT_EQ(refused.code, 3);
  EXPECT_NE(refused.err.find("symphainy wal repair DIR"), std::string::npos) << refused.err;

  const Json told = repair();
  EXPECT_EQ(number(told, "position"), first_lost - 1);
  EXPECT_EQ(number(*told.find("damage"), "position"), first_lost);
  EXPECT_EQ(text(*told.find("damage"), "segment"), segment_of("data"));
  EXPECT_EQ(told.find("missing")->size(), 0U);
  const Json& lost = *told.find("lost");
  EXPECT_EQ(number(lost, "first"), first_lost);
  EXPECT_EQ(number(lost, "last"), last);
  EXPECT_EQ(number(lost, "positions"), last - first_lost + 1);
  EXPECT_GT(number(lost, "bytes"), 1'000U);
  EXPECT_GT(number(lost, "events_left_behind"), 0U);
  // All but the damaged batch can still be read.
  const Json* list = lost.find("records");
  EXPECT_EQ(list->size(), number(lost, "records_found"));
  ASSERT_GT(list->size(), 10U);
  const std::uint64_t first_read = number(list->at(0), "position");
  EXPECT_GT(first_read, first_lost);
  EXPECT_EQ(list->size(), last - first_read + 1);
  std::string lines;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Json& record = records[first_read + i - 1];
    const Json& found = list->at(i);
    EXPECT_EQ(number(found, "position"), number(record, "position"));
    EXPECT_EQ(text(found, "type"), text(record, "type"));
    EXPECT_EQ(text(found, "tenant"), text(record, "tenant_id"));
    EXPECT_EQ(text(found, "execution_id"), text(record, "execution_id"));
    lines += found.dump() + "\n";
  }
  EXPECT_EQ(text(lost, "list"), "repaired/lost.ndjson");
  EXPECT_EQ(read_whole_file("repaired/lost.ndjson"), lines);

  expect_intact("repaired");
  const auto kept = run({"wal", "cat", "--data", "repaired", "--tenant", "*"}).json_lines();
  ASSERT_EQ(kept.size(), first_lost);
  EXPECT_TRUE(std::ranges::equal(std::vector(kept.begin(), kept.end() - 1),
                                 std::vector(records.begin(), records.begin() + std::ssize(kept) - 1)));
  EXPECT_EQ(text(kept.back(), "type"), "StoreRestored");
  EXPECT_EQ(text(*kept.back().find("payload"), "kind"), "repair");
  EXPECT_EQ(text(*kept.back().find("payload"), "reason"), text(*told.find("damage"), "reason"));

  execute_all("repaired", 1, 12);
  EXPECT_EQ(stream_of("repaired").size(), 12U);
  expect_content("repaired", 12);
  expect_intact("repaired");
}

TEST_F(Repair, LosesNothingForFaultsBesideTheBatches) {
  const std::string before = answers("data");
  const std::uint64_t last = last_position("data");
  const std::string segment = segment_of("data");
  const auto expect_all_kept = [&](const std::string& target) {
    ASSERT_EQ(run({"wal", "verify", "--data", "data"}).code, 3);
    const Json told = repair(target);
    EXPECT_EQ(number(told, "position"), last) << told.dump();
    EXPECT_EQ(number(*told.find("lost"), "positions"), 0U);
    EXPECT_EQ(told.find("lost")->find("first"), nullptr);
    expect_intact(target);
    EXPECT_EQ(answers(target), before);
  };
  flip(segment, 40);  // the header
  expect_all_kept("header");
  flip(segment, 40);
  flip(segment, 6'000);  // zeros
  expect_all_kept("zeros");
  flip(segment, 6'000);
  fs::remove(path("data/wal/head"));
  expect_all_kept("head");
}

TEST_F(Repair, ALostEndIsKnownByTheHead) {
  const std::uint64_t last = last_position("data");
  fs::resize_file(path(segment_of("data")), 20'000);
  const Json told = repair();
  const std::uint64_t kept = number(told, "position");
  EXPECT_LT(kept, last);
  EXPECT_EQ(number(*told.find("lost"), "last"), last);
  EXPECT_EQ(number(*told.find("lost"), "records_found"), 0U) << "nothing of it can be read";
  expect_intact("repaired");
}

TEST_F(Repair, TimelinesAreNotForgottenThoughTheirRecordIsLost) {
  ASSERT_EQ(run({"key", "create", "audit.key"}).code, 0);
  write_file("monday", run({"wal", "checkpoint", "--data", "data", "--key", "audit.key"}).out);
  ASSERT_EQ(run({"backup", "create", "--data", "data", "backup"}).code, 0);
  const std::uint64_t fork = last_position("data");
  fs::remove_all(path("data"));
  ASSERT_EQ(run({"backup", "restore", "backup", "--data", "data"}).code, 0);
  execute_all("data", 11, 12);
  damage(fork + 3);
  repair("behind");
  const auto against_monday = [this](const std::string& data) {
    const int code = run({"wal", "verify", "--data", data, "--against", "monday"}).code;
    EXPECT_EQ(verify_py(data + " --against monday"), code);
    return code;
  };
  EXPECT_EQ(against_monday("behind"), 0);
  // Also when StoreRestored itself can only be read behind the damage; but then the checkpoint speaks of what is lost.
  const std::uint64_t before_fork = damage(fork - 1);
  const Json told = repair("before");
  EXPECT_EQ(number(told, "position"), before_fork - 1);
  const Ended refused = run({"wal", "verify", "--data", "before", "--against", "monday"});
  EXPECT_EQ(refused.code, 3);
  EXPECT_NE(refused.err.find("positions " + std::to_string(before_fork) + " to " + std::to_string(fork)),
            std::string::npos)
      << refused.err;
}

TEST_F(Repair, ContentThatIsGoneIsListed) {
  const auto artifacts = files_of("data/artifacts");
  ASSERT_FALSE(artifacts.empty());
  for (const auto& [name, bytes] : artifacts) fs::remove(path("data/artifacts/" + name));
  damage(last_position("data"));
  const Json told = repair();
  EXPECT_EQ(told.find("missing")->size(), artifacts.size()) << told.dump();
  expect_intact("repaired");
}

TEST_F(Repair, RefusesWhatNeedsNoneOrCannotBeHelped) {
  expect_refused({"wal", "repair", "--data", "data", "new"}, 2, {"the log in data is intact", "nothing to repair"});
  expect_refused({"wal", "repair", "--data", "nowhere", "new"}, 2, {"there is no log in nowhere"});
  fs::create_directory(path("empty"));
  expect_refused({"wal", "repair", "--data", "empty", "new"}, 2, {"there is no log in empty"});
  expect_refused({"wal", "repair", "--data", "data"}, 2, {"DIR"});
  fs::copy(path("data"), path("sound"), fs::copy_options::recursive);
  damage(1);
  expect_refused({"wal", "repair", "--data", "data", "new"}, 3,
                 {"nothing in data is sound", "offset 12288", "symphainy backup restore"});
  fs::remove_all(path("data"));
  fs::rename(path("sound"), path("data"));
  damage(20);
  expect_refused({"wal", "repair", "--data", "data", "data"}, 2, {"data lies in data itself"});
  expect_refused({"wal", "repair", "--data", "data", "data/new"}, 2, {"name a directory outside of it"});
  expect_refused({"wal", "repair", "--data", "data", "empty/.."}, 2, {"exists already"});
  fs::create_directory(path("new.unfinished"));
  expect_refused({"wal", "repair", "--data", "data", "new"}, 2, {"new.unfinished is in the way"});
  fs::remove(path("new.unfinished"));
  const int lock = ::open(path("data/lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(lock, 0);
  ASSERT_EQ(::flock(lock, LOCK_EX | LOCK_NB), 0);
  expect_refused({"wal", "repair", "--data", "data", "new"}, 1,
                 {"another process owns", "stop it before it is repaired"});
  ::close(lock);
  EXPECT_FALSE(fs::exists(path("new")));
  EXPECT_FALSE(fs::exists(path("new.unfinished")));
  EXPECT_EQ(run({"wal", "repair", "--data", "data", "new"}).code, 0);
}

}  // namespace
}  // namespace symphainy::tests
