// SPDX-License-Identifier: Apache-2.0
// What the fault points do in a test program. SYMPHAINY_CRASH_AT=NAME:N kills the process (SIGKILL, as kill -9 would)
// the Nth time that point is reached; SYMPHAINY_CRASH_LOG=FILE appends the name of every point reached, a line each.
#include "base/fault_points.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <set>
#include <string>
#include <unistd.h>

#include "crash/planted_bugs.h"

namespace symphainy {
namespace {

std::string setting(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody changes the environment
  return value == nullptr ? "" : value;
}

struct CrashPlan {
  std::string point;
  long hit = 0;  // from 1
  int log = -1;

  CrashPlan() {
    const std::string at = setting("SYMPHAINY_CRASH_AT");
    const std::size_t colon = at.rfind(':');
    if (colon != std::string::npos) {
      point = at.substr(0, colon);
      hit = std::strtol(at.c_str() + colon + 1, nullptr, 10);
    }
    const std::string file = setting("SYMPHAINY_CRASH_LOG");
    if (!file.empty()) log = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  }
};

std::set<std::string, std::less<>>& planted() {
  static std::set<std::string, std::less<>> bugs = [] {
    const std::string bug = setting("SYMPHAINY_PLANTED_BUG");
    return bug.empty() ? std::set<std::string, std::less<>>() : std::set<std::string, std::less<>>{bug};
  }();
  return bugs;
}

}  // namespace

namespace base {

void reach_crash_point(std::string_view name) {
  static const CrashPlan plan;
  static std::atomic<long> hits = 0;
  if (plan.log >= 0) {
    const std::string line = std::string(name) + "\n";
    static_cast<void>(!::write(plan.log, line.data(), line.size()));
  }
  if (name == plan.point && ++hits == plan.hit) static_cast<void>(::raise(SIGKILL));
}

void reach_crash_point(CrashStep step, std::string_view point) {
  reach_crash_point(std::string(step.name).append(point));
}

bool has_planted_bug(std::string_view name) {
  return planted().contains(name);
}

}  // namespace base

namespace tests {

void plant_bug(std::string_view name) {
  planted().insert(std::string(name));
}

void remove_planted_bugs() {
  planted().clear();
}

}  // namespace tests
}  // namespace symphainy
