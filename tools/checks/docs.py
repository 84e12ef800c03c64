#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The documents name what exists: the folder map, make targets, commands of the program, relative links."""
import os
import re
import subprocess
from pathlib import Path

import tree

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.M | re.S)
SHELL = {"sh", "bash", "console", "shell"}


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def folder_map(text):
    """[(folder, line)] of the first fenced block whose lines begin with a path ending in '/'."""
    for block in FENCE.finditer(text):
        lines = [(l, line_of(text, block.start(2)) + i) for i, l in enumerate(block[2].splitlines()) if l.strip()]
        if lines and all(l.split()[0].endswith("/") for l, _ in lines):
            return [(l.split()[0].rstrip("/"), n) for l, n in lines]
    return []


def folders_with_files(root):
    """Folders that hold a file of their own besides CMakeLists.txt: the ones a map has to name."""
    found = set()
    for here, below, names in os.walk(root):
        path = Path(here).relative_to(root)
        below[:] = [b for b in below if not b.startswith((".", "__")) and not (path == Path(".") and b == "build")]
        if path != Path(".") and set(names) - {"CMakeLists.txt"}:
            found.add(path.as_posix())
    return found


def must_be_named(folder):
    """In src/ and include/ every folder is named; elsewhere the folder below tests/ and docs/, or the top folder."""
    parts = folder.split("/")
    if parts[0] in ("src", "include"):
        return folder
    return "/".join(parts[:2]) if parts[0] in ("tests", "docs") else parts[0]


def check_folder_map(root, complaints):
    file = root / "ARCHITECTURE.md"
    listed = folder_map(file.read_text()) if file.exists() else []
    if not listed:
        complaints.add(file, 1, "no folder map: a fenced block whose lines begin with 'folder/'")
    for folder, line in listed:
        if not (root / folder).is_dir() or not any(p.is_file() for p in (root / folder).rglob("*")):
            complaints.add(file, line, f"names {folder}/, which does not exist: drop the line")
    names = {folder for folder, _ in listed}
    if names:
        for folder in sorted({must_be_named(f) for f in folders_with_files(root)} - names):
            complaints.add(file, listed[0][1], f"the folder map lacks {folder}/: add a line")


def check_make_targets(root, complaints):
    makefile = (root / "Makefile").read_text() if (root / "Makefile").exists() else ""
    targets = {t for l in re.findall(r"^([a-z][a-z -]*):(?!=)", makefile, re.M) for t in l.split()}
    for name in ("README.md", "CONTRIBUTING.md"):
        file = root / name
        text = file.read_text() if file.exists() else ""
        code = [(b.start(2), b[2]) for b in FENCE.finditer(text) if b[1] in SHELL]
        prose = FENCE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
        code += [(s.start(1), s[1]) for s in re.finditer(r"`([^`\n]+)`", prose)]
        for offset, snippet in code:
            for use in re.finditer(r"(?:^|\$ |&& |; )(?:sudo )?make ([a-z][a-z-]*)\b(?!=)", snippet, re.M):
                if use[1] not in targets:
                    complaints.add(file, line_of(text, offset + use.start()),
                                   f"'make {use[1]}' is no target of the Makefile")


def command_words(line):
    """The subcommands of a shell line: 'symphainy wal verify --data d' gives ['wal', 'verify']."""
    found = re.match(r"\s*(?:\$ )?(?:\S*/)?symphainy((?: +[a-z]+(?![\w./=-]))+)", line)
    return found[1].split()[:2] if found else []


def check_commands(root, complaints):
    file, program = root / "README.md", root / "build/release/bin/symphainy"
    if not file.exists() or not os.access(program, os.X_OK):
        return
    asked = {}

    def help_of(words):
        if words not in asked:
            done = subprocess.run([program, *words, "--help"], capture_output=True, text=True, timeout=30)
            asked[words] = done.stdout if done.returncode == 0 else None
        return asked[words]

    text = file.read_text()
    for block in FENCE.finditer(text):
        if block[1] not in SHELL:
            continue
        for number, line in enumerate(block[2].splitlines(), line_of(text, block.start(2))):
            words = tuple(command_words(line))
            # The help of `symphainy wal` must list `verify`: a program may answer --help whatever stands before it.
            known = all(re.search(rf"\b{word}\b", help_of(words[:i]) or "") for i, word in enumerate(words))
            if words and not (known and help_of(words) is not None):
                complaints.add(file, number, f"'symphainy {' '.join(words)}' is no command of the program")


def check_links(root, complaints):
    documents = [p for p in root.glob("*.md")] + tree.files(root, ["docs", "examples", "tests"], {".md"})
    for file in documents:
        text = file.read_text()
        prose = FENCE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
        for link in re.finditer(r"\]\(([^)\s]+)\)", prose):
            target = link[1].split("#")[0]
            if target and not re.match(r"[a-z]+:", target) and not (file.parent / target).exists():
                complaints.add(file, line_of(text, link.start()), f"the link {link[1]} leads nowhere")
    return len(documents)


def check_named_tests(root, complaints):
    """docs/reliability.md rests on tests: each `Suite.Name` and each `script_test` of its tables must exist."""
    file = root / "docs/reliability.md"
    if not file.exists():
        return
    sources = tree.files(root, ["tests"], {".cc", ".h"})
    known = {f"{suite}.{name}" for f in sources
             for suite, name in re.findall(r"^TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)", f.read_text(), re.M)}
    for f in tree.files(root, ["tests"], {".txt"}):
        known.update(re.findall(r"^\s*add_test\(NAME (\w+)", f.read_text(), re.M))
    columns = 0  # of the table of promises: what, and what holds it up; 0 outside of it
    for number, line in enumerate(file.read_text().splitlines(), 1):
        cells = line.split("|")
        if not line.startswith("|"):
            columns = 0
        elif cells[-2].strip() == "Held up by":
            columns = len(cells)
        elif columns and set(line) - set("|-"):
            names = re.findall(r"`([\w.]+)`", cells[-2])
            if len(cells) != columns or not names:
                complaints.add(file, number, "this promise names no test, or holds a '|'")
            for name in names:
                if name not in known:
                    complaints.add(file, number, f"rests on {name}, which is no test")


def main():
    root = tree.root_from_arguments()
    complaints = tree.Complaints(root)
    check_folder_map(root, complaints)
    check_make_targets(root, complaints)
    check_commands(root, complaints)
    check_named_tests(root, complaints)
    documents = check_links(root, complaints)
    complaints.finish("docs", f"{documents} documents")


main()
