#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every planted bug is caught: by the torture, the crash points or the simulation, as they are, and by the history checker,
which knows no bug.   planted_bugs_test.py PROGRAMS_DIRECTORY SOURCE_DIRECTORY"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import crash_points
from harness import Failure, Programs
from torture import Torture

ROUNDS = 20
SEEDS = 300
SEED = "planted"


def listed(source):
    """Name → who has to catch it."""
    lines = (source / "tests/crash/planted_bugs.txt").read_text().splitlines()
    return {line.split()[0]: line.split()[1] for line in lines if line and not line.startswith("#")}


def planted(source):
    files = [f for f in (source / "src").rglob("*") if f.suffix in (".cc", ".h")]
    return {name for f in files for name in re.findall(r'PLANTED_BUG\("([^"]+)"\)', f.read_text())}


def disagreements(bugs, in_source):
    """Of the list and the source."""
    complaints = [f"{name} is planted in the source, but not listed in planted_bugs.txt"
                  for name in sorted(in_source - set(bugs))]
    complaints += [f"{name} is listed in planted_bugs.txt, but not in the source"
                   for name in sorted(set(bugs) - in_source)]
    return complaints + [f"{name}: '{who}' is neither kill nor simulation" for name, who in bugs.items()
                         if who not in ("kill", "simulation")]


def invariants(violations):
    return sorted({v for v in violations if re.fullmatch(r"I\d+", v)})


def caught_by_simulation(programs, bug):
    done = subprocess.run([programs.planted_simulation, "--seeds", str(SEEDS), "--until-broken"],
                          env={**os.environ, "SYMPHAINY_PLANTED_BUG": bug}, capture_output=True, text=True, timeout=300)
    if done.returncode not in (0, 1):
        raise Failure(f"the simulation of {bug} ended with {done.returncode}: {done.stderr}")
    return ("simulation", invariants(re.findall(r"^seed \d+: (I\d+):", done.stdout, re.M))) if done.returncode else None


def caught_by_kills(programs, source, bug):
    """(which run, broken invariants), or nothing."""
    with tempfile.TemporaryDirectory() as work:
        complaints = Torture(programs, Path(work), SEED, ROUNDS, bug).run()
        if broken := invariants(v["invariant"] for v in complaints):
            return "torture", broken
    with tempfile.TemporaryDirectory() as work:
        _, complaints = crash_points.prove(programs, source, Path(work), bug=bug)
        if broken := invariants(invariant for _, invariant, _ in complaints):
            return "crash points", broken
    return None


def main():
    programs, source = Programs(sys.argv[1]), Path(sys.argv[2])
    bugs = listed(source)
    complaints = disagreements(bugs, planted(source))
    if caught_by_simulation(programs, "none"):
        complaints.append("the simulation complains of a program without a bug")
    for name in sorted(planted(source) & set(bugs)):
        simulated = bugs[name] == "simulation"
        caught = caught_by_simulation(programs, name) if simulated else caught_by_kills(programs, source, name)
        if caught is None:
            complaints.append(f"not caught: {name}")
        else:
            print(f"caught: {name} by {', '.join(caught[1])} ({caught[0]})", flush=True)
    print("\n".join(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"planted_bugs_test: {failure}")
