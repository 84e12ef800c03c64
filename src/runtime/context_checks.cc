// SPDX-License-Identifier: Apache-2.0
#include "runtime/context_checks.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/bytes.h"
#include "base/ids.h"

namespace symphainy::runtime {
namespace {

constexpr std::size_t kMaxTextBytes = 1024;
constexpr std::size_t kMaxValueDepth = 128;

}  // namespace

std::unexpected<Error> refused(std::string_view what, std::string message) {
  return fail(ErrorCode::invalid_argument, fmt::format("{}: {}", what, message), "invalid_" + std::string(what));
}

Result<void> check_name(std::string_view what, std::string_view member, std::string_view value) {
  if (base::is_name(value)) return {};
  return refused(what, fmt::format("{} {}", member, base::kNameRule));
}

Result<void> check_text(std::string_view what, std::string_view member, std::string_view value) {
  if (value.size() <= kMaxTextBytes && base::is_utf8(value)) return {};
  return refused(what, fmt::format("{} must be at most {} bytes of UTF-8", member, kMaxTextBytes));
}

Result<std::size_t> recordable(std::string_view what, const Json& value, std::size_t max_bytes) {
  const std::string text = value.dump();
  if (text.size() > max_bytes) {
    return refused(what, fmt::format("is {} bytes of JSON; the limit is {}: put it into an artifact and name that",
                                     text.size(), max_bytes));
  }
  if (const auto read_back = Json::parse(text, {.max_depth = kMaxValueDepth}); !read_back) {
    return refused(what, "is no JSON that can be recorded: " + read_back.error().message);
  }
  return text.size();
}

std::size_t text_bytes(std::initializer_list<std::string_view> texts) {
  const auto escaped = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; };
  std::size_t bytes = 0;
  for (const std::string_view text : texts) {
    bytes += text.size() + 5 * static_cast<std::size_t>(std::ranges::count_if(text, escaped));
  }
  return bytes;
}

}  // namespace symphainy::runtime
