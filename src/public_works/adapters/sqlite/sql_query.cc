// SPDX-License-Identifier: Apache-2.0
// How a tenant is kept to its rows: the connection's main database is an empty one in memory, and state.db is attached
// under a name drawn anew for each question. Temporary views with the tables' names show the tenant's rows. A statement
// cannot name the attached database, and the authorizer lets a table of it be read only from within the view of the
// same name, so neither a guess nor a common table expression that poses as a view is enough.
#include "public_works/adapters/sqlite/sql_query.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <sqlite3.h>
#include <string>
#include <string_view>
#include <strings.h>
#include <utility>

#include "base/bytes.h"
#include "base/try.h"
#include "public_works/adapters/sqlite/sqlite_database.h"
#include "public_works/adapters/sqlite/temporary_space.h"

namespace symphainy::public_works {
namespace {

constexpr std::size_t kMaxAnswerBytes = 64 * 1024 * 1024;
// Whatever grows with the rows goes to temporary files. What a statement holds at once besides (its values, SQLite's
// caches, what sorting reads back) is small for any honest one; by SQLite's count of its memory the others are ended.
// It is only looked at where a statement loops, so the values that its text alone can make are bounded by the text's
// length.
constexpr std::int64_t kMaxMemoryBytes = 512 * 1024 * 1024;
constexpr int kMaxValueBytes = 2 * 1024 * 1024;
constexpr std::uint64_t kMaxTemporaryBytes = 256 * 1024 * 1024;
constexpr int kMaxColumns = 100;
constexpr int kMaxExpressionDepth = 100;
constexpr int kMaxCompoundSelects = 50;
constexpr int kMaxStatementBytes = 8 * 1024;
constexpr int kMaxLikePatternBytes = 1024;
constexpr int kInstructionsBetweenLooks = 100;  // at the clock and the memory: each may make a value

struct TenantView {
  const char* table;
  const char* columns;  ///< without row numbers, which would count other tenants' rows
  bool of_one_tenant;
};

constexpr std::array kTenantViews{
    TenantView{"executions",
               "accepted_position, tenant_seq, tenant, execution_id, intent_id, intent_type,"
               " session, solution, actor, status, attempt, accepted_us, ended_us, ended_position,"
               " batches, idempotency_key, fingerprint, artifact_count, event_count,"
               " reference_count, error_code, error_message, wake_us, wake_by_wall, waits_for, parent,"
               " rerun_of, successor",
               true},
    TenantView{"sessions", "tenant, session, first_us, last_us, executions", true},
    TenantView{"state", "tenant, key, version, position, value", true},
    TenantView{"data_references",
               "position, ordinal, tenant, reference_id, type, name, digest, size, media_type,"
               " location, metadata, execution_id, created_us",
               true},
    TenantView{"provenance", "position, tenant, derived, source, relation, execution_id", true},
    TenantView{"events",
               "position, ordinal, tenant, topic, sequence, event_id, type, subject, execution_id,"
               " queued_us",
               true},
    TenantView{"streams", "tenant, topic, last_sequence", true},
    TenantView{"registrations", "intent_type, version, domain_service, handler, schema, schema_digest, position",
               false},
};

bool same_name(const char* a, const char* b) noexcept {
  return a != nullptr && b != nullptr && strcasecmp(a, b) == 0;
}

bool is_tenant_view(const char* table) noexcept {
  for (const TenantView& view : kTenantViews) {
    if (same_name(view.table, table)) return true;
  }
  return false;
}

/// One question's connection, and what its authorizer and its clock go by.
class Question {
 public:
  Question(std::string path, const TenantScope& scope)
      : path_(std::move(path)), scope_(scope), temporary_space_(kMaxTemporaryBytes) {}
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;
  ~Question() { sqlite3_close(connection_); }

  Result<void> open();
  Result<SqlResult> ask(const std::string& sql, std::size_t max_rows, int timeout_ms);

 private:
  using Statement = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;

  Result<void> attach_for(const std::string& tenant);
  Result<void> run(const std::string& sql);
  Result<Statement> prepare_only_statement(const std::string& sql);
  Result<void> add_row(sqlite3_stmt* statement, SqlResult& answer);
  Error refusal() const;
  bool names_something_stored(const char* name) const noexcept;
  int authorize(int action, const char* first, const char* second, const char* database,
                const char* view) const noexcept;

  std::string path_;
  const TenantScope& scope_;
  TemporarySpace temporary_space_;
  sqlite3* connection_ = nullptr;
  std::string attached_as_;
  std::vector<std::string> attached_tables_;
  std::chrono::steady_clock::time_point deadline_;
  std::int64_t memory_before_ = 0;
  bool out_of_time_ = false;
  bool out_of_memory_ = false;
  std::size_t answer_bytes_ = 0;
};

std::string drawn_name() {
  std::random_device random;
  std::string bytes;
  for (int i = 0; i < 4; ++i) base::append_integer(bytes, static_cast<std::uint32_t>(random()));
  return "s" + base::to_hex(bytes);
}

/// A string literal of SQL.
std::string quoted(std::string_view text) {
  std::string literal = "'";
  for (const char c : text) {
    if (c == '\'') literal += '\'';
    literal += c;
  }
  return literal + "'";
}

/// The file name as a URI that SQLite opens for reading.
std::string read_only_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += '%';
      uri += base::to_hex(std::string_view(&c, 1));
    } else {
      uri += c;
    }
  }
  return uri + "?mode=ro";
}

