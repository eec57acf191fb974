"""The power goes at random moments of migrate and of restore: whatever is on the disk then, nothing is lost.

ZBLOB_CRASH_IMAGES sets how many states of the disk are tried for each of the two operations (default 4).
"""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb

from .executors import InlineExecutor
from .power import PowerVFS, Recorder
from .store import (
    Setup,
    Value,
    build,
    check_original,
    check_readable,
    damaged_count,
    make_values,
    open_store,
    schema_of,
)

IMAGES = int(os.environ.get("ZBLOB_CRASH_IMAGES", "4"))

SETUPS = [
    Setup(),
    Setup(journal="delete", page_size=512, auto_vacuum=1),
    Setup(mode="table", page_size=8192),
    Setup(mode="table", journal="delete"),
]

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_zblob.errors.ZblobWarning")


@contextmanager
def recording(path: Path, rng: random.Random, share: float) -> Iterator[tuple[str, Recorder]]:
    """A URI that opens the database through the recorder."""
    recorder = Recorder(rng, share)
    recorder.know(str(path))
    vfs = PowerVFS("power", recorder)
    try:
        yield f"file:{path}?vfs=power", recorder
    finally:
        vfs.unregister()


def run(operation: str, database: str, setup: Setup, **more: Any) -> zb.Report:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zb.ZblobWarning)
        if operation == "migrate":
            return zb.migrate(database, "store", "data", **setup.options() | more)
        return zb.restore(database, "store", "data", batch_size=1 << 17, **more)


@pytest.mark.parametrize("number", range(len(SETUPS)), ids=lambda number: str(SETUPS[number]))
def test_the_power_goes(number: int, tmp_path: Path) -> None:
    setup, rng = SETUPS[number], random.Random(number)
    path, values = tmp_path / "store.db", make_values(setup, 60, rng)
    build(str(path), setup, values)
    db = open_store(str(path))
    schema = schema_of(db)
    db.close()
    for operation in ("migrate", "restore"):
        with recording(path, rng, 0.15) as (database, recorder):
            run(operation, database, setup, executor=InlineExecutor())
        assert len(recorder.states) > 10
        torn = rng.sample(recorder.states, min(IMAGES, len(recorder.states)))
        for count, state in enumerate(torn):
            folder = tmp_path / f"{operation}-{count}"
            folder.mkdir()
            state.image(folder, rng)
            check_image(str(folder / "store.db"), operation, setup, values, schema)
    print(f"{setup}: {IMAGES} images each")


def check_image(
    path: str, operation: str, setup: Setup, values: list[Value], schema: list[tuple[str, str, str]]
) -> None:
    db = open_store(path)
    check_readable(db, setup, values)
    db.close()
    try:
        report = run(operation, path, setup, workers=1)
        assert report.finished
        assert len(report.failures) == (operation == "migrate") * damaged_count(values)
    except zb.NotCompressedError:
        assert operation == "restore"  # its last commit was on the disk
    db = open_store(path)
    check_readable(db, setup, values)
    if operation == "restore":
        check_original(db, values, schema)
    db.close()


def test_the_recorder_would_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk that forgets syncs, images are damaged: the test above can fail."""
    setup, rng = Setup(journal="delete"), random.Random(1)
    path, values = tmp_path / "store.db", make_values(setup, 60, rng)
    build(str(path), setup, values)

    with recording(path, rng, 0.15) as (database, recorder):
        monkeypatch.setattr(recorder, "synced", lambda path: None)
        run("migrate", database, setup, executor=InlineExecutor())
    damaged = 0
    for count, state in enumerate(rng.sample(recorder.states, min(10, len(recorder.states)))):
        folder = tmp_path / str(count)
        folder.mkdir()
        state.image(folder, rng)
        try:
            db = open_store(str(folder / "store.db"))
            check_readable(db, setup, values)
        except (apsw.Error, AssertionError):
            damaged += 1
    assert damaged > 0
