// SPDX-License-Identifier: Apache-2.0
// One connection to the new policy system's PostgreSQL, that never waits for ever: an answer that does not come in time
// is an unknown outcome, and the end of the connection.
#pragma once

#include <chrono>
#include <libpq-fe.h>
#include <memory>
#include <string>
#include <symphainy/error.h>
#include <vector>

namespace policy_migration {

/// One thread at a time.
class PolicyConnection {
 public:
  /// `conninfo` as libpq has it. The server gives a statement up after `statement_timeout`, and we a server that says
  /// nothing a second later.
  [[nodiscard]] static symphainy::Result<PolicyConnection> open(const std::string& conninfo,
                                                                std::chrono::milliseconds statement_timeout);

  /// One statement, with its first column of its first row, or an empty text. Errors: `unavailable` (of which nothing
  /// happened, or which the server rolled back), `unknown` (the answer did not come), `failed` with the server's own
  /// reason (reason_of_state below).
  [[nodiscard]] symphainy::Result<std::string> ask(const std::string& sql, const std::vector<std::string>& values = {});

  /// Sends the statement, and cuts the connection before its answer is read.
  void send_and_cut(const std::string& sql, const std::vector<std::string>& values);

  /// False once an error was met that another statement would meet too.
  [[nodiscard]] bool is_usable() const;

 private:
  struct Close {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
  };
  using Handle = std::unique_ptr<PGconn, Close>;

  PolicyConnection(Handle handle, std::chrono::milliseconds patience);
  [[nodiscard]] bool send(const std::string& sql, const std::vector<std::string>& values);
  [[nodiscard]] symphainy::Result<void> wait_for_answer();
  [[nodiscard]] symphainy::Error connection_lost() const;

  Handle handle_;
  std::chrono::milliseconds patience_;
};

}  // namespace policy_migration
