#!/usr/bin/env bash
# Runs every fuzz target for a while and sums up what they did: tools/fuzz.sh [--seconds N] [--build DIR] [TARGET…]
# Builds them first (preset asan-ubsan). Ends with 1 when one of them has found something; the input is in build/asan-ubsan/found.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=60
build=build/asan-ubsan
targets=()
while [ $# -gt 0 ]; do
    case "$1" in
        --seconds) seconds=$2; shift 2 ;;
        --build) build=$2; shift 2 ;;
        --help) sed -n '2,3s/^# //p' "$0"; exit 0 ;;
        -*) echo "unknown option $1; see --help" >&2; exit 2 ;;
        *) targets+=("$1"); shift ;;
    esac
done
cmake --preset asan-ubsan -B "$build" >/dev/null
cmake --build "$build" --target fuzzers >/dev/null
node tests/fuzz/make_corpus.mjs "$build/seeds"
if [ ${#targets[@]} -eq 0 ]; then
    for file in tests/fuzz/*.cpp; do targets+=("$(basename "$file" .cpp)"); done
fi
mkdir -p "$build/found"
total=0
bad=0
for target in "${targets[@]}"; do
    program=$(find "$build" -name "fuzz_$target" -type f -perm -u+x | head -n 1)
    mkdir -p "$build/corpus/$target" "tests/fuzz/corpus/$target" "$build/seeds/$target"
    log="$build/$target.log"
    if ! "$program" -max_total_time="$seconds" -timeout=10 -print_final_stats=1 -artifact_prefix="$build/found/$target-" \
        "$build/corpus/$target" "tests/fuzz/corpus/$target" "$build/seeds/$target" >"$log" 2>&1; then
        bad=1
        echo "$target: A FINDING, see $log"
        tail -n 20 "$log"
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    total=$((total + ${runs:-0}))
    echo "$target: ${runs:-0} executions"
done
echo "all: $total executions in $((seconds * ${#targets[@]})) s"
exit "$bad"
