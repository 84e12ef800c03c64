// SPDX-License-Identifier: Apache-2.0
// What has ended is done once more, as a new execution: its acceptance, what it takes over, and on the old one that it
// has a successor, in one batch, so that a crash leaves all of it or nothing.
#include <fmt/format.h>
#include <utility>

#include "base/fault_points.h"
#include "base/try.h"
#include "runtime/execution_history.h"
#include "runtime/execution_lifecycle_manager.h"
#include "runtime/history_copy.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/spawn.h"

namespace symphainy::runtime {
namespace {

std::unexpected<Error> not_ended(const std::string& id, Action action) {
  return fail(
      ErrorCode::conflict,
      fmt::format("execution {} has not ended, so there is nothing to {}; resume it when it is parked, or cancel "
                  "or terminate it first",
                  id, to_string(action)),
      "not_ended");
}

std::unexpected<Error> has_successor(const public_works::ExecutionRow& row) {
  return fail(ErrorCode::conflict,
              fmt::format("execution {} was done once more already, as execution {}; retry or rerun that one",
                          row.execution_id, row.successor),
              "has_successor", Json::object({{"successor", row.successor}}));
}

Result<void> check_status(const ExecutionResult& source, Action action) {
  if (source.status == ExecutionStatus::rejected) {
    return fail(
        ErrorCode::conflict,
        fmt::format("execution {} was rejected, and never began; submit a corrected intent", source.execution_id),
        "was_rejected");
  }
  if (action == Action::retry && source.status == ExecutionStatus::completed) {
    return fail(ErrorCode::conflict,
                fmt::format("execution {} has completed, so there is nothing to retry; rerun it to do it again",
                            source.execution_id),
                "has_completed");
  }
  return {};
}

}  // namespace

Task<void> ExecutionLifecycleManager::rerun(ExecutionCommand command, Answer answer) {
  if (auto admitted = co_await parts_.admission; !admitted) co_return answer(std::unexpected(admitted.error()));
  const auto source = co_await find_ended(command);
  if (!source) co_return answer(std::unexpected(source.error()));
  const public_works::ExecutionRow row = (*source)->row;
  co_await move_to(parts_.handlers);  // reading the log may take a while
  const auto history = read_history(parts_.log.log(), row);
  co_await move_to(parts_.partition);
  if (!history) co_return answer(std::unexpected(history.error()));
  auto execution = begin_rerun(command, *history);
  if (!execution) co_return answer(std::unexpected(execution.error()));
  if (command.wait_for_end) co_return answer(co_await carry_out_to_its_end(*std::move(execution)));
  spawn(answer_when_durable(execution->started_position, result_so_far(execution->tracked->row), answer));
  (void)co_await carry_out(*std::move(execution));
}

// Its end is durable.
Task<Result<TrackedPtr>> ExecutionLifecycleManager::find_ended(ExecutionCommand command) {
  auto found = parts_.decisions.find_ended_too(command.tenant_id, command.execution_id);
  if (!found) co_return std::unexpected(found.error());
  const TrackedPtr source = *std::move(found);
  if (!source) {
    co_return fail(ErrorCode::not_found,
                   fmt::format("tenant {} has no execution {}", command.tenant_id, command.execution_id),
                   "unknown_execution");
  }
  if (!source->ended && !source->end_appended) co_return not_ended(command.execution_id, command.action);
  while (!source->ended) co_await HandedOver{*source};
  if (source->result && !*source->result) co_return std::unexpected((*source->result).error());
  if (auto durable = co_await all_durable(source); !durable) co_return std::unexpected(durable.error());
  co_return source;
}

Result<ExecutionLifecycleManager::Execution> ExecutionLifecycleManager::begin_rerun(
    const ExecutionCommand& command, const std::vector<base::LogRecord>& history) {
  TRY(const TrackedPtr source, parts_.decisions.find_ended_too(command.tenant_id, command.execution_id));
  if (!source->row.successor.empty()) return has_successor(source->row);
  TRY(const ExecutionResult ended, result_from_history(history));
  TRY(check_status(ended, command.action));
  TRY(Intent intent, intent_from_history(history));
  TRY(const HandlerIdentity identity, handler_from_history(history));
  TRY(Acceptance acceptance, accept_again(intent, identity, command.actor));
  TRY(parts_.log.room());

  std::vector<base::RecordDraft> drafts;
  Execution execution = plan_execution(std::move(intent), std::move(acceptance), drafts);
  const RecordOwner owner{command.tenant_id, execution.id, execution.attempt};
  TRY(HistoryCopy copy, copy_history(history, command, owner));
  const std::string& id = source->row.execution_id;
  drafts.push_back(draft_record(RecordType::history_copied, owner.tenant,
                                history_copied_payload(copy, id, identity.version), owner.execution, owner.attempt));
  std::ranges::move(copy.drafts, std::back_inserter(drafts));
  TRY(execution.answers, answers_from_history(as_records(drafts)));
  execution.received = {execution.answers.waits.untaken, execution.answers.waits.children};
  drafts.push_back(draft_record(RecordType::execution_rerun, owner.tenant,
                                rerun_payload(command, owner.execution.text()), history.front().execution,
                                history.back().attempt));
  CRASH_POINT("rerun-before-append");
  TRY(const auto receipt, append(*execution.tracked, std::move(drafts)));
  execution.tracked->row.accepted_position = receipt.first_position;
  execution.tracked->row.rerun_of = id;
  execution.started_position = receipt.last_position;
  parts_.decisions.track(execution.tracked);
  public_works::add_successor(source->row,
                              {owner.tenant, id, execution.tracked->row.execution_id, receipt.first_position});
  source->result.reset();  // the log tells more now
  parts_.decisions.ended(parts_.decisions.track(source), receipt.last_position);
  return execution;
}

// The same work, asked for by somebody else: under the handler version that it had, if this process has that one.
Result<ExecutionLifecycleManager::Acceptance> ExecutionLifecycleManager::accept_again(Intent& intent,
                                                                                      const HandlerIdentity& identity,
                                                                                      const Actor& actor) {
  intent.intent_id = base::make_uuid_v7(parts_.clock.wall_us(), random_bytes(16)).text();
  intent.created_at_us = parts_.clock.wall_us();
  intent.actor = actor;
  intent.idempotency_key.reset();
  intent.parent.reset();  // who was told of the first one's end is not told of another
  if (intent.deadline_us && *intent.deadline_us <= parts_.clock.wall_us()) intent.deadline_us.reset();
  Acceptance acceptance;
  acceptance.fingerprint = intent.fingerprint();
  acceptance.handler = parts_.registry.find(intent.intent_type, identity.version);
  if (acceptance.handler) return acceptance;
  acceptance.handler = parts_.registry.find(intent.intent_type);
  if (!acceptance.handler) {
    return std::unexpected(unknown_intent_type(intent.intent_type, parts_.registry.list_supported_intents()));
  }
  if (const auto violations = acceptance.handler->schema.validate(intent.parameters); !violations.empty()) {
    return std::unexpected(parameters_refused(violations));
  }
  return acceptance;
}

}  // namespace symphainy::runtime
