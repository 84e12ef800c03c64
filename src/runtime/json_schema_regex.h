// SPDX-License-Identifier: Apache-2.0
// Patterns of schemas: ECMA-262 regular expressions (with the meaning of its u flag) run by RE2,
// whose time is linear in the text whatever the pattern. What RE2 cannot express is refused by
// name, never approximated.
#pragma once

#include <expected>
#include <memory>
#include <re2/re2.h>
#include <string>
#include <string_view>
#include <utility>

namespace symphainy::runtime::json_schema {

struct PatternProblem {
  bool is_unsupported = false;  ///< valid ECMA-262 that RE2 cannot express; otherwise it is malformed
  std::string message;
};

/// The same expression in RE2's syntax.
[[nodiscard]] std::expected<std::string, PatternProblem> to_re2_syntax(std::string_view pattern);

/// A compiled pattern, unanchored unless it says otherwise.
class Pattern {
 public:
  [[nodiscard]] static std::expected<Pattern, PatternProblem> compile(std::string_view pattern);

  [[nodiscard]] bool is_found_in(std::string_view text) const;
  /// As the schema has it.
  [[nodiscard]] const std::string& source() const noexcept { return source_; }

 private:
  Pattern(std::string_view source, std::unique_ptr<const RE2> expression)
      : source_(source), expression_(std::move(expression)) {}

  std::string source_;
  std::unique_ptr<const RE2> expression_;
};

}  // namespace symphainy::runtime::json_schema
