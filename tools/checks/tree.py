# SPDX-License-Identifier: Apache-2.0
"""What the checks share: the tree's root, its files, its includes, how a complaint is printed, and a cache of what passed."""
import hashlib
import os
import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def root_from_arguments():
    """The tree to check: the first argument, else the tree this script belongs to."""
    return Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()


def files(root, folders, suffixes):
    """Files below `folders` with one of the suffixes, sorted."""
    found = []
    for folder in folders:
        found += [p for p in (root / folder).rglob("*") if p.suffix in suffixes and p.is_file()]
    return sorted(found)


def includes(text):
    """(line number, '<' or '"', path) of every include."""
    return [(text.count("\n", 0, m.start(1)) + 1, m[1], m[2]) for m in INCLUDE.finditer(text)]


def without_comments(text):
    """The text with comments blanked and its line numbers kept."""
    blank = lambda m: m[0] if m[0][0] in "\"'" else re.sub(r"[^\n]", " ", m[0])
    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|//[^\n]*|/\*.*?\*/', blank, text, flags=re.S)


def resolve(root, path):
    """The project's file that #include "path" means, or None."""
    for base in ("src", "include"):
        if (root / base / path).is_file():
            return root / base / path
    return None


def with_includes(root, file):
    """The file and every header of the project that it includes, directly or not."""
    seen, todo = set(), [file]
    while todo:
        current = todo.pop()
        if current in seen:
            continue
        seen.add(current)
        todo += [t for _, _, p in includes(current.read_text()) if (t := resolve(root, p))]
    return sorted(seen)


class Passed:
    """Remembers under build/checks/ what passed, by a digest of everything the answer depends on."""

    def __init__(self, root, check):
        self.folder = root / "build" / "checks" / check
        self.folder.mkdir(parents=True, exist_ok=True)

    def digest(self, paths, *more):
        sha = hashlib.sha256("\0".join(more).encode())
        for path in paths:
            sha.update(f"\0{path}\0".encode() + path.read_bytes())
        return sha.hexdigest()

    def has(self, digest):
        return (self.folder / digest).exists()

    def add(self, digest):
        (self.folder / digest).touch()


class Complaints:
    """Collects `file:line: what is wrong; what to do`, and ends the check."""

    def __init__(self, root):
        self.root = root
        self.lines = []

    def add(self, file, line, message):
        self.lines.append(f"{os.path.relpath(file, self.root)}:{line}: {message}")

    def finish(self, check, checked):
        for line in self.lines:
            print(line, file=sys.stderr)
        if self.lines:
            sys.exit(f"{check}: {len(self.lines)} to fix")
        print(f"{check}: {checked}, nothing to fix")
