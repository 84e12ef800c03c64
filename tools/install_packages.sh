#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that a list names and that are missing. Prints the commands before it runs them.
# Without apt-get it names what is missing and stops with 2. Writes nothing in the project.
set -euo pipefail
list="${1:-$(dirname "$0")/../packages.txt}"

mapfile -t wanted < <(sed -e 's/#.*//' "$list" | tr -s ' \t' '\n' | sed '/^$/d')
missing=("${wanted[@]}")
if command -v dpkg-query >/dev/null; then
  # Names are shown without ":amd64"; a package that was removed but not purged is not "installed".
  installed="$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort -u)"
  mapfile -t missing < <(comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) <(printf '%s\n' "$installed"))
fi
if [ "${#missing[@]}" -eq 0 ]; then
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  echo "There is no apt-get here. Install these packages of Debian 12, or their like, and run this again:" >&2
  printf '  %s\n' "${missing[@]}" >&2
  exit 2
fi
as_root=(env DEBIAN_FRONTEND=noninteractive)
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Installing needs root and there is no sudo. As root, run:" >&2
    echo "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 2
  fi
  as_root=(sudo "${as_root[@]}")
fi
run() {
  echo "+ $*"
  "$@"
}
run "${as_root[@]}" apt-get update
run "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}"
