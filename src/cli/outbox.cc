// SPDX-License-Identifier: Apache-2.0
// `symphainy outbox`: committed events, whether they have been published, and publishing what is pending.
#include <algorithm>
#include <fmt/format.h>

#include "base/time.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/invocation.h"
#include "cli/rows.h"

namespace symphainy::cli {
namespace {

struct ListOptions {
  bool pending = false;
  std::optional<std::string> topic;
  std::optional<std::string> cursor;
  std::optional<std::uint64_t> limit;
};

Result<std::uint64_t> published_up_to(app::StoreReader& store) {
  TRY(const auto cursors, store.state().cursors());
  const auto found = cursors.find(app::kNdjsonPublisher);
  return found == cursors.end() ? 0 : found->second;
}

// The cursor is an execution, because positions count every tenant's records. All its events are queued in the batch
// that ends it, so behind its end is behind its events.
Result<std::uint64_t> position_of(const ListOptions& options, const ScopedReader& reader) {
  if (!options.cursor) return 0;
  TRY(const auto row, reader.store->state().execution(reader.scope, *options.cursor));
  if (!row) return std::unexpected(unknown_id("execution", *options.cursor, "execution list"));
  return std::max(row->accepted_position, row->ended_position);
}

void print_events(const Output& out, const std::vector<public_works::EventRow>& rows, std::uint64_t mark) {
  Table table{{{"topic"}, {"sequence", Align::right}, {"type"}, {"published"}, {"queued at"}, {"event"}}, {}};
  for (const auto& row : rows) {
    const bool published = row.position <= mark;
    table.rows.push_back({row.topic, std::to_string(row.sequence), row.type,
                          Cell(published ? "yes" : "pending", published ? Colour::good : Colour::notice),
                          base::format_time(row.queued_us), row.event_id});
  }
  out.table(table);
}

Result<int> list(Invocation& invocation, const ListOptions& options) {
  TRY(const std::size_t limit, list_limit(options.limit));
  TRY(const ScopedReader reader, open_scoped(invocation));
  TRY(const std::uint64_t mark, published_up_to(*reader.store));
  TRY(const std::uint64_t behind, position_of(options, reader));
  public_works::EventFilter filter{reader.scope, options.topic, options.pending ? std::max(mark, behind) : behind,
                                   limit};
  TRY(const auto rows, reader.store->state().list_events(filter));
  bool more = false;
  if (!rows.empty()) {
    // Never split an execution's events: the cursor could not name a place among them.
    filter.after_position = rows.back().position;
    filter.limit = 1;
    TRY(const auto next, reader.store->state().list_events(filter));
    more = !next.empty();
  }
  if (!invocation.out().json()) {
    print_events(invocation.out(), rows, mark);
    if (more) notify(fmt::format("there are more; go on with --cursor {}", rows.back().execution_id));
    return kOk;
  }
  Json events = Json::array();
  for (const auto& row : rows) events.push_back(event_json(row, row.position <= mark, reader.scope));
  invocation.out().json_line(
      Json::object({{"events", std::move(events)}, {"next_cursor", more ? Json(rows.back().execution_id) : Json()}}));
  return kOk;
}

/// An open runtime relays what is pending, this process's or the one that serves the directory; draining waits for it.
Result<int> publish(Invocation& invocation) {
  TRY(const app::Configuration configuration, invocation.configuration());
  std::uint64_t before = 0;
  {
    TRY(const auto reader, invocation.open_reader());
    TRY(before, published_up_to(*reader));
  }
  {
    TRY(const auto runtime, invocation.open_runtime(configuration.runtime_options(), configuration.roots));
    TRY(runtime->drain());
    TRY(runtime->close());
  }
  TRY(const auto reader, invocation.open_reader());
  TRY(const std::uint64_t after, published_up_to(*reader));
  TRY(const auto pending, reader->state().list_events({public_works::TenantScope::every_tenant(), {}, after, 1}));
  const std::string directory = app::DataDirectory{configuration.data_directory}.events();
  if (invocation.out().json())
    invocation.out().json_line(Json::object({{"publisher", app::kNdjsonPublisher},
                                             {"directory", directory},
                                             {"advanced", after > before},
                                             {"pending", !pending.empty()}}));
  else
    invocation.out().line(fmt::format("every committed event is in {}", directory));
  if (pending.empty()) return kOk;
  complain("some events could not be published; see that " + directory + " is writable and run this again");
  return kSomeFailed;
}

}  // namespace

void add_outbox(Command root) {
  Command outbox = root.add("outbox", "committed events and their publication");
  outbox.examples({"symphainy outbox list --tenant acme --pending", "symphainy outbox publish"});

  auto options = std::make_shared<ListOptions>();
  outbox.add("list", "list committed events, oldest first")
      .takes_data()
      .takes_tenant()
      .flag("--pending", options->pending, "only those not yet published")
      .option("--topic", options->topic, "only this topic", "TOPIC")
      .option("--limit", options->limit, "how many (default: 100); the events of one execution stay together")
      .option("--cursor", options->cursor, "go on after the events of this execution", "ID")
      .examples({"symphainy outbox list --tenant acme", "symphainy outbox list --tenant '*' --pending -o json"})
      .runs([options](Invocation& invocation) { return list(invocation, *options); });

  outbox.add("publish", "publish what is pending to DATA/events")
      .takes_data()
      .examples({"symphainy outbox publish --data ./data"})
      .runs(publish);
}

}  // namespace symphainy::cli
