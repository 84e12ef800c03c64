// SPDX-License-Identifier: Apache-2.0
#include "policy_system.h"

#include <cstdio>
#include <optional>
#include <utility>

namespace policy_migration {
namespace {

using symphainy::ErrorCode;
using symphainy::Json;
using symphainy::Result;

/// The call in a transaction that the server then fails in: what it did is rolled back.
Result<std::string> fail_behind(PolicyConnection& connection, const std::string& sql,
                                const std::vector<std::string>& values, const std::vector<std::string>& failure) {
  if (auto begun = connection.ask("BEGIN"); !begun) return begun;
  auto answer = connection.ask(sql, values);
  for (const std::string& statement : failure) {
    if (!answer) break;
    answer = connection.ask(statement);
  }
  return answer;
}

// SQLSTATE 40001, as a server that finds two transactions in each other's way answers.
const std::vector<std::string> kServerError = {
    "DO $$ BEGIN RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001'; END $$"};
// SQLSTATE 57014: the server's own statement_timeout, which is made short first.
const std::vector<std::string> kTimeOut = {"SET LOCAL statement_timeout = '10ms'", "SELECT pg_sleep(5)"};

}  // namespace

PolicySystem::PolicySystem(Options options) : options_(std::move(options)) {}

std::vector<std::string> PolicySystem::final_refusals() {
  return {"policy_exists", "policy_on_hold", "write_withdrawn", "policy_absent", "policy_system_failed"};
}

Result<Json> PolicySystem::write(const PolicyCall& call, const Json& record) {
  return this->call(call, {"write", "SELECT write_policy($1::uuid, $2::jsonb)", {call.token, record.dump()}});
}

Result<Json> PolicySystem::confirm(const PolicyCall& call, const std::string& write_token) {
  return this->call(call, {"confirm", "SELECT confirm_policy($1::uuid, $2::uuid)", {call.token, write_token}});
}

Result<Json> PolicySystem::withdraw(const PolicyCall& call, const std::string& write_token) {
  return this->call(call, {"withdraw", "SELECT withdraw_policy($1::uuid, $2::uuid)", {call.token, write_token}});
}

Result<Json> PolicySystem::call(const PolicyCall& call, const Statement& statement) {
  const Fault fault = options_.faults.of_call(statement.operation, call.policy_number, call.number);
  auto answer = attempt(fault, statement);
  if (answer) return Json::parse(*answer);
  std::fprintf(stderr, "policy system: %s %s: %s\n", std::string(statement.operation).c_str(),
               call.policy_number.c_str(), std::string(answer.error().name()).c_str());
  return std::unexpected(std::move(answer).error());
}

Result<std::string> PolicySystem::attempt(Fault fault, const Statement& statement) {
  if (fault == Fault::refused)
    return symphainy::fail(ErrorCode::unavailable, "the call was refused before it left, as the fault plan has it",
                           "refused");
  auto connection = lease();
  if (!connection) return std::unexpected(connection.error());
  switch (fault) {
    case Fault::answer_lost:
      connection->send_and_cut(statement.sql, statement.values);
      return symphainy::fail(ErrorCode::unknown, "the connection was cut before the answer, as the fault plan has it",
                             "answer_lost");
    // The connection has a failed transaction then: it is closed, not given back.
    case Fault::server_error:
      return fail_behind(*connection, statement.sql, statement.values, kServerError);
    case Fault::timed_out:
      return fail_behind(*connection, statement.sql, statement.values, kTimeOut);
    case Fault::none:
    case Fault::refused:
      break;
  }
  auto answer = connection->ask(statement.sql, statement.values);
  if (connection->is_usable())
    give_back(*std::move(connection));
  else
    forget_idle();
  return answer;
}

Result<PolicyConnection> PolicySystem::lease() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      PolicyConnection connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  return PolicyConnection::open(options_.conninfo, options_.statement_timeout);
}

// When one connection is lost the others most likely are: each would cost a try to find out.
void PolicySystem::forget_idle() {
  std::vector<PolicyConnection> closed;
  const std::lock_guard lock(mutex_);
  closed.swap(idle_);
}

void PolicySystem::give_back(PolicyConnection connection) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(connection));
}

}  // namespace policy_migration
