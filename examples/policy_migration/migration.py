# SPDX-License-Identifier: Apache-2.0
"""One migration from its beginning to its end: PostgreSQL, a node, and everything that is submitted to it."""
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from chaos import Chaos
from node import Node
from postgres import Postgres
from source import is_chosen
from submission import Refused, Submission

TENANT = "acme"
CONCURRENCY = 64
HANDLER_THREADS = 32
PASSES_WITHOUT_PROGRESS = 5


class Migration:
    """Everything it starts is stopped, and everything it makes removed, when the `with` ends."""

    def __init__(self, options, kills):
        self.options = options
        self.home = Path(tempfile.mkdtemp(prefix="policy-migration-"))
        self.postgres = self.node = self.running = None
        self.kills = kills
        self.rejections = Submission([])

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        options = self.options
        self.postgres = Postgres()
        self.postgres.start()
        self.postgres.create_policy_system()
        self.node = Node(options.program, self.home, {
            "POLICY_SYSTEM": self.postgres.conninfo, "PORTFOLIO_DIRECTORY": str(options.file.parent),
            "FAIL_RATE": str(options.fail_rate), "FAIL_SEED": str(options.seed),
            "SYMPHAINY_HANDLER_THREADS": str(HANDLER_THREADS)})
        self.node.start()
        self.chaos = Chaos(self.node, self.postgres, options.kill_every if self.kills else None,
                           random.Random(f"{options.seed}/kills"))

    def __exit__(self, *_):
        if self.running is not None:
            self.running.end(kill=True)
        if self.node is not None and self.node.process is not None and self.node.process.poll() is None:
            self.node.kill()
        if self.postgres is not None:
            self.postgres.remove()
        if self.options.keep and self.kills:
            shutil.copytree(self.home, self.options.keep)
        shutil.rmtree(self.home, ignore_errors=True)

    def run(self):
        begun = time.monotonic()
        imported = self._import()
        self.portfolio = imported["portfolio"]
        self.migrations = Submission(self._manifest(imported["manifest"]))
        self.parameters = [json.loads(line)["parameters"] for line in self.migrations.lines]
        self.held = self._hold()
        self.import_s = time.monotonic() - begun
        begun = time.monotonic()
        self._submit(self.migrations, "migrated")
        self.migration_s = time.monotonic() - begun
        self.rejections = Submission([self._rejection(i, end) for i, end in enumerate(self.migrations.ends)
                                      if end.status != "completed"])
        self._submit(self.rejections, "rejections told")
        self.total_s = time.monotonic() - begun
        if self.node.stop() != 0:
            raise RuntimeError("the node did not stop well: see its log")

    def _import(self):
        parameters = {"path": self.options.file.name, "copies": self.options.scale}
        if self.options.rows is not None:
            parameters["rows"] = self.options.rows
        submission = Submission([json.dumps({"intent_type": "import_portfolio", "idempotency_key": "import",
                                             "parameters": parameters}) + "\n"])
        self._submit(submission, None)
        end = submission.ends[0]
        if end.status != "completed":
            raise Refused(f"import_portfolio: {end.error['message']}")
        return end.result

    def _manifest(self, reference):
        # The import is durable; what reading commands see may be a moment behind.
        text = self.node.ask("reference", "show", reference, "--tenant", TENANT, "--content", within_s=10)
        return text.splitlines(keepends=True)

    def _hold(self):
        """Puts some policies on hold in the new system: they will be refused behind their write."""
        options = self.options
        held = {p["policy_number"] for p in self.parameters
                if is_chosen(options.seed, "hold", p["policy_number"], options.hold_rate)}
        if held:
            rows = "".join(f"{number}\tunder review\n" for number in sorted(held))
            self.postgres.sql(f"COPY holds FROM STDIN;\n{rows}\\.\n")
        return held

    def _rejection(self, index, end):
        parameters = {"migration": self.parameters[index], "execution": end.execution, "status": end.status,
                      "error": {"code": end.error["code"], "message": end.error["message"]}}
        return json.dumps({"intent_type": "reject_policy", "idempotency_key": f"reject:{self.portfolio}:{index}",
                           "parameters": parameters}) + "\n"

    def _submit(self, submission, told):
        idle = 0
        while not submission.is_done():
            before, kills = submission.ended, self.chaos.kills.total()
            self._pass_over(submission, told)
            if submission.refused:
                raise Refused(submission.refused)
            idle = idle + 1 if (submission.ended, self.chaos.kills.total()) == (before, kills) else 0
            if idle == PASSES_WITHOUT_PROGRESS:
                raise RuntimeError(f"{len(submission.lines) - submission.ended} intents do not come to an end")

    def _pass_over(self, submission, told):
        self.running = submission.begin_pass(self.node, TENANT, CONCURRENCY)
        while not self.running.is_over(min(self.chaos.left_s(), 0.5)):
            if told and sys.stderr.isatty():
                print(f"\r{submission.ended} of {len(submission.lines)} {told}, "
                      f"{self.chaos.kills.total()} kills ", end="", file=sys.stderr, flush=True)
            if self.chaos.is_due() and self.chaos.strike(self.running):
                break
        self.running.end()
        self.running = None
