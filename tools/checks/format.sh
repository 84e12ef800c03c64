#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every source file is formatted as .clang-format says. To mend: tools/checks/format.sh --fix
set -euo pipefail
mode=(--dry-run -Werror)
if [ "${1:-}" = --fix ]; then
  mode=(-i)
  shift
fi
cd "${1:-$(dirname "$0")/../..}"

folders=()
for folder in src include tests bench examples; do
  if [ -d "$folder" ]; then folders+=("$folder"); fi
done
mapfile -d '' -t sources < <(find "${folders[@]}" \( -name '*.h' -o -name '*.cc' \) -print0 | sort -z)
if [ "${#sources[@]}" -gt 0 ] &&
  ! printf '%s\0' "${sources[@]}" | xargs -0 -n 16 -P 2 clang-format-19 --style=file "${mode[@]}"; then
  echo "format: run tools/checks/format.sh --fix" >&2
  exit 1
fi
echo "format: ${#sources[@]} files, nothing to fix"
