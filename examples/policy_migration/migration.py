# SPDX-License-Identifier: Apache-2.0
"""One migration from its beginning to its end: PostgreSQL, a node, and the one intent that is submitted to it."""
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from chaos import Chaos
from node import Node
from postgres import Postgres
from source import is_chosen, read_rows
from submission import Refused, Submission

TENANT = "acme"
HANDLER_THREADS = 32
ASKED_EVERY_S = 0.2
GIVES_UP_AFTER_S = 300


class Migration:
    """Everything it starts is stopped, and everything it makes removed, when the `with` ends."""

    def __init__(self, options, kills):
        self.options = options
        self.postgres = self.node = None
        self.kills = kills
        # Every policy that is to be, by its number.
        source = read_rows(options.file, options.rows)
        self.rows = {row.policy_number(copy): row for copy in range(options.scale) for row in source}
        if len(self.rows) != len(source) * options.scale:
            raise Refused(f"{options.file} has a policy twice")
        self.home = Path(tempfile.mkdtemp(prefix="policy-migration-"))

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
        if self.node is not None and self.node.process is not None and self.node.process.poll() is None:
            self.node.kill()
        if self.postgres is not None:
            self.postgres.remove()
        if self.options.keep and self.kills:
            shutil.copytree(self.home, self.options.keep)
        shutil.rmtree(self.home, ignore_errors=True)

    def run(self):
        self.held = self._hold()
        begun = time.monotonic()
        self.imported = self._import()
        self.import_s = time.monotonic() - begun
        if self.node.stop() != 0:
            raise RuntimeError("the node did not stop well: see its log")

    def _hold(self):
        """Puts some policies on hold in the new system: they will be refused behind their write."""
        options = self.options
        held = {number for number in self.rows if is_chosen(options.seed, "hold", number, options.hold_rate)}
        if held:
            rows = "".join(f"{number}\tunder review\n" for number in sorted(held))
            self.postgres.sql(f"COPY holds FROM STDIN;\n{rows}\\.\n")
        return held

    def intent(self):
        """The one that is handed in."""
        parameters = {"path": self.options.file.name, "copies": self.options.scale, "slice_rows": self.options.slice_rows}
        if self.options.rows is not None:
            parameters["rows"] = self.options.rows
        return {"intent_type": "import_portfolio", "tenant_id": TENANT, "session_id": "migration", "solution_id": "policies",
                "actor": {"type": "service", "id": "migration"}, "idempotency_key": f"import:{self.options.file.name}",
                "parameters": parameters}

    def _import(self):
        """Its result, however often its node dies."""
        submission = Submission(self.intent())
        self.chaos.submission = submission
        answered = time.monotonic()
        while submission.result is None:
            if submission.hand_in(self.node.data):
                answered = time.monotonic()
            elif time.monotonic() - answered > GIVES_UP_AFTER_S:
                raise RuntimeError(f"the node has not answered for {GIVES_UP_AFTER_S} s")
            self._tell_progress(submission)
            self._wait(ASKED_EVERY_S)
        return submission.result

    def _wait(self, span_s):
        until = time.monotonic() + span_s
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, self.chaos.left_s()))
            if self.chaos.is_due():
                self.chaos.strike()

    def _tell_progress(self, submission):
        if sys.stderr.isatty():
            active = self.postgres.sql("SELECT count(*) FROM policies WHERE status = 'active'")[0]
            print(f"\r{int(active):,} of {len(self.rows):,} policies, {self.chaos.kills.total()} kills ",
                  end="" if submission.result is None else "\n", file=sys.stderr, flush=True)
