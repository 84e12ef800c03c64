# SPDX-License-Identifier: Apache-2.0
"""Hands intents to the node through `policy_migration run` until each of them has ended, whatever is killed meanwhile.

Every intent has an idempotency key, so handing it in again is asking how it ended.
"""
import json
import subprocess
import threading
from dataclasses import dataclass

# An execution of these is over. What was not recorded, or is unknown, is handed in again.
ENDS = ("completed", "compensated", "failed")
STUCK = ("parked", "compensation_stuck", "cancelled", "terminated")


@dataclass
class End:
    status: str
    execution: str
    error: dict | None
    result: object


class Refused(Exception):
    """An intent that the node will never take."""


class Submission:
    """The intents of one kind, as lines of JSON, and how those ended that have."""

    def __init__(self, lines):
        self.lines = lines
        self.ends = [None] * len(lines)
        self.ended = 0
        self.first_open = 0
        self.refused = None

    def is_done(self):
        return self.ended == len(self.lines)

    def begin_pass(self, node, tenant, concurrency):
        return Pass(self, node, tenant, concurrency)

    def open_indexes(self):
        while self.first_open < len(self.ends) and self.ends[self.first_open] is not None:
            self.first_open += 1
        return (i for i in range(self.first_open, len(self.ends)) if self.ends[i] is None)

    def take(self, index, answer):
        status, error = answer["status"], answer.get("error")
        if status in ENDS:
            self._take_end(index, End(status, answer["execution_id"], error, answer.get("result")))
        elif status in STUCK or (status == "rejected" and answer["execution_id"]):
            self.refused = f"intent {index + 1} is {status}: {json.dumps(error)}"

    def _take_end(self, index, end):
        before = self.ends[index]
        if before is None:
            self.ends[index] = end
            self.ended += 1
        elif (before.status, before.execution) != (end.status, end.execution):
            self.refused = f"intent {index + 1} ended as {before} and as {end}"


class Pass:
    """One `run` over what has not ended."""

    def __init__(self, submission, node, tenant, concurrency):
        self.submission = submission
        self.sent = []
        self.process = subprocess.Popen(
            [node.program, "run", "--data", node.data, "--tenant", tenant, "--concurrency", str(concurrency)],
            env=node.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.threads = [threading.Thread(target=t, daemon=True) for t in (self._feed, self._read)]
        for thread in self.threads:
            thread.start()

    def _feed(self):
        try:
            with self.process.stdin as to:
                for index in self.submission.open_indexes():
                    self.sent.append(index)
                    to.write(self.submission.lines[index])
        except (BrokenPipeError, ValueError):
            pass  # it is dead: what it did not take goes to the next one

    def _read(self):
        for line in self.process.stdout:
            if not line.endswith("\n"):
                break  # it was killed in the middle of it
            answer = json.loads(line)
            self.submission.take(self.sent[answer["line"] - 1], answer)

    def is_over(self, within_s):
        self.threads[1].join(within_s)
        return not self.threads[1].is_alive()

    def end(self, kill=False):
        if kill:
            self.process.kill()
        for thread in self.threads:
            thread.join()
        self.process.wait()
        self.process.stdout.close()
