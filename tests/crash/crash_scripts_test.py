#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The scripts of the crash proof fail when they proved too little.   crash_scripts_test.py PROGRAMS_DIRECTORY"""
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import crash_points
import planted_bugs_test
from harness import Case, Programs
from torture import Torture

PROGRAMS = ""


class CrashScripts(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name)

    def source(self, text):
        (self.directory / "src/deep").mkdir(parents=True)
        (self.directory / "src/deep/file.cc").write_text(text)
        return self.directory

    def test_a_point_that_no_run_was_killed_at_is_a_failure(self):
        source = self.source('f();\n  CRASH_POINT("first");\n  if (x) CRASH_POINT("second");\n')
        self.assertEqual(crash_points.unproved(source, {"first": 1, "second": 2}), [])
        [(_, _, what)] = crash_points.unproved(source, {"first": 1})
        self.assertIn('CRASH_POINT("second")', what)

    def test_a_step_has_its_points_under_each_name_that_it_is_given(self):
        source = self.source('CRASH_POINT_OF(step, "-before");\n CRASH_POINT_OF(step, "-after");\n'
                             'f(path, CRASH_STEP("one"));\n g(CRASH_STEP("two"));\n')
        self.assertEqual(crash_points.points_in(source), {"one-before", "one-after", "two-before", "two-after"})

    def test_the_list_of_planted_bugs_is_held_to_the_source(self):
        source = self.source('if (PLANTED_BUG("one")) return;\n')
        self.assertEqual(planted_bugs_test.disagreements({"one": "kill"}, planted_bugs_test.planted(source)), [])
        for listed in ({}, {"one": "kill", "two": "kill"}, {"one": "nobody"}):
            self.assertEqual(len(planted_bugs_test.disagreements(listed, planted_bugs_test.planted(source))), 1)

    def test_a_torture_that_acknowledged_or_killed_too_little_is_a_failure(self):
        torture = Torture(None, self.directory, "seed", 100, None)
        torture.count.update({"acknowledged": 10_000, "unknown": 1_000, "kills": 100, "killed in recovery": 20,
                              "again": 50, "retired_segments": 50, "new snapshots": 20, "retried": 100, "resumed": 50,
                              "cancelled": 50, "terminated": 50, "compensated": 100, "stuck": 50,
                              "undone_of_cancelled": 50, "ended_by_time": 50, "ended_by_signal": 50,
                              "taken_up": 50, "cut_short": 50})
        self.assertEqual(torture.proved_too_little(), [])
        for what in list(torture.count):
            enough, torture.count[what] = torture.count[what], 0
            self.assertEqual(len(torture.proved_too_little()), 1, what)
            torture.count[what] = enough

    def test_work_that_led_elsewhere_shows_in_the_comparison(self):
        programs = Programs(PROGRAMS)
        driver = crash_points.Driver(programs, self.directory, None)
        _, case, finished = driver.learn(None)
        self.assertTrue(finished)
        expected = programs.check([case], "--outcome", "--quiescent")[0]["outcome"]
        same = Case(shutil.copytree(case.directory, self.directory / "same"))
        self.assertEqual(crash_points.judge(driver, expected, [("same", same, True)]), [])
        for part in expected:
            other = Case(shutil.copytree(case.directory, self.directory / f"other-{part}"))
            [(_, kind, what)] = crash_points.judge(driver, expected | {part: None}, [("other", other, True)])
            self.assertEqual(kind, "comparison")
            self.assertTrue(what.startswith(part), what)

    def test_what_is_wrong_with_the_archive_or_a_copy_is_a_violation(self):
        programs = Programs(PROGRAMS)
        driver = crash_points.Driver(programs, self.directory, None)
        case = driver.learn(driver.learn(None)[1], "keep")[1]
        self.assertEqual(programs.check([case], "--quiescent")[0]["violations"], [])
        for number, (pattern, found) in enumerate({"archive/*/*.zst": "does not open",
                                                   "restored/artifacts/sha256/*/*": "restored: artifact",
                                                   "repaired/events/acme/files.ndjson": "repaired: acme/files"}.items()):
            other = Case(shutil.copytree(case.directory, self.directory / f"without-{number}"))
            sorted(other.directory.glob(pattern))[0].unlink()
            complaints = programs.check([other], "--quiescent")[0]["violations"]
            self.assertTrue(any(found in v["what"] for v in complaints), complaints)

    def test_history_that_the_store_contradicts_is_a_violation(self):
        programs = Programs(PROGRAMS)
        driver = crash_points.Driver(programs, self.directory, None)
        _, case, _ = driver.learn(None)
        history = case.directory / "history/work.ndjson"
        lines = [json.loads(line) for line in history.read_text().split("\n") if line]
        next(line for line in lines if line["type"] == "ok")["position"] += 1
        history.write_text("".join(json.dumps(line) + "\n" for line in lines))
        [complaint] = crash_points.judge(driver, None, [("edited", case, True)])
        self.assertEqual(complaint[1], "I1")

    def test_a_case_that_cannot_be_opened_is_a_violation(self):
        nothing = Case(self.directory / "nothing")
        [report] = Programs(PROGRAMS).check([nothing])
        self.assertEqual([v["invariant"] for v in report["violations"]], ["I10"])
        done = subprocess.run([Programs(PROGRAMS).checker], capture_output=True, check=False)
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    PROGRAMS = sys.argv.pop(1)
    unittest.main()
