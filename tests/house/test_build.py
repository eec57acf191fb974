"""The build: one clear sentence for each thing that can be missing, by compilers that lack it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import build

from ..conftest import ROOT


def compiler_without(what: str, folder: Path) -> str:
    """The real compiler, but for one header or library that it cannot find."""
    script = folder / "cc-without"
    script.write_text(
        "#!/bin/sh\n"
        f'for argument; do case "$argument" in\n'
        f"    -print-file-name={what}) echo {what}; exit 0 ;;\n"
        f'    *probe.c) if grep -q "<{what}>" "$argument"; then exit 1; fi ;;\n'
        "esac; done\n"
        'exec cc "$@"\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return str(script)


def build_with(compiler: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CC": compiler}
    return subprocess.run([sys.executable, "build.py"], cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("what", "package"),
    [
        ("Python.h", "python3-dev"),
        ("sqlite3ext.h", "libsqlite3-dev"),
        ("zstd.h", "libzstd-dev"),
        ("libzstd.a", "libzstd-dev"),
    ],
)
def test_a_missing_header_is_named_with_its_package(what: str, package: str, tmp_path: Path) -> None:
    done = build_with(compiler_without(what, tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"sqlite_zblob cannot be built: {what} was not found. Install it with `apt-get install "
    )
    assert package in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_compiler_is_named_with_its_package() -> None:
    done = build_with("no-such-compiler")
    assert done.returncode == 1
    assert "a C compiler was not found. Install it with `apt-get install gcc`" in done.stderr


def test_a_failing_compiler_shows_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(build.BuildError, match=r"no such instruction|expected|error"):
        source = tmp_path / "wrong.c"
        source.write_text("int main( { return 0; }\n")
        build.Toolchain(strict=False, sanitize=False).compile(source, tmp_path / "wrong.o", [])


def test_a_big_endian_cpu_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = "-U__BYTE_ORDER__ -D__BYTE_ORDER__=__ORDER_BIG_ENDIAN__ -Wno-builtin-macro-redefined"
    monkeypatch.setenv("CFLAGS", order)
    with pytest.raises(build.BuildError, match="needs a little-endian CPU"):
        build.Toolchain(strict=True, sanitize=False).compile(
            build.CODEC_SOURCES / "base" / "checksum.c", tmp_path / "checksum.o", []
        )


def test_the_slots_are_as_many_as_the_header_says() -> None:
    assert f"#define ZBLOB_SLOT_COUNT {build.SLOT_COUNT}" in (build.SQLITE_SOURCES / "slot.h").read_text()
