// SPDX-License-Identifier: Apache-2.0
#include "import_counts.h"

#include "parameters.h"

namespace policy_migration {

using symphainy::Json;

void ImportCounts::add(const ImportCounts& other) {
  rows += other.rows;
  migrated += other.migrated;
  compensated += other.compensated;
  failed += other.failed;
  stopped += other.stopped;
  tiv_2012_cents += other.tiv_2012_cents;
}

Json ImportCounts::to_json() const {
  return Json::object({{"compensated", compensated},
                       {"failed", failed},
                       {"migrated", migrated},
                       {"rows", rows},
                       {"stopped", stopped},
                       {"tiv_2012_cents", tiv_2012_cents}});
}

ImportCounts ImportCounts::from_json(const Json& json) {
  return {.rows = number_of(json, "rows"),
          .migrated = number_of(json, "migrated"),
          .compensated = number_of(json, "compensated"),
          .failed = number_of(json, "failed"),
          .stopped = number_of(json, "stopped"),
          .tiv_2012_cents = json.find("tiv_2012_cents")->as_int64().value()};
}

}  // namespace policy_migration
