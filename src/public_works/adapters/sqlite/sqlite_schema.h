// SPDX-License-Identifier: Apache-2.0
// The tables of state.db. Users read them with `symphainy sql`, so names are plain words and times are microseconds
// UTC.
//
// Rows are appended in log order, and an index on (a, b) ends with the row's key, so that "newest of a tenant" needs no
// column of its own. Each index costs about 1 us for each row of the fold: one is added for a question, never on
// suspicion. Ids that begin with their time are written at an index's end; keys in no order, which intents bring along,
// stand in recent_keys and sealed_keys instead (sqlite_key_generations.h). A change here raises kSchemaVersion:
// state.db is then dropped and built again from the log. So does a record type, record version or feature level that
// the fold learns: an older release then folds anew, and refuses it.
#pragma once

#include <string_view>

namespace symphainy::public_works {

inline constexpr int kSchemaVersion = 6;

inline constexpr std::string_view kSchema = R"sql(
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value NOT NULL
) WITHOUT ROWID;

CREATE TABLE executions (
  accepted_position INTEGER PRIMARY KEY,
  tenant_seq INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  execution_id TEXT NOT NULL,
  intent_id TEXT NOT NULL,
  intent_type TEXT NOT NULL,
  session TEXT NOT NULL,
  solution TEXT NOT NULL,
  actor TEXT NOT NULL,
  status TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  accepted_us INTEGER NOT NULL,
  ended_us INTEGER,
  ended_position INTEGER,
  batches TEXT NOT NULL,
  idempotency_key TEXT,
  fingerprint TEXT NOT NULL,
  artifact_count INTEGER NOT NULL,
  event_count INTEGER NOT NULL,
  reference_count INTEGER NOT NULL,
  error_code TEXT,
  error_message TEXT,
  wake_us INTEGER,
  wake_by_wall INTEGER,
  waits_for TEXT,
  parent TEXT,
  rerun_of TEXT,
  successor TEXT
);
CREATE UNIQUE INDEX executions_by_id ON executions (execution_id);
CREATE INDEX executions_by_tenant ON executions (tenant);
CREATE INDEX executions_by_session ON executions (tenant, session);
CREATE INDEX executions_live ON executions (tenant) WHERE ended_position IS NULL;

CREATE TABLE recent_keys (
  hash INTEGER NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (hash, position)
) WITHOUT ROWID;

CREATE TABLE sealed_keys (
  generation INTEGER NOT NULL,
  first_hash INTEGER NOT NULL,
  first_position INTEGER NOT NULL,
  keys BLOB NOT NULL,
  PRIMARY KEY (generation, first_hash, first_position)
) WITHOUT ROWID;

CREATE TABLE key_filters (
  generation INTEGER PRIMARY KEY,
  filter BLOB NOT NULL,
  checksum INTEGER NOT NULL
);

CREATE TABLE sessions (
  tenant TEXT NOT NULL,
  session TEXT NOT NULL,
  first_us INTEGER NOT NULL,
  last_us INTEGER NOT NULL,
  executions INTEGER NOT NULL,
  PRIMARY KEY (tenant, session)
) WITHOUT ROWID;

CREATE TABLE state (
  tenant TEXT NOT NULL,
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  position INTEGER NOT NULL,
  value TEXT,
  PRIMARY KEY (tenant, key)
) WITHOUT ROWID;

CREATE TABLE data_references (
  id INTEGER PRIMARY KEY,
  position INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  reference_id TEXT NOT NULL,
  type TEXT NOT NULL,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  size INTEGER NOT NULL,
  media_type TEXT NOT NULL,
  location TEXT NOT NULL,
  metadata TEXT NOT NULL,
  execution_id TEXT NOT NULL,
  created_us INTEGER NOT NULL
);
CREATE UNIQUE INDEX data_references_by_id ON data_references (tenant, reference_id);
CREATE INDEX data_references_by_tenant ON data_references (tenant);
CREATE INDEX data_references_by_execution ON data_references (execution_id);
CREATE INDEX data_references_by_artifact ON data_references (tenant, location)
  WHERE location >= 'artifact:' AND location < 'artifact;';

CREATE TABLE provenance (
  id INTEGER PRIMARY KEY,
  position INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  derived TEXT NOT NULL,
  source TEXT NOT NULL,
  relation TEXT NOT NULL,
  execution_id TEXT NOT NULL
);
CREATE INDEX provenance_by_derived ON provenance (derived);
CREATE INDEX provenance_by_source ON provenance (source);

CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  position INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  topic TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  type TEXT NOT NULL,
  subject TEXT NOT NULL,
  execution_id TEXT NOT NULL,
  queued_us INTEGER NOT NULL
);
CREATE INDEX events_by_tenant ON events (tenant);
CREATE INDEX events_by_topic ON events (tenant, topic);

CREATE TABLE streams (
  tenant TEXT NOT NULL,
  topic TEXT NOT NULL,
  last_sequence INTEGER NOT NULL,
  PRIMARY KEY (tenant, topic)
) WITHOUT ROWID;

CREATE TABLE registrations (
  intent_type TEXT NOT NULL,
  version INTEGER NOT NULL,
  domain_service TEXT NOT NULL,
  handler TEXT NOT NULL,
  schema TEXT NOT NULL,
  schema_digest TEXT NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (intent_type, version)
) WITHOUT ROWID;

CREATE TABLE cursors (
  publisher TEXT PRIMARY KEY,
  position INTEGER NOT NULL
) WITHOUT ROWID;
)sql";

}  // namespace symphainy::public_works
