# SPDX-License-Identifier: Apache-2.0
# The front door. The work is done by CMake, Ninja and the scripts under tools/; this file only names it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
FILE ?=
SEEDS ?= 1000
FROM ?= 1
ROUNDS ?= 200
SEED ?=
RELEASE := build/release
CTEST := ctest --no-tests=error --output-on-failure -j 2
export DESTDIR

.DEFAULT_GOAL := build
.PHONY: build demo example-policy-migration test torture simulate check bench bench-long bench-startup asan tsan install clean help packages \
        check-format check-include-direction check-contracts check-docs check-headers check-tidy

build: $(RELEASE)/build.ninja ## build the program: build/release/bin/symphainy
	@cmake --build $(RELEASE) --target symphainy -j $(JOBS)

demo: packages ## run real files through the whole lifecycle; FILE=path takes your own
	@$(MAKE) -s --no-print-directory build
	@$(RELEASE)/bin/symphainy demo $(if $(FILE),--file "$(FILE)")

example-policy-migration: packages # migrate a portfolio into PostgreSQL while everything is killed
	@examples/policy_migration/run --kill-every 2s --fail-rate 0.05

test: packages ## build everything and run all tests
	@$(MAKE) -s --no-print-directory $(RELEASE)/build.ninja
	@cmake --build $(RELEASE) -j $(JOBS)
	@$(CTEST) --test-dir $(RELEASE) 2>&1 | tee $(RELEASE)/ctest.log

torture: packages ## kill -9 at random (ROUNDS=200, SEED=...), then at every crash point; then the planted bugs
	@$(MAKE) -s --no-print-directory $(RELEASE)/build.ninja
	@cmake --build $(RELEASE) -j $(JOBS) --target torture_node check_history_files symphainy_simulate_planted
	@python3 -B tests/crash/torture.py $(RELEASE)/bin --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED))
	@python3 -B tests/crash/crash_points.py $(RELEASE)/bin . --all
	@python3 -B tests/crash/planted_bugs_test.py $(RELEASE)/bin .

check: packages ## format, dependency direction, contracts, documents, headers, clang-tidy
	@$(MAKE) -s --no-print-directory check-format check-include-direction check-contracts check-docs \
	  check-headers check-tidy
	@echo "make check: all checks passed"

check-format:
	@tools/checks/format.sh
check-include-direction:
	@python3 -B tools/checks/include_direction.py
check-contracts:
	@python3 -B tools/checks/contracts.py
check-docs:
	@python3 -B tools/checks/docs.py
check-headers:
	@python3 -B tools/checks/headers_self_contained.py
check-tidy: $(RELEASE)/build.ninja
	@python3 -B tools/checks/tidy.py

bench: packages ## measure; prints tables, writes build/bench.json (longer: bench-startup, bench-long)
	@$(MAKE) -s --no-print-directory $(RELEASE)/build.ninja
	@cmake --build $(RELEASE) -j $(JOBS) --target symphainy_bench
	@$(RELEASE)/bin/symphainy_bench --json build/bench.json

bench-long: packages # ten million executions: an hour or less, and 55 GB in TMPDIR
	@$(MAKE) -s --no-print-directory $(RELEASE)/build.ninja
	@cmake --build $(RELEASE) -j $(JOBS) --target symphainy_bench
	@$(RELEASE)/bin/symphainy_bench --only long --json build/bench-long.json

bench-startup: build # time to the first answer, and what was read for it, over 20 kills
	@bench/startup_curve.py $(RELEASE)/bin/symphainy

simulate: packages ## simulated lives of a store, SEEDS=1000 of them; FROM=seed to begin with
	@$(MAKE) -s --no-print-directory $(RELEASE)/build.ninja
	@cmake --build $(RELEASE) -j $(JOBS) --target symphainy_simulate
	@$(RELEASE)/bin/symphainy_simulate --seeds $(SEEDS) --from $(FROM)

asan tsan: packages ## run the tests under AddressSanitizer and UBSan / ThreadSanitizer
	@$(MAKE) -s --no-print-directory build/$@/build.ninja
	@cmake --build build/$@ -j $(JOBS)
	@PATH="$$PATH:/usr/lib/llvm-19/bin" $(CTEST) --test-dir build/$@ 2>&1 | tee build/$@/ctest.log

install: build ## install the program and the library under PREFIX (/usr/local); DESTDIR is honoured
	@cmake --install $(RELEASE) --prefix "$(PREFIX)"

clean: ## remove everything that was built
	@rm -rf build

packages: ## install the Debian packages of packages.txt that are missing
	@tools/install_packages.sh

help: ## show this list
	@awk -F ':.*## ' '/^[a-z ]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Configures once; from then on Ninja configures again by itself when a CMake file changes.
build/asan/build.ninja build/tsan/build.ninja: CONFIGURE_FLAGS := -DSYMPHAINY_BENCH=OFF
build/%/build.ninja: CMakePresets.json
	@cmake --preset $* $(CONFIGURE_FLAGS)
	@touch $@
