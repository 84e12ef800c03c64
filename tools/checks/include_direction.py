#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Dependencies run one way: base <- abstractions <- runtime <- domains, experience <- app <- cli.

Adapters see abstractions and base only; only app, tests and bench name adapters. Public headers show standard headers and
"symphainy/..." only, there are at most ten of them, and no library's name stands in them.
"""
import re

import tree

ABSTRACTIONS = "public_works/abstractions"
ADAPTERS = "public_works/adapters"
# What each room of src/ may include besides itself and the public headers.
MAY_SEE = {
    "base": [],
    ABSTRACTIONS: ["base"],
    ADAPTERS: ["base", ABSTRACTIONS],
    "runtime": ["base", ABSTRACTIONS],
    "domains": ["base", ABSTRACTIONS, "runtime"],
    "experience": ["base", ABSTRACTIONS, "runtime"],
    "app": ["base", ABSTRACTIONS, ADAPTERS, "runtime", "domains", "experience"],
    "cli": ["base", ABSTRACTIONS, "runtime", "domains", "experience", "app"],
}
# Rooms in which every folder stands alone: one adapter knows nothing of another, nor one domain of another.
SEPARATE = (ADAPTERS, "domains")
ONLY_IN = {"sqlite3.h": f"{ADAPTERS}/sqlite"}
LIBRARY_NAME = re.compile(
    r"\b(boost|asio|beast|sqlite3?(_\w+)?|re2|openssl|evp_\w+|fmt|spdlog|cli11|toml)\b", re.I)
MOST_PUBLIC_HEADERS = 10


def inside(path, folder):
    return path == folder or path.startswith(folder + "/")


def room_of(path):
    """('public_works/adapters', 'public_works/adapters/sqlite') for a path relative to src/, or None."""
    for room in MAY_SEE:
        if inside(path, room):
            depth = room.count("/") + (2 if room in SEPARATE else 1)
            return room, "/".join(path.split("/")[:depth])
    return None


def check_public_header(root, file, complaints):
    text = file.read_text()
    for line, quote, path in tree.includes(text):
        if quote == "<" and not re.fullmatch(r"[a-z_0-9]+", path):
            complaints.add(file, line, f"<{path}> is not a standard C++ header: keep it in a .cc file")
        if quote == '"' and not path.startswith("symphainy/"):
            complaints.add(file, line, f'a public header includes "{path}": only "symphainy/..." is installed')
    for number, line in enumerate(tree.without_comments(text).splitlines(), 1):
        if not line.lstrip().startswith("#include") and (name := LIBRARY_NAME.search(line)):
            complaints.add(file, number, f"'{name[0]}' in a public header: hide the library behind a type of our own")


def check_source(root, file, complaints):
    source = file.relative_to(root / "src").as_posix()
    room = room_of(source)
    if room is None:
        complaints.add(file, 1, "this folder is not in tools/checks/include_direction.py: say there what it may include")
        return
    name, own = room
    for line, quote, path in tree.includes(file.read_text()):
        if quote == "<":
            if path in ONLY_IN and not inside(source, ONLY_IN[path]):
                complaints.add(file, line, f"<{path}> belongs to src/{ONLY_IN[path]} only: use an abstraction")
            if path.startswith("symphainy/"):
                complaints.add(file, line, f'write #include "{path}"')
            continue
        if path.startswith("symphainy/"):
            if not (root / "include" / path).is_file():
                complaints.add(file, line, f"there is no include/{path}")
            continue
        if not (root / "src" / path).is_file():
            complaints.add(file, line, f'"{path}" is no file below src/: write the path from src/ on')
            continue
        if inside(path, own) or any(inside(path, seen) for seen in MAY_SEE[name]):
            continue
        complaints.add(file, line, f'{own} may not include "{path}": add an abstraction, never an include upwards')


def main():
    root = tree.root_from_arguments()
    complaints = tree.Complaints(root)
    public = tree.files(root, ["include"], {".h"})
    for file in public:
        check_public_header(root, file, complaints)
    if len(public) > MOST_PUBLIC_HEADERS:
        complaints.add(root / "include/symphainy", 1,
                       f"{len(public)} public headers; at most {MOST_PUBLIC_HEADERS}: merge some or hide some")
    sources = tree.files(root, ["src"], {".h", ".cc"})
    for file in sources:
        check_source(root, file, complaints)
    for file in tree.files(root, ["examples"], {".h", ".cc"}):
        for line, quote, path in tree.includes(file.read_text()):
            if quote == '"' and not path.startswith("symphainy/") and not (file.parent / path).is_file():
                complaints.add(file, line, f'an example includes "{path}": a user has only "symphainy/..."')
    complaints.finish("include direction", f"{len(public)} public headers and {len(sources)} sources")


main()
