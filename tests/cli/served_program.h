// SPDX-License-Identifier: Apache-2.0
// A test whose program has a node serving its data directory.
#pragma once

#include <regex>
#include <signal.h>
#include <string>

#include "program.h"
#include "raw_connection.h"

namespace symphainy::tests {

class ServedProgram : public ProgramTest {
 protected:
  void SetUp() override { write_file("rows.csv", "a\n1\n"); }

  /// A node that answers by now.
  std::unique_ptr<Running> serve(const Arguments& more = {}) {
    Arguments arguments{"serve", "--data", data_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto node = start(arguments);
    ready_ = node->wait_for_notices(1);
    EXPECT_TRUE(ready_.starts_with("symphainy: serving " + data_)) << ready_;
    return node;
  }
  static Ended stop(Running& node) {
    node.signal(SIGTERM);
    return node.wait();
  }
  static std::string ingest(const std::string& key, const std::string& path = "rows.csv") {
    return R"({"intent_type":"ingest_file","idempotency_key":")" + key + R"(","parameters":{"path":")" + path +
           R"("}})" + "\n";
  }
  static std::string ingest_many(int count) {
    std::string intents;
    for (int i = 0; i < count; ++i) intents += ingest("k" + std::to_string(i));
    return intents;
  }
  Arguments run_arguments() const { return {"run", "--data", data_, "--tenant", "acme"}; }
  std::string completed_executions() {
    const Ended asked = run({"sql", "--data", data_, "--tenant", "acme", "-o", "json",
                             "SELECT count(*) AS n FROM executions WHERE status = 'completed'"});
    std::smatch number;
    return std::regex_search(asked.out, number, std::regex(R"(\[\[?"?(\d+))")) ? number[1].str()
                                                                               : asked.out + asked.err;
  }
  RawConnection connect() const { return RawConnection::local(socket_path()); }
  std::string socket_path() const { return directory_ / (data_ + "/control.sock"); }

  std::string data_ = "data";
  std::string ready_;  ///< what the node said when it was ready
};

}  // namespace symphainy::tests
