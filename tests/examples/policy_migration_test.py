#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The migration example from outside: it survives what is killed, notices what is wrong, leaves nothing behind, and
every command of its README works.

    policy_migration_test.py PROGRAM SOURCE_DIRECTORY [TEST...]
"""
import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

PROGRAM, SOURCE = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
EXAMPLE = SOURCE / "examples" / "policy_migration"
SAMPLE = SOURCE / "examples" / "policies.csv"
sys.path.insert(0, str(EXAMPLE))

from findings import Findings  # noqa: E402
from migration import Migration  # noqa: E402
from postgres import NOT_TO_BE_HAD, NoPostgres, Postgres  # noqa: E402
from submission import Submission  # noqa: E402

BAD_ROWS = ["no number,FL,CLAY COUNTY,0,0,0,0,1,1,0,0,0,0,30.1,-81.7,Residential,Wood,1",
            "111,FL,CLAY COUNTY,0,0,0,0,1,1.001,0,0,0,0,30.1,-81.7,Residential,Wood,1",
            "112,too few fields"]


def run(arguments, **more):
    return subprocess.run([EXAMPLE / "run", "--program", PROGRAM, *arguments], capture_output=True, text=True,
                          check=False, **more)


def figure(report, name):
    """The first number of a report's line."""
    return int(re.search(rf"^{name} +([\d,]+)", report, re.M)[1].replace(",", ""))


def options(**more):
    values = {"program": PROGRAM, "file": SAMPLE, "fail_rate": 0.1, "hold_rate": 0.1, "kill_every": None, "scale": 1,
              "rows": 40, "slice_rows": 15, "seed": 5, "keep": None}
    return argparse.Namespace(**{**values, **more})


class InADirectory(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory(prefix="policy-migration-test-")
        self.addCleanup(self.home.cleanup)
        self.path = Path(self.home.name)
        self.path.chmod(0o755)  # PostgreSQL's own user has to come through


class AKilledMigration(InADirectory):
    def test_ends_as_one_in_which_nothing_was_killed(self):
        portfolio = self.path / "portfolio.csv"
        portfolio.write_text("\r\n".join([*SAMPLE.read_text().splitlines(), *BAD_ROWS]))
        done = run(["--file", portfolio, "--scale", "2", "--slice-rows", "100", "--fail-rate", "0.1", "--kill-every", "300ms",
                    "--verify-against-unkilled", "--seed", str(time.time_ns() % 1000)])
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, said)
        self.assertIn("row for row", said)
        self.assertIn("refused before their write 6", said)
        self.assertEqual(figure(done.stdout, "migrated") + figure(done.stdout, "rejected"), 2 * 303, said)
        self.assertGreater(figure(done.stdout, "undone"), 0, said)
        self.assertGreater(figure(done.stdout, "answered by token"), 0, said)
        self.assertRegex(done.stdout, r"killed +\w+ \d")


