"""A disk that fails for a moment: the error says so, nothing is damaged by it, and what is tried again succeeds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb
from sqlite_zblob.connect.database import atomic, run, snapshot

ROWS = 40


class FaultyVFS(apsw.VFS):
    """The system's own files, but that some reads of databases fail."""

    def __init__(self, name: str) -> None:
        self.fails: Callable[[], bool] = lambda: False
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: Any) -> Any:  # noqa: N802 - SQLite's name
        return FaultyFile(self, name, flags)


class FaultyFile(apsw.VFSFile):
    def __init__(self, vfs: FaultyVFS, name: Any, flags: Any) -> None:
        self.vfs, self.is_database = vfs, bool(flags[0] & apsw.SQLITE_OPEN_MAIN_DB)
        super().__init__("", name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        if self.is_database and offset > 0 and self.vfs.fails():
            raise apsw.IOError("the disk does not answer")
        return super().xRead(amount, offset)


@pytest.fixture
def vfs() -> Iterator[FaultyVFS]:
    made = FaultyVFS("faulty")
    yield made
    made.unregister()


@pytest.fixture
def uri(tmp_path: Path, vfs: FaultyVFS) -> str:
    path = tmp_path / "store.db"
    db = apsw.Connection(str(path))
    zb.load(db)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    db.executemany("INSERT INTO t(data) VALUES(?)", [(bytes(30_000) + bytes([number]),) for number in range(ROWS)])
    db.close()
    return f"file:{path}?vfs=faulty"


def few_failures(count: int) -> Callable[[], bool]:
    """Some reads by a worker thread fail, and no others."""
    left = [count]

    def fails() -> bool:
        if not threading.current_thread().name.startswith("zblob") or left[0] == 0:
            return False
        left[0] -= 1
        return True

    return fails


@pytest.mark.parametrize("transaction", [atomic, snapshot])
def test_the_error_is_that_of_the_disk(uri: str, vfs: FaultyVFS, transaction: Callable[..., Any]) -> None:
    """SQLite has ended the transaction by then."""
    db = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI)
    db.execute("PRAGMA cache_size = 5")
    with pytest.raises(apsw.IOError), transaction(db):
        vfs.fails = lambda: True
        run(db, "SELECT sum(length(hex(data))) FROM t")
    vfs.fails = lambda: False
    assert not db.in_transaction
    assert run(db, "PRAGMA integrity_check") == [("ok",)]
    db.close()


def test_a_read_that_fails_for_a_moment_is_no_damage(uri: str, vfs: FaultyVFS) -> None:
    zb.migrate(uri, "t", "data", workers=2)
    vfs.fails = few_failures(2)
    report = zb.verify(uri, "t", "data", workers=1)
    assert report.damages == () and report.rows == report.compressed_rows == ROWS
    assert not vfs.fails()


def test_a_migration_survives_reads_that_fail_for_a_moment(uri: str, vfs: FaultyVFS) -> None:
    vfs.fails = few_failures(2)
    report = zb.migrate(uri, "t", "data", workers=1)
    assert report.finished and not report.failures and report.changed_rows == ROWS


def test_a_disk_that_stays_silent_is_an_error(uri: str, vfs: FaultyVFS) -> None:
    vfs.fails = lambda: True
    with pytest.raises(zb.DatabaseError, match="cannot read or write"):
        zb.verify(uri, "t", "data")


def test_integrity_check_reports_damage_alone(uri: str, vfs: FaultyVFS) -> None:
    db = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI)
    zb.load(db)
    db.execute("PRAGMA cache_size = 5")
    db.execute("CREATE VIRTUAL TABLE v USING zblob(id INTEGER PRIMARY KEY, data BLOB COMPRESSED, codec=store)")
    db.execute("INSERT INTO v SELECT * FROM t")
    count = [0]

    def fails() -> bool:
        count[0] += 1
        return count[0] > 3 * ROWS * 30_000 // 4096  # the ordinary tables have been read by then

    vfs.fails = fails
    with pytest.raises(apsw.IOError):
        print(db.execute("PRAGMA integrity_check").fetchall())
    vfs.fails = lambda: False
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()
