// SPDX-License-Identifier: Apache-2.0
// When `symphainy run` cannot say what happened it ends with 4, and what was acknowledged before is still there.
#include <array>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "program.h"

namespace symphainy::tests {
namespace {

/// The program's stdout as a pipe that is read only when the test wants to, as small as can be.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) == 0) capacity_ = ::fcntl(ends_[1], F_SETPIPE_SZ, 1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  [[nodiscard]] int write_end() const noexcept { return ends_[1]; }
  [[nodiscard]] int capacity() const noexcept { return capacity_; }  ///< bytes; negative: there is no such pipe
  [[nodiscard]] int held() const {
    int bytes = -1;
    return ::ioctl(ends_[0], FIONREAD, &bytes) == 0 ? bytes : -1;
  }
  /// Within a minute something stands in it.
  [[nodiscard]] bool has_something() const {
    pollfd wait{ends_[0], POLLIN, 0};
    return ::poll(&wait, 1, 60'000) == 1;
  }
  /// Up to and with the next line's end.
  std::string read_line() const {
    std::string line;
    char byte = 0;
    while (has_something() && ::read(ends_[0], &byte, 1) == 1 && byte != '\n') line += byte;
    return line;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
  int capacity_ = -1;
};

class RunUnknown : public ProgramTest {
 protected:
  void SetUp() override {
    write_file("rows.csv", "a\n1\n");
    ASSERT_GT(out_.capacity(), 0);
  }
  static std::string ingest(const std::string& key) {
    return R"({"intent_type":"ingest_file","idempotency_key":")" + key + R"(","parameters":{"path":"rows.csv"}})" +
           "\n";
  }
  bool until_published() {
    for (int i = 0; i < 1'000; ++i) {
      const Ended list = run({"outbox", "list", "--pending", "--data", "data", "--tenant", "acme", "-o", "json"});
      if (list.code == 0 && list.json().find("events")->empty()) return true;
    }
    return false;
  }
  const std::vector<std::string> run_{"run", "--data", "data", "--tenant", "acme"};
  Pipe out_;
};

TEST_F(RunUnknown, ASecondSignalEndsItAtOnceWithFour) {
  // A result line that the pipe cannot take: the run cannot finish, as nobody reads on.
  std::string refused = R"({"intent_type":"ingest_file","parameters":{"path":1)";
  for (int i = 0; i < 500; ++i) refused += R"(,"surprising_member_)" + std::to_string(i) + R"(":1)";
  const auto program = start(run_, out_.write_end());
  program->write(ingest("k1"));
  EXPECT_EQ(text(Json::parse(out_.read_line()).value(), "status"), "completed");
  program->write(refused + "}}\n");
  ASSERT_TRUE(out_.has_something());
  // Two of a kind could become one before either is taken.
  program->signal(SIGINT);
  program->signal(SIGTERM);
  const Ended ended = program->wait();
  EXPECT_EQ(ended.code, 4) << ended.err;
  EXPECT_EQ(out_.held(), out_.capacity()) << "the run was not held up, so the first signal might have ended it";
  EXPECT_EQ(run({"wal", "verify", "--data", "data"}).code, 0);
  const Ended again = run(run_, ingest("k1"));
  EXPECT_EQ(again.code, 0) << again.err;
  const Json list =
      run({"execution", "list", "--data", "data", "--tenant", "acme", "--status", "completed", "-o", "json"}).json();
  EXPECT_EQ(list.find("executions")->size(), 1U) << "the key still stands for the first execution";
}

TEST_F(RunUnknown, ALogThatCannotBeWrittenEndsItWithFourAndWhatWasAcknowledgedIsThere) {
  // Inherited: a write beyond the limit then fails instead of ending the program.
  const auto before = ::signal(SIGXFSZ, SIG_IGN);
  const auto program = start(run_, out_.write_end());
  ::signal(SIGXFSZ, before);
  program->write(ingest("k1"));
  const Json first = Json::parse(out_.read_line()).value();
  EXPECT_EQ(text(first, "status"), "completed");
  // Nothing is on its way any more once the publication is projected, so it is the log that meets the limit first.
  ASSERT_TRUE(until_published());
  const rlimit none{0, 0};
  if (::prlimit(program->process(), RLIMIT_FSIZE, &none, nullptr) != 0) {
    GTEST_SKIP() << "the limits of another process cannot be changed here";
  }
  program->write(ingest("k2"));
  const Json second = Json::parse(out_.read_line()).value();
  EXPECT_EQ(text(second, "status"), "unknown") << second.dump();
  const Ended ended = program->wait();
  EXPECT_EQ(ended.code, 4);

  EXPECT_EQ(run({"wal", "verify", "--data", "data"}).code, 0);
  const Ended again = run(run_, ingest("k1") + ingest("k2"));
  EXPECT_EQ(again.code, 0) << again.out << again.err;
  bool told_again = false;
  for (const Json& result : again.json_lines())
    told_again = told_again || text(result, "execution_id") == text(first, "execution_id");
  EXPECT_TRUE(told_again) << "what was acknowledged was lost";
}

}  // namespace
}  // namespace symphainy::tests
