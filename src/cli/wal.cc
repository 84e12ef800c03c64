// SPDX-License-Identifier: Apache-2.0
// `symphainy wal`: the log itself, as it was written, and the proof that nothing of it is missing or changed.
#include <fmt/format.h>

#include "base/try.h"
#include "cli/command.h"
#include "cli/invocation.h"
#include "cli/rows.h"

namespace symphainy::cli {
namespace {

struct CatOptions {
  std::optional<std::uint64_t> from;
  std::optional<std::uint64_t> limit;
};

/// A tenant counts its own records, the operator those of the store.
std::uint64_t number_of(const base::LogRecord& record, const public_works::TenantScope& scope) {
  return scope.tenant() ? record.tenant_seq : record.position;
}

Result<int> cat(Invocation& invocation, const CatOptions& options) {
  TRY(const ScopedReader reader, open_scoped(invocation));
  const std::uint64_t from = options.from.value_or(1);
  std::uint64_t left = options.limit.value_or(UINT64_MAX);
  auto print = [&](const base::LogRecord& record) {
    if (left == 0 || !reader.scope.covers(record.tenant) || number_of(record, reader.scope) < from) return;
    invocation.out().json_line(record_json(record, reader.scope));
    --left;
  };
  // A tenant's n-th record stands at position n or later, so both ways of counting may begin there.
  TRY(reader.store->log().read_batches(from, [&](const base::LogBatch& batch) {
    for (const base::LogRecord& record : batch.records) print(record);
    return left > 0;
  }));
  return kOk;
}

std::string damage_message(const Json& answer) {
  const Json* damage = answer.find("damage");
  if (damage == nullptr) return "the log is damaged; restore the data directory from a backup";
  auto part = [&](std::string_view key) {
    const Json* value = damage->find(key);
    return value == nullptr ? std::string("?") : plain(*value);
  };
  return fmt::format("the log is damaged in {} at byte {}: {}; restore the data directory from a backup",
                     part("segment"), part("offset"), part("reason"));
}

void print_answer(const Output& out, const Json& answer, bool intact) {
  if (!out.table_asked()) return out.json_line(answer);
  std::vector<std::pair<std::string, Cell>> facts;
  answer.for_each_member([&](std::string_view key, const Json& value) {
    const Colour colour = key == "intact" ? (intact ? Colour::good : Colour::bad) : Colour::plain;
    facts.emplace_back(std::string(key), Cell(plain(value), colour));
  });
  out.facts(facts);
}

Result<int> verify(Invocation& invocation) {
  TRY(const app::Configuration configuration, invocation.configuration());
  auto answer = app::verify_log(configuration.data_directory);
  if (!answer && answer.error().code == ErrorCode::not_found)
    return fail(ErrorCode::invalid_argument,
                fmt::format("there is no log in {}; name another directory with --data", configuration.data_directory));
  if (!answer) return std::unexpected(std::move(answer).error());
  const Json* intact = answer->find("intact");
  const bool sound = intact != nullptr && intact->as_bool().value_or(false);
  print_answer(invocation.out(), *answer, sound);
  if (sound) return kOk;
  complain(damage_message(*answer));
  return kDamaged;
}

}  // namespace

void add_wal(Command root) {
  Command wal = root.add("wal", "the write-ahead log: print it, prove it");
  wal.examples({"symphainy wal cat --tenant acme --limit 10", "symphainy wal verify"});

  auto options = std::make_shared<CatOptions>();
  wal.add("cat", "print records as JSON lines, oldest first")
      .takes_data()
      .takes_tenant()
      .option("--from", options->from, "first record: the tenant's number, or the position with --tenant '*'")
      .option("--limit", options->limit, "how many at most (default: all)")
      .examples({"symphainy wal cat --tenant acme", "symphainy wal cat --tenant '*' --from 1000 --limit 20"})
      .runs([options](Invocation& invocation) { return cat(invocation, *options); });

  wal.add("verify", "check every hash and both chains; exit 0 intact, 3 damaged")
      .takes_data()
      .examples({"symphainy wal verify --data ./data", "symphainy wal verify -o table"})
      .runs(verify);
}

}  // namespace symphainy::cli