Result<void> Question::open() {
  const bool of_one_tenant = scope_.tenant().has_value();
  const std::string name = of_one_tenant ? ":memory:" : path_;
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI |
                    (of_one_tenant ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY : SQLITE_OPEN_READONLY);
  if (const int code = sqlite3_open_v2(name.c_str(), &connection_, flags, bounded_temporary_vfs()); code != SQLITE_OK) {
    return std::unexpected(sqlite_error(code, sqlite3_errstr(code), path_));
  }
  sqlite3_busy_timeout(connection_, 1000);
  sqlite3_db_config(connection_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // The JSON tables come into being when first used, which the authorizer would refuse.
  TRY(run("PRAGMA temp_store=FILE; PRAGMA cache_size=-4096; SELECT 1 FROM json_each('[]'), json_tree('[]')"));
  if (of_one_tenant) {
    TRY(attach_for(*scope_.tenant()));
  } else {
    TRY(run("PRAGMA query_only=ON"));
  }
  sqlite3_limit(connection_, SQLITE_LIMIT_LENGTH, kMaxValueBytes);
  sqlite3_limit(connection_, SQLITE_LIMIT_COLUMN, kMaxColumns);
  sqlite3_limit(connection_, SQLITE_LIMIT_EXPR_DEPTH, kMaxExpressionDepth);
  sqlite3_limit(connection_, SQLITE_LIMIT_COMPOUND_SELECT, kMaxCompoundSelects);
  sqlite3_limit(connection_, SQLITE_LIMIT_FUNCTION_ARG, kMaxColumns);
  sqlite3_limit(connection_, SQLITE_LIMIT_SQL_LENGTH, kMaxStatementBytes);
  sqlite3_limit(connection_, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, kMaxLikePatternBytes);
  sqlite3_limit(connection_, SQLITE_LIMIT_WORKER_THREADS, 0);
  sqlite3_set_authorizer(
      connection_,
      [](void* self, int action, const char* first, const char* second, const char* database, const char* view) {
        return static_cast<const Question*>(self)->authorize(action, first, second, database, view);
      },
      this);
  return {};
}

Result<void> Question::attach_for(const std::string& tenant) {
  attached_as_ = drawn_name();
  TRY(run("ATTACH " + quoted(read_only_uri(path_)) + " AS " + attached_as_));
  TRY(run("PRAGMA " + attached_as_ + ".cache_size=-4096"));
  const std::string tables = "SELECT name FROM " + attached_as_ + ".sqlite_schema WHERE type = 'table'";
  const int code = sqlite3_exec(
      connection_, tables.c_str(),
      [](void* names, int, char** values, char**) {
        static_cast<std::vector<std::string>*>(names)->emplace_back(values[0]);
        return 0;
      },
      &attached_tables_, nullptr);
  if (code != SQLITE_OK) {
    return std::unexpected(sqlite_error(code, sqlite3_errmsg(connection_), path_));
  }
  for (const TenantView& view : kTenantViews) {
    std::string sql = std::string("CREATE TEMP VIEW ") + view.table + " AS SELECT " + view.columns + " FROM " +
                      attached_as_ + "." + view.table;
    if (view.of_one_tenant) sql += " WHERE tenant = " + quoted(tenant);
    TRY(run(sql));
  }
  return run("PRAGMA query_only=ON");
}

bool Question::names_something_stored(const char* name) const noexcept {
  if (name == nullptr) return true;
  for (const char* prefix : {"sqlite_", "pragma_", "dbstat"}) {
    if (strncasecmp(name, prefix, std::char_traits<char>::length(prefix)) == 0) return true;
  }
  return std::ranges::any_of(attached_tables_,
                             [&](const std::string& table) { return same_name(table.c_str(), name); });
}

int Question::authorize(int action, const char* first, const char* second, const char* database,
                        const char* view) const noexcept {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return same_name(second, "load_extension") || same_name(second, "fts3_tokenizer") ||
                     same_name(second, "writefile") || same_name(second, "readfile") || same_name(second, "edit")
                 ? SQLITE_DENY
                 : SQLITE_OK;
    case SQLITE_READ:
      break;
    default:
      return SQLITE_DENY;
  }
  if (!scope_.tenant()) return SQLITE_OK;
  // SQLite asks with an empty column when it needs only the rows, and then names the database only where the statement
  // did.
  const bool only_rows = second == nullptr || *second == '\0';
  if (same_name(database, attached_as_.c_str())) {
    return same_name(view, first) && is_tenant_view(first) ? SQLITE_OK : SQLITE_DENY;
  }
  if (is_tenant_view(first) && (same_name(database, "temp") || (database == nullptr && only_rows))) {
    return SQLITE_OK;
  }
  const bool json_table = same_name(first, "json_each") || same_name(first, "json_tree");
  if (json_table && (database == nullptr || same_name(database, "main"))) return SQLITE_OK;
  // The rows of a common table expression; a name that stands for something in a database is none.
  return database == nullptr && only_rows && !names_something_stored(first) ? SQLITE_OK : SQLITE_DENY;
}

