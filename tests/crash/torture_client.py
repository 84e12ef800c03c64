# SPDX-License-Identifier: Apache-2.0
"""A client of the torture: a process that keeps a few operations under way, writes down what it invoked and what it
heard, and tries again, with the same key, what it heard nothing of.

Its history is written before it sends, and after it heard; so what is in no history was never asked for."""
import json
import os
import random
import select
import signal
import socket
import time

from harness import intent

KINDS = (["note"] * 5 + ["store"] * 4 + ["derive"] * 4 + ["count"] * 3 + ["steps"] * 4 + ["forget"] * 2 + ["break"] * 2 +
         ["dawdle"] * 2 + ["say_much"] + ["misattribute"] + ["flaky"] * 3 + ["stuck"] * 4 + ["saga"] * 6 + ["abandon"] +
         ["nap"] * 3 + ["approve"] * 3 + ["linger"] * 2)
TENANTS = ("acme", "other")
UNDER_WAY = 8
SHARED_KEYS = 400
PATIENCE_S = 120

GARBAGE = (
    None, 17, "an intent", [], {}, {"tenant_id": "acme"}, {"intent_type": "torture.note", "tenant_id": "_system"},
    intent("nothing_like_this", "garbage", 1), intent("note", "garbage", 1) | {"surprise": True},
    intent("note", "garbage", "not a number"), intent("note", "garbage", 99), intent("note", "garbage", 1, "k" * 300),
    intent("note", "garbage", 1) | {"tenant_id": "../up"}, intent("note", "garbage", 1) | {"actor": None})


class Work:
    """What a client asks for, a function of the seed alone."""

    def __init__(self, seed, client):
        self.random = random.Random(f"{seed}/{client}")
        self.seed, self.client = seed, client
        self.count = 0
        self.done = []

    def shared(self, number):
        """The same for every client, so that they get in each other's way."""
        choose = random.Random(f"{self.seed}/shared/{number}")
        name = f"{self.seed}-shared-{number}"
        return intent(choose.choice(KINDS), name, choose.randrange(4), name, self.fresh_id(), choose.choice(TENANTS))

    def fresh_id(self):
        self.count += 1
        return f"{self.seed}-{self.client}-{self.count}"

    def next(self):
        choose, name = self.random, self.fresh_id()
        fresh = intent(choose.choice(KINDS), name, choose.randrange(4), name, name, choose.choice(TENANTS))
        what = choose.random()
        if what < 0.05:
            bad = choose.choice(GARBAGE)
            return bad | {"intent_id": name} if isinstance(bad, dict) else bad
        if what < 0.20:
            return self.shared(choose.randrange(SHARED_KEYS))
        if what < 0.25 and self.done:  # once more, perhaps long after it ended
            return choose.choice(self.done) | {"intent_id": self.fresh_id()}
        if what < 0.30 and self.done:  # the same key for something else
            again = choose.choice(self.done)
            return again | {"intent_id": self.fresh_id(), "parameters": {"name": name, "number": 3}}
        if what < 0.40:
            del fresh["idempotency_key"]  # then the intent id is the key
            return fresh
        self.done.append(fresh)
        return fresh

    def again(self, tried):
        """What nobody answered, with the same key, or else the same intent id."""
        if isinstance(tried, dict) and "idempotency_key" in tried and self.random.random() < 0.5:
            return tried | {"intent_id": self.fresh_id()}
        return tried


class Client:
    def __init__(self, case, seed, number):
        self.case, self.name = case, f"{seed}-{number}"
        self.work = Work(seed, number)
        self.history = open(case.directory / "history" / f"{self.name}.ndjson", "ab", buffering=0)
        self.under_way = {}  # op → intent
        self.to_try_again = []
        self.ops = 0
        self.stopping = False
        self.connection, self.heard = None, b""
        self.parent = os.getppid()

    def note(self, line):
        self.history.write(json.dumps(line).encode() + b"\n")

    def connect(self):
        while os.getppid() == self.parent:  # nobody starts a node any more when the torture has gone
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(self.case.socket)
                self.connection, self.heard = connection, b""
                return
            except OSError:
                connection.close()
                time.sleep(0.002)
        raise TimeoutError("the torture has ended")

    def invoke(self, asked):
        self.ops += 1
        self.under_way[self.ops] = asked
        self.note({"type": "invoke", "op": self.ops, "client": self.name, "intent": asked})
        self.connection.sendall(json.dumps({"op": self.ops, "intent": asked}).encode() + b"\n")

    def hear(self):
        readable, _, _ = select.select([self.connection], [], [], PATIENCE_S)
        if not readable:
            raise TimeoutError("the node answers nothing")
        piece = self.connection.recv(1 << 16)
        if not piece:
            raise ConnectionError
        *lines, self.heard = (self.heard + piece).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            self.note(answer)
            asked = self.under_way.pop(answer["op"])
            if answer["type"] == "unknown" or (answer["type"] == "fail" and self.work.random.random() < 0.5):
                self.to_try_again.append(asked)

    def lose(self):
        """The connection is gone: nobody knows what became of what is under way."""
        self.connection.close()
        for op, asked in self.under_way.items():
            self.note({"type": "unknown", "op": op})
            self.to_try_again.append(asked)
        self.under_way.clear()

    def next(self):
        if self.to_try_again:
            return self.work.again(self.to_try_again.pop(0))
        return self.work.next()

    def run(self):
        """Until it is told to stop and everything it asked for was answered."""
        self.connect()
        while not self.stopping or self.under_way or self.to_try_again:
            try:
                while len(self.under_way) < UNDER_WAY and (self.to_try_again or not self.stopping):
                    asked = self.next()
                    self.invoke(asked)
                    if self.work.random.random() < 0.03:
                        self.invoke(self.work.again(asked))  # twice at the same time
                self.hear()
            except (ConnectionError, BrokenPipeError):
                self.lose()
                self.connect()

    def stop(self, *_):
        self.stopping = True


def start(case, seed, number):
    """The process id of a new client."""
    pid = os.fork()
    if pid != 0:
        return pid
    status = 1
    try:
        client = Client(case, seed, number)
        signal.signal(signal.SIGTERM, client.stop)
        client.run()
        status = 0
    finally:
        os._exit(status)
