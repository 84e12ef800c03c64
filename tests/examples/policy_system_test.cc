// SPDX-License-Identifier: Apache-2.0
// What the calls of the new policy system promise, against a real PostgreSQL: POLICY_SYSTEM names it
// (examples/policy_migration/postgres.py).
#include "policy_system.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <thread>

#include "policy_row.h"

namespace policy_migration {
namespace {

using namespace std::chrono_literals;
using symphainy::ErrorCode;
using symphainy::Json;

std::string conninfo() {
  const char* told = std::getenv("POLICY_SYSTEM");
  return told == nullptr ? "" : told;
}

/// A UUID that no other test has.
std::string fresh_token() {
  static std::atomic<unsigned> last{0};
  std::array<char, 37> text{};
  std::snprintf(text.data(), text.size(), "00000000-0000-8000-8000-%012x", ++last);
  return text.data();
}

class PolicySystemTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_FALSE(conninfo().empty()) << "POLICY_SYSTEM names no policy system; run it through postgres.py";
    ask("DELETE FROM policies");
    ask("DELETE FROM applied");
    ask("DELETE FROM holds");
  }

  std::string ask(const std::string& sql) {
    auto answer = connection_.ask(sql);
    EXPECT_TRUE(answer) << sql << ": " << answer.error().message;
    return answer.value_or("");
  }

  static Json record(const std::string& number) {
    const auto row =
        validate_policy_row("7,FL,CLAY COUNTY,1,2,3,4,5,6.78,0,0,0,0,30.102261,-81.711777,Residential,Masonry,1");
    return policy_record(row.value(), number);
  }

  /// A call that the plan of `rate` lets fail in that way.
  PolicyCall call_with(Fault fault, const std::string& operation) const {
    PolicyCall call{fresh_token(), "7", 1};
    while (faults_.of_call(operation, call.policy_number, call.number) != fault) ++call.number;
    return call;
  }
  PolicyCall good_again(PolicyCall call, const std::string& operation) const {
    while (faults_.of_call(operation, call.policy_number, call.number) != Fault::none) ++call.number;
    return call;
  }

  void expect_asked(const std::string& token, const std::string& times) {
    const auto give_up = std::chrono::steady_clock::now() + 10s;
    const std::string sql = "SELECT coalesce(sum(asked), 0) FROM applied WHERE token = '" + token + "'";
    // A call whose connection was cut may still be under way.
    while (ask(sql) != times && std::chrono::steady_clock::now() < give_up) std::this_thread::sleep_for(1ms);
    EXPECT_EQ(ask(sql), times);
  }

  const FaultPlan faults_{.rate = 0.5, .seed = 3};
  PolicySystem system_{{.conninfo = conninfo()}};
  PolicySystem faulty_{{.conninfo = conninfo(), .faults = faults_}};
  PolicyConnection connection_ = PolicyConnection::open(conninfo(), 10s).value();
};

TEST_F(PolicySystemTest, AWriteThatIsRepeatedIsAnsweredAsBefore) {
  const PolicyCall call{fresh_token(), "7", 1};
  const auto first = system_.write(call, record("7"));
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(system_.write(call, record("7")).value(), *first);
  EXPECT_EQ(ask("SELECT count(*) || ' ' || sum(tiv_2012_cents) || ' ' || min(status) FROM policies"), "1 678 pending");
  expect_asked(call.token, "2");
}

TEST_F(PolicySystemTest, AnAnswerThatWasLostIsFoundByItsToken) {
  const PolicyCall call = call_with(Fault::answer_lost, "write");
  const auto lost = faulty_.write(call, record("7"));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::unknown);
  const auto again = faulty_.write(good_again(call, "write"), record("7"));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->dump(), R"({"policy_number":"7"})");
  expect_asked(call.token, "2");
  EXPECT_EQ(ask("SELECT count(*) FROM policies"), "1");
}

TEST_F(PolicySystemTest, WhatTheServerFailsInIsRolledBackWithItsToken) {
  for (const Fault fault : {Fault::refused, Fault::server_error, Fault::timed_out}) {
    const PolicyCall call = call_with(fault, "write");
    const auto failed = faulty_.write(call, record("7"));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::unavailable) << failed.error().message;
    EXPECT_EQ(failed.error().name(), fault == Fault::refused ? "refused" : "server_error");
    expect_asked(call.token, "0");
    EXPECT_EQ(ask("SELECT count(*) FROM policies"), "0");
  }
}

TEST_F(PolicySystemTest, ConfirmingMakesActiveOnce) {
  const std::string written = fresh_token();
  const PolicyCall confirm{fresh_token(), "7", 1};
  ASSERT_TRUE(system_.write({written, "7", 1}, record("7")));
  const auto first = system_.confirm(confirm, written);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(system_.confirm(confirm, written).value(), *first);
  EXPECT_EQ(ask("SELECT status FROM policies"), "active");
}

