// SPDX-License-Identifier: Apache-2.0
// Feeds bytes to a profiler in pieces of one size: a profile must not depend on that size.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "symphainy/json.h"

#include "domains/content/csv_profile.h"
#include "domains/content/text_profile.h"

namespace symphainy::domains::content {

inline constexpr std::array<std::size_t, 5> kChunkSizes = {1, 2, 3, 7, 4096};
inline constexpr std::size_t kWhole = std::string_view::npos;

template <typename Profiler>
Result<Json> profile(Profiler& profiler, std::string_view bytes, std::size_t chunk_size) {
  while (!bytes.empty()) {
    const std::string_view chunk = bytes.substr(0, chunk_size);
    if (auto fed = profiler.feed(chunk); !fed) return std::unexpected(fed.error());
    bytes.remove_prefix(chunk.size());
  }
  return profiler.finish();
}

inline Result<Json> profile_csv(std::string_view bytes, std::size_t chunk_size = kWhole, CsvOptions options = {}) {
  CsvProfiler profiler(options);
  return profile(profiler, bytes, chunk_size);
}

inline Result<Json> profile_text(std::string_view bytes, std::size_t chunk_size = kWhole) {
  TextProfiler profiler;
  return profile(profiler, bytes, chunk_size);
}

/// Canonical JSON of a member or of the whole, "(absent)" or the error's message: easy to compare.
inline std::string member(const Json& object, std::string_view key) {
  const Json* found = object.find(key);
  return found == nullptr ? "(absent)" : found->dump();
}

inline std::string dump(const Result<Json>& result) {
  return result ? result->dump() : "error: " + result.error().message;
}

/// The column of that name; null when there is none.
inline Json column(const Json& profile, std::string_view name) {
  const Json* columns = profile.find("columns");
  for (std::size_t i = 0; columns != nullptr && i < columns->size(); ++i) {
    const Json* found = columns->at(i).find("name");
    if (found != nullptr && found->as_string() == name) return columns->at(i);
  }
  return {};
}

inline std::uint64_t count_of(const Json& column, std::string_view value) {
  const Json* top = column.find("top_values");
  for (std::size_t i = 0; top != nullptr && i < top->size(); ++i) {
    if (top->at(i).find("value")->as_string() == value) {
      return top->at(i).find("count")->as_uint64().value_or(0);
    }
  }
  return 0;
}

}  // namespace symphainy::domains::content
