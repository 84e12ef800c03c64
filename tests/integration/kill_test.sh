#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 in the middle of 10,000 keyed intents, verify, run again with the same keys: exactly 10,000 executions, each event
# once, and the same answers after state.db was deleted.   kill_test.sh SYMPHAINY
set -euo pipefail
symphainy=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo 'a,b' >file.csv
python3 - >intents.ndjson <<'PY'
import json
for i in range(10000):
    print(json.dumps({"intent_type": "ingest_file", "tenant_id": "acme", "session_id": "s", "solution_id": "x",
                      "idempotency_key": f"key-{i}", "actor": {"type": "user", "id": "kill-test"},
                      "parameters": {"bytes": "aGVsbG8=", "name": f"f{i}"}}))
PY
: >first.ndjson  # the loop below may look before the program in the background has opened it
"$symphainy" run --data data --concurrency 256 intents.ndjson >first.ndjson 2>first.err &
pid=$!
# Killed as soon as some are acknowledged, whatever the machine's speed.
while [ "$(wc -l <first.ndjson)" -lt 1000 ]; do kill -0 $pid || break; done
kill -9 $pid 2>/dev/null || true
wait $pid 2>/dev/null || true
acknowledged=$(wc -l <first.ndjson)
echo "acknowledged before kill -9: $acknowledged"
[ "$acknowledged" -lt 10000 ] || { echo "the run ended before it could be killed"; exit 1; }
"$symphainy" wal verify --data data | grep -q '"intact":true'
"$symphainy" run --data data --concurrency 256 intents.ndjson >second.ndjson 2>second.err
count() { "$symphainy" sql --data data --tenant acme -o json "SELECT count(*) AS n FROM executions" | grep -o '[0-9]\+' | tail -1; }
n=$(count)
[ "$n" = 10000 ] || { echo "executions: $n, not 10000"; exit 1; }
python3 - <<'PY'
import json
first = [json.loads(l) for l in open("first.ndjson") if l.endswith("\n")]
second = {r["line"]: r for r in map(json.loads, open("second.ndjson"))}
assert len(second) == 10000 and all(r["status"] == "completed" for r in second.values())
for r in first:
    assert second[r["line"]]["execution_id"] == r["execution_id"], ("acknowledged, then lost", r["line"])
events = [json.loads(l) for l in open("data/events/acme/content.ndjson")]
assert len(events) == 10000 and len({e["id"] for e in events}) == 10000, len(events)
assert [int(e["sequence"]) for e in events] == list(range(1, 10001))
PY
"$symphainy" execution list --data data --tenant acme --limit 1000 -o json >before.json
rm -f data/state.db data/state.db-wal data/state.db-shm
"$symphainy" execution list --data data --tenant acme --limit 1000 -o json >after.json
cmp before.json after.json
echo "kill -9: exactly 10000 executions, nothing acknowledged was lost, each event once, state.db rebuilt the same"
