// SPDX-License-Identifier: Apache-2.0
// Points in time: microseconds since 1970-01-01T00:00:00Z, and their RFC 3339 text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace symphainy::base {

/// "2026-11-23T10:07:00.000001Z"; always UTC, always six decimals.
[[nodiscard]] std::string format_time(std::int64_t time_us);
/// RFC 3339 with a zone ("Z" or an offset), up to nine decimals (cut to microseconds), years 1970 to 9999.
[[nodiscard]] std::optional<std::int64_t> parse_time(std::string_view text);

/// Microseconds of a span of time: a whole number and its unit, as in 30s, 15m, 2h, 7d.
[[nodiscard]] std::optional<std::int64_t> parse_span(std::string_view text);

/// The system's wall clock, for callers outside a runtime (inside one, time comes from its Clock).
[[nodiscard]] std::int64_t wall_now_us();

}  // namespace symphainy::base
