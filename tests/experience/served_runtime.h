// SPDX-License-Identifier: Apache-2.0
// A real runtime on a directory of its own, with an intent that ends at once, one that waits until the test says so,
// one that is parked, and one whose next attempt is an hour away.
#pragma once

#include <atomic>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "symphainy/runtime.h"

#include "experience/control_api.h"
#include "experience/node_metrics.h"
#include "temporary_directory.h"

namespace symphainy::tests {

class ServedRuntime : public ::testing::Test {
 protected:
  void SetUp() override { open({}); }
  void TearDown() override {
    let_go();
    api_.reset();
    runtime_.reset();
  }

  void open(RuntimeOptions options) {
    api_.reset();
    runtime_.reset();
    options.data_directory = directory_ / "data";
    auto opened = Runtime::open(options);
    ASSERT_TRUE(opened) << opened.error().message;
    runtime_ = *std::move(opened);
    ASSERT_TRUE(runtime_->register_intent({.intent_type = "note"}, "notes", "note", note));
    ASSERT_TRUE(runtime_->register_intent({.intent_type = "wait"}, "notes", "wait",
                                          [this](const Intent&, ExecutionContext&) { return wait(*this); }));
    ASSERT_TRUE(runtime_->register_intent({.intent_type = "fail"}, "notes", "fail", refuse));
    IntentSupport parks{.intent_type = "park"};
    parks.out_of_attempts = OutOfAttempts::park;
    ASSERT_TRUE(runtime_->register_intent(std::move(parks), "notes", "park", refuse));
    IntentSupport retries{.intent_type = "retry"};
    retries.retry = {.max_tries = 2, .first_delay_us = kHourUs, .max_delay_us = kHourUs};
    ASSERT_TRUE(runtime_->register_intent(std::move(retries), "notes", "retry",
                                          [this](const Intent&, ExecutionContext&) { return fail_once(*this); }));
    api_ = std::make_unique<experience::ControlApi>(*runtime_, metrics_, options.intent_limits,
                                                    [this] { ++times_stopped_; });
  }
  void let_go() {
    if (!let_go_.exchange(true)) gate_.set_value();
  }
  static Intent intent(const std::string& type, const std::string& key = "") {
    Intent made = Intent::create(type, "acme", "s", "s", {"user", "ada"});
    if (!key.empty()) made.idempotency_key = key;
    return made;
  }

  TemporaryDirectory directory_;
  experience::NodeMetrics metrics_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<experience::ControlApi> api_;
  std::atomic<int> times_stopped_ = 0;
  std::promise<void> begun_;  ///< kept by the first intent that waits, or is attempted again

 private:
  static constexpr std::int64_t kHourUs = 3'600'000'000;

  static Task<Result<HandlerResult>> note(const Intent& asked, ExecutionContext& context) {
    if (const auto added = context.add_artifact({"note.txt", "text/plain", "noted"}); !added)
      co_return std::unexpected(added.error());
    if (const auto queued = context.add_event({.type = "note.taken", .data = Json(), .subject = "", .topic = "notes"});
        !queued)
      co_return std::unexpected(queued.error());
    co_return HandlerResult{Json::object({{"by", asked.actor.id}})};
  }
  static Task<Result<HandlerResult>> wait(ServedRuntime& test) {
    if (!test.has_begun_.exchange(true)) test.begun_.set_value();
    test.gate_opens_.wait();
    co_return HandlerResult{Json("waited")};
  }
  static Task<Result<HandlerResult>> fail_once(ServedRuntime& test) {
    if (!test.has_begun_.exchange(true)) test.begun_.set_value();
    co_return fail(ErrorCode::unavailable, "not now", "not_now");
  }
  static Task<Result<HandlerResult>> refuse(const Intent&, ExecutionContext&) {
    co_return fail(ErrorCode::not_found, "there is no such note", "no_note", Json::object({{"note", 7}}));
  }

  std::promise<void> gate_;
  std::shared_future<void> gate_opens_ = gate_.get_future().share();
  std::atomic<bool> let_go_ = false;
  std::atomic<bool> has_begun_ = false;
};

}  // namespace symphainy::tests
