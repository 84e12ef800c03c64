// SPDX-License-Identifier: Apache-2.0
// `symphainy execution show --as-of`: how an execution stood after any record, or at any time.
#include <algorithm>

#include "program.h"

namespace symphainy::tests {
namespace {

class AsOf : public ProgramTest {
 protected:
  void SetUp() override {
    fill_store();
    fill_store("globex");
    const Ended listed = run({"execution", "list", "--type", "analyze_content", "--data", "data", "--tenant", "acme"});
    execution_ = text(listed.json().find("executions")->at(0), "execution_id");
    for (Json& record : run({"wal", "cat", "--data", "data", "--tenant", "acme"}).json_lines())
      if (text(record, "execution_id") == execution_) records_.push_back(std::move(record));
    ASSERT_GT(records_.size(), 4U);
  }

  Ended show(const std::string& as_of, const std::string& tenant = "acme", const std::string& format = "json") {
    return run({"execution", "show", execution_, "--as-of", as_of, "--data", "data", "--tenant", tenant, "--timeline",
                "-o", format});
  }
  std::string number(std::size_t record) const {
    return std::to_string(records_.at(record).find("tenant_seq")->as_uint64().value());
  }

  std::string execution_;
  std::vector<Json> records_;  // of that execution
};

TEST_F(AsOf, ShowsTheExecutionAsItStoodAfterEachRecordOfItsTenant) {
  const Json today = run({"execution", "show", execution_, "--data", "data", "--tenant", "acme", "--timeline"}).json();
  const std::string started = "ExecutionStarted";
  bool accepted = false;
  for (std::size_t i = 0; i < records_.size(); ++i) {
    const Ended ended = show(number(i));
    accepted = accepted || text(records_[i], "type") == started;  // the last record of the first commit
    if (!accepted) {
      EXPECT_EQ(ended.code, 1) << i;
      continue;
    }
    ASSERT_EQ(ended.code, 0) << ended.err;
    if (i + 1 == records_.size()) {
      EXPECT_EQ(ended.json(), today);
      continue;
    }
    EXPECT_EQ(text(ended.json(), "status"), "running");
    EXPECT_EQ(ended.json().find("attempt")->as_uint64(), 1U);
    for (const char* list : {"artifacts", "events", "references"})
      EXPECT_EQ(ended.json().find(list)->size(), 0U) << list;
    EXPECT_EQ(ended.json().find("ended_at"), nullptr);
    EXPECT_EQ(text(ended.json().find("timeline")->at(2), "record"), started);
    EXPECT_LT(ended.json().find("timeline")->size(), records_.size());
  }
  EXPECT_EQ(show("1000000").json(), today) << "as it is now";
  const Ended table = show(number(2), "acme", "table");
  EXPECT_NE(table.out.find("running"), std::string::npos) << table.out;
}

TEST_F(AsOf, TakesATimeOrForTheOperatorAPosition) {
  const std::string accepted = text(records_.front(), "time");
  EXPECT_EQ(text(show(text(records_.at(2), "time")).json(), "status"), "running");
  EXPECT_EQ(text(show(text(records_.back(), "time")).json(), "status"), "completed");
  EXPECT_EQ(text(show("0s").json(), "status"), "completed");
  EXPECT_EQ(show(accepted).code, 1) << "its commit has later records";
  const Ended too_early = show("1d");
  EXPECT_EQ(too_early.code, 1);
  EXPECT_EQ(too_early.err, "symphainy: execution " + execution_ + " had not been accepted then: that was at " +
                               accepted + ", as the tenant's record " + number(0) + " and those after it\n");

  const Json everything = run({"execution", "show", execution_, "--data", "data", "--tenant", "*"}).json();
  const std::uint64_t position = everything.find("position")->as_uint64().value();
  EXPECT_EQ(text(show(std::to_string(position + 2), "*").json(), "status"), "running");
  const Ended before = show(std::to_string(position - 1), "*");
  EXPECT_EQ(before.code, 1);
  EXPECT_NE(before.err.find("as position " + std::to_string(position) + " and"), std::string::npos) << before.err;
}

TEST_F(AsOf, RefusesWhatIsNoMomentAndWhatIsAnotherTenants) {
  for (const std::string wrong : {"yesterday", "-1", "1.5", "99999999999999999999999", ""}) {
    const Ended ended = show(wrong);
    EXPECT_EQ(ended.code, 2) << wrong;
    EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
  }
  const Ended foreign = show("1000", "globex");
  EXPECT_EQ(foreign.code, 1);
  EXPECT_NE(foreign.err.find("this tenant has no execution"), std::string::npos) << foreign.err;
}

}  // namespace
}  // namespace symphainy::tests
