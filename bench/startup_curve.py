#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills a working `symphainy run` again and again, and tells how long each start after a kill takes until its first answer,
and how much it reads until then. What is read is what counts: the last segment of the log and what state.db misses, however
long the log is and however many kills there were.

  startup_curve.py SYMPHAINY [--kills N] [--answers N] [--bytes N] [--concurrency N] [--data DIR] [--most MIB]

--data DIR goes on with a store that is there; --most fails when a start reads more than so many MiB (besides SQLite's own
write-ahead log), or when the log has not become so long that reading all of it would have failed."""
import argparse
import base64
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

MIB = 1024 * 1024


def intent(size: int) -> bytes:
    parameters = {"bytes": base64.b64encode(b"x" * size).decode(), "name": "f"}
    return (json.dumps({"intent_type": "ingest_file", "parameters": parameters}) + "\n").encode()


def bytes_in(directory: str) -> int:
    return sum(os.path.getsize(os.path.join(directory, name)) for name in os.listdir(directory))


def read_by(process: subprocess.Popen) -> int:
    """What it got from read calls: files of the store, and the one line it was given."""
    with open(f"/proc/{process.pid}/io", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("rchar"))


def feed(process: subprocess.Popen, line: bytes) -> None:
    try:
        while True:
            process.stdin.write(line)
            process.stdin.flush()
    except (BrokenPipeError, ValueError):
        pass


def start_work_and_kill(command: list[str], line: bytes, answers: int) -> tuple[float, int]:
    """Seconds until the first answer, and bytes read until then."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(line)
    process.stdin.flush()
    if not process.stdout.readline():
        sys.exit(f"{' '.join(command)} ended without an answer: {process.stderr.read().decode()}")
    seconds, read = time.monotonic() - began, read_by(process)
    feeder = threading.Thread(target=feed, args=(process, line))
    feeder.start()
    for _ in range(answers):
        if not process.stdout.readline():
            sys.exit("it ended before it was killed")
    process.send_signal(signal.SIGKILL)
    process.wait()
    feeder.join()
    return seconds, read


def sqlite_log(data: str) -> int:
    path = os.path.join(data, "state.db-wal")
    return os.path.getsize(path) if os.path.exists(path) else 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("symphainy")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--answers", type=int, default=5_000, help="between two kills")
    parser.add_argument("--bytes", type=int, default=200, help="of content in each intent")
    parser.add_argument("--concurrency", type=int, default=64, help="each of them may have to go on after a kill, and is read")
    parser.add_argument("--data")
    parser.add_argument("--most", type=float)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data = given.data or os.path.join(scratch, "data")
        command = [os.path.abspath(given.symphainy), "run", "--data", data, "--tenant", "acme", "--concurrency",
                   str(given.concurrency)]
        print(f"{'kills before':>12} {'log MiB':>8} {'read MiB':>8} {'of state.db-wal':>15} {'first answer ms':>15}")
        times, reads = [], []
        for kills in range(given.kills + 1):
            log = bytes_in(os.path.join(data, "wal")) if kills > 0 or given.data else 0
            folded = sqlite_log(data)
            seconds, read = start_work_and_kill(command, intent(given.bytes), given.answers)
            times.append(seconds)
            reads.append(max(read - folded, 0))
            print(f"{kills:>12} {log / MIB:>8.1f} {read / MIB:>8.2f} {folded / MIB:>15.2f} {seconds * 1000:>15.0f}", flush=True)
        third = max(1, given.kills // 3)
        print(f"median of the first {third} starts after a kill {statistics.median(times[1:third + 1]) * 1000:.0f} ms, of the last "
              f"{third} {statistics.median(times[-third:]) * 1000:.0f} ms")
        if given.most is not None:
            worst = max(reads[1:])
            if worst > given.most * MIB:
                sys.exit(f"a start read {worst / MIB:.2f} MiB, more than {given.most}")
            if log < 3 * given.most * MIB:
                sys.exit(f"the log has only {log / MIB:.1f} MiB: that a start reads less says nothing")


main()
