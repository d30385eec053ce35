# Shell functions that tools/run.sh and tools/test.sh share. Sourced, with `set -euo pipefail` on.

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# step TEXT COMMAND...: runs the command, says before what it does and afterwards how long that took; dies with it.
step() {
    local text=$1 began=$SECONDS
    shift
    printf '== %s\n' "$text"
    "$@" || die "failed after $((SECONDS - began)) s: $text"
    printf '== %s: %d s\n' "$text" $((SECONDS - began))
}

# configure_preset PRESET: only the first time; afterwards ninja itself notices what changed in the CMake files.
configure_preset() {
    [ -e "build/$1/build.ninja" ] || cmake --preset "$1"
}

processors() {
    nproc 2>/dev/null || echo 2
}
