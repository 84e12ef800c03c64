# SPDX-License-Identifier: Apache-2.0
"""The portfolio as Python's csv and decimal read it: what the migration is measured against."""
import csv
import hashlib
import re
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
WHOLE = HERE.parents[2] / "shared" / "data" / "FL_insurance_sample.csv"
SAMPLE = HERE.parent / "policies.csv"


def portfolio_file():
    """The whole public file where it is at hand, else the 300 rows of the repository."""
    return WHOLE if WHOLE.exists() else SAMPLE


class Row:
    """number: its place in the file, from 1."""

    def __init__(self, number, fields):
        self.number = number
        self.fields = fields

    def policy_number(self, copy):
        """Under which it is to stand in the new system; copy: 0 for the row itself."""
        known = self.fields.get("policyID") or ""
        number = known if re.fullmatch("[0-9]{1,12}", known) else f"0-{self.number % 1_000_000}"
        return number + (f"-{copy}" if copy else "")

    def cents(self, field):
        """Exactly; None when it is no amount of whole cents."""
        try:
            cents = Decimal(self.fields[field]) * 100
            return int(cents) if cents == cents.to_integral_value() else None
        except (ArithmeticError, TypeError):
            return None


def read_rows(path, most=None):
    with open(path, newline="", encoding="utf-8") as file:
        lines = [line for line in file.read().replace("\r\n", "\n").replace("\r", "\n").split("\n") if line]
    found = csv.DictReader(lines[: None if most is None else most + 1])
    return [Row(number, fields) for number, fields in enumerate(found, 1)]


def is_chosen(seed, what, name, rate):
    """A share of all names, the same for the same seed."""
    drawn = int.from_bytes(hashlib.sha256(f"{seed}/{what}/{name}".encode()).digest()[:8], "big")
    return drawn < rate * 2**64