TEST_F(PolicySystemTest, APolicyOnHoldIsNotConfirmed) {
  const std::string written = fresh_token();
  ASSERT_TRUE(system_.write({written, "7", 1}, record("7")));
  ask("INSERT INTO holds VALUES ('7', 'under review')");
  const auto refused = system_.confirm({fresh_token(), "7", 1}, written);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "policy_on_hold");
  EXPECT_EQ(ask("SELECT status FROM policies"), "pending");
}

TEST_F(PolicySystemTest, APolicyNumberIsTakenOnce) {
  const PolicyCall second{fresh_token(), "7", 1};
  ASSERT_TRUE(system_.write({fresh_token(), "7", 1}, record("7")));
  const auto refused = system_.write(second, record("7"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "policy_exists");
  expect_asked(second.token, "0");
}

TEST_F(PolicySystemTest, WithdrawingTakesThePolicyAwayAndIsAnsweredAsBefore) {
  const std::string written = fresh_token();
  const PolicyCall withdraw{fresh_token(), "7", 1};
  ASSERT_TRUE(system_.write({written, "7", 1}, record("7")));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(system_.withdraw(withdraw, written).value().dump(), R"({"withdrawn":true})");
  EXPECT_EQ(ask("SELECT count(*) FROM policies"), "0");
  const auto confirmed = system_.confirm({fresh_token(), "7", 1}, written);
  ASSERT_FALSE(confirmed);
  EXPECT_EQ(confirmed.error().reason, "policy_absent");
}

TEST_F(PolicySystemTest, AWriteThatComesAfterItsWithdrawalIsRefused) {
  const std::string written = fresh_token();
  EXPECT_EQ(system_.withdraw({fresh_token(), "7", 1}, written).value().dump(), R"({"withdrawn":false})");
  const auto late = system_.write({written, "7", 1}, record("7"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, "write_withdrawn");
  EXPECT_EQ(ask("SELECT count(*) FROM policies"), "0");
}

TEST_F(PolicySystemTest, AWriteThatIsUnderWayIsWaitedForAndWithdrawn) {
  const std::string written = fresh_token();
  ask("BEGIN");
  ask("SELECT write_policy('" + written + "', '" + record("7").dump() + "')");
  std::thread commits([this] {
    PolicyConnection watch = PolicyConnection::open(conninfo(), 10s).value();
    // Until the withdrawal waits for the lock.
    const std::string sql = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    while (watch.ask(sql).value() == "0") std::this_thread::sleep_for(1ms);
    ask("COMMIT");
  });
  const auto withdrawn = system_.withdraw({fresh_token(), "7", 1}, written);
  commits.join();
  ASSERT_TRUE(withdrawn) << withdrawn.error().message;
  EXPECT_EQ(withdrawn->dump(), R"({"withdrawn":true})");
  EXPECT_EQ(ask("SELECT count(*) FROM policies"), "0");
}

TEST_F(PolicySystemTest, WhatAnotherTryDoesNotHelpIsSaid) {
  Json nonsense = record("7");
  nonsense["line_of_business"] = "???";
  const auto refused = system_.write({fresh_token(), "7", 1}, nonsense);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "policy_system_failed");
  EXPECT_NE(refused.error().message.find("23514"), std::string::npos) << refused.error().message;
}

TEST_F(PolicySystemTest, AStatementThatTakesTooLongIsGivenUpByTheServer) {
  auto connection = PolicyConnection::open(conninfo(), 50ms).value();
  const auto given_up = connection.ask("SELECT pg_sleep(30)");
  ASSERT_FALSE(given_up);
  EXPECT_EQ(given_up.error().reason, "server_error");
  EXPECT_TRUE(connection.is_usable());
}

TEST_F(PolicySystemTest, AServerThatSaysNothingIsNotWaitedFor) {
  auto connection = PolicyConnection::open(conninfo(), 50ms).value();
  ASSERT_TRUE(connection.ask("SET statement_timeout = 0"));
  const auto silent = connection.ask("SELECT pg_sleep(30)");
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, ErrorCode::unknown);
  EXPECT_EQ(silent.error().reason, "no_answer");
  EXPECT_FALSE(connection.is_usable());
  EXPECT_FALSE(connection.ask("SELECT 1"));
}

TEST_F(PolicySystemTest, AConnectionThatTheServerEndsIsReplaced) {
  ASSERT_TRUE(system_.write({fresh_token(), "7", 1}, record("7")));
  ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename IS NOT NULL");
  const PolicyCall call{fresh_token(), "8", 1};
  const auto lost = system_.write(call, record("8"));
  const auto again = system_.write(call, record("8"));
  EXPECT_FALSE(lost);
  ASSERT_TRUE(again) << again.error().message;
}

TEST(AbsentPolicySystem, IsUnreachable) {
  PolicySystem nowhere({.conninfo = "host=127.0.0.1 port=1 dbname=policies user=migrator"});
  const auto refused = nowhere.write({fresh_token(), "7", 1}, Json::object());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_EQ(refused.error().reason, "unreachable");
}

}  // namespace
}  // namespace policy_migration
