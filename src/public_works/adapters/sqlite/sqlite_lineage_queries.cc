// SPDX-License-Identifier: Apache-2.0
// The questions about references and about what was made from what.
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/try.h"
#include "public_works/adapters/sqlite/sqlite_database.h"
#include "public_works/adapters/sqlite/sqlite_row_search.h"
#include "public_works/adapters/sqlite/sqlite_state_store.h"

namespace symphainy::public_works {
namespace {

constexpr const char* kReferenceColumns =
    "SELECT position, ordinal, tenant, reference_id, type, name, digest, size, media_type,"
    " location, metadata, execution_id, created_us FROM data_references ";

ReferenceRow read_reference(const SqliteStatement& row) {
  return ReferenceRow{.position = row.unsigned_integer(0),
                      .ordinal = static_cast<std::uint32_t>(row.integer(1)),
                      .tenant = std::string(row.text(2)),
                      .reference_id = std::string(row.text(3)),
                      .type = std::string(row.text(4)),
                      .name = std::string(row.text(5)),
                      .digest = std::string(row.text(6)),
                      .size = row.unsigned_integer(7),
                      .media_type = std::string(row.text(8)),
                      .location = std::string(row.text(9)),
                      .metadata = std::string(row.text(10)),
                      .execution_id = std::string(row.text(11)),
                      .created_us = row.integer(12)};
}

}  // namespace

Result<std::optional<ReferenceRow>> SqliteStateStore::reference(const TenantScope& scope,
                                                                const std::string& reference_id) {
  TRY(const Reader database, reader());
  std::string sql = kReferenceColumns;
  if (scope.tenant()) {
    sql += "INDEXED BY data_references_by_id WHERE tenant = ?2 AND reference_id = ?1";
  } else {
    // Each tenant in turn, as the index is by tenant first: the operator's question, and there are few tenants.
    sql +=
        "INDEXED BY data_references_by_id WHERE reference_id = ?1 AND tenant IN ("
        "WITH RECURSIVE tenants (tenant) AS (SELECT min(tenant) FROM data_references UNION ALL"
        " SELECT (SELECT min(r.tenant) FROM data_references r WHERE r.tenant > tenants.tenant)"
        " FROM tenants WHERE tenants.tenant IS NOT NULL)"
        " SELECT tenant FROM tenants WHERE tenant IS NOT NULL) ORDER BY id DESC LIMIT 1";
  }
  TRY(SqliteStatement statement, database->prepare(sql));
  statement.bind(1, reference_id);
  if (scope.tenant()) statement.bind(2, *scope.tenant());
  TRY(const bool found, statement.step());
  if (!found) return std::nullopt;
  return read_reference(statement);
}

Result<std::vector<ReferenceRow>> SqliteStateStore::list_references(const ReferenceFilter& filter) {
  TRY(const Reader database, reader());
  const bool from_cursor = filter.before_position != 0 || filter.before_ordinal != 0;
  std::int64_t end = std::numeric_limits<std::int64_t>::max();
  if (from_cursor) {
    TRY(end, first_key_above(*database, RowSearch{"data_references", "id", "position"},
                             static_cast<std::int64_t>(filter.before_position)));
  }
  const auto& tenant = filter.scope.tenant();
  std::string sql = kReferenceColumns;
  if (filter.execution_id) {
    sql += "INDEXED BY data_references_by_execution ";
  } else if (tenant) {
    sql += "INDEXED BY data_references_by_tenant ";
  } else {
    sql += "NOT INDEXED ";
  }
  sql += "WHERE id < ?1";
  if (from_cursor) sql += " AND (position < ?3 OR ordinal < ?4)";
  if (tenant) sql += " AND tenant = ?5";
  if (filter.type) sql += " AND type = ?6";
  if (filter.execution_id) sql += " AND execution_id = ?7";
  if (filter.since_us) sql += " AND created_us >= ?8";
  if (filter.until_us) sql += " AND created_us <= ?9";
  sql += " ORDER BY id DESC LIMIT ?2";
  TRY(SqliteStatement statement, database->prepare(sql));
  statement.bind(1, end);
  statement.bind(2, row_limit(filter.limit));
  if (from_cursor) {
    statement.bind(3, filter.before_position);
    statement.bind(4, filter.before_ordinal);
  }
  if (tenant) statement.bind(5, *tenant);
  if (filter.type) statement.bind(6, *filter.type);
  if (filter.execution_id) statement.bind(7, *filter.execution_id);
  if (filter.since_us) statement.bind(8, *filter.since_us);
  if (filter.until_us) statement.bind(9, *filter.until_us);
  return read_rows<ReferenceRow>(statement, read_reference);
}

Result<bool> SqliteStateStore::has_location(const std::string& tenant, const std::string& location) {
  TRY(const Reader database, reader());
  // Where the index is on some rows only, the question must repeat its condition word for word.
  const bool indexed = location.starts_with("artifact:");
  TRY(SqliteStatement statement,
      database->prepare(indexed ? "SELECT 1 FROM data_references INDEXED BY data_references_by_artifact"
                                  " WHERE tenant = ?1 AND location = ?2"
                                  " AND location >= 'artifact:' AND location < 'artifact;' LIMIT 1"
                                : "SELECT 1 FROM data_references INDEXED BY data_references_by_tenant"
                                  " WHERE tenant = ?1 AND location = ?2 LIMIT 1"));
  statement.bind(1, tenant);
  statement.bind(2, location);
  return statement.step();
}

Result<std::vector<ProvenanceRow>> SqliteStateStore::edges(const TenantScope& scope, const char* column,
                                                           const std::string& reference_id) {
  TRY(const Reader database, reader());
  std::string sql = std::string(
                        "SELECT position, tenant, derived, source, relation, execution_id"
                        " FROM provenance INDEXED BY provenance_by_") +
                    column + " WHERE " + column + " = ?1";
  if (scope.tenant()) sql += " AND tenant = ?2";
  sql += " ORDER BY id";
  TRY(SqliteStatement statement, database->prepare(sql));
  statement.bind(1, reference_id);
  if (scope.tenant()) statement.bind(2, *scope.tenant());
  return read_rows<ProvenanceRow>(statement, [](const SqliteStatement& row) {
    return ProvenanceRow{.position = row.unsigned_integer(0),
                         .tenant = std::string(row.text(1)),
                         .derived = std::string(row.text(2)),
                         .source = std::string(row.text(3)),
                         .relation = std::string(row.text(4)),
                         .execution_id = std::string(row.text(5))};
  });
}

Result<std::vector<ProvenanceRow>> SqliteStateStore::sources_of(const TenantScope& scope,
                                                                const std::string& reference_id) {
  return edges(scope, "derived", reference_id);
}

Result<std::vector<ProvenanceRow>> SqliteStateStore::derived_from(const TenantScope& scope,
                                                                  const std::string& reference_id) {
  return edges(scope, "source", reference_id);
}

}  // namespace symphainy::public_works
