# SPDX-License-Identifier: Apache-2.0
"""What the scripts of the crash proof share: a case's directory (case_files.h), its node, and the history checker."""
import json
import os
import signal
import subprocess
import time
from pathlib import Path


class Failure(Exception):
    """The run proved something wrong, or proved nothing."""


def intent(kind, name, number, key=None, intent_id=None, tenant="acme"):
    made = {"intent_type": "torture." + kind, "tenant_id": tenant, "session_id": "s", "solution_id": "crash",
            "actor": {"type": "user", "id": "torture"}, "parameters": {"name": name, "number": number},
            "intent_id": intent_id or name}
    return made | ({"idempotency_key": key} if key else {})


class Case:
    """Where one store lives, with what clients and handlers noted beside it."""

    def __init__(self, directory):
        self.directory = Path(directory)
        (self.directory / "history").mkdir(parents=True, exist_ok=True)

    @property
    def socket(self):
        return str(self.directory / "socket")

    def start(self, programs, *arguments, environment=None):
        with open(self.directory / "node.err", "ab") as errors:
            node = subprocess.Popen([programs.node, str(self.directory), *arguments], stdout=subprocess.PIPE,
                                    stderr=errors, env=os.environ | (environment or {}))
        node.was_ready = False
        return node

    def run(self, programs, *arguments, environment=None, timeout=120):
        """Until it ends: its return code (negative: the signal that killed it)."""
        with self.start(programs, *arguments, environment=environment) as node:
            try:
                node.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                node.kill()
                raise Failure(f"the node hangs in {self.directory}: {arguments} {environment}") from None
        return node.returncode

    def errors(self):
        path = self.directory / "node.err"
        return path.read_text(errors="replace")[-2000:] if path.exists() else ""


class Programs:
    def __init__(self, directory):
        self.node = str(Path(directory) / "torture_node")
        self.checker = str(Path(directory) / "check_history_files")
        self.planted_simulation = str(Path(directory) / "symphainy_simulate_planted")

    def check(self, cases, *options):
        """One report for each case."""
        done = subprocess.run([self.checker, *options, *(str(c.directory) for c in cases)], capture_output=True,
                              text=True)
        if done.returncode not in (0, 1):
            raise Failure(f"check_history_files ended with {done.returncode}: {done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]


def is_ready(node):
    """Waits until the node has resumed everything; False when it ended before."""
    node.was_ready = node.stdout.readline() == b"ready\n"
    return node.was_ready


def stop(node, patience=120):
    """Drains and closes it; its return code."""
    node.send_signal(signal.SIGTERM)
    try:
        node.wait(timeout=patience)
    except subprocess.TimeoutExpired:
        node.kill()
        raise Failure("the node does not close") from None
    finally:
        node.stdout.close()
    return node.returncode


def kill(node):
    """True when it was still alive. `was_ready` then tells whether it had resumed everything."""
    node.kill()
    node.wait()
    node.was_ready = node.was_ready or b"ready" in node.stdout.read()
    node.stdout.close()
    return node.returncode == -signal.SIGKILL


def told(violations):
    return "\n".join(f"  {v['invariant']}: {v['what']}" for v in violations)


def sleep_ms(milliseconds):
    time.sleep(milliseconds / 1000)
