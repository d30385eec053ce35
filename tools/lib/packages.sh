# Which Debian packages are needed, and how they are installed. Sourced after common.sh.

# The hub and the command line. Boost is 1.81 by name: Debian 12's plain libboost-dev is 1.74, which has no Boost.JSON.
hub_packages=(
    g++ cmake ninja-build pkg-config
    libboost1.81-dev libcli11-dev libcurl4-openssl-dev libfmt-dev libjemalloc-dev libspdlog-dev libsqlite3-dev libssl-dev libtomlplusplus-dev libuv1-dev
    libwebsockets-dev libwebsockets-evlib-uv libwslay-dev libxxhash-dev
)

# The tests besides: a second compiler, sanitizers and fuzzing, WebAssembly, Chromium, Prometheus.
test_packages=(
    ca-certificates catch2 ccache chromium clang-14 clang clang-format-14 clang-tidy-14 curl emscripten git
    jq libclang-rt-14-dev llvm-14 procps prometheus sqlite3
)

# install_packages NAME...: installs those that are missing; quick when none is.
install_packages() {
    local missing
    command -v dpkg-query >/dev/null || die "this is not a Debian system; install what corresponds to: $*"
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0

    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "packages are missing and there is no sudo; as root: apt-get install $missing"
        as_root=(sudo)
        # Without a terminal there is nobody to type a password: fail rather than wait.
        [ -t 0 ] || as_root=(sudo -n)
    fi
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq)
    printf 'installing: %s\n' "$missing"
    "${apt[@]}" update || die "apt-get update failed"
    # shellcheck disable=SC2086  # one word per package
    "${apt[@]}" install -y --no-install-recommends $missing || die "apt-get could not install: $missing"
}

# missing_packages NAME...: those that are not installed, on one line.
missing_packages() {
    local installed name missing=()
    # dpkg-query fails when it does not know one of the names; what it prints is right all the same.
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    for name in "$@"; do
        grep -qx "installed $name" <<<"$installed" || missing+=("$name")
    done
    printf '%s' "${missing[*]}"
}

# node_packages: Debian's Node.js, unless a usable one is on the PATH already.
node_packages() {
    if ! command -v node >/dev/null || [ "$(node -p 'parseInt(process.versions.node) >= 18')" != true ]; then
        echo nodejs
    fi
    command -v npm >/dev/null || echo npm
}
