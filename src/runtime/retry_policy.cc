// SPDX-License-Identifier: Apache-2.0
#include "runtime/retry_policy.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/try.h"
#include "runtime/context_checks.h"

namespace symphainy::runtime {
namespace {

constexpr double kMostTakenOff = 0.2;  // of a delay
constexpr std::int64_t kDayUs = 24LL * 3'600 * 1'000'000;
constexpr std::int64_t kMaxAgeUs = 366 * kDayUs;

Result<void> check_span(std::string_view what, std::string_view name, std::int64_t span_us, std::int64_t max_us) {
  if (span_us >= 0 && span_us <= max_us) return {};
  return refused(what, fmt::format("{} is {}; it must be 0 to {} ({} days)", name, span_us, max_us, max_us / kDayUs));
}

}  // namespace

Result<void> check_retry(std::string_view what, const RetryPolicy& retry) {
  if (retry.max_tries == 0) return refused(what, "max_tries must be at least 1");
  TRY(check_span(what, "first_delay_us", retry.first_delay_us, kDayUs));
  TRY(check_span(what, "max_delay_us", retry.max_delay_us, kDayUs));
  return check_span(what, "max_age_us", retry.max_age_us, kMaxAgeUs);
}

bool is_worth_another_try(const Error& error, const RetryPolicy& retry, std::uint32_t tries, std::int64_t age_us) {
  if (tries >= retry.max_tries) return false;
  if (retry.max_age_us > 0 && age_us > retry.max_age_us) return false;
  return std::ranges::find(retry.non_retryable, error.name()) == retry.non_retryable.end();
}

std::int64_t delay_before(std::uint32_t number, const RetryPolicy& retry, const std::string& token) {
  const double full = std::min(static_cast<double>(retry.first_delay_us) * std::exp2(number - 2),
                               static_cast<double>(retry.max_delay_us));
  const base::Digest noise = base::sha256(fmt::format("{}\n{}", token, number));
  const double taken_off = kMostTakenOff * base::load_integer<std::uint16_t>(noise.bytes.data()) / 65'536;
  return static_cast<std::int64_t>(std::max(full, 0.0) * (1 - taken_off));
}

}  // namespace symphainy::runtime
