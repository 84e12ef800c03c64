#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of our own: in its own directory, on its own port of the loopback address, stopped and removed at the end.

    postgres.py COMMAND [ARGUMENT...]

runs the command with POLICY_SYSTEM naming a new policy system, and ends with its exit code; 77 when there is no
PostgreSQL to be had here.
"""
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCHEMA = HERE / "new_policy_system.sql"
USER, DATABASE = "migrator", "policies"
READY_WITHIN_S = 60
NOT_TO_BE_HAD = 77


class NoPostgres(Exception):
    """There is none to be had here; the message says why."""


def binaries():
    """The directory with initdb and postgres: Debian's place first, then the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    found = debian[-1] if debian else shutil.which("initdb")
    if found is None:
        raise NoPostgres("no initdb: install Debian's postgresql-15")
    return Path(found).parent


def free_port():
    with socket.socket() as any_free:
        any_free.bind(("127.0.0.1", 0))
        return any_free.getsockname()[1]


def children_of(parent):
    """Ids of the processes whose parent is this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == parent:
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                pass
    return found


def state_of(process):
    """Its letter in /proc; X when there is none."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def is_alive(process):
    return state_of(process) not in "ZX"


class Postgres:
    """One cluster. start() and crash() may follow each other; everything else wants it running."""

    def __init__(self, parent=None):
        self.bin = binaries()
        # PostgreSQL refuses to run as root.
        self.as_owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
        self.home = Path(tempfile.mkdtemp(prefix="policy-system-", dir=parent))
        self.server = None
        self.port = free_port()
        self.password = secrets.token_hex(16)
        try:
            self._make_cluster()
        except BaseException:
            shutil.rmtree(self.home)
            raise

    def _make_cluster(self):
        password_file = self.home / "password"
        password_file.write_text(self.password + "\n")
        if self.as_owner:
            try:
                shutil.chown(self.home, "postgres", "postgres")
                shutil.chown(password_file, "postgres")
            except LookupError as missing:
                raise NoPostgres("PostgreSQL does not run as root, and there is no user postgres") from missing
        done = subprocess.run([*self.as_owner, self.bin / "initdb", "-N", "-D", self.home / "data", "-U", USER, "-E", "UTF8",
                               "--locale=C", "-A", "scram-sha-256", f"--pwfile={password_file}"],
                              cwd="/", capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NoPostgres(f"initdb failed: {done.stderr.strip()}")
        password_file.unlink()

    @property
    def conninfo(self):
        return f"host=127.0.0.1 port={self.port} dbname={DATABASE} user={USER} password={self.password}"

    def start(self):
        """Starts it, through its own crash recovery where that is due, and waits until it answers."""
        # syncfs: by default recovery syncs each of a thousand files, which takes seconds on a disk that others use, too.
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "",
                    "fsync": "on", "recovery_init_sync_method": "syncfs", "synchronous_commit": "on",
                    "max_connections": 100, "logging_collector": "off"}
        arguments = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        give_up = time.monotonic() + READY_WITHIN_S
        while True:
            with open(self.home / "server.log", "ab") as log:
                self.server = subprocess.Popen(
                    [*self.as_owner, self.bin / "postgres", "-D", self.home / "data", *arguments], cwd="/",
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            while self.server.poll() is None and not self._answers():
                if time.monotonic() > give_up:
                    self._fail("does not answer")
                time.sleep(0.02)
            if self.server.poll() is None:
                return
            # It may have met what is left of the one before it.
            if time.monotonic() > give_up:
                self._fail("does not start")
            time.sleep(0.1)

    def _answers(self):
        return subprocess.run([self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                              check=False).returncode == 0

    def _fail(self, what):
        log = (self.home / "server.log").read_text(errors="replace").splitlines()
        raise RuntimeError(f"PostgreSQL {what}:\n" + "\n".join(log[-10:]))

    def crash(self):
        """SIGKILL for all of it at once, as when the machine goes."""
        first = self.server.pid
        # So that it starts no more of them: one that is overlooked may wait for ever for a lock of one that is gone, and
        # keeps the next server from starting.
        os.kill(first, signal.SIGSTOP)
        while state_of(first) not in "TtZX":
            time.sleep(0.001)
        processes = children_of(first)
        for process in (first, *processes):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.server.wait()
        while any(is_alive(process) for process in processes):
            time.sleep(0.005)

    def sql(self, text, database=DATABASE, file=None):
        """The answer's lines, without decoration."""
        command = [self.bin / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port),
                   "-U", USER, "-d", database]
        done = subprocess.run([*command, "-f", file] if file else command, input=text, text=True, capture_output=True,
                              env={**os.environ, "PGPASSWORD": self.password}, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"psql: {done.stderr.strip()}")
        return done.stdout.splitlines()

    def create_policy_system(self):
        self.sql(f"CREATE DATABASE {DATABASE}", database="postgres")
        self.sql(None, file=SCHEMA)

    def remove(self):
        """Stops it and removes its directory."""
        if self.server is not None and self.server.poll() is None:
            self.server.send_signal(signal.SIGINT)  # a fast shutdown
            try:
                self.server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.crash()
        shutil.rmtree(self.home, ignore_errors=True)


def main():
    try:
        postgres = Postgres()
    except NoPostgres as why:
        print(f"skipped: {why}", file=sys.stderr)
        return NOT_TO_BE_HAD
    try:
        postgres.start()
        postgres.create_policy_system()
        return subprocess.run(sys.argv[1:], env={**os.environ, "POLICY_SYSTEM": postgres.conninfo}, check=False).returncode
    finally:
        postgres.remove()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