Result<void> Question::run(const std::string& sql) {
  const int code = sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return {};
  return std::unexpected(sqlite_error(code, sqlite3_errmsg(connection_), path_));
}

/// What SQLite says about the question, without the attached database's name.
Error Question::refusal() const {
  const int code = sqlite3_errcode(connection_) & 0xff;
  std::string message = sqlite3_errmsg(connection_);
  if (!attached_as_.empty()) {
    const std::string prefix = attached_as_ + ".";
    for (auto at = message.find(prefix); at != std::string::npos; at = message.find(prefix)) {
      message.erase(at, prefix.size());
    }
  }
  if (code == SQLITE_FULL) {
    return Error{ErrorCode::invalid_argument,
                 "SQL: the question needs more than 256 MiB of temporary space; ask for less of it",
                 "temporary_space",
                 {}};
  }
  if (code == SQLITE_TOOBIG) return Error{ErrorCode::invalid_argument, "SQL: " + message, "value_too_large", {}};
  const bool of_the_database = code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_BUSY ||
                               code == SQLITE_IOERR || code == SQLITE_CANTOPEN;
  if (of_the_database) return sqlite_error(code, message, path_);
  return Error{ErrorCode::invalid_argument, "SQL: " + message, {}, {}};
}

Result<Question::Statement> Question::prepare_only_statement(const std::string& sql) {
  if (sql.find('\0') != std::string::npos) {
    return fail(ErrorCode::invalid_argument, "SQL: the statement holds a NUL byte");
  }
  Statement only(nullptr, sqlite3_finalize);
  const char* rest = sql.c_str();
  while (*rest != '\0') {
    sqlite3_stmt* next = nullptr;
    if (sqlite3_prepare_v2(connection_, rest, -1, &next, &rest) != SQLITE_OK) {
      return std::unexpected(refusal());
    }
    if (next == nullptr) continue;  // a comment, or blanks
    Statement owned(next, sqlite3_finalize);
    if (only) return fail(ErrorCode::invalid_argument, "SQL: one statement at a time");
    only = std::move(owned);
  }
  if (!only) return fail(ErrorCode::invalid_argument, "SQL: there is no statement");
  if (sqlite3_stmt_readonly(only.get()) == 0) {
    return fail(ErrorCode::invalid_argument, "SQL: only reading is allowed");
  }
  return only;
}

Result<void> Question::add_row(sqlite3_stmt* statement, SqlResult& answer) {
  std::vector<Json>& row = answer.rows.emplace_back();
  for (int column = 0; column < sqlite3_column_count(statement); ++column) {
    row.push_back(sqlite_value(statement, column));
    answer_bytes_ += sizeof(Json) + static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
  }
  if (answer_bytes_ <= kMaxAnswerBytes) return {};
  return fail(ErrorCode::invalid_argument, "SQL: the answer exceeds 64 MiB; ask for less of it", "answer_too_large");
}

Result<SqlResult> Question::ask(const std::string& sql, std::size_t max_rows, int timeout_ms) {
  deadline_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  memory_before_ = sqlite3_memory_used();
  sqlite3_progress_handler(
      connection_, kInstructionsBetweenLooks,
      [](void* self) {
        auto* question = static_cast<Question*>(self);
        question->out_of_time_ = std::chrono::steady_clock::now() >= question->deadline_;
        question->out_of_memory_ = sqlite3_memory_used() - question->memory_before_ > kMaxMemoryBytes;
        return question->out_of_time_ || question->out_of_memory_ ? 1 : 0;
      },
      this);
  TRY(const Statement statement, prepare_only_statement(sql));
  SqlResult answer;
  for (int column = 0; column < sqlite3_column_count(statement.get()); ++column) {
    const char* name = sqlite3_column_name(statement.get(), column);
    answer.columns.emplace_back(name == nullptr ? "" : name);
  }
  while (answer.rows.size() < max_rows) {
    const int code = sqlite3_step(statement.get());
    if (code == SQLITE_DONE) break;
    if (out_of_memory_) {
      return fail(ErrorCode::invalid_argument, "SQL: the question needs more than 512 MiB of memory", "memory_limit");
    }
    if (out_of_time_) {
      return fail(ErrorCode::invalid_argument,
                  "SQL: the time limit of " + std::to_string(timeout_ms) + " ms has passed", "time_limit");
    }
    if (code != SQLITE_ROW) return std::unexpected(refusal());
    TRY(add_row(statement.get(), answer));
  }
  return answer;
}

}  // namespace

Result<SqlResult> query_database(const std::string& path, const TenantScope& scope, const std::string& sql,
                                 std::size_t max_rows, int timeout_ms) {
  Question question(path, scope);
  TRY(question.open());
  return question.ask(sql, max_rows, timeout_ms);
}

}  // namespace symphainy::public_works
