// SPDX-License-Identifier: Apache-2.0
// The rows of the projections and the records of the log as JSON. For one tenant they show its own tenant_seq;
// positions count every tenant's records, so they are shown to the operator only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "symphainy/error.h"

#include "base/log_record.h"
#include "public_works/abstractions/lineage_store.h"
#include "public_works/abstractions/state_store.h"

namespace symphainy::cli {

[[nodiscard]] Json execution_json(const public_works::ExecutionRow& row, const public_works::TenantScope& scope);
[[nodiscard]] Json event_json(const public_works::EventRow& row, bool published,
                              const public_works::TenantScope& scope);
[[nodiscard]] Json state_json(const public_works::StateRow& row, const public_works::TenantScope& scope);
[[nodiscard]] Json edge_json(const public_works::ProvenanceRow& row);
[[nodiscard]] Json record_json(const base::LogRecord& record, const public_works::TenantScope& scope);

/// RFC 3339, or a span back from now: 30s, 15m, 2h, 7d.
[[nodiscard]] Result<std::int64_t> parse_moment(const std::string& text);
[[nodiscard]] Result<std::optional<std::int64_t>> parse_moment(const std::optional<std::string>& text);

/// Stored JSON text as a value; the text itself should it not parse.
[[nodiscard]] Json stored_json(const std::string& text);

/// How many rows a list shows: from 1 to 10,000.
[[nodiscard]] Result<std::size_t> list_limit(const std::optional<std::uint64_t>& asked);

}  // namespace symphainy::cli
