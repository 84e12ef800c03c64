# SPDX-License-Identifier: Apache-2.0
"""What a migration came to, and whether it is what it must be: everything is counted twice, on both sides."""
import json
import re
from collections import Counter, defaultdict

from migration import TENANT
from source import read_rows

SAMPLED_LINEAGES = 3
FAILED_CALL = re.compile(r"^policy system: (\w+) \S+: (\w+)$", re.M)
# What is compared between two runs: everything but the tokens.
TARGET = """SELECT to_jsonb(p) - 'step_token' FROM policies p ORDER BY policy_number COLLATE "C" """


class Findings:
    def __init__(self, migration):
        self.migration = migration
        self.complaints = []
        self.source = read_rows(migration.options.file, migration.options.rows)
        self.target = [json.loads(line) for line in migration.postgres.sql(TARGET)]
        self.ends = migration.migrations.ends
        self.by_status = Counter(end.status for end in self.ends)
        self.migrated = {p["policy_number"]: p for p, e in zip(migration.parameters, self.ends)
                         if e.status == "completed"}
        self.rejected = [p["policy_number"] for p, e in zip(migration.parameters, self.ends) if e.status != "completed"]
        self.target_cents = sum(row["tiv_2012_cents"] for row in self.target)
        self.source_cents = sum(self._source_cents(p) for p in self.migrated.values())
        self.failed_calls = Counter(FAILED_CALL.findall((migration.node.log).read_text(errors="replace")))
        self.answered_again = int(migration.postgres.sql("SELECT coalesce(sum(asked - 1), 0) FROM applied")[0])
        self._count_withdrawals()

    def _source_cents(self, parameters):
        return self.source[parameters["row_number"] - 1].cents("tiv_2012")

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
        self._check_target()
        self._check_executions()
        self._check_events()
        self._check_lineage()
        self.expect('"intact":true' in self.migration.node.ask("wal", "verify"), "the node's log does not verify")
        return self.complaints

    def _check_ends(self):
        self.expect(len(self.ends) == len(self.source) * self.migration.options.scale,
                    f"{len(self.ends)} migrations of {len(self.source)} rows times {self.migration.options.scale}")
        for parameters, end in zip(self.migration.parameters, self.ends):
            number = parameters["policy_number"]
            reason = (end.error or {}).get("code")
            wanted = "failed" if reason == "invalid_policy_row" else (
                "compensated" if number in self.migration.held else "completed")
            self.expect(end.status == wanted, f"{number} is {end.status} ({reason}) and must be {wanted}")
        self.expect(all(e.status == "completed" for e in self.migration.rejections.ends), "a rejection was not told")

    def _check_target(self):
        numbers = [row["policy_number"] for row in self.target]
        self.expect(len(set(numbers)) == len(numbers), "a policy stands in the target twice")
        self.expect(set(numbers) == set(self.migrated), "the target does not hold exactly the migrated rows: "
                    f"{len(set(numbers) - set(self.migrated))} too many, {len(set(self.migrated) - set(numbers))} missing")
        self.expect(self.target_cents == self.source_cents,
                    f"the target's sum is {money(self.target_cents)}, the source's {money(self.source_cents)}")
        for row in self.target:
            number = row["policy_number"]
            self.expect(row["status"] == "active", f"{number} is {row['status']}")
            if number in self.migrated:
                cents = self._source_cents(self.migrated[number])
                self.expect(row["tiv_2012_cents"] == cents, f"{number} is {row['tiv_2012_cents']} cents, not {cents}")

    def _check_executions(self):
        answer = json.loads(self.migration.node.ask(
            "sql", "--tenant", TENANT, "-o", "json",
            "SELECT intent_type, status, count(*) FROM executions GROUP BY 1, 2"))
        counts = {(kind, status): count for kind, status, count in answer["rows"]}
        wanted = {("migrate_policy", status): count for status, count in self.by_status.items()}
        wanted |= {("import_portfolio", "completed"): 1}
        if self.rejected:
            wanted |= {("reject_policy", "completed"): len(self.rejected)}
        self.expect(counts == wanted, f"the executions are {counts} and must be {wanted}")

    def _check_events(self):
        published = defaultdict(Counter)
        path = self.migration.node.data / "events" / TENANT / "policy.ndjson"
        for line in path.read_text().splitlines() if path.exists() else []:
            event = json.loads(line)
            published[event["type"]][event["subject"]] += 1
        for kind, wanted in (("policy.migrated", Counter(self.migrated.keys())), ("policy.rejected", Counter(self.rejected))):
            self.expect(published[kind] == wanted, f"{kind} was published {published[kind].total()} times for "
                        f"{len(published[kind])} policies, and must be for {wanted.total()}, once each")

    def _check_lineage(self):
        """Every row leads to the file, every record to its row."""
        edges = json.loads(self.migration.node.ask("sql", "--tenant", TENANT, "-o", "json",
                                                   "SELECT count(*) FROM provenance"))["rows"][0][0]
        wanted = 1 + 2 * len(self.migrated) + len(self.rejected)
        self.expect(edges == wanted, f"lineage has {edges} edges and must have {wanted}")
        completed = [e.result["record"] for e in self.ends if e.status == "completed"]
        for record in completed[:: max(1, len(completed) // SAMPLED_LINEAGES)][:SAMPLED_LINEAGES]:
            found = self.migration.node.ask("lineage", record, "--tenant", TENANT, "-o", "json")
            self.expect(self.migration.portfolio in found, f"record {record} does not lead to the portfolio file")

    def report(self):
        """The lines that a person reads."""
        chaos, migration = self.migration.chaos, self.migration
        rows = len(self.ends)
        tries = Counter()
        for (_, reason), count in self.failed_calls.items():
            tries[reason] += count
        unaccounted = len(self.ends) - len(self.migrated) - len(self.rejected)
        return "\n".join([
            f"portfolio            {migration.options.file.name}: {len(self.source):,} rows"
            + (f" times {migration.options.scale}" if migration.options.scale > 1 else ""),
            f"migrated             {len(self.migrated):,}",
            f"rejected             {len(self.rejected):,}   compensated {self.by_status['compensated']:,},"
            f" refused before their write {self.by_status['failed']:,}",
            f"without an end       {unaccounted:,}",
            f"tiv_2012, source     {money(self.source_cents)}   of the rows that were migrated",
            f"tiv_2012, target     {money(self.target_cents)}",
            f"executions/s         {rows / migration.migration_s:,.0f}   {rows:,} in {migration.migration_s:.1f} s,"
            f" restarts included",
            f"calls that failed    {self.failed_calls.total():,}   {told(tries)}",
            f"answered by token    {self.answered_again:,}   calls that had happened, and whose answer was lost",
            f"undone               {self.withdrawn:,} withdrawn, {self.never_written:,} that had never been written",
            f"killed               {told(chaos.kills)}",
            f"restarts             {chaos.restart_s.total():.1f} s of them, until all answered again"
            f" ({told_seconds(chaos)})",
        ])


def told(counts):
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "nothing"


def told_seconds(chaos):
    return ", ".join(f"{victim} {seconds:.1f}" for victim, seconds in sorted(chaos.restart_s.items())) or "none"


def money(cents):
    return f"{cents // 100:,}.{cents % 100:02}"
