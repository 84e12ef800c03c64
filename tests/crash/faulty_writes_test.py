#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`symphainy run` under writes and syncs that misbehave (faulty_writes.cc).   faulty_writes_test.py SYMPHAINY SHIM

Short and interrupted writes change nothing. What fails a sync is unknown, or nothing when it fails the opening; a full
disk refuses or holds up; and in every case running the same work again settles it: each key once, with the answer that
was given before."""
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SYMPHAINY, SHIM = "", ""
INTENTS = 60
SEGMENT_BYTES = 1 << 20  # the smallest: the work below fills more than one


def work():
    content = base64.b64encode(b"a row of a file\n" * 900).decode()  # travels in the log
    large = base64.b64encode(b"a row of a file\n" * 2000).decode()   # goes to the artifact store
    for i in range(INTENTS):
        yield json.dumps({"intent_type": "ingest_file", "tenant_id": "acme", "session_id": "s", "solution_id": "x",
                          "idempotency_key": f"k{i}", "actor": {"type": "user", "id": "faulty"},
                          "parameters": {"bytes": large if i % 10 == 0 else content, "name": f"f{i}"}}) + "\n"


class FaultyWrites(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.directory = Path(self.temporary.name)
        (self.directory / "work.ndjson").write_text("".join(work()))
        self.number = 0

    def run_work(self, data, **faults):
        """(exit code, results by line, faults that came)."""
        log = self.directory / f"faults-{self.number}"
        self.number += 1
        environment = os.environ | {"SYMPHAINY_SEGMENT_BYTES": str(SEGMENT_BYTES)}
        if faults:
            environment |= {"LD_PRELOAD": SHIM, "FAULTY_WRITES_LOG": str(log)}
            environment |= {"FAULTY_WRITES" + ("_" + name.upper() if name != "kind" else ""): str(value)
                            for name, value in faults.items()}
        done = subprocess.run([SYMPHAINY, "run", "--data", str(data), "--concurrency", "4",
                               str(self.directory / "work.ndjson")],
                              env=environment, capture_output=True, text=True, timeout=120, check=False)
        results = {r["line"]: r for r in map(json.loads, done.stdout.splitlines())}
        return done.returncode, results, log.stat().st_size if log.exists() else 0

    def settle(self, data, before):
        """Without faults everything completes, once, and what was answered before stays."""
        code, after, _ = self.run_work(data)
        self.assertEqual(code, 0)
        self.assertEqual({r["status"] for r in after.values()}, {"completed"})
        self.assertEqual(len({r["execution_id"] for r in after.values()}), INTENTS)
        for line, told in before.items():
            if told["status"] == "completed":
                self.assertEqual(after[line]["execution_id"], told["execution_id"])
        verified = subprocess.run([SYMPHAINY, "wal", "verify", "--data", str(data)], capture_output=True, text=True,
                                  check=False)
        self.assertEqual(verified.returncode, 0, verified.stdout)
        events = (data / "events/acme/content.ndjson").read_text().splitlines()
        self.assertEqual([int(json.loads(e)["sequence"]) for e in events], list(range(1, INTENTS + 1)))

    def test_short_and_interrupted_writes_change_nothing(self):
        # SQLite takes an interrupted sync for a failed one, so its files are left out there.
        for kind, path, floor in (("short", "/data", INTENTS), ("eintr", "/data/wal", 20),
                                  ("eintr", "/data/artifacts", 6), ("eintr", "/data/events", 2)):
            with self.subTest(kind=kind, path=path), tempfile.TemporaryDirectory(dir=self.directory) as directory:
                data = Path(directory) / "data"
                code, results, faults = self.run_work(data, kind=kind, path=path)
                self.assertEqual(code, 0)
                self.assertEqual(len(results), INTENTS)
                self.assertEqual({r["status"] for r in results.values()}, {"completed"})
                self.assertGreaterEqual(faults, floor, "too few faults came to prove anything")
                self.settle(data, results)

    def test_a_failed_sync_is_unknown_and_opening_again_settles_it(self):
        unknown = 0
        for call in (1, 2, 3, 5, 8, 13, 21, 34):
            with self.subTest(call=call):
                data = self.directory / f"eio-{call}"
                code, results, faults = self.run_work(data, kind="eio", path="/wal", **{"from": call, "count": 1})
                self.assertEqual(faults, 1)
                statuses = {r["status"] for r in results.values()}
                # It came while opening (nothing had been taken yet), while closing (all had been answered), or between.
                self.assertIn(code, (4,) if "unknown" in statuses else (1, 4))
                self.assertLessEqual(statuses, {"completed", "unknown"})
                unknown += "unknown" in statuses
                self.settle(data, results)
        self.assertGreaterEqual(unknown, 3, "too few runs came to the point")

    def retain(self, data, **faults):
        """(exit code, what it printed, segments there are afterwards)."""
        environment = os.environ | ({"LD_PRELOAD": SHIM} if faults else {})
        environment |= {"FAULTY_WRITES" + ("_" + name.upper() if name != "kind" else ""): str(value)
                        for name, value in faults.items()}
        done = subprocess.run([SYMPHAINY, "wal", "retain", "--older-than", "0s", "--data", str(data)], env=environment,
                              capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr, len(list((data / "wal").glob("*.seg")))

    def test_nothing_is_retired_behind_a_snapshot_whose_name_may_be_lost(self):
        template = self.directory / "template"
        self.assertEqual(self.run_work(template)[0], 0)
        before = len(list((template / "wal").glob("*.seg")))
        self.assertGreaterEqual(before, 2)
        for call in range(1, 40):  # the sync behind the manifest's rename is one of them
            data = self.directory / f"retained-{call}"
            shutil.copytree(template, data)
            code, told, segments = self.retain(data, kind="eio", path="/snapshots", **{"from": call, "count": 1})
            if code != 0 and segments == before and list((data / "snapshots").glob("*.json")):
                break
        else:
            self.fail("no sync failed behind the manifest's rename")
        code, told, segments = self.retain(data, kind="eio", path="/snapshots")
        self.assertNotEqual(code, 0, told)
        self.assertEqual(segments, before, told)
        code, told, segments = self.retain(data)
        self.assertEqual(code, 0, told)
        self.assertLess(segments, before, told)

    def test_a_full_disk_loses_nothing(self):
        for name, fault in {"while a segment is written": {"path": ".seg", "from": 12, "count": 1},
                            "while the next is prepared": {"path": "next.prepared", "count": 15},
                            "while the head is written": {"path": "/wal/head", "from": 4, "count": 1}}.items():
            with self.subTest(name):
                data = self.directory / name.replace(" ", "-")
                code, results, faults = self.run_work(data, kind="enospc", **fault)
                self.assertGreater(faults, 0)
                statuses = {r["status"] for r in results.values()}
                if "unknown" in statuses:
                    self.assertEqual(code, 4)
                self.settle(data, results)


if __name__ == "__main__":
    SYMPHAINY, SHIM = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
