// SPDX-License-Identifier: Apache-2.0
// Backups are whole though the store is in use, are checked before anything is made of them, and what is made of them
// goes on as the store itself would have gone on.
#include <csignal>
#include <thread>

#include "copied_store.h"

namespace symphainy::tests {
namespace {

namespace fs = std::filesystem;

class Backup : public CopiedStore {
 protected:
  Json back_up(const std::string& data = "data", const std::string& target = "backup") {
    const Ended ended = run({"backup", "create", "--data", data, target});
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.json();
  }
  Json restore(const Arguments& more = {}, const std::string& backup = "backup",
               const std::string& target = "restored") {
    Arguments arguments{"backup", "restore", backup, "--data", target};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.json();
  }
};

TEST_F(Backup, RestoresEverythingOnANewTimeline) {
  execute_all("data", 1, 10);
  const Json made = back_up();
  EXPECT_EQ(number(made, "position"), last_position("data"));
  EXPECT_EQ(number(made, "artifacts"), 10U);
  EXPECT_EQ(number(made, "events"), 10U);
  EXPECT_EQ(made.find("missing")->size(), 0U);
  EXPECT_FALSE(fs::exists(path("backup/state.db")));
  expect_intact("backup");

  const Json restored = restore({"--actor", "user:ada"});
  EXPECT_EQ(number(restored, "position"), number(made, "position"));
  EXPECT_EQ(number(restored, "records_left_behind"), 0U);
  EXPECT_EQ(text(restored, "time"), text(made, "time"));
  EXPECT_EQ(text(restored, "store_id"), text(made, "store_id"));
  EXPECT_EQ(text(restored, "from_timeline"), text(made, "timeline"));
  EXPECT_NE(text(restored, "timeline"), text(made, "timeline"));
  expect_intact("restored");
  EXPECT_EQ(answers("restored"), answers("data"));
  expect_content("restored", 10);
  EXPECT_EQ(read_whole_file("restored/events/acme/content.ndjson"), read_whole_file("data/events/acme/content.ndjson"));

  const auto records = run({"wal", "cat", "--data", "restored", "--tenant", "*"}).json_lines();
  ASSERT_EQ(records.size(), number(made, "position") + 1);
  EXPECT_EQ(text(records.back(), "type"), "StoreRestored");
  const Json* payload = records.back().find("payload");
  EXPECT_EQ(text(*payload, "kind"), "restore");
  EXPECT_EQ(payload->find("actor")->dump(), R"({"id":"ada","type":"user"})");
  EXPECT_EQ(text(*payload, "timeline"), text(restored, "timeline"));

  execute_all("restored", 1, 15);  // ten of them are known
  EXPECT_EQ(stream_of("restored").size(), 15U);
  expect_intact("restored");
}

TEST_F(Backup, IsWholeThoughTheStoreIsInUse) {
  const auto program = start({"run", "--data", "data", "--tenant", "acme", "--concurrency", "8"});
  constexpr int kIntents = 400;
  std::jthread feeder([&] { program->write(intents(1, kIntents)); });
  program->wait_for_lines(5);
  constexpr int kBackups = 4;
  std::vector<std::uint64_t> positions;
  for (int i = 0; i < kBackups; ++i) {
    positions.push_back(number(back_up("data", "backup-" + std::to_string(i)), "position"));
  }
  feeder.join();
  const Ended ended = program->wait();
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_TRUE(std::ranges::is_sorted(positions));
  EXPECT_LT(positions.front(), last_position("data")) << "it was not in use any more";
  EXPECT_GT(std::distance(fs::directory_iterator(path("data/wal")), fs::directory_iterator()), 4) << "one segment";
  const std::vector<std::string> all = stream_of("data");
  for (int i = 0; i < kBackups; ++i) {
    SCOPED_TRACE(i);
    const std::string backup = "backup-" + std::to_string(i);
    const std::string restored = "restored-" + std::to_string(i);
    expect_intact(backup);
    restore({}, backup, restored);
    const std::vector<std::string> before = stream_of(restored);
    EXPECT_TRUE(std::ranges::equal(before, std::vector(all.begin(), all.begin() + std::ssize(before))));
    execute_all(restored, 1, kIntents);
    EXPECT_EQ(stream_of(restored).size(), static_cast<std::size_t>(kIntents));
    const Ended count =
        run({"sql", "--data", restored, "--tenant", "acme", "-o", "json", "SELECT count(*) AS n FROM executions"});
    EXPECT_NE(count.out.find(std::to_string(kIntents)), std::string::npos) << count.out;
    expect_intact(restored);
  }
}

// Its head may be older than its end; nobody has opened it since.
TEST_F(Backup, HoldsAllThatAKilledProcessHadAcknowledged) {
  const auto program = start({"run", "--data", "data", "--tenant", "acme", "--concurrency", "8"});
  std::jthread feeder([&] { program->write(intents(1, 400)); });
  program->wait_for_lines(40);
  program->signal(SIGKILL);
  feeder.join();
  Ended ended = program->wait();
  ended.out.resize(ended.out.rfind('\n') + 1);  // it may have been killed in the middle of a line
  const auto acknowledged = ended.json_lines();
  ASSERT_GE(acknowledged.size(), 40U);
  back_up();
  restore();
  for (const Json& line : acknowledged) {
    const Ended shown =
        run({"execution", "show", text(line, "execution_id"), "--data", "restored", "--tenant", "acme"});
    EXPECT_EQ(shown.code, 0) << line.dump() << shown.err;
  }
  execute_all("restored", 1, 50);
  EXPECT_GE(stream_of("restored").size(), 50U);
}

TEST_F(Backup, GoesBackToAPositionOrATime) {
  execute_all("data", 1, 6);
  const std::uint64_t position = last_position("data");
  const std::string before = read_whole_file("data/events/acme/content.ndjson");
  const std::string answers_before = answers("data");
  const auto records = run({"wal", "cat", "--data", "data", "--tenant", "*"}).json_lines();
  const std::string time = text(records.back(), "time");
  execute_all("data", 7, 12);
  const Json made = back_up();

  const Json restored = restore({"--to-position", std::to_string(position)});
  EXPECT_EQ(number(restored, "position"), position);
  EXPECT_EQ(text(restored, "time"), time);
  EXPECT_EQ(number(restored, "records_left_behind"), number(made, "position") - position);
  EXPECT_EQ(number(restored, "events_left_behind"), 6U);
  expect_intact("restored");
  EXPECT_EQ(answers("restored"), answers_before);
  EXPECT_EQ(read_whole_file("restored/events/acme/content.ndjson"), before);
  EXPECT_EQ(files_of("restored/artifacts").size(), 6U) << "content that the log does not name was copied";

  const Json by_time = restore({"--to-time", time}, "backup", "by-time");
  EXPECT_EQ(number(by_time, "position"), position);
  // Inside a batch: the whole batches before it.
  const Json earlier = restore({"--to-position", std::to_string(position - 1)}, "backup", "earlier");
  EXPECT_LT(number(earlier, "position"), position);
  expect_intact("earlier");

  execute_all("restored", 5, 20);
  EXPECT_EQ(stream_of("restored").size(), 20U);
  expect_content("restored", 20);
  expect_intact("restored");
}

// The relay may have been anywhere; streams go on without gap or repeat, whatever the point.
TEST_F(Backup, StreamsGoOnFromWhicheverPoint) {
  execute_all("data", 1, 4);
  const std::uint64_t first = last_position("data");
  execute_all("data", 5, 8);
  const std::uint64_t last = last_position("data");
  back_up();
  const std::vector<std::string> all = stream_of("data");
  for (std::uint64_t position = first - 9; position <= last; position += 4) {
    SCOPED_TRACE(position);
    const std::string restored = "at-" + std::to_string(position);
    restore({"--to-position", std::to_string(position)}, "backup", restored);
    const std::vector<std::string> before = stream_of(restored);
    ASSERT_LE(before.size(), all.size());
    EXPECT_TRUE(std::ranges::equal(before, std::vector(all.begin(), all.begin() + std::ssize(before))));
    execute_all(restored, 1, 10);
    const std::vector<std::string> after = stream_of(restored);
    EXPECT_EQ(after.size(), 10U);
    EXPECT_TRUE(std::ranges::equal(before, std::vector(after.begin(), after.begin() + std::ssize(before))));
  }
}

TEST_F(Backup, ARestoredStoreCanBeBackedUpAndRestoredAgain) {
  execute_all("data", 1, 4);
  const std::uint64_t first = last_position("data");
  execute_all("data", 5, 6);
  back_up();
  restore({"--to-position", std::to_string(first)});
  execute_all("restored", 5, 9);
  back_up("restored", "second");
  restore({"--to-position", std::to_string(first - 4)}, "second", "again");
  execute_all("again", 1, 9);
  EXPECT_EQ(stream_of("again").size(), 9U);
  expect_intact("again");
}

TEST_F(Backup, CheckpointsOfEarlierTimelinesCanStillBeHeldToTheLog) {
  ASSERT_EQ(run({"key", "create", "audit.key"}).code, 0);
  const auto keep_checkpoint = [this](const std::string& data, const std::string& name) {
    write_file(name, run({"wal", "checkpoint", "--data", data, "--key", "audit.key"}).out);
    return last_position(data);
  };
  // By both verifiers.
  const auto against = [this](const std::string& data, const std::string& name) {
    const Ended ended = run({"wal", "verify", "--data", data, "--against", name});
    EXPECT_EQ(verify_py(data + " --against " + name), ended.code) << data << " " << name;
    return ended;
  };
  execute_all("data", 1, 4);
  const std::uint64_t first = keep_checkpoint("data", "monday");
  execute_all("data", 5, 8);
  const std::uint64_t second = keep_checkpoint("data", "tuesday");
  back_up();
  const std::uint64_t fork = number(restore({"--to-position", std::to_string(first + 8)}), "position");
  const Ended shared = against("restored", "monday");
  EXPECT_EQ(shared.code, 0) << shared.err;
  EXPECT_EQ(shared.json().find("checkpoint")->find("agrees")->as_bool(), true);
  EXPECT_EQ(text(*shared.json().find("checkpoint"), "earlier_timeline"),
            text(restore({}, "backup", "x"), "from_timeline"));
  execute_all("restored", 5, 12);
  ASSERT_GT(last_position("restored"), second);
  EXPECT_EQ(against("restored", "monday").code, 0);
  const Ended given_up = against("restored", "tuesday");
  EXPECT_EQ(given_up.code, 3);
  EXPECT_NE(given_up.err.find("restored to position " + std::to_string(fork) + " since: positions " +
                              std::to_string(fork + 1) + " to " + std::to_string(second)),
            std::string::npos)
      << given_up.err;
  // Back to before the restore: its own record is given up with the rest, the first timeline is not forgotten.
  keep_checkpoint("restored", "wednesday");
  back_up("restored", "second");
  restore({"--to-position", std::to_string(first + 1)}, "second", "again");
  EXPECT_EQ(against("again", "monday").code, 0);
  EXPECT_EQ(against("again", "tuesday").code, 3);
  EXPECT_EQ(against("again", "wednesday").code, 3);
  const Ended never = against("data", "wednesday");
  EXPECT_EQ(never.code, 3);
  EXPECT_NE(never.err.find("does not come from"), std::string::npos) << never.err;
}

}  // namespace
}  // namespace symphainy::tests
