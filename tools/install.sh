#!/bin/sh
# Installs the package from this checkout into .venv, with what building it needs on the system: a C compiler.
#
#   sh tools/install.sh          with what the demo needs
#   sh tools/install.sh test     with what the tests need
#
# Where a wheel is installed, neither this script nor a compiler is needed.
set -eu
cd "$(dirname "$0")/.."

extras=demo
packages="gcc libc6-dev python3-venv" # on Debian and Ubuntu
commands=
if [ "${1:-}" = test ]; then
    extras=demo,test
    packages="$packages sqlite3 zstd"
    commands="sqlite3 zstd"
fi

# Does this machine compile a program, and does it have a Python that makes virtual environments and what the tests call?
has_all() {
    for command in $commands; do command -v "$command" >/dev/null || return 1; done
    printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' | ${CC:-cc} -xc -o /dev/null - 2>/dev/null &&
        python3 -c 'import ensurepip, venv' 2>/dev/null
}

install_packages() {
    if ! command -v apt-get >/dev/null; then
        echo "Install a C compiler and Python with venv${commands:+, and the command line tools $commands}; on macOS:" \
            "xcode-select --install${commands:+ && brew install sqlite zstd}." >&2
        exit 1
    fi
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    $as_root apt-get update -q
    # shellcheck disable=SC2086 # several packages
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $packages
}

has_all || install_packages
echo "Building, and installing into .venv: this takes a few minutes ..."
[ -x .venv/bin/pip ] || python3 -m venv .venv
.venv/bin/pip install --quiet --use-pep517 ".[$extras]" # an old pip would warn of packages without pyproject.toml
