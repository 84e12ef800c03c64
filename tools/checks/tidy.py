#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over every source of src/ and bench/, as .clang-tidy says. What passed is not looked at again until it, a header
that it includes, its flags or .clang-tidy change.

The precompiled header is left out of the flags, so clang-tidy reads only what a file includes: that is quicker, and a file
that leans on the precompiled header for an include is noticed.
"""
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tree

TIDY = os.environ.get("CLANG_TIDY", "clang-tidy-19")


def without_precompiled_header(command):
    """The compiler's arguments, from its name on, without `-Xclang X` pairs, which only serve the precompiled header."""
    words = shlex.split(command)
    start = next(i for i, word in enumerate(words) if "clang++" in os.path.basename(word))
    kept, words = [], iter(words[start:])
    for word in words:
        if word == "-Xclang":
            next(words)
        elif word not in ("-Winvalid-pch", "-fpch-instantiate-templates"):
            kept.append(word)
    return kept


def sources(root, build):
    """(file, entry of a compilation database) of every source below src/ and bench/."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        file = Path(entry["directory"], entry["file"]).resolve()
        if "-DSYMPHAINY_FAULT_POINTS" in entry["command"]:  # once more for the crash tests: the product's flags count
            continue
        if any(file.is_relative_to(root / part) for part in ("src", "bench")) and file.exists():
            arguments = without_precompiled_header(entry["command"])
            found[file] = {"directory": entry["directory"], "file": str(file), "arguments": arguments}
    return sorted(found.items())


def main():
    root = tree.root_from_arguments()
    build = root / "build" / "release"
    if not (build / "compile_commands.json").exists():
        sys.exit("tidy: build/release is not configured: run `cmake --preset release`")
    todo = sources(root, build)
    if not todo:
        sys.exit("tidy: build/release/compile_commands.json names no file below src/: configure it in this tree")
    database = root / "build" / "tidy"
    database.mkdir(parents=True, exist_ok=True)
    (database / "compile_commands.json").write_text(json.dumps([entry for _, entry in todo], indent=1))

    passed = tree.Passed(root, "tidy")
    version = subprocess.run([TIDY, "--version"], capture_output=True, text=True, check=True).stdout
    digests = {file: passed.digest([root / ".clang-tidy", *tree.with_includes(root, file)], version,
                                   *entry["arguments"]) for file, entry in todo}
    stale = [file for file, _ in todo if not passed.has(digests[file])]

    def look_at(file):
        done = subprocess.run([TIDY, "-p", str(database), "--quiet", str(file)], capture_output=True, text=True)
        if done.returncode == 0:
            passed.add(digests[file])
            return True
        own = [line for line in done.stderr.splitlines() if "warnings generated" not in line]
        print(done.stdout.replace(f"{root}/", "") + "\n".join(own), flush=True)
        return False

    with ThreadPoolExecutor(2) as pool:
        failed = [f for f, good in zip(stale, pool.map(look_at, stale)) if not good]
    if failed:
        sys.exit(f"tidy: {len(failed)} of {len(stale)} files to fix")
    print(f"tidy: {len(todo)} files ({len(stale)} looked at now), nothing to fix")


main()
