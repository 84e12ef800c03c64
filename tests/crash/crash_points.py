#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Dies at every CRASH_POINT of the source, recovers, finishes the work with the same keys, and compares with a run that
nobody interrupted.   crash_points.py PROGRAMS_DIRECTORY SOURCE_DIRECTORY [--all] [--bug NAME]

Two families of runs: from an empty directory, and from what a kill left in the middle of a handler, so that recovery is
killed too. --all: every hit of every point; otherwise the first, the middle and the last one. A point of the source that
no run was killed at is a failure. --bug plants one (planted_bugs.txt)."""
import argparse
import collections
import concurrent.futures
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from harness import Case, Failure, Programs, intent

KINDS = "store note derive count say_much store derive break dawdle forget misattribute".split()
# In the handler of the second `store`, whose execution is left unfinished.
LEFT_BY = "artifact-before-rename:2"
TRIES = 3
CHECKED_AT_ONCE = 40


def points_in(source):
    found = set()
    for file in sorted((source / "src").rglob("*")):
        if file.suffix in (".cc", ".h"):
            found |= set(re.findall(r'CRASH_POINT\("([^"]+)"\)', file.read_text()))
    return found


class Driver:
    def __init__(self, programs, work, bug):
        self.programs, self.work, self.bug = programs, work, bug
        self.file = work / "work.ndjson"
        self.file.write_text("".join(json.dumps(intent(kind, f"n{i}", 0, f"k{i}")) + "\n"
                                     for i, kind in enumerate(KINDS)))
        self.numbers = iter(range(1 << 30))
        self.killed = collections.Counter()
        self.not_reached = 0

    def case(self, start):
        directory = self.work / f"case-{next(self.numbers)}"
        if start is not None:
            shutil.copytree(start.directory, directory)
        return Case(directory)

    def run(self, case, **environment):
        bug = {"SYMPHAINY_PLANTED_BUG": self.bug} if self.bug else {}
        return case.run(self.programs, "work", str(self.file), environment=environment | bug)

    def finish(self, case):
        """Whether everything was resumed, done, drained and closed."""
        return self.run(case) == 0

    def learn(self, start):
        """How often each point is reached by a run that is not interrupted, its case, and whether it could finish."""
        case = self.case(start)
        log = case.directory / "points"
        finished = self.run(case, SYMPHAINY_CRASH_LOG=str(log)) == 0
        return collections.Counter(log.read_text().split()), case, finished

    def kill_at(self, start, point, hit):
        """The case after the kill and the recovery, or nothing when the point was not reached so often."""
        for _ in range(TRIES):
            case = self.case(start)
            ended = self.run(case, SYMPHAINY_CRASH_AT=f"{point}:{hit}")
            if ended == -9:
                self.killed[point] += 1
                return case, self.finish(case)
            if ended != 0:
                return case, False
            shutil.rmtree(case.directory)
        self.not_reached += 1
        return None


def unproved(source, killed):
    return [("the source", "unproved", f'no run reached CRASH_POINT("{point}") and was killed there')
            for point in sorted(points_in(source) - set(killed))]


def hits_of(count, every):
    return range(1, count + 1) if every else sorted({1, (count + 1) // 2, count})


def judge(driver, expected, cases):
    """Everything that does not hold: of runs that could be finished also how they differ from the uninterrupted one."""
    complaints = []
    for finished in (True, False):
        chosen = [(what, case) for what, case, done in cases if done == finished]
        for first in range(0, len(chosen), CHECKED_AT_ONCE):
            some = chosen[first:first + CHECKED_AT_ONCE]
            options = ["--outcome"] + (["--quiescent"] if finished else [])
            for (what, case), report in zip(some, driver.programs.check([c for _, c in some], *options)):
                complaints += [(what, v["invariant"], v["what"]) for v in report["violations"]]
                if not finished:
                    complaints.append((what, "unfinished", "the work could not be finished: " + case.errors()))
                elif expected is not None and report["outcome"] != expected:
                    complaints.append((what, "comparison", difference(expected, report["outcome"])))
                shutil.rmtree(case.directory)
    return complaints


def difference(expected, found):
    for part in expected:
        if expected[part] != found[part]:
            return f"{part} differ: uninterrupted {json.dumps(expected[part])}, here {json.dumps(found[part])}"
    return "more was found than in the uninterrupted run"


def prove(programs, source, work, every=False, bug=None):
    """The driver, and complaints as (run, invariant, what)."""
    driver = Driver(programs, work, bug)
    fresh, uninterrupted, _ = driver.learn(None)
    expected = programs.check([uninterrupted], "--outcome")[0].get("outcome")
    complaints = judge(driver, expected, [("uninterrupted", uninterrupted, True)])
    template = driver.case(None)
    if driver.run(template, SYMPHAINY_CRASH_AT=LEFT_BY) != -9:
        raise Failure(f"the work does not reach {LEFT_BY}")
    recovering, recovered, finished = driver.learn(template)
    complaints += judge(driver, expected, [("recovered", recovered, finished)])
    runs = [("fresh", None, fresh), ("recovering", template, recovering)]
    jobs = [(f"{family} {point}:{hit}", start, point, hit) for family, start, counts in runs
            for point, count in sorted(counts.items()) for hit in hits_of(count, every)]
    for first in range(0, len(jobs), CHECKED_AT_ONCE):
        some = jobs[first:first + CHECKED_AT_ONCE]
        with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            ended = list(pool.map(lambda job: driver.kill_at(*job[1:]), some))
        complaints += judge(driver, expected,
                            [(job[0], *end) for job, end in zip(some, ended) if end is not None])
    return driver, complaints + unproved(source, driver.killed)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs")
    parser.add_argument("source", type=Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--bug")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        driver, complaints = prove(Programs(options.programs), options.source, Path(work), options.all, options.bug)
    print(f"crash points: {len(driver.killed)} of {len(points_in(options.source))} points, "
          f"{sum(driver.killed.values())} kills, each recovered and compared with an uninterrupted run of "
          f"{len(KINDS)} intents; {driver.not_reached} later hits did not come again")
    for run, invariant, what in complaints[:20]:
        print(f"{run}: {invariant}: {what}")
    return 1 if complaints else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"crash_points: {failure}")
