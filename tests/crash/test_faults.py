"""Statements, the extension and the codec under a malloc that fails: the n-th time, for every n (faults.c)."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import build

from ..conftest import ROOT

HERE = ROOT / "tests" / "crash"

# 1 takes every allocation, and some minutes; CI takes every k-th.
STEP = os.environ.get("ZBLOB_FAULTS_STEP", "29")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the extension's own sources, one slot of them, under AddressSanitizer and UndefinedBehaviorSanitizer."""
    folder = tmp_path_factory.mktemp("faults")
    tools = build.Toolchain(strict=True, sanitize=True)
    flags = [*tools.flags, "-O1", "-D_GNU_SOURCE", f"-I{ROOT / 'csrc'}", "-include", str(HERE / "faults.h")]
    sources = [*build.codec_sources(), *build.SQLITE_SOURCES.rglob("*.c"), HERE / "faults.c"]
    sources.remove(build.SQLITE_SOURCES / "extension.c")

    def compile_one(source: Path) -> str:
        target = folder / f"{'_'.join(source.relative_to(ROOT).with_suffix('').parts)}.o"
        slot = ["-DZBLOB_SLOT=0"] if build.SQLITE_SOURCES in source.parents else []
        build.run([*tools.command, *flags, *slot, "-c", str(source), "-o", str(target)])
        return str(target)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sources))
    program = folder / "faults"
    build.run([*tools.command, *flags, *objects, *map(str, tools.zstd), "-lsqlite3", "-lm", "-o", str(program)])
    return program


def test_no_failed_allocation_does_harm(program: Path, tmp_path: Path) -> None:
    """A statement succeeds as usual, or fails for lack of memory and leaves everything as it was."""
    command = [str(program), str(tmp_path / "faults.db"), STEP]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600)
    last = done.stdout.splitlines()[-1] if done.stdout else ""
    assert last.endswith("faults, none was harmful"), f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
