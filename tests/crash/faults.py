"""Builds the program of faults.c, and makes the database that it is given."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw

import build
import sqlite_zblob as zb

HERE = Path(__file__).resolve().parent


def build_faults(tools: build.Toolchain, folder: Path) -> Path:
    """Of the extension's own sources, one slot of them. Objects stay in the folder."""
    flags = [*tools.flags, "-O1", "-D_GNU_SOURCE", f"-I{build.ROOT / 'csrc'}", "-include", str(HERE / "faults.h")]
    sources = [*build.codec_sources(), *build.SQLITE_SOURCES.rglob("*.c"), HERE / "faults.c"]
    sources.remove(build.SQLITE_SOURCES / "extension.c")

    def compile_one(source: Path) -> str:
        target = folder / f"{'_'.join(source.relative_to(build.ROOT).with_suffix('').parts)}.o"
        slot = ["-DZBLOB_SLOT=0"] if build.SQLITE_SOURCES in source.parents else []
        build.run([*tools.command, *flags, *slot, "-c", str(source), "-o", str(target)])
        return str(target)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sources))
    program = folder / "faults"
    build.run(
        [*tools.command, *flags, *objects, *zstd_with_faults(tools, folder), "-lsqlite3", "-lm", "-o", str(program)]
    )
    return program


def zstd_with_faults(tools: build.Toolchain, folder: Path) -> list[str]:
    """libzstd, whose allocations fail like ours where there is a program to rename what it calls."""
    if not shutil.which("objcopy"):
        return [str(library) for library in tools.zstd]
    names = [f"--redefine-sym={name}=faults_{name}" for name in ("malloc", "calloc", "realloc")]
    copies = [str(folder / f"zstd_{library.name}") for library in tools.zstd]
    for library, copy in zip(tools.zstd, copies, strict=True):
        build.run(["objcopy", *names, str(library), copy])
    return copies


def prepare(path: Path) -> None:
    """Columns that are compressed in place: plain, with hints about their voxels, and with a dictionary."""
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
