// SPDX-License-Identifier: Apache-2.0
// A runtime whose log cannot be written any more: whoever is told so first, the node learns it.
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "experience/control_api.h"

namespace symphainy::tests {
namespace {

using experience::HttpAnswer;

/// Answers everything that it can answer with one error.
class StoppedRuntime : public Runtime {
 public:
  explicit StoppedRuntime(ErrorCode code) : error_{code, "the log cannot be written", "", {}} {}

  Result<void> register_intent(IntentSupport, std::string, std::string, IntentHandler) override { return failed(); }
  Result<void> register_service(std::shared_ptr<DomainService>) override { return failed(); }
  Result<std::size_t> resume() override { return failed(); }
  void submit(Intent, Done done) override { done(failed()); }
  Result<ExecutionResult> execute(Intent) override { return failed(); }
  void start(Intent, Done done) override { done(failed()); }
  void command(ExecutionCommand, Done done) override { done(failed()); }
  Result<ExecutionResult> command(ExecutionCommand) override { return failed(); }
  void submit_json(Json, Done done) override { done(failed()); }
  RuntimeStatistics statistics() const override { return {}; }
  Result<void> drain() override { return failed(); }
  void begin_closing() override {}
  Result<void> close() override { return failed(); }

 private:
  std::unexpected<Error> failed() const { return std::unexpected(error_); }
  Error error_;
};

/// How often the node is told to end itself when such a drain is asked for.
int times_told(ErrorCode code, unsigned expected_status) {
  StoppedRuntime runtime(code);
  experience::NodeMetrics metrics;
  std::atomic<int> times = 0;
  experience::ControlApi api(runtime, metrics, {}, [&times] { ++times; });
  std::promise<HttpAnswer> answered;
  api.handle({"POST", "/v1/drain", ""},
             [&answered](std::move_only_function<HttpAnswer()> make) { answered.set_value(make()); });
  EXPECT_EQ(answered.get_future().get().status, expected_status);
  return times;
}

TEST(AStoppedRuntime, EndsTheNodeWhenADrainFindsItOut) {
  EXPECT_EQ(times_told(ErrorCode::stopped, 503), 1);
  EXPECT_EQ(times_told(ErrorCode::unknown, 500), 1);
  EXPECT_EQ(times_told(ErrorCode::io_error, 500), 0) << "events that cannot be published are no reason";
}

TEST(NodeMetrics, EveryStatusHasItsZero) {
  const std::string page = experience::NodeMetrics().text({});
  for (const char* status : {"running", "completed", "failed", "rejected", "cancelled", "terminated", "parked",
                             "compensating", "compensated", "compensation_stuck", "error"})
    EXPECT_NE(page.find(std::string("symphainy_intents_answered_total{status=\"") + status + "\"} 0"),
              std::string::npos)
        << status;
}

}  // namespace
}  // namespace symphainy::tests
