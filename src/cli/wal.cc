// SPDX-License-Identifier: Apache-2.0
// `symphainy wal`: the log itself, as it was written, and the proof that nothing of it is missing or changed.
#include <algorithm>
#include <fmt/format.h>

#include "app/log_proof.h"
#include "app/repair.h"
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
  const std::uint64_t first = reader.store->log().first_position();
  // A tenant's numbers begin anywhere: its first record that is kept tells whether one that was asked for is not.
  const std::uint64_t begin = options.from && !reader.scope.tenant() ? from : std::max(from, first);
  bool retired = options.from && begin > from;
  std::uint64_t left = options.limit.value_or(UINT64_MAX);
  auto print = [&](const base::LogRecord& record) {
    if (retired && reader.scope.covers(record.tenant)) {
      if (number_of(record, reader.scope) > from) left = 0;
      retired = left == 0;
    }
    if (left == 0 || !reader.scope.covers(record.tenant) || number_of(record, reader.scope) < from) return;
    invocation.out().json_line(record_json(record, reader.scope));
    --left;
  };
  // A tenant's n-th record stands at position n or later, so both ways of counting may begin there.
  TRY(reader.store->log().read_batches(begin, [&](const base::LogBatch& batch) {
    for (const base::LogRecord& record : batch.records) print(record);
    return left > 0;
  }));
  if (retired) {
    return fail(ErrorCode::not_found,
                fmt::format("record {} of the tenant is retired history; the log begins at position {}", from, first),
                public_works::kHistoryRetired);
  }
  if (!options.from && first > 1)
    notify(fmt::format("the log begins at position {}; what was before is retired", first));
  return kOk;
}

