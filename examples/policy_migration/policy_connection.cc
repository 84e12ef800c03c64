// SPDX-License-Identifier: Apache-2.0
#include "policy_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <string_view>
#include <utility>

namespace policy_migration {
namespace {

using namespace std::chrono_literals;
using symphainy::Error;
using symphainy::ErrorCode;
using symphainy::Result;
using Clock = std::chrono::steady_clock;

struct Clear {
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using Answer = std::unique_ptr<PGresult, Clear>;

// The policy system's own refusals (new_policy_system.sql): asking again does not help.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kRefusals{{{"PM001", "policy_exists"},
                                                                                  {"PM002", "policy_on_hold"},
                                                                                  {"PM003", "write_withdrawn"},
                                                                                  {"PM004", "policy_absent"}}};

// Conditions of the server that pass: connection, rollback, resources, operator intervention (a shutdown, a time-out).
constexpr std::array<std::string_view, 5> kPassingClasses{"08", "40", "53", "55", "57"};

std::string one_line(std::string_view text) {
  std::string line(text.substr(0, text.find_last_not_of('\n') + 1));
  std::ranges::replace(line, '\n', ' ');
  return line;
}

Error server_error(const PGresult* result) {
  const char* field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string_view state = field == nullptr ? "" : field;
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const std::string said = one_line(primary == nullptr ? PQresultErrorMessage(result) : primary);
  for (const auto& [refusal, reason] : kRefusals)
    if (state == refusal) return {ErrorCode::failed, "the policy system refuses: " + said, std::string(reason), {}};
  if (std::ranges::find(kPassingClasses, state.substr(0, 2)) != kPassingClasses.end())
    return {ErrorCode::unavailable, "the policy system is not able to for now: " + said, "server_error", {}};
  return {ErrorCode::failed,
          "the policy system does not take it (" + std::string(state) + "): " + said,
          "policy_system_failed",
          {}};
}

}  // namespace

Result<PolicyConnection> PolicyConnection::open(const std::string& conninfo,
                                                std::chrono::milliseconds statement_timeout) {
  const std::string options = "-c statement_timeout=" + std::to_string(statement_timeout.count());
  const std::array keywords{"dbname", "connect_timeout", "options", "application_name",
                            static_cast<const char*>(nullptr)};
  const std::array values{conninfo.c_str(), "2", options.c_str(), "policy_migration",
                          static_cast<const char*>(nullptr)};
  Handle handle(PQconnectdbParams(keywords.data(), values.data(), 1));
  if (!handle || PQstatus(handle.get()) != CONNECTION_OK || PQsetnonblocking(handle.get(), 1) != 0) {
    return symphainy::fail(ErrorCode::unavailable,
                           "the policy system cannot be reached: " + one_line(PQerrorMessage(handle.get())) +
                               "; see that it runs where POLICY_SYSTEM says",
                           "unreachable");
  }
  return PolicyConnection(std::move(handle), statement_timeout + 1s);
}

PolicyConnection::PolicyConnection(Handle handle, std::chrono::milliseconds patience)
    : handle_(std::move(handle)), patience_(patience) {}

bool PolicyConnection::is_usable() const {
  return handle_ && PQstatus(handle_.get()) == CONNECTION_OK && PQtransactionStatus(handle_.get()) != PQTRANS_ACTIVE &&
         PQtransactionStatus(handle_.get()) != PQTRANS_INERROR;
}

Error PolicyConnection::connection_lost() const {
  return {
      ErrorCode::unknown,
      "the connection to the policy system was lost before it answered, so the call may or may not have happened: " +
          one_line(PQerrorMessage(handle_.get())),
      "answer_lost",
      {}};
}

bool PolicyConnection::send(const std::string& sql, const std::vector<std::string>& values) {
  std::vector<const char*> texts;
  for (const std::string& value : values) texts.push_back(value.c_str());
  return PQsendQueryParams(handle_.get(), sql.c_str(), static_cast<int>(texts.size()), nullptr, texts.data(), nullptr,
                           nullptr, 0) == 1;
}

Result<void> PolicyConnection::wait_for_answer() {
  const auto give_up = Clock::now() + patience_;
  while (true) {
    const int unsent = PQflush(handle_.get());
    if (unsent < 0) return std::unexpected(connection_lost());
    if (unsent == 0 && PQisBusy(handle_.get()) == 0) return {};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(give_up - Clock::now());
    pollfd socket{PQsocket(handle_.get()), static_cast<short>(unsent > 0 ? POLLIN | POLLOUT : POLLIN), 0};
    const int ready = left <= 0ms ? 0 : ::poll(&socket, 1, static_cast<int>(left.count()));
    if (ready == 0) {
      handle_.reset();
      return symphainy::fail(ErrorCode::unknown,
                             "the policy system did not answer in time, so the call may or may not have happened",
                             "no_answer");
    }
    if (ready < 0 && errno != EINTR) return std::unexpected(connection_lost());
    if (ready > 0 && PQconsumeInput(handle_.get()) == 0) return std::unexpected(connection_lost());
  }
}

Result<std::string> PolicyConnection::ask(const std::string& sql, const std::vector<std::string>& values) {
  if (!is_usable() || !send(sql, values)) return std::unexpected(connection_lost());
  std::string first;
  Result<void> outcome;
  while (true) {
    if (auto waited = wait_for_answer(); !waited) return std::unexpected(waited.error());
    const Answer answer(PQgetResult(handle_.get()));
    if (!answer) break;
    const ExecStatusType status = PQresultStatus(answer.get());
    if (status == PGRES_TUPLES_OK && PQntuples(answer.get()) > 0) first = PQgetvalue(answer.get(), 0, 0);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
      outcome =
          std::unexpected(PQstatus(handle_.get()) == CONNECTION_OK ? server_error(answer.get()) : connection_lost());
  }
  if (!outcome) return std::unexpected(outcome.error());
  return first;
}

void PolicyConnection::send_and_cut(const std::string& sql, const std::vector<std::string>& values) {
  const auto give_up = Clock::now() + patience_;
  if (is_usable() && send(sql, values)) {
    while (PQflush(handle_.get()) > 0 && Clock::now() < give_up) {
      pollfd socket{PQsocket(handle_.get()), POLLOUT, 0};
      ::poll(&socket, 1, 100);
    }
  }
  handle_.reset();
}

}  // namespace policy_migration
