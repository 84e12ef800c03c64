#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The installed package is enough: builds the programs of examples/ outside the tree from it, runs them, and reads what
# they left.   embed_test.sh BUILD_DIRECTORY SOURCE_DIRECTORY
set -euo pipefail
build=$1
source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >/dev/null
symphainy=$work/prefix/bin/symphainy
for example in embed steps; do
  cp -r "$source/examples/$example" "$work/$example"
  cmake -S "$work/$example" -B "$work/build-$example" -G Ninja -DCMAKE_CXX_COMPILER=clang++-19 \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
  cmake --build "$work/build-$example" >/dev/null
done

"$work/build-embed/embed" "$work/data" Ada | grep -q '"status":"completed"'
"$symphainy" execution list --data "$work/data" --tenant acme -o json | grep -q '"greet"'
grep -q 'Hello, Ada' "$work/data/events/acme/greeting.ndjson"
"$symphainy" wal verify --data "$work/data" | grep -q '"intact":true'

# As docs/guides/steps.md tells it, for a death in each step.
for step in reserve charge confirm; do
  data=$work/orders-$step
  if "$work/build-steps/order" "$data" order-17 "$step" >"$work/died" 2>&1; then exit 1; fi
  [ ! -s "$work/died" ]
  "$work/build-steps/order" "$data" order-17 | grep -q '"result":\["reserve done","charge done","confirm done"\]'
  [ "$(cut -d' ' -f2 "$data/outside" | tr '\n' ' ')" = "reserve charge confirm " ]
  "$symphainy" execution list --data "$data" --tenant acme -o json | grep -q '"attempt":2'
  "$symphainy" wal verify --data "$data" | grep -q '"intact":true'
done
echo "examples: built from the installed package, ran, died in each step and went on, and their logs verify"
