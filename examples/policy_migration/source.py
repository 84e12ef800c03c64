# SPDX-License-Identifier: Apache-2.0
"""The portfolio as Python's csv and decimal read it: what the migration is measured against."""
import csv
import hashlib
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
WHOLE = HERE.parents[2] / "shared" / "data" / "FL_insurance_sample.csv"
SAMPLE = HERE.parent / "policies.csv"


def portfolio_file():
    """The whole public file where it is at hand, else the 300 rows of the repository."""
    return WHOLE if WHOLE.exists() else SAMPLE


class Row:
    def __init__(self, fields):
        self.policy_id = fields["policyID"]
        self.fields = fields

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
    return [Row(fields) for fields in csv.DictReader(lines[: None if most is None else most + 1])]


def is_chosen(seed, what, name, rate):
    """A share of all names, the same for the same seed."""
    drawn = int.from_bytes(hashlib.sha256(f"{seed}/{what}/{name}".encode()).digest()[:8], "big")
    return drawn < rate * 2**64
