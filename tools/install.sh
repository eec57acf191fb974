#!/bin/sh
# Installs the package from this checkout into .venv, with what building it needs on the system:
#
#   sh tools/install.sh          with what the demo needs
#   sh tools/install.sh test     with what the tests need
#
# Where a wheel is installed, neither this script nor a compiler is needed.
set -eu
cd "$(dirname "$0")/.."

packages="gcc libc6-dev libsqlite3-dev libzstd-dev python3-dev python3-venv sqlite3 zstd" # on Debian and Ubuntu

# Does this machine compile a program against SQLite, zstd and Python, and has it what the tests call?
has_all() {
    command -v cc >/dev/null && command -v python3 >/dev/null && command -v sqlite3 >/dev/null &&
        command -v zstd >/dev/null && python3 -c 'import ensurepip, venv' 2>/dev/null &&
        printf '#include <sqlite3.h>\n#include <zstd.h>\n#include <Python.h>\n' |
        cc -E -I"$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')" - >/dev/null 2>&1
}

install_packages() {
    if ! command -v apt-get >/dev/null; then
        echo "Install a C compiler, SQLite and zstd with their headers and command line tools, and Python with venv;" \
            "on macOS: brew install sqlite zstd; with conda: conda install c-compiler sqlite zstd zstd-static." >&2
        exit 1
    fi
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    $as_root apt-get update -q
    # shellcheck disable=SC2086 # several packages
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $packages
}

has_all || install_packages
[ -x .venv/bin/pip ] || python3 -m venv .venv
extras=demo
[ "${1:-}" != test ] || extras=demo,test
.venv/bin/pip install --quiet ".[$extras]"
