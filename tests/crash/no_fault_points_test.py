#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Crash points and planted bugs are in the tortured node, and nothing of them is in the program that people get.
   no_fault_points_test.py SYMPHAINY TORTURE_NODE SOURCE_DIRECTORY"""
import sys
from pathlib import Path

from crash_points import names_in
from planted_bugs_test import planted


MACROS = ("CRASH_POINT", "CRASH_STEP", "CRASH_POINT_OF")


def main():
    program, node, source = (Path(a) for a in sys.argv[1:])
    names = sorted(planted(source).union(*(names_in(source, macro) for macro in MACROS)))
    marks = [b"SYMPHAINY_CRASH_AT", b"SYMPHAINY_PLANTED_BUG", b"reach_crash_point", b"has_planted_bug",
             *(name.encode() for name in names)]
    program_bytes, node_bytes = program.read_bytes(), node.read_bytes()
    complaints = [f"{program} holds {m.decode()}" for m in marks if m in program_bytes]
    complaints += [f"{node} does not hold {m.decode()}, so its absence elsewhere says nothing" for m in marks
                   if m not in node_bytes]
    print("\n".join(complaints) or f"{len(names)} names looked for: none is in {program.name}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
