// SPDX-License-Identifier: Apache-2.0
// Where the runtime meets its adapters: a node over the log, the stores and the publisher of a local data directory.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <system_error>

#include "app/local_store.h"
#include "base/try.h"
#include "runtime/runtime_node.h"

namespace symphainy {
namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

void log_line(LogLevel level, const std::string& execution_id, std::string_view message) {
  spdlog::log(spdlog_level(level), "execution={} {}", execution_id, message);
}

Result<std::unique_ptr<Runtime>> open_node(const RuntimeOptions& options) {
  TRY(const auto store, app::LocalStore::open(options));
  runtime::NodeAdapters adapters{.owner = store,
                                 .log = *store->log,
                                 .state = *store->state,
                                 .lineage = *store->state,
                                 .artifacts = *store->artifacts,
                                 .publisher = options.publish_events ? store->publisher.get() : nullptr,
                                 .publisher_name = app::kNdjsonPublisher,
                                 .partition = store->partition,
                                 .fold = store->fold,
                                 .relay = store->relay,
                                 .handlers = store->handlers,
                                 .clock = store->clock,
                                 .random = store->random,
                                 .log_sink = log_line};
  TRY(auto node, runtime::RuntimeNode::open(std::move(adapters), options));
  store->begin_retention(options.log_retention);
  return node;
}

}  // namespace

Result<std::unique_ptr<Runtime>> Runtime::open(RuntimeOptions options) {
  try {
    return open_node(options);
  } catch (const std::system_error& error) {
    return fail(ErrorCode::unavailable,
                fmt::format("the runtime's threads cannot be started: {}; ask for fewer than {} handler threads, or "
                            "raise the process's limits (ulimit -u, -v)",
                            error.what(), options.handler_threads),
                "no_threads");
  }
}

}  // namespace symphainy
