// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/sqlite/sqlite_comparison.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>
#include <sqlite3.h>

#include "base/try.h"
#include "public_works/adapters/sqlite/sqlite_database.h"

namespace symphainy::public_works {
namespace {

constexpr int kStepsBetweenQuestions = 100;
constexpr const char* kSchemaTable = "sqlite_schema";
constexpr const char* kSchemaRows =
    "(SELECT type, name, sql FROM {}.sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\')";

constexpr const char* kWhole = "{}.\"{}\"";
constexpr const char* kBeginning = "substr({}.\"{}\", 1, 32)";

struct ComparedTable {
  std::string name;
  std::string live;     // what stands behind FROM
  std::string rebuilt;  // the same
  std::vector<std::string> keys;
  std::vector<std::string> others;
  std::set<std::string> blobs = {};  // of `others`: compared as a whole, told by their beginning

  [[nodiscard]] std::string columns_of(std::string_view alias) const {
    std::vector<std::string> columns;
    for (const auto* list : {&keys, &others}) {
      for (const std::string& column : *list)
        columns.push_back(fmt::format(fmt::runtime(blobs.contains(column) ? kBeginning : kWhole), alias, column));
    }
    return fmt::format("{}", fmt::join(columns, ", "));
  }
  [[nodiscard]] std::string same_key() const {
    std::vector<std::string> terms;
    for (const std::string& key : keys) terms.push_back(fmt::format("l.\"{0}\" = r.\"{0}\"", key));
    return fmt::format("{}", fmt::join(terms, " AND "));
  }
  /// For each of `others`, whether it differs.
  [[nodiscard]] std::vector<std::string> inequalities() const {
    std::vector<std::string> terms;
    for (const std::string& column : others) terms.push_back(fmt::format("l.\"{0}\" IS NOT r.\"{0}\"", column));
    return terms;
  }
  /// One side's columns as they stand in a row of an answer, from column `first` on.
  [[nodiscard]] Json row(const SqliteStatement& answer, int first) const {
    Json row = key(answer, first);
    int column = first + static_cast<int>(keys.size());
    for (const std::string& other : others) row[other] = answer.json(column++);
    return row;
  }
  [[nodiscard]] Json key(const SqliteStatement& answer, int first) const {
    Json values = Json::object();
    for (const std::string& column : keys) values[column] = answer.json(first++);
    return values;
  }
};

Result<std::uint64_t> count_rows(SqliteDatabase& database, const std::string& source) {
  TRY(SqliteStatement statement, database.prepare("SELECT count(*) FROM " + source));
  TRY(statement.step());
  return statement.unsigned_integer(0);
}

// The names come from our own schema: they need no quoting.
Result<ComparedTable> describe(SqliteDatabase& database, const std::string& name) {
  ComparedTable table{name, "main." + name, "rebuilt." + name, {}, {}, {}};
  TRY(SqliteStatement columns,
      database.prepare(
          fmt::format("SELECT name, pk, type FROM pragma_table_info('{}', 'rebuilt') ORDER BY pk, cid", name)));
  while (true) {
    TRY(const bool more, columns.step());
    if (!more) return table;
    (columns.integer(1) > 0 ? table.keys : table.others).emplace_back(columns.text(0));
    if (columns.text(2) == "BLOB") table.blobs.emplace(columns.text(0));
  }
}

// The rebuilt projections' tables, and whether the live ones have them too, made by the same statement.
Result<std::vector<std::pair<std::string, bool>>> table_names(SqliteDatabase& database) {
  TRY(SqliteStatement names,
      database.prepare("SELECT r.name, l.sql IS r.sql FROM rebuilt.sqlite_schema r LEFT JOIN main.sqlite_schema l"
                       " ON l.type = r.type AND l.name = r.name WHERE r.type = 'table' ORDER BY r.name"));
  std::vector<std::pair<std::string, bool>> found;
  while (true) {
    TRY(const bool more, names.step());
    if (!more) return found;
    found.emplace_back(names.text(0), names.integer(1) != 0);
  }
}

class Comparison {
 public:
  Comparison(SqliteDatabase& database, std::size_t max_differences) : database_(database), max_(max_differences) {}

  Result<ProjectionComparison> run() {
    const std::string live = fmt::format(kSchemaRows, "main");
    const std::string rebuilt = fmt::format(kSchemaRows, "rebuilt");
    TRY(compare({kSchemaTable, live, rebuilt, {"type", "name"}, {"sql"}, {}}));
    TRY(const auto names, table_names(database_));
    for (const auto& [name, same_definition] : names) {
      if (!same_definition) continue;  // told as a difference of the schema
      TRY(const ComparedTable table, describe(database_, name));
      TRY(compare(table));
    }
    return std::move(found_);
  }

 private:
  Result<void> compare(const ComparedTable& table) {
    TableComparison counts{table.name, 0, 0, true};
    TRY(counts.live_rows, count_rows(database_, table.live));
    TRY(counts.rebuilt_rows, count_rows(database_, table.rebuilt));
    TRY(const std::uint64_t only_live, look_from_live(table, counts));
    // When every live row has its counterpart, the counts say whether the rebuilt ones have any more.
    if (counts.live_rows - only_live != counts.rebuilt_rows) TRY(look_from_rebuilt(table, counts));
    found_.tables.push_back(std::move(counts));
    return {};
  }

