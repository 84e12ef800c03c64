// SPDX-License-Identifier: Apache-2.0
// Runs the real program in a directory of its own and gives back what it printed and how it ended.
#pragma once

#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

#include "symphainy/json.h"

#include "temporary_directory.h"

namespace symphainy::tests {

struct Ended {
  int code = -1;  ///< exit code; -signal when a signal ended it
  std::string out;
  std::string err;

  /// stdout as one JSON value; fails the test when it is none.
  [[nodiscard]] Json json() const;
  /// stdout as JSON lines.
  [[nodiscard]] std::vector<Json> json_lines() const;
};

/// A program under way.
class Running {
 public:
  Running(pid_t process, std::string out, std::string err, int input);
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running();

  void write(const std::string& text);  ///< to its stdin
  void close_input();
  void signal(int number);
  [[nodiscard]] pid_t process() const noexcept { return process_; }
  /// Waits until it has taken everything written from the pipe.
  void wait_until_input_is_read();
  /// Waits until its stdout holds that many lines.
  void wait_for_lines(std::size_t count);
  /// Waits until its stderr holds that many lines, and gives back what it holds.
  std::string wait_for_notices(std::size_t count);
  [[nodiscard]] Ended wait();

 private:
  pid_t process_;
  std::string out_;
  std::string err_;
  int input_;
  bool signalled_ = false;
};

/// One temporary directory per test: working directory, data directory and input files are in it.
class ProgramTest : public ::testing::Test {
 protected:
  using Arguments = std::vector<std::string>;

  Ended run(const Arguments& arguments, const std::string& input = "");
  /// With `output` or `errors`, a descriptor, its stdout or stderr goes there and not into what wait() gives back.
  std::unique_ptr<Running> start(const Arguments& arguments, int output = -1, int errors = -1);
  void write_file(const std::string& name, const std::string& content);

  /// Ingests rows.csv for the tenant and profiles it; afterwards there is something to read.
  void fill_store(const std::string& tenant = "acme");
  /// The first result line of one intent.
  Json execute(const std::string& intent, const std::string& tenant = "acme");

  TemporaryDirectory directory_;
  std::string program_ = SYMPHAINY_BINARY;
  std::map<std::string, std::string> environment_;  ///< besides PATH, TMPDIR and HOME

 private:
  int count_ = 0;
};

/// The member as text, "" when absent.
std::string text(const Json& object, std::string_view key);

}  // namespace symphainy::tests
