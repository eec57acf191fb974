"""What goes wrong in a build, in one sentence that names what is missing."""

from __future__ import annotations

# What is missing -> what installs it: Debian/Ubuntu; Homebrew; conda.
PACKAGES = {
    "a C compiler": "apt-get install gcc libc6-dev; xcode-select --install; conda install c-compiler",
    "sqlite3ext.h": "apt-get install libsqlite3-dev; brew install sqlite; conda install sqlite",
    "libzstd.a with its headers": "apt-get install libzstd-dev; brew install zstd; conda install zstd-static",
}


class BuildError(Exception):
    """Something that the build needs is missing, or a command failed."""


def missing(what: str, reason: str = "") -> BuildError:
    debian, brew, conda = PACKAGES[what].split("; ")
    return BuildError(
        f"sqlite_zblob cannot be built: {what} was not found{reason}. Install it with `{debian}` (Debian, Ubuntu), "
        f"`{brew}` (macOS) or `{conda}` (conda), or install a wheel of sqlite_zblob, which needs none of it."
    )
