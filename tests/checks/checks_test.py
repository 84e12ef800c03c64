#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each check of tools/checks refuses a tree with the one fault it promises to find, and passes a clean tree."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECKS = Path(__file__).resolve().parents[2] / "tools" / "checks"
if len(sys.argv) > 1 and Path(sys.argv[1]).is_dir():
    CHECKS = Path(sys.argv.pop(1)).resolve()

CONTRACT = """// contract: clock adapters: memory, system
INSTANTIATE_TEST_SUITE_P(Adapters, ClockContract, testing::Values("memory", "system"));
"""
CLEAN = {
    "include/symphainy/thing.h": '#pragma once\n// Not a Boost type.\n#include <string>\nstruct Thing { std::string name; };\n',
    "src/base/bytes.h": '#pragma once\n#include <cstddef>\n#include "symphainy/thing.h"\nstruct Bytes { std::size_t size; };\n',
    "src/public_works/abstractions/clock.h":
        '#pragma once\n#include "base/bytes.h"\nclass Clock {\n public:\n  virtual int now() = 0;\n};\n',
    "src/public_works/adapters/memory/memory_clock.h":
        '#pragma once\n#include "public_works/abstractions/clock.h"\nstruct MemoryClock {};\n',
    "src/public_works/adapters/system/system_clock.h": "#pragma once\nstruct SystemClock {};\n",
    "src/runtime/write_ahead_log.h":
        '#pragma once\n#include "base/bytes.h"\n#include "public_works/abstractions/clock.h"\nstruct Log {};\n',
    "src/app/wiring.cc":
        '#include "public_works/adapters/memory/memory_clock.h"\n#include "runtime/write_ahead_log.h"\n',
    "src/cli/wal.cc": '#include "runtime/write_ahead_log.h"\n',
    "tests/public_works/clock_test.cc": CONTRACT,
    "tests/public_works/CMakeLists.txt": "symphainy_test(contract_test SOURCES clock_test.cc)\n",
    "tools/tool.sh": "",
    "Makefile": "build test: x\n",
    "README.md": "Run `make test`. See [the map](ARCHITECTURE.md#map).\n```sh\nmake build\nsymphainy wal verify --data d\n```\n",
    "ARCHITECTURE.md": """# Map
```text
include/symphainy/  what a user sees
src/base/           bytes
src/public_works/abstractions/      a
src/public_works/adapters/memory/   b
src/public_works/adapters/system/   c
src/runtime/        d
src/app/            e
src/cli/            f
tests/public_works/ g
tools/              h
```
""",
    ".clang-format": "BasedOnStyle: Google\nColumnLimit: 120\n",
}
# A program that knows `wal verify`, and answers --help whatever stands before it.
PROGRAM = """#!/bin/sh
if [ "$1" = wal ]; then echo "Subcommands: cat verify"; else echo "Subcommands: wal version"; fi
"""


