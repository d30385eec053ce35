#!/usr/bin/env bash
# Every C++ source of the project is formatted as .clang-format says. `tests/style/format.sh --fix` formats them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Versions of clang-format differ in details; 14 is the one that decides.
formatter=$(command -v clang-format-14 || command -v clang-format)
mode=(--dry-run -Werror)
[ "${1:-}" != --fix ] || mode=(-i)

find core native-server tools tests -path '*/node_modules' -prune -o \( -name '*.hpp' -o -name '*.cpp' \) -print0 |
    xargs -0 --no-run-if-empty "$formatter" --style=file "${mode[@]}"
