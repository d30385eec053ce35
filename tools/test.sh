#!/usr/bin/env bash
# Builds everything and runs the tests; see usage() below.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/lib/common.sh
. tools/lib/packages.sh

usage() {
    cat <<'END'
tools/test.sh [--fast | --all] [--label LABEL]

Installs missing Debian packages and npm modules, builds, and runs the tests. The last lines are ctest's summary; the exit
status is 0 only if everything passed.

  (nothing)      everything but what --all adds
  --fast         the unit and style tests of the release build as it is: nothing is installed or built; under a minute
  --all          also ThreadSanitizer, fuzzing for five minutes a target, clang-tidy over everything
  --label LABEL  only the tests with this label: unit, wasm, server, crash, browser, fuzz, style
  --help         this text
END
}

configuration=full
label=.
while [ $# -gt 0 ]; do
    case $1 in
        --fast) configuration=fast ;;
        --all) configuration=all ;;
        --label)
            [ $# -ge 2 ] || die "--label needs a name; see --help"
            label="^$2\$"
            shift
            ;;
        --help | -h)
            usage
            exit 0
            ;;
        *) die "unknown argument: $1; see --help" ;;
    esac
    shift
done

# No test may wait for a person, nor depend on how the caller has set up a hub.
exec </dev/null
unset PORT ADMIN_AGENTS

# run_tests ARGUMENT...: the last thing that happens, so that ctest's summary is the last thing printed.
run_tests() {
    exec ctest --preset release --output-on-failure --no-tests=error --parallel "$(processors)" "$@"
}

if [ $configuration = fast ]; then
    [ -e build/release/CTestTestfile.cmake ] || die "nothing is built yet; run tools/test.sh first"
    [ "$label" != . ] || label='^(unit|style)$'
    run_tests --label-regex "$label"
fi

install_everything() {
    # shellcheck disable=SC2046  # one word per package
    install_packages "${hub_packages[@]}" "${test_packages[@]}" $(node_packages)
}

# Only when the lock file changed: npm ci takes the modules away and fetches them again.
install_modules() {
    local lock=tests/e2e/package-lock.json stamp=tests/e2e/node_modules/.installed-lock.json
    cmp -s "$lock" "$stamp" && return 0
    (cd tests/e2e && npm ci --ignore-scripts --no-audit --no-fund) || return 1
    cp "$lock" "$stamp"
}

build_release() {
    configure_preset release && cmake --build --preset release --parallel "$(processors)"
}

step "Debian packages" install_everything
step "npm modules" install_modules
step "release build" build_release
run_tests --build-config $configuration --label-regex "$label"