class Checks(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = Path(self.folder.name)
        for path, text in CLEAN.items():
            self.write(path, text)

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def program(self):
        self.write("build/release/bin/symphainy", PROGRAM)
        (self.root / "build/release/bin/symphainy").chmod(0o755)

    def run_check(self, name):
        command = [] if name.endswith(".sh") else [sys.executable, "-B"]
        return subprocess.run([*command, str(CHECKS / name), str(self.root)], capture_output=True, text=True)

    def accepts(self, name):
        done = self.run_check(name)
        self.assertEqual(done.returncode, 0, done.stderr)

    def refuses(self, name, *expected):
        done = self.run_check(name)
        self.assertNotEqual(done.returncode, 0, f"{name} accepted it")
        for text in expected:
            self.assertIn(text, done.stderr)

    def test_a_clean_tree_passes(self):
        self.program()
        subprocess.run([CHECKS / "format.sh", "--fix", self.root], check=True, capture_output=True)
        for name in ("format.sh", "include_direction.py", "contracts.py", "docs.py", "headers_self_contained.py"):
            with self.subTest(name):
                self.accepts(name)

    def test_an_upward_include_is_refused(self):
        for source, line in [("base/b.cc", "runtime/write_ahead_log.h"),
                             ("runtime/r.cc", "public_works/adapters/memory/memory_clock.h"),
                             ("cli/c.cc", "public_works/adapters/memory/memory_clock.h"),
                             ("public_works/adapters/system/s.cc", "public_works/adapters/memory/memory_clock.h"),
                             ("public_works/adapters/system/s.cc", "runtime/write_ahead_log.h")]:
            with self.subTest(f"{source} includes {line}"):
                self.write(f"src/{source}", f'\n#include "{line}"\n')
                self.refuses("include_direction.py", f"src/{source}:2: ", line)
                (self.root / "src" / source).unlink()

    def test_an_include_that_is_not_written_from_src_on_is_refused(self):
        self.write("src/runtime/r.cc", '#include "write_ahead_log.h"\n')
        self.refuses("include_direction.py", "src/runtime/r.cc:1: ")

    def test_a_folder_without_a_rule_is_refused(self):
        self.write("src/util/u.h", "")
        self.refuses("include_direction.py", "src/util/u.h:1: ")

    def test_a_library_header_outside_its_adapter_is_refused(self):
        self.write("src/runtime/r.cc", "#include <sqlite3.h>\n")
        self.refuses("include_direction.py", "src/runtime/r.cc:1: ")

    def test_a_library_type_in_a_public_header_is_refused(self):
        for line in ("boost::json::value* value;", "#include <boost/json.hpp>", '#include "base/bytes.h"', "sqlite3* db;"):
            with self.subTest(line):
                self.write("include/symphainy/thing.h", f"#pragma once\n{line}\n")
                self.refuses("include_direction.py", "include/symphainy/thing.h:2: ")

    def test_an_eleventh_public_header_is_refused(self):
        for number in range(10):
            self.write(f"include/symphainy/h{number}.h", "")
        self.refuses("include_direction.py", "11 public headers")

    def test_a_contract_on_one_adapter_is_refused(self):
        self.write("tests/public_works/clock_test.cc", CONTRACT.replace("memory, system", "memory"))
        self.refuses("contracts.py", "tests/public_works/clock_test.cc:1: ")

    def test_an_abstraction_without_a_contract_is_refused(self):
        (self.root / "tests/public_works/clock_test.cc").unlink()
        self.refuses("contracts.py", "src/public_works/abstractions/clock.h:1: ")

    def test_an_adapter_that_is_named_but_not_run_is_refused(self):
        self.write("tests/public_works/clock_test.cc", CONTRACT.replace('"memory", "system"', '"memory"'))
        self.refuses("contracts.py", "'system' is named")

    def test_an_adapter_that_does_not_exist_is_refused(self):
        self.write("tests/public_works/clock_test.cc", CONTRACT.replace("system", "redis"))
        self.refuses("contracts.py", "no adapter 'redis'")

    def test_a_test_that_is_not_built_is_refused(self):
        self.write("tests/public_works/alarm_clock_test.cc", "")
        self.write("tests/public_works/CMakeLists.txt", "symphainy_test(t SOURCES clock_test.cc new_alarm_clock_test.cc)\n")
        self.refuses("contracts.py", "tests/public_works/alarm_clock_test.cc:1: ")

    def test_a_map_that_names_a_missing_folder_is_refused(self):
        self.write("ARCHITECTURE.md", CLEAN["ARCHITECTURE.md"].replace("tools/  ", "gone/\ntools/  "))
        self.refuses("docs.py", "ARCHITECTURE.md:12: names gone/")

    def test_a_map_that_lacks_a_folder_is_refused(self):
        self.write("src/domains/content/ingest_file.cc", "")
        self.refuses("docs.py", "lacks src/domains/content/")

    def test_a_make_target_that_does_not_exist_is_refused(self):
        self.write("README.md", "First.\n\nThen `make everything`.\n")
        self.refuses("docs.py", "README.md:3: 'make everything'")

    def test_a_command_that_does_not_exist_is_refused(self):
        self.program()
        for line in ("symphainy wal repair", "$ symphainy walk", "build/release/bin/symphainy serve --data d"):
            with self.subTest(line):
                self.write("README.md", f"```sh\n{line}\n```\n")
                self.refuses("docs.py", "README.md:2: ")

    def test_a_link_that_leads_nowhere_is_refused(self):
        self.write("README.md", "\n[there](docs/nowhere.md)\n")
        self.refuses("docs.py", "README.md:2: the link docs/nowhere.md")

    def test_a_promise_that_rests_on_a_test_that_does_not_exist_is_refused(self):
        self.write("docs/reliability.md", "| Promise | Held up by |\n|---|---|\n| It holds. | `Clock.IsGone` |\n")
        self.refuses("docs.py", "docs/reliability.md:3: rests on Clock.IsGone")
        self.write("docs/reliability.md", "| Promise | Held up by |\n|---|---|\n| It holds. | nothing |\n")
        self.refuses("docs.py", "docs/reliability.md:3: this promise names no test")

    def test_a_header_that_does_not_compile_alone_is_refused_again_and_again(self):
        self.write("src/base/bytes.h", "#pragma once\ninline std::size_t size() { return 0; }\n")
        for _ in range(2):
            self.refuses("headers_self_contained.py", "src/base/bytes.h:1: ")

    def test_a_public_header_that_cannot_be_included_twice_is_refused(self):
        self.write("include/symphainy/thing.h", "struct Thing {};\n")
        self.refuses("headers_self_contained.py", "include/symphainy/thing.h:1: ")

    def test_a_badly_formatted_file_is_refused(self):
        self.write("src/base/b.cc", "int  a ;\n")
        self.refuses("format.sh", "src/base/b.cc:1:4: ")


unittest.main()
