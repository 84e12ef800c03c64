// SPDX-License-Identifier: Apache-2.0
#include "program.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <signal.h>
#include <sstream>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "base/try.h"

namespace symphainy::tests {
namespace {

std::string read_whole(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  for (std::string& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

/// Whether the file comes to hold that many lines within a minute.
bool holds_lines(const std::string& path, std::size_t count) {
  const int changes = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  CHECK(changes >= 0 && ::inotify_add_watch(changes, path.c_str(), IN_MODIFY) >= 0);
  // Watched before it is read: a line that comes in between wakes the wait.
  bool seen = false;
  bool waiting = true;
  while (waiting) {
    seen = static_cast<std::size_t>(std::ranges::count(read_whole(path), '\n')) >= count;
    pollfd change{changes, POLLIN, 0};
    waiting = !seen && ::poll(&change, 1, 60'000) > 0;
    std::array<char, 4096> events;
    [[maybe_unused]] const auto drained = ::read(changes, events.data(), events.size());
  }
  ::close(changes);
  return seen;
}

}  // namespace

Json Ended::json() const {
  auto parsed = Json::parse(out);
  EXPECT_TRUE(parsed.has_value()) << "stdout is no JSON: " << out << "\nstderr: " << err;
  return parsed ? *std::move(parsed) : Json();
}

std::vector<Json> Ended::json_lines() const {
  std::vector<Json> lines;
  std::istringstream stream(out);
  for (std::string line; std::getline(stream, line);) {
    auto parsed = Json::parse(line);
    EXPECT_TRUE(parsed.has_value()) << "a line is no JSON: " << line;
    if (parsed) lines.push_back(*std::move(parsed));
  }
  return lines;
}

Running::Running(pid_t process, std::string out, std::string err, int input)
    : process_(process), out_(std::move(out)), err_(std::move(err)), input_(input) {}

Running::~Running() {
  close_input();
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

void Running::write(const std::string& text) {
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(input_, text.data() + written, text.size() - written);
    if (count <= 0) return;
    written += static_cast<std::size_t>(count);
  }
}

void Running::close_input() {
  if (input_ >= 0) ::close(std::exchange(input_, -1));
}

void Running::wait_until_input_is_read() {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  int held = 1;
  while (held > 0 && std::chrono::steady_clock::now() < give_up) {
    if (::ioctl(input_, FIONREAD, &held) != 0) break;
    std::this_thread::yield();
  }
  EXPECT_EQ(held, 0) << "the program has not read its input within a minute";
}

void Running::signal(int number) {
  signalled_ = true;
  ::kill(process_, number);
}

void Running::wait_for_lines(std::size_t count) {
  EXPECT_TRUE(holds_lines(out_, count)) << "the program printed no " << count << " lines within a minute";
}

std::string Running::wait_for_notices(std::size_t count) {
  const bool seen = holds_lines(err_, count);
  EXPECT_TRUE(seen) << "the program said nothing on stderr within a minute";
  return read_whole(err_);
}

Ended Running::wait() {
  if (!signalled_) close_input();  // else only the signal ends it
  int status = 0;
  CHECK(::waitpid(process_, &status, 0) == process_);
  process_ = -1;
  close_input();
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), read_whole(out_), read_whole(err_)};
}

std::unique_ptr<Running> ProgramTest::start(const Arguments& arguments, int output, int errors) {
  ::signal(SIGPIPE, SIG_IGN);
  const std::string stem = directory_ / ("output-" + std::to_string(count_++));
  int ends[2];
  CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  std::vector<std::string> words{program_};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> settings{"PATH=/usr/bin:/bin", "HOME=" + directory_.path(), "TMPDIR=" + directory_.path()};
  for (const auto& [name, value] : environment_) settings.push_back(name + "=" + value);
  const std::vector<char*> argument_list = pointers(words);
  const std::vector<char*> setting_list = pointers(settings);
  constexpr int kCreate = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
  const int out = ::open((stem + ".out").c_str(), kCreate, 0600);
  const int err = ::open((stem + ".err").c_str(), kCreate, 0600);
  CHECK(out >= 0 && err >= 0);
  const pid_t process = ::fork();
  CHECK(process >= 0);
  if (process == 0) {
    ::dup2(ends[0], STDIN_FILENO);
    ::dup2(output >= 0 ? output : out, STDOUT_FILENO);
    ::dup2(errors >= 0 ? errors : err, STDERR_FILENO);
    ::signal(SIGPIPE, SIG_DFL);
    if (::chdir(directory_.path().c_str()) == 0) ::execve(program_.c_str(), argument_list.data(), setting_list.data());
    ::_exit(127);
  }
  for (const int mine : {ends[0], out, err}) ::close(mine);
  return std::make_unique<Running>(process, stem + ".out", stem + ".err", ends[1]);
}

Ended ProgramTest::run(const Arguments& arguments, const std::string& input) {
  const auto program = start(arguments);
  program->write(input);
  return program->wait();
}

void ProgramTest::write_file(const std::string& name, const std::string& content) {
  std::ofstream(directory_ / name, std::ios::binary) << content;
}

Json ProgramTest::execute(const std::string& intent, const std::string& tenant) {
  const Ended ended = run({"run", "--data", "data", "--tenant", tenant}, intent);
  const auto lines = ended.json_lines();
  EXPECT_EQ(lines.size(), 1U) << ended.err;
  return lines.empty() ? Json() : lines.front();
}

void ProgramTest::fill_store(const std::string& tenant) {
  write_file("rows.csv", "name,amount\nWood,1.50\nSteel,2.25\n");
  const Json ingested =
      execute(R"({"intent_type":"ingest_file","parameters":{"path":"rows.csv"},"idempotency_key":"k1"})", tenant);
  ASSERT_EQ(text(ingested, "status"), "completed") << ingested.dump();
  const std::string reference = text(ingested.find("references")->at(0), "reference_id");
  const Json analyzed = execute(
      R"({"intent_type":"analyze_content","parameters":{"analysis":"profile","reference_id":")" + reference + R"("}})",
      tenant);
  ASSERT_EQ(text(analyzed, "status"), "completed") << analyzed.dump();
}

std::string text(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  const auto found = value == nullptr ? std::nullopt : value->as_string();
  return found ? std::string(*found) : std::string();
}

}  // namespace symphainy::tests
