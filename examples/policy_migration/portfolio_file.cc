// SPDX-License-Identifier: Apache-2.0
#include "portfolio_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace policy_migration {
namespace {

using symphainy::ErrorCode;
using symphainy::Result;

std::unexpected<symphainy::Error> refused(const std::string& name, const std::string& why) {
  return symphainy::fail(
      ErrorCode::invalid_argument,
      "path '" + name + "' " + why + "; name a file in the directory that PORTFOLIO_DIRECTORY says (default: .)",
      "unreadable_portfolio");
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const noexcept { return number_; }

 private:
  int number_;
};

}  // namespace

Result<std::string> read_portfolio(const std::string& directory, const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos)
    return refused(name, "is no file's own name");
  const std::string path = directory + "/" + name;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat known = {};
  if (file.number() < 0 || ::fstat(file.number(), &known) != 0)
    return refused(name, std::string("cannot be read: ") + std::strerror(errno));
  if (!S_ISREG(known.st_mode)) return refused(name, "is not a regular file");
  if (static_cast<std::size_t>(known.st_size) > kLargestPortfolio)
    return refused(name, "is larger than " + std::to_string(kLargestPortfolio) + " bytes");
  std::string bytes(static_cast<std::size_t>(known.st_size), '\0');
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const ssize_t got = ::read(file.number(), bytes.data() + taken, bytes.size() - taken);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused(name, std::string("cannot be read: ") + std::strerror(errno));
    if (got == 0) return refused(name, "became shorter while it was read");
    taken += static_cast<std::size_t>(got);
  }
  return bytes;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    if (end > 0) lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace policy_migration
