#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every header compiles alone; every public header also when it is included twice, and without src/."""
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import tree

COMPILER = os.environ.get("CLANGXX", "clang++-19")


def compile_alone(root, header):
    """The compiler's messages, or None when it compiles."""
    public = header.is_relative_to(root / "include")
    base = root / ("include" if public else "src")
    line = f'#include "{header.relative_to(base).as_posix()}"\n'
    command = [COMPILER, "-std=c++23", "-fsyntax-only", "-Wall", "-Werror", "-ferror-limit=3", "-x", "c++",
               "-I", "include"] + ([] if public else ["-I", "src"]) + ["-"]
    done = subprocess.run(command, input=line * (2 if public else 1), text=True, capture_output=True, cwd=root)
    return done.stderr if done.returncode else None


def main():
    root = tree.root_from_arguments()
    complaints = tree.Complaints(root)
    passed = tree.Passed(root, "headers")
    headers = tree.files(root, ["include", "src"], {".h"})
    digests = {h: passed.digest(tree.with_includes(root, h), str(h), COMPILER) for h in headers}
    todo = [h for h in headers if not passed.has(digests[h])]
    with ThreadPoolExecutor(2) as pool:
        for header, messages in zip(todo, pool.map(lambda h: compile_alone(root, h), todo)):
            if messages is None:
                passed.add(digests[header])
            else:
                complaints.add(header, 1, f"does not compile alone: include what it uses\n{messages.rstrip()}")
    complaints.finish("headers", f"{len(headers)} compile alone ({len(todo)} compiled now)")


main()
