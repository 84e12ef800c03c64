# SPDX-License-Identifier: Apache-2.0
"""Hands one intent to a node that may die at any moment, and asks until its execution has ended.

The intent has an idempotency key, so handing it in again is asking how far it has come. Asking goes through the node's
control socket, POST /v1/executions, which answers as soon as the intent is durable and waits for nothing.
"""
import http.client
import json
import socket
from pathlib import Path

RUNNING = ("running", "pending", "waiting", "compensating")
ANSWERS_WITHIN_S = 60


class Refused(Exception):
    """The import will never come to the end that it must come to."""


class ControlSocket(http.client.HTTPConnection):
    """A connection to a node, by its data directory."""

    def __init__(self, data):
        super().__init__("localhost", timeout=ANSWERS_WITHIN_S)
        self.data = data

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(Path(self.data) / "control.sock"))


class Submission:
    """One intent, and what is known of its execution."""

    def __init__(self, intent):
        self.body = json.dumps(intent)
        self.execution = None
        self.result = None

    def hand_in(self, data):
        """Asks once. False: the node gave no answer, and whether it took the intent is not known."""
        connection = ControlSocket(data)
        try:
            connection.request("POST", "/v1/executions", self.body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            status, body = answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        if status not in (200, 202):
            if status < 500 and status != 429:
                raise Refused(f"the node refuses the intent: {body.decode(errors='replace')}")
            return False
        self._take(json.loads(body))
        return True

    def hand_in_and_vanish(self, data):
        """As a submitter that is killed before it reads the answer."""
        connection = ControlSocket(data)
        try:
            connection.request("POST", "/v1/executions", self.body, {"Content-Type": "application/json"})
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()

    def _take(self, answer):
        execution, status = answer["execution_id"], answer["status"]
        if self.execution is not None and execution != self.execution:
            raise Refused(f"one idempotency key stands for the executions {self.execution} and {execution}")
        self.execution = execution or None
        if status in RUNNING:
            if self.result is not None:
                raise Refused(f"{execution} has ended and is {status}")
        elif status != "completed":
            raise Refused(f"import_portfolio is {status}: {answer.get('error', {}).get('message')}")
        elif self.result not in (None, answer["result"]):
            raise Refused(f"{execution} ended with {self.result} and with {answer['result']}")
        else:
            self.result = answer["result"]
