// SPDX-License-Identifier: Apache-2.0
// `symphainy lineage`: what a piece of data was made from, or what was made from it.
#include <fmt/format.h>

#include "base/try.h"
#include "cli/command.h"
#include "cli/invocation.h"
#include "cli/tree.h"

namespace symphainy::cli {
namespace {

struct LineageArguments {
  std::string reference;
  bool up = false;
  bool down = false;
  std::optional<std::uint64_t> depth;
};

Result<int> lineage(Invocation& invocation, const LineageArguments& arguments) {
  if (arguments.up && arguments.down)
    return fail(ErrorCode::invalid_argument, "--up and --down exclude each other; ask twice");
  runtime::LineageOptions options;
  options.direction = arguments.down ? runtime::Direction::down : runtime::Direction::up;
  if (arguments.depth) {
    if (*arguments.depth == 0 || *arguments.depth > UINT32_MAX)
      return fail(ErrorCode::invalid_argument, "--depth counts hops; give 1 or more");
    options.max_depth = static_cast<std::uint32_t>(*arguments.depth);
  }
  TRY(const ScopedReader reader, open_scoped(invocation));
  auto found = runtime::DataBrain(reader.store->lineage()).lineage(reader.scope, arguments.reference, options);
  if (!found && found.error().code == ErrorCode::not_found)
    return std::unexpected(unknown_id("reference", arguments.reference, "reference list"));
  if (!found) return std::unexpected(std::move(found).error());
  if (invocation.out().json()) {
    invocation.out().json_line(lineage_json(*found));
    return kOk;
  }
  std::string drawing = render_lineage(*found, options.direction, invocation.out());
  if (!drawing.empty()) drawing.pop_back();
  invocation.out().line(drawing);
  if (found->truncated) notify("there is more beyond; raise --depth");
  return kOk;
}

}  // namespace

void add_lineage(Command root) {
  auto arguments = std::make_shared<LineageArguments>();
  root.add("lineage", "what a reference was made from, or what was made from it")
      .takes_data()
      .takes_tenant()
      .argument("REFERENCE", arguments->reference, "the reference to begin with")
      .flag("--up", arguments->up, "towards the sources (the default)")
      .flag("--down", arguments->down, "towards what was made from it")
      .option("--depth", arguments->depth, "hops at most (default: 64)")
      .examples({"symphainy lineage REFERENCE --tenant acme",
                 "symphainy lineage REFERENCE --tenant acme --down --depth 3 -o json"})
      .runs([arguments](Invocation& invocation) { return lineage(invocation, *arguments); });
}

}  // namespace symphainy::cli
