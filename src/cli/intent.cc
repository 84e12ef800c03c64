// SPDX-License-Identifier: Apache-2.0
// `symphainy intent`: what the store's runtime can be asked for, and with which parameters; before the first run, what
// this program will take.
#include <fmt/format.h>
#include <vector>

#include "base/try.h"
#include "cli/command.h"
#include "cli/invocation.h"
#include "cli/rows.h"
#include "cli/temporary_store.h"

namespace symphainy::cli {
namespace {

constexpr std::size_t kDigestShown = 12;

struct SchemaArguments {
  std::string type;
  std::optional<std::uint64_t> version;
};

using Registrations = std::vector<public_works::RegistrationRow>;

/// Those of a store that is made for the purpose: what the first run will register.
Result<Registrations> registrations_of_this_program(const Invocation& invocation) {
  TRY(const auto temporary, TemporaryStore::create("symphainy-intent", TemporaryStore::After::remove));
  RuntimeOptions options;
  options.data_directory = temporary.path();
  TRY(const auto runtime, invocation.open_runtime(options, {"."}));
  TRY(runtime->close());
  TRY(const auto reader, app::StoreReader::open(temporary.path()));
  return reader->state().registrations();
}

Result<Registrations> registrations(const Invocation& invocation) {
  const auto reader = invocation.open_reader();
  if (reader) return (*reader)->state().registrations();
  if (reader.error().reason == kNoStore) return registrations_of_this_program(invocation);
  return std::unexpected(reader.error());
}

Result<int> types(Invocation& invocation) {
  TRY(const auto rows, registrations(invocation));
  const Output& out = invocation.out();
  if (out.json()) {
    Json list = Json::array();
    for (const auto& row : rows)
      list.push_back(Json::object({{"intent_type", row.intent_type},
                                   {"version", row.version},
                                   {"domain_service", row.domain_service},
                                   {"handler", row.handler},
                                   {"schema_digest", row.schema_digest}}));
    out.json_line(Json::object({{"intent_types", std::move(list)}}));
    return kOk;
  }
  Table table{{{"intent type"}, {"version", Align::right}, {"domain service"}, {"handler"}, {"schema sha256"}}, {}};
  for (const auto& row : rows)
    table.rows.push_back({row.intent_type, std::to_string(row.version), row.domain_service, row.handler,
                          row.schema_digest.substr(0, kDigestShown)});
  out.table(table);
  return kOk;
}

Result<int> schema(Invocation& invocation, const SchemaArguments& arguments) {
  TRY(const auto rows, registrations(invocation));
  const public_works::RegistrationRow* chosen = nullptr;
  for (const auto& row : rows) {
    if (row.intent_type != arguments.type) continue;
    if (arguments.version && row.version != *arguments.version) continue;
    if (chosen == nullptr || row.version > chosen->version) chosen = &row;
  }
  if (chosen == nullptr)
    return fail(ErrorCode::not_found,
                fmt::format("no intent type {}{} is registered; symphainy intent types shows those there are",
                            arguments.type, arguments.version ? fmt::format(" of version {}", *arguments.version) : ""),
                "unknown_intent_type");
  invocation.out().json_line(stored_json(chosen->schema));
  return kOk;
}

}  // namespace

void add_intent(Command root) {
  Command intent = root.add("intent", "what can be asked for");
  intent.examples({"symphainy intent types", "symphainy intent schema ingest_file"});

  intent.add("types", "list the intent types that are registered")
      .takes_data()
      .examples({"symphainy intent types --data ./data"})
      .runs(types);

  auto arguments = std::make_shared<SchemaArguments>();
  intent.add("schema", "print the JSON Schema of an intent type's parameters")
      .takes_data()
      .argument("TYPE", arguments->type, "the intent type")
      .option("--version", arguments->version, "of this version (default: the highest)")
      .examples({"symphainy intent schema analyze_content"})
      .runs([arguments](Invocation& invocation) { return schema(invocation, *arguments); });
}

}  // namespace symphainy::cli
