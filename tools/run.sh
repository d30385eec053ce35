#!/usr/bin/env bash
# Builds the hub and the command line, and starts the hub. All arguments go to the hub; see `tools/run.sh --help`.
#
# Installs the Debian packages that these two need, if any is missing, and nothing else. When nothing changed it starts at once.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/lib/common.sh
. tools/lib/packages.sh

# The hub's own output goes to stdout, what happens before it to stderr.
prepare() {
    install_packages "${hub_packages[@]}"
    # Progress is worth showing only where there is something to wait for.
    local quiet=()
    [ ! -x build/release/bin/agentcom-hub ] || quiet=(-- --quiet)
    configure_preset release
    cmake --build --preset release --target agentcom-hub agentcom "${quiet[@]}"
}
prepare >&2

exec build/release/bin/agentcom-hub "$@"
