// SPDX-License-Identifier: Apache-2.0
// Where the runtime meets its adapters: a node over the log, the stores and the publisher of a local data directory.
#include <spdlog/spdlog.h>

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

}  // namespace

Result<std::unique_ptr<Runtime>> Runtime::open(RuntimeOptions options) {
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
  return runtime::RuntimeNode::open(std::move(adapters), options);
}

}  // namespace symphainy
