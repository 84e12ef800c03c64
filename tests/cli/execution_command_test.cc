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

// Fails, and works when somebody does it once more.
Task<Result<HandlerResult>> pay_without_key(const Intent& intent, ExecutionContext& context) {
  const StepFunction reserve = [](const StepRun&) -> Task<Result<Json>> { co_return Json("reserved"); };
  auto reserved = co_await context.step("reserve", Json(), reserve);
  if (!reserved) co_return std::unexpected(reserved.error());
  if (intent.idempotency_key) co_return fail(ErrorCode::unavailable, "the bank does not answer", "no_bank");
  co_return HandlerResult{*reserved};
}

TEST_F(ExecutionCommandTest, OnceMoreIsRefusedWhereItCannotBe) {
  std::string id;
  {
    const auto runtime = open(pay_without_key);
    Intent intent = Intent::create("pay", "acme", "s", "s", {"user", "u"});
    intent.idempotency_key = "key";
    id = runtime->execute(intent)->execution_id;
    ExecutionCommand end{Action::cancel, "acme", id, {"user", "u"}, "", true};
    ASSERT_EQ(runtime->command(end)->status, ExecutionStatus::cancelled);
  }
  // The program that has no handler for it says so, and leaves it as it was.
  const Ended unsupported = act("retry", {id});
  EXPECT_EQ(unsupported.code, 1);
  EXPECT_THAT(unsupported.err, HasSubstr("no domain service supports intent type 'pay'"));
  const auto runtime = open(pay_without_key);
  ExecutionCommand rerun{.action = Action::rerun,
                         .tenant_id = "acme",
                         .execution_id = id,
                         .actor = {"user", "u"},
                         .reason = "the bank is back",
                         .wait_for_end = true,
                         .from_step = "charge"};
  EXPECT_EQ(runtime->command(rerun).error().reason, "unknown_step");
  rerun.from_step.reset();
  EXPECT_EQ(runtime->command(rerun)->status, ExecutionStatus::completed);
}

TEST_F(ExecutionCommandTest, DoesOnceMoreWhatFailed) {
  const std::string id =
      text(execute(R"({"intent_type":"ingest_file","parameters":{"path":"late.csv"},"idempotency_key":"late"})"),
           "execution_id");
  EXPECT_EQ(text(show(id), "status"), "failed");
  write_file("late.csv", "name,amount\nWood,1.50\n");
  const Ended retried = act("retry", {id, "--wait", "--reason", "it has come", "--actor", "user:maria", "-o", "json"});
  EXPECT_EQ(retried.code, 0) << retried.err;
  EXPECT_EQ(text(retried.json(), "status"), "completed");
  EXPECT_EQ(text(retried.json(), "rerun_of"), id);
  const std::string successor = text(retried.json(), "execution_id");
  EXPECT_EQ(text(show(id), "successor"), successor);
  EXPECT_EQ(text(show(id), "status"), "failed");
  EXPECT_EQ(text(show(successor), "rerun_of"), id);
  EXPECT_THAT(run({"execution", "show", id, "--data", "data", "--tenant", "acme", "--timeline"}).out,
              HasSubstr(successor + " by user:maria: it has come"));
  // The key is still the first one's.
  const Json again =
      execute(R"({"intent_type":"ingest_file","parameters":{"path":"late.csv"},"idempotency_key":"late"})");
  EXPECT_EQ(text(again, "execution_id"), id);
  EXPECT_EQ(text(again, "successor"), successor);
  const Ended refused = act("rerun", {id});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr(successor));
  // What state.db says is what the log says.
  EXPECT_EQ(run({"state", "verify", "--data", "data"}).code, 0);
}

}  // namespace
}  // namespace symphainy::tests