std::string damage_message(const Json& answer) {
  const Json* damage = answer.find("damage");
  const Json* checkpoint = answer.find("checkpoint");
  const Json* reason = checkpoint == nullptr ? nullptr : checkpoint->find("reason");
  if (damage == nullptr && reason != nullptr) {
    return fmt::format("the log does not agree with the checkpoint: {}", plain(*reason));
  }
  if (damage != nullptr && damage->find("line") != nullptr) {
    return fmt::format("the bundle is damaged in line {}: {}; export it again", plain(*damage->find("line")),
                       plain(*damage->find("reason")));
  }
  if (damage == nullptr) return "the log is damaged";
  auto part = [&](std::string_view key) {
    const Json* value = damage->find(key);
    return value == nullptr ? std::string("?") : plain(*value);
  };
  if (damage->find("in_archive") != nullptr) {
    return fmt::format(
        "the archive is damaged in {} at byte {} of the segment: {}; bring the file back from another "
        "copy of the archive; without --archive only the log itself is verified",
        part("segment"), part("offset"), part("reason"));
  }
  return fmt::format(
      "the log is damaged in {} at byte {}: {}; go back to a backup (`symphainy backup restore BACKUP`), "
      "or copy what is sound (`symphainy wal repair DIR`)",
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

struct VerifyArguments {
  std::string bundle;
  std::optional<std::string> tenant;
  std::optional<std::uint64_t> from;
  std::optional<std::string> against;
  std::optional<std::string> public_key;
  std::optional<std::string> archive;
};

Result<app::VerifyOptions> options_of(const VerifyArguments& arguments) {
  app::VerifyOptions options;
  options.tenant = arguments.tenant;
  options.from = arguments.from;
  options.archive = arguments.archive;
  if (arguments.against) {
    TRY(options.checkpoint, app::read_text_file(*arguments.against));
  }
  if (arguments.public_key) {
    TRY(options.signer, app::read_public_key(*arguments.public_key));
  }
  return options;
}

struct RepairArguments {
  std::string directory;
  std::optional<std::string> actor;
};

Error no_log(const std::string& data_directory) {
  return Error{ErrorCode::invalid_argument,
               fmt::format("there is no log in {}; name another directory with --data", data_directory),
               "",
               {}};
}

// That nothing can be said of a checkpoint is neither damage nor the proof that was asked for.
int told_of_checkpoint(const Json& answer) {
  const Json* checkpoint = answer.find("checkpoint");
  const Json* reason = checkpoint == nullptr ? nullptr : checkpoint->find("reason");
  if (reason == nullptr) return kOk;
  complain(fmt::format("the log is intact, but cannot be held to the checkpoint: {}", plain(*reason)));
  return kUsage;
}

Result<int> verify(Invocation& invocation, const VerifyArguments& arguments) {
  TRY(const app::VerifyOptions options, options_of(arguments));
  TRY(const app::Configuration configuration, invocation.configuration());
  const bool of_log = arguments.bundle.empty();
  if (of_log && !holds_store(configuration.data_directory))
    return std::unexpected(no_log(configuration.data_directory));
  auto answer =
      of_log ? app::verify_log(configuration.data_directory, options) : app::verify_bundle(arguments.bundle, options);
  if (!answer) return std::unexpected(std::move(answer).error());
  const Json* intact = answer->find("intact");
  const bool sound = intact != nullptr && intact->as_bool().value_or(false);
  print_answer(invocation.out(), *answer, sound);
  if (sound) return told_of_checkpoint(*answer);
  complain(damage_message(*answer));
  return kDamaged;
}

struct SigningArguments {
  std::optional<std::string> key;
  std::string out = "-";
};

Result<base::SigningKey> signing_key(const SigningArguments& arguments) {
  if (arguments.key) return app::read_signing_key(*arguments.key);
  return fail(ErrorCode::invalid_argument,
              "name the key to sign with: --key FILE (make one with `symphainy key create FILE`)", "no_key");
}

Result<int> checkpoint(Invocation& invocation, const SigningArguments& arguments) {
  TRY(const base::SigningKey key, signing_key(arguments));
  TRY(const app::Configuration configuration, invocation.configuration());
  if (!holds_store(configuration.data_directory)) return std::unexpected(no_log(configuration.data_directory));
  const auto made = app::make_checkpoint(configuration.data_directory, key);
  if (!made) return std::unexpected(made.error());
  std::fwrite(made->data(), 1, made->size(), stdout);
  return kOk;
}

Result<int> export_bundle(Invocation& invocation, const SigningArguments& arguments) {
  TRY(const base::SigningKey key, signing_key(arguments));
  TRY(const app::Configuration configuration, invocation.configuration());
  TRY(const public_works::TenantScope scope, invocation.scope());
  if (!scope.tenant()) return fail(ErrorCode::invalid_argument, "a bundle holds one tenant's records: --tenant NAME");
  if (!holds_store(configuration.data_directory)) return std::unexpected(no_log(configuration.data_directory));
  const auto written = app::export_tenant(configuration.data_directory, *scope.tenant(), key, arguments.out);
  if (!written && written.error().code == ErrorCode::not_found && written.error().reason.empty())
    return fail(ErrorCode::invalid_argument, written.error().message);
  if (!written) return std::unexpected(written.error());
  if (arguments.out != "-") invocation.out().json_line(*written);
  return kOk;
}

Result<int> repair(Invocation& invocation, const RepairArguments& arguments) {
  std::map<std::string, Json> flags;
  if (arguments.actor) flags.emplace("actor", *arguments.actor);
  TRY(const app::Configuration configuration, invocation.configuration(std::move(flags)));
  if (!holds_store(configuration.data_directory)) return std::unexpected(no_log(configuration.data_directory));
  const auto repaired = app::repair_store({configuration.data_directory, arguments.directory, who_asks(configuration)});
  if (!repaired) return std::unexpected(repaired.error());
  invocation.out().json_line(*repaired);
  return kOk;
}

}  // namespace

void add_wal(Command root) {
  Command wal = root.add("wal", "the write-ahead log: print it, prove it, repair it");
  wal.examples({"symphainy wal cat --tenant acme --limit 10", "symphainy wal verify"});

  auto options = std::make_shared<CatOptions>();
  wal.add("cat", "print records as JSON lines, oldest first")
      .takes_data()
      .takes_tenant()
      .option("--from", options->from, "first record: the tenant's number, or the position with --tenant '*'")
      .option("--limit", options->limit, "how many at most (default: all)")
      .examples({"symphainy wal cat --tenant acme", "symphainy wal cat --tenant '*' --from 1000 --limit 20"})
      .runs([options](Invocation& invocation) { return cat(invocation, *options); });

  auto what = std::make_shared<VerifyArguments>();
  wal.add("verify", "check every hash and both chains, of the log or of a bundle; exit 0 intact, 3 damaged")
      .takes_data()
      .optional_argument("BUNDLE", what->bundle, "a file that `wal export` wrote; nothing: the log in --data")
      .option("--tenant", what->tenant, "tell this tenant's chain too", "NAME")
      .option("--from", what->from, "only the segments from the one that holds this position")
      .option("--archive", what->archive, "where what was retired is kept: verify that too, from where it begins on",
              "DIR")
      .option("--against", what->against,
              "a checkpoint that the log must agree with; exit 2 when its position is retired and not in --archive",
              "FILE")
      .option("--public-key", what->public_key, "who must have signed: 64 hexadecimal digits, or a .pub file", "KEY")
      .examples({"symphainy wal verify --data ./data", "symphainy wal verify -o table",
                 "symphainy wal verify --against monday.checkpoint --public-key audit.key.pub",
                 "symphainy wal verify acme.bundle --public-key audit.key.pub"})
      .runs([what](Invocation& invocation) { return verify(invocation, *what); });

  auto damaged = std::make_shared<RepairArguments>();
  wal.add("repair", "copy what is sound of a damaged store into a new directory, and list what is lost")
      .takes_data()
      .argument("DIR", damaged->directory, "the new data directory; must not exist or be empty")
      .option("--actor", damaged->actor, "who asks, as it is recorded (default: the OS user)", "TYPE:ID")
      .examples({"symphainy wal repair --data ./damaged ./repaired"})
      .runs([damaged](Invocation& invocation) { return repair(invocation, *damaged); });

  add_wal_retain(wal);

  auto signing = std::make_shared<SigningArguments>();
  wal.add("checkpoint", "sign how far the log has reached, to be kept elsewhere")
      .takes_data()
      .option("--key", signing->key, "the private key, from `symphainy key create`", "FILE")
      .examples({"symphainy wal checkpoint --key audit.key > monday.checkpoint"})
      .runs([signing](Invocation& invocation) { return checkpoint(invocation, *signing); });

  auto bundle = std::make_shared<SigningArguments>();
  auto out = std::make_shared<std::optional<std::string>>();
  wal.add("export", "a tenant's records with the proof that they are all of them, to be checked without the store")
      .takes_data()
      .takes_tenant()
      .option("--key", bundle->key, "the private key, from `symphainy key create`", "FILE")
      .option("--out", *out, "where to; must not exist (default: stdout)", "FILE")
      .examples({"symphainy wal export --tenant acme --key audit.key --out acme.bundle"})
      .runs([bundle, out](Invocation& invocation) {
        bundle->out = out->value_or("-");
        return export_bundle(invocation, *bundle);
      });
}

}  // namespace symphainy::cli
