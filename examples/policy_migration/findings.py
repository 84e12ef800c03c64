# SPDX-License-Identifier: Apache-2.0
"""What a migration came to, and whether it is what it must be: everything is counted twice, on both sides."""
import json
import math
import re
from collections import Counter, defaultdict

from migration import TENANT

SAMPLED_LINEAGES = 3
FAILED_CALL = re.compile(r"^policy system: (\w+) \S+: (\w+)$", re.M)
# What is compared between two runs: everything but the tokens.
TARGET = """SELECT to_jsonb(p) - 'step_token' FROM policies p ORDER BY policy_number COLLATE "C" """


class Findings:
    def __init__(self, migration):
        self.migration = migration
        self.complaints = []
        self.target = [json.loads(line) for line in migration.postgres.sql(TARGET)]
        self.executions = {found[0]: tuple(found[1:]) for found in self._ask_sql(
            "SELECT execution_id, intent_type, status, error_code, parent FROM executions")}
        self.by_status = Counter(status for kind, status, _, _ in self.executions.values() if kind == "migrate_policy")
        # By the policy's number: the record that a row became, and the event that tells why it became none.
        self.records = {name: (reference, execution) for name, reference, execution in self._ask_sql(
            "SELECT name, reference_id, execution_id FROM data_references WHERE type = 'policy.record'")}
        self.published = self._published()
        self.rejected = {event["subject"]: event["data"] for event in self.published["policy.rejected"]}
        self.target_cents = sum(row["tiv_2012_cents"] for row in self.target)
        self.source_cents = sum(self._source_cents(number) or 0 for number in self.records)
        self.failed_calls = Counter(FAILED_CALL.findall((migration.node.log).read_text(errors="replace")))
        self.answered_again = int(migration.postgres.sql("SELECT coalesce(sum(asked - 1), 0) FROM applied")[0])
        self._count_withdrawals()

    def _ask_sql(self, statement):
        return json.loads(self.migration.node.ask("sql", "--tenant", TENANT, "-o", "json", statement))["rows"]

    def _published(self):
        events = defaultdict(list)
        path = self.migration.node.data / "events" / TENANT / "policy.ndjson"
        for line in path.read_text().splitlines() if path.exists() else []:
            event = json.loads(line)
            events[event["type"]].append(event)
        return events

    def _source_cents(self, number):
        row = self.migration.rows.get(number)
        return None if row is None else row.cents("tiv_2012")

    def _count_withdrawals(self):
        rows = self.migration.postgres.sql("SELECT answer ->> 'withdrawn', count(*) FROM applied"
                                           " WHERE operation = 'withdraw' GROUP BY 1")
        counts = dict(line.split("|") for line in rows)
        self.withdrawn, self.never_written = int(counts.get("true", 0)), int(counts.get("false", 0))

    def expect(self, holds, complaint):
        if not holds:
            self.complaints.append(complaint)

    def check(self):
        self._check_ends()
        self._check_answer()
        self._check_target()
        self._check_executions()
        self._check_events()
        self._check_lineage()
        self.expect('"intact":true' in self.migration.node.ask("wal", "verify"), "the node's log does not verify")
        return self.complaints

    def _check_ends(self):
        for number in self.migration.rows:
            record, rejection = self.records.get(number), self.rejected.get(number)
            self.expect((record is None) != (rejection is None),
                        f"{number} is {'neither migrated nor' if record is None else 'migrated, and'} rejected")
            if record is not None:
                self._check_end(number, record[1], "completed", None)
            if rejection is not None:
                self._check_end(number, rejection["execution"], rejection["status"], rejection.get("error", {}).get("code"))
        strange = (self.records.keys() | self.rejected.keys()) - self.migration.rows.keys()
        self.expect(not strange, f"{len(strange)} policies come from no row")

    def _check_end(self, number, execution, status, reason):
        wanted = "failed" if reason == "invalid_policy_row" else (
            "compensated" if number in self.migration.held else "completed")
        self.expect(status == wanted, f"{number} is {status} ({reason}) and must be {wanted}")
        recorded = self.executions.get(execution, (None, None, None, None))[:3]
        self.expect(recorded == ("migrate_policy", status, reason),
                    f"{number} is told to be {status} ({reason}), and its execution {execution} is {recorded}")

    def _check_answer(self):
        """What the one intent was answered."""
        wanted = {"rows": len(self.migration.rows), "migrated": len(self.records), "compensated": self.by_status["compensated"],
                  "failed": self.by_status["failed"], "stopped": 0, "tiv_2012_cents": self.source_cents}
        told = {name: value for name, value in self.migration.imported.items() if name != "portfolio"}
        self.expect(told == wanted, f"import_portfolio answered {told} and must answer {wanted}")

    def _check_target(self):
        numbers = {row["policy_number"] for row in self.target}
        self.expect(len(numbers) == len(self.target), "a policy stands in the target twice")
        self.expect(numbers == set(self.records), "the target does not hold exactly the migrated rows: "
                    f"{len(numbers - set(self.records))} too many, {len(set(self.records) - numbers)} missing")
        self.expect(self.target_cents == self.source_cents,
                    f"the target's sum is {money(self.target_cents)}, the source's {money(self.source_cents)}")
        for row in self.target:
            number, cents = row["policy_number"], self._source_cents(row["policy_number"])
            self.expect(row["status"] == "active", f"{number} is {row['status']}")
            self.expect(row["tiv_2012_cents"] == cents, f"{number} is {row['tiv_2012_cents']} cents, not {cents}")

    def _check_executions(self):
        counts = Counter((kind, status) for kind, status, _, _ in self.executions.values())
        slices = self.migration.options.scale * math.ceil(
            len(self.migration.rows) / self.migration.options.scale / self.migration.options.slice_rows)
        wanted = Counter({("import_portfolio", "completed"): 1, ("ingest_portfolio", "completed"): 1,
                          ("import_rows", "completed"): slices, ("migrate_policy", "completed"): len(self.records)})
        wanted.update(("migrate_policy", rejection["status"]) for rejection in self.rejected.values())
        self.expect(counts == wanted, f"the executions are {dict(counts)} and must be {dict(wanted)}")
        parents = Counter((kind, self.executions.get(parent, (None,))[0]) for kind, _, _, parent in self.executions.values())
        wanted = Counter({("import_portfolio", None): 1, ("ingest_portfolio", "import_portfolio"): 1,
                          ("import_rows", "import_portfolio"): slices,
                          ("migrate_policy", "import_rows"): len(self.migration.rows)})
        self.expect(parents == wanted, f"the executions and their parents are {dict(parents)} and must be {dict(wanted)}")

    def _check_events(self):
        for kind, wanted in (("policy.migrated", Counter(self.records.keys())), ("policy.rejected", Counter(self.rejected.keys()))):
            published = Counter(event["subject"] for event in self.published[kind])
            self.expect(published == wanted, f"{kind} was published {published.total()} times for "
                        f"{len(published)} policies, and must be for {wanted.total()}, once each")

    def _check_lineage(self):
        """Every row leads to the file, every record to its row."""
        edges = self._ask_sql("SELECT count(*) FROM provenance")[0][0]
        wanted = 2 * len(self.records) + len(self.rejected)
        self.expect(edges == wanted, f"lineage has {edges} edges and must have {wanted}")
        records = [record for record, _ in self.records.values()]
        for record in records[:: max(1, len(records) // SAMPLED_LINEAGES)][:SAMPLED_LINEAGES]:
            found = self.migration.node.ask("lineage", record, "--tenant", TENANT, "-o", "json")
            self.expect(self.migration.imported["portfolio"] in found, f"record {record} does not lead to the portfolio file")

    def report(self):
        """The lines that a person reads."""
        chaos, migration = self.migration.chaos, self.migration
        rows, executions = len(migration.rows), len(self.executions)
        tries = Counter()
        for (_, reason), count in self.failed_calls.items():
            tries[reason] += count
        unaccounted = rows - len(self.records) - len(self.rejected)
        scale = migration.options.scale
        return "\n".join([
            f"portfolio            {migration.options.file.name}: {rows // scale:,} rows" + (f" times {scale}" if scale > 1 else ""),
            f"migrated             {len(self.records):,}",
            f"rejected             {len(self.rejected):,}   compensated {self.by_status['compensated']:,},"
            f" refused before their write {self.by_status['failed']:,}",
            f"without an end       {unaccounted:,}",
            f"tiv_2012, source     {money(self.source_cents)}   of the rows that were migrated",
            f"tiv_2012, target     {money(self.target_cents)}",
            f"executions/s         {executions / migration.import_s:,.0f}   {executions:,} in {migration.import_s:.1f} s,"
            f" restarts included",
            f"calls that failed    {self.failed_calls.total():,}   {told(tries)}",
            f"answered by token    {self.answered_again:,}   calls that had happened, and whose answer was lost",
            f"undone               {self.withdrawn:,} withdrawn, {self.never_written:,} that had never been written",
            f"killed               {told(chaos.kills)}",
            f"restarts             {chaos.restart_s.total():.1f} s of them, until all answered again"
            f" ({told_seconds(chaos)})",
            f"the node             {migration.node.peak_mib:,} MiB at most",
        ])


def told(counts):
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "nothing"


def told_seconds(chaos):
    return ", ".join(f"{victim} {seconds:.1f}" for victim, seconds in sorted(chaos.restart_s.items())) or "none"


def money(cents):
    return f"{cents // 100:,}.{cents % 100:02}"
