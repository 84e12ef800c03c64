# SPDX-License-Identifier: Apache-2.0
"""Kills what takes part in a migration, at random, and starts it again."""
import time
from collections import Counter

VICTIMS = ("node", "postgres", "node and postgres", "submitter")


class Chaos:
    """every_s: the mean time between two kills; None never kills."""

    def __init__(self, node, postgres, every_s, choose):
        self.node, self.postgres = node, postgres
        self.every_s, self.choose = every_s, choose
        self.kills = Counter()
        self.restart_s = Counter()
        self.submission = None  # what the submitter hands in
        self._set_alarm()

    def _set_alarm(self):
        self.alarm = None if self.every_s is None else time.monotonic() + self.every_s * self.choose.uniform(0.5, 1.5)

    def left_s(self):
        """Seconds until the next kill."""
        return 3600 if self.alarm is None else max(0.0, self.alarm - time.monotonic())

    def is_due(self):
        return self.alarm is not None and time.monotonic() >= self.alarm

    def strike(self):
        """Kills, and starts again."""
        victim = self.choose.choice(VICTIMS)
        begun = time.monotonic()
        if victim == "submitter":
            self.kills[victim] += 1
            self.submission.hand_in_and_vanish(self.node.data)
        if "node" in victim:
            self._kill_node()
        if "postgres" in victim:
            self.kills["PostgreSQL"] += 1
            self.postgres.crash()
            self.postgres.start()
        if "node" in victim:
            self._restart_node()
        self.restart_s[victim] += time.monotonic() - begun
        self._set_alarm()

    def _kill_node(self):
        self.kills["node"] += 1
        self.node.kill()

    def _restart_node(self):
        # Now and then it dies once more while it recovers.
        if self.choose.random() < 0.2:
            self.node.begin_start()
            time.sleep(self.choose.uniform(0, 0.1))
            self._kill_node()
        self.node.start()