  // How many rows only the live table has, as far as was looked.
  Result<std::uint64_t> look_from_live(const ComparedTable& table, TableComparison& counts) {
    // A table may be all key: then nothing but a row's absence differs.
    std::vector<std::string> columns{table.columns_of("l"), table.columns_of("r")};
    std::vector<std::string> differs{fmt::format("r.\"{}\" IS NULL", table.keys.front())};
    for (const std::string& inequality : table.inequalities()) {
      columns.push_back(inequality);
      differs.push_back(inequality);
    }
    TRY(SqliteStatement rows,
        database_.prepare(fmt::format("SELECT {} FROM {} l LEFT JOIN {} r ON {} WHERE {} LIMIT {}",
                                      fmt::join(columns, ", "), table.live, table.rebuilt, table.same_key(),
                                      fmt::join(differs, " OR "), room())));
    const int width = static_cast<int>(table.keys.size() + table.others.size());
    std::uint64_t only_live = 0;
    while (true) {
      TRY(const bool more, rows.step());
      if (!more) return only_live;
      counts.equal = false;
      if (rows.is_null(width)) {
        ++only_live;
        tell({table.name, table.key(rows, 0), {}, table.row(rows, 0), {}});
      } else {
        tell_columns(table, rows, width);
      }
    }
  }

  Result<void> look_from_rebuilt(const ComparedTable& table, TableComparison& counts) {
    TRY(SqliteStatement rows,
        database_.prepare(fmt::format("SELECT {} FROM {} r LEFT JOIN {} l ON {} WHERE l.\"{}\" IS NULL LIMIT {}",
                                      table.columns_of("r"), table.rebuilt, table.live, table.same_key(),
                                      table.keys.front(), room())));
    while (true) {
      TRY(const bool more, rows.step());
      if (!more) return {};
      counts.equal = false;
      tell({table.name, table.key(rows, 0), {}, {}, table.row(rows, 0)});
    }
  }

  void tell_columns(const ComparedTable& table, const SqliteStatement& rows, int width) {
    int column = static_cast<int>(table.keys.size());
    int differs = 2 * width;
    for (const std::string& name : table.others) {
      if (rows.integer(differs++) != 0)
        tell({table.name, table.key(rows, 0), name, rows.json(column), rows.json(width + column)});
      ++column;
    }
  }

  // One row is enough to know that a table differs.
  [[nodiscard]] std::size_t room() const { return std::max<std::size_t>(max_ - found_.differences.size(), 1); }
  void tell(RowDifference difference) {
    if (found_.differences.size() < max_) found_.differences.push_back(std::move(difference));
  }

  SqliteDatabase& database_;
  const std::size_t max_;
  ProjectionComparison found_;
};

}  // namespace

bool ProjectionComparison::equal() const {
  return std::ranges::all_of(tables, &TableComparison::equal);
}

ProjectionSnapshot::ProjectionSnapshot(std::unique_ptr<SqliteDatabase> database) noexcept
    : database_(std::move(database)) {}
ProjectionSnapshot::ProjectionSnapshot(ProjectionSnapshot&&) noexcept = default;
ProjectionSnapshot::~ProjectionSnapshot() = default;

Result<ProjectionSnapshot> ProjectionSnapshot::open(const std::string& live_path, const std::string& rebuilt_path) {
  TRY(auto database, SqliteDatabase::open(live_path, SqliteMode::read_only));
  {
    TRY(SqliteStatement attach, database->prepare("ATTACH ?1 AS rebuilt"));
    attach.bind(1, std::string_view(rebuilt_path));
    TRY(attach.step());
  }
  ProjectionSnapshot snapshot(std::move(database));
  TRY(snapshot.database_->run("PRAGMA temp_store=MEMORY; PRAGMA mmap_size=268435456; PRAGMA query_only=ON; BEGIN"));
  TRY(SqliteStatement position, snapshot.database_->prepare("SELECT value FROM main.meta WHERE name = 'position'"));
  TRY(const bool found, position.step());
  if (!found) return fail(ErrorCode::corrupt, "database " + live_path + ": meta lacks position");
  snapshot.position_ = position.unsigned_integer(0);
  return snapshot;
}

Result<ProjectionComparison> ProjectionSnapshot::compare(std::size_t max_differences,
                                                         const std::function<bool()>& stopped) const {
  if (stopped) {
    sqlite3_progress_handler(
        database_->connection(), kStepsBetweenQuestions,
        [](void* asked) { return (*static_cast<const std::function<bool()>*>(asked))() ? 1 : 0; },
        const_cast<std::function<bool()>*>(&stopped));
  }
  auto compared = Comparison(*database_, max_differences).run();
  sqlite3_progress_handler(database_->connection(), 0, nullptr, nullptr);
  if (!compared && stopped && stopped()) return fail(ErrorCode::cancelled, "stopped on request", "stopped");
  return compared;
}

}  // namespace symphainy::public_works
