#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every abstraction's contract suite runs on at least two adapters, and every file of tests is built at all.

An abstraction is a header in src/public_works/abstractions with a pure virtual function. A file of tests/public_works says
    // contract: event_log adapters: segment_log, memory
and instantiates its suite (INSTANTIATE_TEST_SUITE_P or Types<...>) with each adapter it names. A CMakeLists.txt below tests/
names every *_test file: one that is not built passes for ever.
"""
import re

import tree

LINE = re.compile(r"^// contract: (\w+) adapters: (.*)$", re.M)
# The statements in which GoogleTest is told what to run a suite on.
INSTANTIATION = re.compile(r"(?:INSTANTIATE_TEST_SUITE_P|INSTANTIATE_TYPED_TEST_SUITE_P|TYPED_TEST_SUITE|Types\s*<)[^;]*;")


def plain(name):
    """segment_log, SegmentLog and "segment log" are one name."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def main():
    root = tree.root_from_arguments()
    complaints = tree.Complaints(root)
    adapters = root / "src/public_works/adapters"
    known = {plain(p.stem) for p in adapters.rglob("*") if p.is_dir() or p.suffix == ".h"}
    suites = {}
    for file in tree.files(root, ["tests/public_works"], {".cc"}):
        text = file.read_text()
        instantiated = plain(" ".join(INSTANTIATION.findall(tree.without_comments(text))))
        for found in LINE.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            names = sorted({n.strip() for n in found[2].split(",") if n.strip()})
            suites[found[1]] = (file, line, names)
            for name in names:
                if not any(plain(name) in k for k in known):
                    complaints.add(file, line, f"there is no adapter '{name}' under src/public_works/adapters")
                if plain(name) not in instantiated:
                    complaints.add(file, line, f"'{name}' is named but the suite is not instantiated with it")

    headers = tree.files(root, ["src/public_works/abstractions"], {".h"})
    abstractions = [h for h in headers if re.search(r"=\s*0\s*;", tree.without_comments(h.read_text()))]
    for header in abstractions:
        if header.stem not in suites:
            complaints.add(header, 1, "no contract suite: add one to tests/public_works, with the line "
                           f"'// contract: {header.stem} adapters: a, b'")
        elif len(suites[header.stem][2]) < 2:
            file, line, names = suites[header.stem]
            complaints.add(file, line, f"the contract of {header.stem} runs on {len(names)} adapter; run it on two at least")
    for name, (file, line, _) in suites.items():
        if name not in {h.stem for h in abstractions}:
            complaints.add(file, line, f"there is no abstraction src/public_works/abstractions/{name}.h")
    built = " ".join(p.read_text() for p in sorted((root / "tests").rglob("CMakeLists.txt")))
    for file in tree.files(root, ["tests"], {".cc", ".py", ".sh"}):
        if file.stem.endswith("_test") and not re.search(rf"(?<!\w){re.escape(file.name)}\b", built):
            complaints.add(file, 1, "no CMakeLists.txt below tests/ names it, so it is never run")
    complaints.finish("contracts", f"{len(abstractions)} abstractions, each on two adapters or more")


main()
