// SPDX-License-Identifier: Apache-2.0
// `symphainy execution cancel|terminate|resume`, from outside.
#include <gmock/gmock.h>

#include "symphainy/runtime.h"

#include "program.h"

namespace symphainy::tests {
namespace {

using ::testing::HasSubstr;

Task<Result<HandlerResult>> never_works(const Intent&, ExecutionContext&) {
  co_return fail(ErrorCode::unavailable, "the bank does not answer", "no_bank");
}
Task<Result<HandlerResult>> works(const Intent&, ExecutionContext& context) {
  co_return HandlerResult{Json(context.attempt())};
}

class ExecutionCommandTest : public ProgramTest {
 protected:
  std::unique_ptr<Runtime> open(const IntentHandler& handler) {
    RuntimeOptions options;
    options.data_directory = directory_.path() + "/data";
    auto runtime = Runtime::open(options);
    EXPECT_TRUE(runtime) << runtime.error().message;
    IntentSupport support{.intent_type = "pay"};
    support.out_of_attempts = OutOfAttempts::park;
    EXPECT_TRUE((*runtime)->register_intent(std::move(support), "bank", "pay", handler));
    return *std::move(runtime);
  }
  /// The id of an execution that is parked.
  std::string park() {
    const auto runtime = open(never_works);
    const auto result = runtime->execute(Intent::create("pay", "acme", "s", "s", {"user", "u"}));
    EXPECT_EQ(result->status, ExecutionStatus::parked);
    return result->execution_id;
  }
  Ended act(const std::string& action, const Arguments& more) {
    Arguments arguments{"execution", action, "--data", "data", "--tenant", "acme"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  Json show(const std::string& id) {
    return run({"execution", "show", id, "--data", "data", "--tenant", "acme", "--timeline", "-o", "json"}).json();
  }
};

TEST_F(ExecutionCommandTest, TerminatesOnTheRecord) {
  const std::string id = park();
  const Ended ended = act("terminate", {id, "--reason", "paid by hand", "--actor", "user:maria", "-o", "json"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(text(ended.json(), "status"), "terminated");
  EXPECT_EQ(text(ended.json(), "execution_id"), id);
  const Json shown = show(id);
  EXPECT_EQ(text(shown, "status"), "terminated");
  EXPECT_EQ(text(*shown.find("error"), "message"), "terminated by user:maria: paid by hand");
  EXPECT_THAT(run({"execution", "list", "--data", "data", "--tenant", "acme", "--status", "terminated"}).out,
              HasSubstr(id));
  const Ended again = act("terminate", {id});
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.err, HasSubstr("has ended, so there is nothing to terminate"));
}

TEST_F(ExecutionCommandTest, ResumesWhereTheHandlerIs) {
  const std::string id = park();
  const Ended ended =
      act("resume", {id, "--reason", "the bank is back", "--wait", "-o", "table"});  // a program without that handler
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, id + " parked\n");
  EXPECT_THAT(show(id).find("error")->dump(), HasSubstr("missing_handler"));
  EXPECT_THAT(run({"why", id, "--data", "data", "--tenant", "acme"}).out, HasSubstr("parked in attempt 2"));
  const auto runtime = open(works);
  EXPECT_EQ(runtime->resume().value(), 1U) << "it goes on by itself once its handler is there";
  ASSERT_TRUE(runtime->close());
  EXPECT_EQ(text(show(id), "status"), "completed");
  EXPECT_THAT(show(id).find("timeline")->dump(), HasSubstr("the bank is back"));
}

TEST_F(ExecutionCommandTest, CancelsWhatIsLeftUnfinished) {
  const std::string id = park();
  EXPECT_EQ(act("cancel", {id, "--reason", "wrong account"}).code, 0);
  const auto runtime = open(never_works);
  EXPECT_TRUE(runtime->resume());
  ASSERT_TRUE(runtime->close());
  EXPECT_EQ(text(show(id), "status"), "cancelled");
}

TEST_F(ExecutionCommandTest, DoesWhatItCanAndSaysWhatItCannot) {
  const std::string id = park();
  const std::string other = "0193a0c0-7d7e-7c4f-8e0a-5f5b3c2d1e0f";
  const Ended some = act("terminate", {other, id, "-o", "table"});
  EXPECT_EQ(some.code, 1);
  EXPECT_EQ(some.out, id + " terminated\n");
  EXPECT_THAT(some.err, HasSubstr("tenant acme has no execution " + other));
  EXPECT_EQ(act("cancel", {"no-id"}).code, 2);
  EXPECT_EQ(run({"execution", "cancel", id, "--data", "data"}).code, 2) << "whose?";
  const Ended all = run({"execution", "cancel", id, "--data", "data", "--tenant", "*"});
  EXPECT_EQ(all.code, 2);
  EXPECT_THAT(all.err, HasSubstr("belongs to one tenant"));
  const Ended nowhere = run({"execution", "cancel", id, "--data", "nowhere", "--tenant", "acme"});
  EXPECT_EQ(nowhere.code, 2);
  EXPECT_THAT(nowhere.err, HasSubstr("no store in nowhere"));
}

}  // namespace
}  // namespace symphainy::tests
