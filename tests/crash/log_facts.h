// SPDX-License-Identifier: Apache-2.0
// What a log says, read for the checkers: a second, small fold, written from the records' meaning and not from
// runtime/projection, so that a mistake there shows as a difference.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "crash/execution_course.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/event_publisher.h"
#include "public_works/abstractions/state_store.h"

namespace symphainy::tests {

struct ArtifactFact {
  std::string name;
  std::string digest;  ///< hex SHA-256
  std::uint64_t size = 0;
  std::optional<std::string> content;  ///< when it travels in the log
};

struct EventFact {
  public_works::EventRow row;
  std::string data;  ///< canonical JSON; empty: none
};

struct ExecutionFact {
  public_works::ExecutionRow row;
  std::uint64_t rerun_position = 0;  ///< where it is said that another one does it once more; 0: nowhere
  std::string parameters;            ///< canonical JSON
  std::string intent;                ///< all of it, canonical JSON
  std::set<std::uint32_t> granted;   ///< attempts
  std::string value_sha256;          ///< hex, of the result's canonical JSON; empty unless completed
  std::vector<ArtifactFact> artifacts;
  std::vector<std::string> event_ids;
  ExecutionCourse course;
};

struct LogFacts {
  using Named = std::pair<std::string, std::string>;  ///< tenant, name
  std::uint64_t last_position = 0;
  std::int64_t last_time_us = 0;
  std::uint64_t epoch = 0;
  std::map<std::uint64_t, std::string> batch_ends;  ///< last position → store hash (hex)
  std::map<std::string, ExecutionFact> executions;  ///< by id
  std::map<Named, std::vector<std::string>> by_key;
  std::map<Named, std::vector<std::string>> by_intent;
  std::map<public_works::StreamName, std::vector<EventFact>> streams;
  std::map<Named, public_works::StateRow> state;
  std::map<Named, public_works::SessionRow> sessions;
  std::vector<public_works::ReferenceRow> references;  ///< in log order
  std::vector<public_works::ProvenanceRow> edges;      ///< in log order
  std::map<std::string, std::uint64_t> marks;          ///< publisher → position
  std::size_t registrations = 0;
};

/// Everything up to and including the position (a batch's end). What the log itself breaks of I2 to I16 is added to
/// `violations`; behind the first broken link of a chain nothing is read.
[[nodiscard]] LogFacts read_log(const public_works::EventLog& log, std::uint64_t until,
                                std::vector<Violation>& violations);

}  // namespace symphainy::tests
