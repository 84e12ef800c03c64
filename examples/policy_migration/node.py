# SPDX-License-Identifier: Apache-2.0
"""Our node: `policy_migration serve` on a data directory, which can be killed and started again."""
import os
import re
import signal
import subprocess
import time
from pathlib import Path

READY_WITHIN_S = 60


class Node:
    def __init__(self, program, home, environment):
        self.program = program
        self.data = home / "data"
        self.log = home / "node.log"
        self.environment = {**os.environ, **environment}
        self.process = None
        self.peak_mib = 0  # of memory, in any of its lives

    def begin_start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.program, "serve", "--data", self.data], env=self.environment,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        """Starts it, through its own recovery, and waits until it serves."""
        begin = self.log.stat().st_size if self.log.exists() else 0
        self.begin_start()
        give_up = time.monotonic() + READY_WITHIN_S
        while True:
            with open(self.log, "rb") as log:
                log.seek(begin)
                said = log.read().decode(errors="replace")
            if "symphainy: serving " in said:
                return
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"the node does not serve:\n{said[-2000:]}")
            time.sleep(0.01)

    def _note_memory(self):
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return
        if found := re.search(r"^VmHWM:\s+(\d+) kB", status, re.M):
            self.peak_mib = max(self.peak_mib, int(found[1]) // 1024)

    def kill(self):
        self._note_memory()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """As an operator would; returns its exit code."""
        self._note_memory()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=120)

    def ask(self, *arguments, within_s=0):
        """What a command of the program says of the data directory; asked again while it fails, for so long."""
        give_up = time.monotonic() + within_s
        while True:
            done = subprocess.run([self.program, *arguments, "--data", self.data], env=self.environment, text=True,
                                  capture_output=True, check=False)
            if done.returncode == 0:
                return done.stdout
            if time.monotonic() >= give_up:
                raise RuntimeError(f"policy_migration {' '.join(arguments)}: {done.stderr.strip()[-2000:]}")
            time.sleep(0.05)