class AMigration(InADirectory):
    def test_notices_what_is_wrong_in_the_target(self):
        with Migration(options(), kills=False) as migration:
            migration.run()
            self.assertEqual(Findings(migration).check(), [])
            any_policy = "(SELECT policy_number FROM policies LIMIT 1)"
            for sql, complaint in (
                    (f"UPDATE policies SET tiv_2012_cents = tiv_2012_cents + 1 WHERE policy_number = {any_policy}",
                     "the target's sum is"),
                    (f"UPDATE policies SET status = 'pending' WHERE policy_number = {any_policy}", "is pending"),
                    (f"DELETE FROM policies WHERE policy_number = {any_policy}", "1 missing")):
                migration.postgres.sql(sql)
                self.assertTrue(any(complaint in c for c in Findings(migration).check()), complaint)

    def test_notices_an_event_that_is_published_twice(self):
        with Migration(options(rows=5, fail_rate=0, hold_rate=0), kills=False) as migration:
            migration.run()
            published = migration.node.data / "events" / "acme" / "policy.ndjson"
            lines = published.read_text()
            published.write_text(lines + lines.splitlines(keepends=True)[0])
            self.assertTrue(any("was published 6 times" in c for c in Findings(migration).check()))

    def test_that_is_stopped_leaves_nothing_behind(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = subprocess.Popen([EXAMPLE / "run", "--program", PROGRAM, "--file", SAMPLE, "--scale", "100"],
                                       env={**os.environ, "TMPDIR": self.home.name}, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            give_up = time.monotonic() + 60
            while not list(self.path.glob("policy-migration-*/data/control.sock")) and time.monotonic() < give_up:
                time.sleep(0.01)
            self.assertTrue(self.processes_here())
            process.send_signal(number)
            self.assertNotEqual(process.wait(timeout=60), 0)
            self.assertEqual(self.processes_here(), [])
            self.assertEqual(list(self.path.iterdir()), [])

    def processes_here(self):
        """Command lines with our directory in them."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if f"{self.home.name}/policy-" in line:
                found.append(line)
        return found

    def test_refuses_options_that_cannot_be(self):
        for arguments, told in ((["--fail-rate", "0.9"], "no number from 0 to 0.5"),
                                (["--kill-every", "1ms"], "no time from 50ms on"), (["--scale", "0"], "no whole number"),
                                (["--slice-rows", "5001"], "at most 5000"),
                                (["--file", "/nowhere"], "is no file"),
                                (["--program", "/nowhere"], "is no program"), (["--keep", "/"], "exists already")):
            done = run(arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(told, done.stderr)

    def test_that_one_intent_stands_for_is_the_same_execution_however_often_it_is_handed_in(self):
        with Migration(options(rows=20), kills=False) as migration:
            intent = migration.intent()
            submission = Submission(intent)
            submission.hand_in_and_vanish(migration.node.data)
            again = Submission(intent)
            give_up = time.monotonic() + 60
            while (submission.result is None or again.result is None) and time.monotonic() < give_up:
                self.assertTrue(submission.hand_in(migration.node.data))
                self.assertTrue(again.hand_in(migration.node.data))
            self.assertEqual(submission.execution, again.execution)
            self.assertEqual(submission.result["rows"], 20)
            self.assertEqual(submission.result, again.result)
            migration.node.kill()
            self.assertFalse(submission.hand_in(migration.node.data))
            migration.node.start()
            self.assertTrue(submission.hand_in(migration.node.data))  # and it is answered as it was before

    def test_refuses_more_slices_than_an_execution_can_have_children(self):
        done = run(["--file", SAMPLE, "--slice-rows", "1", "--scale", "31"])
        self.assertEqual(done.returncode, 1)
        self.assertIn("import_portfolio is failed: copies is 31, of 300 slices", done.stderr)

    def test_refuses_a_file_that_is_no_portfolio(self):
        other = self.path / "other.csv"
        other.write_text("a,b\n1,2\n")
        done = run(["--file", other])
        self.assertEqual(done.returncode, 1)
        self.assertIn("its first line must be policyID,", done.stderr)


class ItsReadme(InADirectory):
    def test_works_command_by_command(self):
        commands = [line for block in re.findall(r"^```sh\n(.*?)^```", (EXAMPLE / "README.md").read_text(), re.M | re.S)
                    for line in block.splitlines()]
        self.assertGreaterEqual(len(commands), 4)
        reference = None
        for line in commands:
            # A test has a hundredth of the whole portfolio's time.
            real = (line.replace("build/release/bin/policy_migration", str(PROGRAM))
                    .replace("examples/policy_migration/run", f"{EXAMPLE}/run --program {PROGRAM} --file {SAMPLE}")
                    .replace("--kill-every 2s", "--kill-every 300ms").replace("--scale 4", "--scale 1"))
            if "REFERENCE" in real:
                real = real.replace("REFERENCE", reference)
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", real], cwd=self.path, capture_output=True, text=True,
                                  check=False)
            self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout}{done.stderr}")
            if found := re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", done.stdout):
                reference = found[0]


def main():
    try:
        Postgres().remove()
    except NoPostgres as why:
        print(f"skipped: {why}", file=sys.stderr)
        return NOT_TO_BE_HAD
    return 0 if unittest.main(argv=[sys.argv[0], *sys.argv[3:]], exit=False, verbosity=2).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
