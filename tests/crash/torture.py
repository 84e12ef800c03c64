#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments under load from several processes, recovery killed too; then everything is resumed, drained
and closed, and the history checker holds what clients and handlers saw against what the store kept.

  torture.py PROGRAMS_DIRECTORY [--rounds N] [--seed S] [--keep DIRECTORY] [--bug NAME]

A round is one start of the node and one kill. Every ROUNDS_PER_CHECK rounds the store is checked; every
CHECKS_PER_STORE checks a new one begins. Fails too when it proved too little (the floors below)."""
import argparse
import collections
import os
import random
import secrets
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import torture_client
from harness import Case, Failure, Programs, is_ready, kill, sleep_ms, stop, told

CLIENTS = 4
ROUNDS_PER_CHECK = 5
CHECKS_PER_STORE = 4
PATIENCE_S = 120
RETIREMENT_S = 15   # three of the node's rounds
SEGMENTS_KEPT = 2   # by its policy
EARLY_EVERY = 2     # so many rounds, one is killed before the time is over that recovery takes
# Less than this proves nothing.
ACKNOWLEDGED_PER_ROUND = 5
UNKNOWN_PER_ROUND = 2
RECOVERIES_KILLED = 0.1   # of all rounds
TAKEN_UP_AGAIN = 0.2      # executions with a second attempt, for each round
RETRIED = 0.2             # executions with an attempt that failed, for each round
ACTED_ON = 0.1            # parked ones that were resumed, cancelled, terminated, likewise
COMPENSATED = 0.5         # sagas that were undone, likewise
STUCK = 0.1               # of which undoing was stuck, and resumed
WAITED = 0.3              # waits that ended by their time, likewise; as many by a signal
SLEPT_OVER = 0.1          # behind which another attempt went on, likewise
RETIRED_PER_ROUND = 0.1   # segments; each store waits for one
SNAPSHOTS = 0.5           # of all checks that find a newer one than the check before


class Torture:
    def __init__(self, programs, work, seed, rounds, bug):
        self.programs, self.work, self.seed, self.rounds = programs, work, seed, rounds
        self.environment = {"SYMPHAINY_PLANTED_BUG": bug} if bug else {}
        self.random = random.Random(seed)
        self.count = collections.Counter()
        self.case = None
        self.recovery_ms = 0.0

    def start(self):
        return self.case.start(self.programs, "serve", environment=self.environment)

    def kill_once(self):
        """Whether the node lived until it was killed."""
        began = time.monotonic()
        node = self.start()
        early = self.count["kills"] % EARLY_EVERY == EARLY_EVERY - 1
        if early:
            sleep_ms(self.random.uniform(0.2, 1.0) * self.recovery_ms)
        else:
            is_ready(node)
            self.recovery_ms = (time.monotonic() - began) * 1000
            sleep_ms(self.random.uniform(1, 200))
        if not kill(node):
            return False
        self.count["killed under load" if node.was_ready else "killed in recovery"] += 1
        if early and node.was_ready:
            self.recovery_ms *= 0.7  # what was measured last was slower
        self.count["kills"] += 1
        return True

    def cycle(self, number, rounds):
        """Some rounds, and then the check. Complaints, as violations of the checker."""
        clients = [torture_client.start(self.case, f"{self.seed}.{number}", i) for i in range(CLIENTS)]
        try:
            alive = all(self.kill_once() for _ in range(rounds))
            # What the last kill left is judged too, as far as that can be before everything was resumed.
            complaints = self.check()
            finished = alive and not complaints and self.finish(clients)
        finally:
            for pid in clients:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        if complaints:
            return complaints
        complaints += self.check("--quiescent") if finished else self.check()
        if not finished:
            complaints.append({"invariant": "unfinished", "what": f"the node or a client failed: {self.case.errors()}"})
        return complaints

    def finish(self, clients):
        """Whether everything was answered, resumed, drained and closed."""
        node = self.start()
        if not is_ready(node):
            kill(node)
            return False
        for pid in clients:
            os.kill(pid, signal.SIGTERM)
        answered = self.wait_for(clients, node)
        self.wait_for_retirement(node)
        return stop(node) == 0 and answered

    def wait_for_retirement(self, node):
        """Once for each store: every other node was killed, perhaps before it had come so far."""
        log = self.case.directory / "data/wal"
        give_up = time.monotonic() + RETIREMENT_S
        while not (log / "base").exists() and len(list(log.glob("*.seg"))) > SEGMENTS_KEPT:
            if node.poll() is not None or time.monotonic() > give_up:
                return
            sleep_ms(20)

    @staticmethod
    def wait_for(clients, node):
        """Whether all have heard everything that they asked for. Those that have ended are taken off."""
        give_up = time.monotonic() + PATIENCE_S
        while clients and node.poll() is None and time.monotonic() < give_up:
            ended, status = os.waitpid(clients[0], os.WNOHANG)
            if ended == 0:
                sleep_ms(2)
                continue
            clients.pop(0)
            if status != 0:
                return False
        return not clients

    def check(self, *options):
        report = self.programs.check([self.case], *options)[0]
        for what in ("history", "acknowledged", "unknown", "executions", "again", "events", "ledger", "cut_lines",
                     "retired_segments", "retried", "resumed", "cancelled", "terminated", "compensated", "stuck",
                     "undone", "undone_of_unknown", "undone_of_cancelled", "ended_by_time", "ended_by_signal", "taken_up",
                     "cut_short"):
            self.count[what] += report.get(what, 0) - self.counted_before[what]
            self.counted_before[what] = report.get(what, 0)
        self.count["checks"] += 1
        self.count["new snapshots"] += report.get("snapshot", 0) > self.counted_before["snapshot"]
        self.counted_before["snapshot"] = report.get("snapshot", 0)
        return report["violations"]

    def run(self):
        """The first complaints, or none."""
        cycles = (self.rounds + ROUNDS_PER_CHECK - 1) // ROUNDS_PER_CHECK
        for number in range(cycles):
            if number % CHECKS_PER_STORE == 0:
                if self.case is not None:
                    shutil.rmtree(self.case.directory)
                self.case = Case(self.work / f"store-{number}")
                self.counted_before = collections.Counter()
            rounds = min(ROUNDS_PER_CHECK, self.rounds - number * ROUNDS_PER_CHECK)
            if complaints := self.cycle(number, rounds):
                return complaints
        return []

    def proved_too_little(self):
        floors = {"acknowledged": ACKNOWLEDGED_PER_ROUND, "unknown": UNKNOWN_PER_ROUND, "kills": 1,
                  "killed in recovery": RECOVERIES_KILLED, "again": TAKEN_UP_AGAIN,
                  "retried": RETRIED, "resumed": ACTED_ON, "cancelled": ACTED_ON, "terminated": ACTED_ON,
                  "ended_by_time": WAITED, "ended_by_signal": WAITED, "taken_up": SLEPT_OVER, "cut_short": SLEPT_OVER,
                  "compensated": COMPENSATED, "stuck": STUCK, "undone_of_cancelled": ACTED_ON,
                  "retired_segments": RETIRED_PER_ROUND, "new snapshots": SNAPSHOTS / ROUNDS_PER_CHECK}
        return [f"{what}: {self.count[what]}, at least {floor * self.rounds:.0f} are needed"
                for what, floor in floors.items() if self.count[what] < int(floor * self.rounds)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", default=None)
    parser.add_argument("--keep", type=Path, help="leave what a failing run left there")
    parser.add_argument("--bug")
    options = parser.parse_args()
    seed = options.seed or secrets.token_hex(4)
    with tempfile.TemporaryDirectory() as work:
        torture = Torture(Programs(options.programs), Path(work), seed, options.rounds, options.bug)
        complaints = torture.run()
        if complaints and options.keep:
            shutil.copytree(torture.case.directory, options.keep, ignore=shutil.ignore_patterns("socket"),
                            dirs_exist_ok=True)
    print(f"torture, seed {seed}: " + ", ".join(f"{what} {n}" for what, n in sorted(torture.count.items())))
    if complaints:
        print(told(complaints[:20]))
        print(f"The same work again (kills come in real time, so not at the same instants):\n"
              f"  make torture ROUNDS={options.rounds} SEED={seed}")
        return 1
    if too_little := torture.proved_too_little():
        print("it proved too little:\n  " + "\n  ".join(too_little))
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"torture: {failure}")
