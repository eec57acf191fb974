"""Statements, the extension and the codec under a malloc that fails: the n-th time, for every n (faults.c)."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest

import build
import sqlite_zblob as zb

from ..conftest import ROOT

HERE = ROOT / "tests" / "crash"

# 1 takes every allocation, and some minutes; CI takes every k-th.
STEP = os.environ.get("ZBLOB_FAULTS_STEP", "61")


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


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """Columns that are compressed in place: plain, with hints about their voxels, and with a dictionary."""
    path = tmp_path / "prepared.db"
    connection = apsw.Connection(str(path))
    zb.load(connection)
    connection.execute(
        """CREATE TABLE p(id INTEGER PRIMARY KEY, data BLOB NOT NULL, more TEXT DEFAULT 'none');
        CREATE INDEX by_more ON p(more);
        CREATE TABLE shaped(id INTEGER PRIMARY KEY, dtype TEXT, shape TEXT, data BLOB);
        CREATE TABLE events(id INTEGER PRIMARY KEY, data)"""
    )
    zb.enable(connection, "p", "data", min_size=64)
    zb.enable(connection, "shaped", "data", dtype_from="dtype", shape_from="shape")
    for number in range(300):
        event = {"number": number * 7919 % 1000, "kind": "sample", "of": f"event {number % 7}"}
        connection.execute("INSERT INTO events VALUES (?, ?)", (number + 10, json.dumps(event)))
    zb.enable(connection, "events", "data", dictionary="auto", min_size=16)
    zb.train(connection, "events", "data", size=2048)
    connection.execute("DELETE FROM events WHERE id > 12")
    connection.execute("INSERT INTO p(id, data) VALUES (1, ?), (2, ?), (3, x'01')", (b"one" * 300, b"two" * 99))
    connection.close()
    return path


def test_no_failed_allocation_does_harm(program: Path, prepared: Path, tmp_path: Path) -> None:
    """A statement succeeds as usual, or fails for lack of memory and leaves everything as it was."""
    command = [str(program), str(tmp_path / "faults.db"), STEP, str(prepared)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600)
    last = done.stdout.splitlines()[-1] if done.stdout else ""
    assert last.endswith("faults, none was harmful"), f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
