#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The installed package is enough: builds examples/embed outside the tree from it, runs it, and reads what it left.
# embed_test.sh BUILD_DIRECTORY SOURCE_DIRECTORY
set -euo pipefail
build=$1
source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >/dev/null
cp -r "$source/examples/embed" "$work/embed"
cmake -S "$work/embed" -B "$work/build" -G Ninja -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build "$work/build" >/dev/null
"$work/build/embed" "$work/data" Ada | grep -q '"status":"completed"'
"$work/prefix/bin/symphainy" execution list --data "$work/data" --tenant acme -o json | grep -q '"greet"'
grep -q 'Hello, Ada' "$work/data/events/acme/greeting.ndjson"
"$work/prefix/bin/symphainy" wal verify --data "$work/data" | grep -q '"intact":true'
echo "embed: built from the installed package, ran, and its log verifies"
