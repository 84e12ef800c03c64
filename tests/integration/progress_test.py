#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""On a terminal `symphainy run` shows how far it is; elsewhere stderr stays empty.   progress_test.py SYMPHAINY"""
import os
import pty
import subprocess
import sys
import tempfile

INTENTS = 10_000  # long enough to be drawn on a fast machine too


def on_a_terminal(command: list[str], results: str) -> str:
    """What the command shows on a terminal that is its stderr; its results go to a file."""
    shown = b""
    pid, terminal = pty.fork()
    if pid == 0:
        os.dup2(os.open(results, os.O_WRONLY | os.O_CREAT, 0o600), 1)
        os.execv(command[0], command)
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # EIO: the other end is closed
            break
        if not piece:
            break
        shown += piece
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
    return shown.decode()


def main() -> None:
    symphainy = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        with open("rows.csv", "w", encoding="utf-8") as file:
            file.write("a\n1\n")
        with open("intents.ndjson", "w", encoding="utf-8") as file:
            file.write('{"intent_type":"ingest_file","parameters":{"path":"rows.csv"}}\n' * INTENTS)
        run = [symphainy, "run", "--tenant", "acme", "intents.ndjson"]
        shown = on_a_terminal(run + ["--data", "watched"], "results")
        assert "%" in shown and "[#" in shown, shown
        assert f"{INTENTS:,} completed, 0 failed or refused" in shown, shown
        with open("results", encoding="utf-8") as file:
            assert sum(1 for _ in file) == INTENTS
        unwatched = subprocess.run(run + ["--data", "unwatched"], capture_output=True, check=True)
        assert unwatched.stderr == b"", unwatched.stderr


main()
