// SPDX-License-Identifier: Apache-2.0
#include "execution_rows.h"

#include "base/ids.h"

namespace symphainy::bench {

void add_rows(public_works::StateChanges& changes, std::uint64_t number, const std::string& source) {
  const std::string execution = base::fresh_uuid_v7().text();
  const std::string reference = base::fresh_uuid_v7().text();
  changes.position = number * kRecordsPerExecution;
  public_works::ExecutionRow row;
  row.accepted_position = changes.position - kRecordsPerExecution + 1;
  row.tenant_seq = row.accepted_position;
  row.tenant = row.intent_type = row.session = row.solution = "bench";
  row.execution_id = execution;
  row.intent_id = base::fresh_uuid_v7().text();
  row.actor = "service:bench";
  row.status = "completed";
  row.attempt = 1;
  row.accepted_us = row.ended_us = static_cast<std::int64_t>(number);
  row.ended_position = changes.position;
  row.batches = {row.accepted_position, row.accepted_position + 3};
  row.fingerprint = std::string(64, 'f');
  row.artifacts = row.events = row.references = 1;
  changes.executions.push_back(row);
  changes.references.push_back({.position = row.accepted_position + 4,
                                .ordinal = 0,
                                .tenant = "bench",
                                .reference_id = reference,
                                .type = "result",
                                .name = "result",
                                .digest = std::string(64, 'd'),
                                .size = 200,
                                .media_type = "application/json",
                                .location = "execution:" + execution + "/result.json",
                                .metadata = "{}",
                                .execution_id = execution,
                                .created_us = row.ended_us});
  changes.provenance.push_back({row.accepted_position + 5, "bench", reference, source, "wasDerivedFrom", execution});
  changes.events.push_back({row.accepted_position + 6, 0, "bench", "bench", number, base::fresh_uuid_v7().text(),
                            "bench.executed", reference, execution, row.ended_us});
}

}  // namespace symphainy::bench
