// SPDX-License-Identifier: Apache-2.0
// The first byte rules out most notations, so that plain text costs next to nothing.
#include "domains/content/value_type.h"

#include <chrono>
#include <cstddef>

namespace symphainy::domains::content {
namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Takes what it reads off the front of the text; every step fails for good once one has failed.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  int number(std::size_t digits) {
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (rest_.size() <= i || !is_digit(rest_[i])) ok_ = false;
      if (!ok_) return 0;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }

  bool skip(char c) {
    if (!ok_ || !rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(bool condition) { ok_ = ok_ && condition; }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] bool at_digit() const { return !rest_.empty() && is_digit(rest_[0]); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::int64_t scan_date(Scanner& scanner) {
  const int year = scanner.number(4);
  scanner.expect(scanner.skip('-'));
  const auto month = static_cast<unsigned>(scanner.number(2));
  scanner.expect(scanner.skip('-'));
  const auto day = static_cast<unsigned>(scanner.number(2));
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month}, std::chrono::day{day}};
  scanner.expect(date.ok());
  if (!scanner.ok()) return 0;
  return std::chrono::sys_seconds{std::chrono::sys_days{date}}.time_since_epoch().count();
}

std::int32_t scan_fraction(Scanner& scanner) {
  scanner.expect(scanner.at_digit());
  std::int32_t nanoseconds = 0;
  std::int32_t unit = 100'000'000;
  while (scanner.ok() && scanner.at_digit()) {
    nanoseconds += scanner.number(1) * unit;
    unit /= 10;
  }
  return nanoseconds;
}

int scan_offset_seconds(Scanner& scanner) {
  if (scanner.at_end() || scanner.skip('Z') || scanner.skip('z')) return 0;
  const bool west = scanner.skip('-');
  scanner.expect(west || scanner.skip('+'));
  const int hours = scanner.number(2);
  scanner.skip(':');
  const int minutes = scanner.number(2);
  scanner.expect(hours <= 23 && minutes <= 59);
  const int offset = (hours * 60 + minutes) * 60;
  return west ? -offset : offset;
}

std::optional<TypedValue> parse_time(std::string_view text) {
  Scanner scanner(text);
  TypedValue value;
  value.type = ValueType::date;
  value.instant.seconds = scan_date(scanner);
  if (scanner.ok() && scanner.at_end()) return value;

  value.type = ValueType::datetime;
  scanner.expect(scanner.skip('T') || scanner.skip('t') || scanner.skip(' '));
  const int hours = scanner.number(2);
  scanner.expect(scanner.skip(':'));
  const int minutes = scanner.number(2);
  const bool has_seconds = scanner.skip(':');
  const int seconds = has_seconds ? scanner.number(2) : 0;
  if (has_seconds && scanner.skip('.')) value.instant.nanoseconds = scan_fraction(scanner);
  scanner.expect(hours <= 23 && minutes <= 59 && seconds <= 59);
  const int offset = scan_offset_seconds(scanner);
  if (!scanner.ok() || !scanner.at_end()) return std::nullopt;
  value.instant.seconds += (hours * 60 + minutes) * 60 + seconds - offset;
  return value;
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + 32) : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

bool looks_like_time(std::string_view text) {
  constexpr std::size_t kDateLength = 10;
  return text.size() >= kDateLength && text[4] == '-' && text[7] == '-';
}

}  // namespace

std::string_view to_string(ValueType type) noexcept {
  switch (type) {
    case ValueType::integer:
      return "integer";
    case ValueType::decimal:
      return "decimal";
    case ValueType::boolean:
      return "boolean";
    case ValueType::date:
      return "date";
    case ValueType::datetime:
      return "datetime";
    case ValueType::text:
      break;
  }
  return "text";
}

std::string_view trimmed(std::string_view cell) noexcept {
  const std::size_t first = cell.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return cell.substr(first, cell.find_last_not_of(" \t") - first + 1);
}

TypedValue classify(std::string_view cell) noexcept {
  const std::string_view text = trimmed(cell);
  TypedValue value;
  if (text.empty()) return value;
  const char first = text[0];
  if (is_digit(first) || first == '-' || first == '.') {
    if (const std::optional<DecimalText> number = parse_decimal(text)) {
      value.type = number->integer ? ValueType::integer : ValueType::decimal;
      value.number = *number;
    } else if (looks_like_time(text)) {
      value = parse_time(text).value_or(value);
    }
  } else if (first == 't' || first == 'T' || first == 'f' || first == 'F') {
    value.truth = equals_ignoring_case(text, "true");
    if (value.truth || equals_ignoring_case(text, "false")) value.type = ValueType::boolean;
  }
  return value;
}

}  // namespace symphainy::domains::content
