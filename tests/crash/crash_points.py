#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Dies at every CRASH_POINT of the source, recovers, finishes the work with the same keys, and compares with a run that
nobody interrupted.   crash_points.py PROGRAMS_DIRECTORY SOURCE_DIRECTORY [--all] [--bug NAME]

Families of runs: from an empty directory; one that sleeps for long; from what a kill left in the middle of a handler, so that recovery is killed
too; the same with a torn tail; keeping the store that is the outcome (retention, archive, backup, restore, repair,
unretire); and from what a kill left of retiring. Each is killed at the points that it is for. --all: at every hit of
them, and keeping at every other point too; otherwise at the first, the middle and the last hit. A point of the source
that no run was killed at is a failure. --bug plants one (planted_bugs.txt)."""
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

KINDS = [(kind, 0) for kind in "store note derive count say_much store derive break steps dawdle forget misattribute "
         "flaky regret".split()] + [("stuck", number) for number in range(3)]  # resumed, cancelled, terminated
KINDS += [("saga", number) for number in range(4)] + [("abandon", 0)]
KINDS += [("nap", 0), ("approve", 0), ("linger", 0), ("delegate", 0)]
SLEEPERS = [("nap", 3)]  # for longer than a frame is kept: a second, so it is apart from the rest
KEPT = 3  # rounds of retention: the third snapshot lets the first go
# In the handler of the second `store`, whose execution is left unfinished.
LEFT_BY = "artifact-before-rename:2"
RETIRING_LEFT_BY = "retire-before-removal:2"
TORN = b"torn by a crash"
# What only keeping a store does.
KEPT_POINTS = ("archive-", "backup-", "copy-", "log-base-", "log-copy-", "repair-", "restore-", "retire-", "snapshot-",
               "unretire-")
TRIES = 3
CHECKED_AT_ONCE = 40


def names_in(source, macro):
    """The string that each use of the macro ends with."""
    files = [f for f in (source / "src").rglob("*") if f.suffix in (".cc", ".h")]
    return {name for f in files for name in re.findall(macro + r'\((?:\w+, )?"([^"]+)"\)', f.read_text())}


def points_in(source):
    """Those that have a name, and those of each step that has one."""
    return names_in(source, "CRASH_POINT") | {step + point for step in names_in(source, "CRASH_STEP")
                                              for point in names_in(source, "CRASH_POINT_OF")}


def tear(case):
    """As if the last write to the log had been cut short."""
    segment = sorted((case.directory / "data/wal").glob("*.seg"))[-1]
    written = segment.read_bytes().rstrip(b"\0")
    with open(segment, "r+b") as file:
        file.seek(len(written) + 64)
        file.write(TORN)


class Family:
    """Runs of one command that begin alike, killed at the points whose names begin with one of `wanted`."""

    def __init__(self, name, command, start=None, wanted=("",)):
        self.name, self.command, self.start, self.wanted = name, command, start, wanted

    def wants(self, point):
        return point.startswith(tuple(self.wanted))


class Driver:
    def __init__(self, programs, work, bug):
        self.programs, self.work, self.bug = programs, work, bug
        self.files = {command: work / f"{command}.ndjson" for command in ("work", "keep", "sleep")}
        self.write("work", [intent(kind, f"n{i}", number, f"k{i}") for i, (kind, number) in enumerate(KINDS)])
        # Each larger than a segment.
        self.write("keep", [intent("say_much", f"kept{i}", 3, f"kept{i}") for i in range(KEPT)])
        self.write("sleep", [intent(kind, f"s{i}", number, f"s{i}") for i, (kind, number) in enumerate(SLEEPERS)])
        self.numbers = iter(range(1 << 30))
        self.killed = collections.Counter()
        self.not_reached = 0

    def write(self, command, intents):
        self.files[command].write_text("".join(json.dumps(one) + "\n" for one in intents))

    def case(self, start):
        directory = self.work / f"case-{next(self.numbers)}"
        if start is not None:
            shutil.copytree(start.directory, directory)
        return Case(directory)

    def run(self, case, command="work", **environment):
        bug = {"SYMPHAINY_PLANTED_BUG": self.bug} if self.bug else {}
        mode = "work" if command == "sleep" else command
        return case.run(self.programs, mode, str(self.files[command]), environment=environment | bug)

    def learn(self, start, command="work"):
        """How often each point is reached by a run that is not interrupted, its case, and whether it could finish."""
        case = self.case(start)
        log = case.directory / "points"
        finished = self.run(case, command, SYMPHAINY_CRASH_LOG=str(log)) == 0
        return collections.Counter(log.read_text().split()), case, finished

    def left_by(self, start, command, point):
        """What a kill there leaves."""
        case = self.case(start)
        if self.run(case, command, SYMPHAINY_CRASH_AT=point) != -9:
            raise Failure(f"`{command}` does not reach {point}: {case.errors()}")
        return case

    def kill_at(self, family, point, hit):
        """The case after the kill and the recovery, and whether everything could be finished then (resumed, done,
        drained, closed); or nothing when the point was not reached so often."""
        for _ in range(TRIES):
            case = self.case(family.start)
            ended = self.run(case, family.command, SYMPHAINY_CRASH_AT=f"{point}:{hit}")
            if ended == -9:
                self.killed[point] += 1
                return case, self.run(case, family.command) == 0
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
        if expected[part] != found.get(part):
            return f"{part} differ: uninterrupted {json.dumps(expected[part])}, here {json.dumps(found.get(part))}"
    return "more was found than in the uninterrupted run"


def families(driver, done, every):
    """`done`: the case of the whole work."""
    yield Family("retiring", "keep", driver.left_by(done, "keep", RETIRING_LEFT_BY), ["recovery-", "retire-"])
    yield Family("keeping", "keep", done, [""] if every else KEPT_POINTS)
    yield Family("sleeping", "sleep", None, ["step-", "wait-", "wake-"])
    left = driver.left_by(None, "work", LEFT_BY)
    torn = driver.case(left)
    tear(torn)
    yield Family("torn", "work", torn, ["recovery-"])
    yield Family("recovering", "work", left)
    yield Family("fresh", "work")


def prove_family(driver, family, expected, every):
    """Complaints as (run, invariant, what)."""
    counts, uninterrupted, finished = driver.learn(family.start, family.command)
    complaints = judge(driver, expected, [(f"{family.name}, uninterrupted", uninterrupted, finished)])
    jobs = [(point, hit) for point, count in sorted(counts.items()) if family.wants(point)
            for hit in hits_of(count, every)]
    for first in range(0, len(jobs), CHECKED_AT_ONCE):
        some = jobs[first:first + CHECKED_AT_ONCE]
        with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            ended = list(pool.map(lambda job: driver.kill_at(family, *job), some))
        complaints += judge(driver, expected, [(f"{family.name} {point}:{hit}", *end)
                                               for (point, hit), end in zip(some, ended) if end is not None])
    return complaints


def prove(programs, source, work, every=False, bug=None):
    """The driver, and complaints as (run, invariant, what)."""
    driver = Driver(programs, work, bug)
    expected, cases = {}, {}
    for command, start in (("work", None), ("keep", "work"), ("sleep", None)):
        _, cases[command], _ = driver.learn(cases.get(start), command)
        expected[command] = programs.check([cases[command]], "--outcome")[0].get("outcome")
    complaints = []
    for family in families(driver, cases["work"], every):
        complaints += prove_family(driver, family, expected[family.command], every)
        if bug and any(invariant.startswith("I") for _, invariant, _ in complaints):
            break  # it is caught
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
          f"{len(KINDS)} intents, of one that sleeps, or of {KEPT} rounds of retention, a backup, a restore, a repair and an unretire; "
          f"{driver.not_reached} later hits did not come again")
    for run, invariant, what in complaints[:20]:
        print(f"{run}: {invariant}: {what}")
    return 1 if complaints else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"crash_points: {failure}")
