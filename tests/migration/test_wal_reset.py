"""Libraries with SQLite's WAL-reset bug, and without it: no checkpoint of ours meets a commit in the former."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import apsw
import pytest

import sqlite_zblob as zb
from sqlite_zblob.connect import opening, wal_reset
from sqlite_zblob.migration import space

from ..conftest import one

AFFECTED = ["3.7.0", "3.31.1", "3.44.5", "3.45.0", "3.50.6", "3.51.0", "3.51.2"]
SOUND = ["3.6.23", "3.44.6", "3.50.7", "3.51.3", "3.53.0", "3.54.1", "4.0.0"]


def test_the_versions_are_those_of_sqlites_own_document() -> None:
    assert [version for version in AFFECTED if not wal_reset.has_bug(version)] == []
    assert [version for version in SOUND if wal_reset.has_bug(version)] == []


@pytest.fixture(params=[True, False], ids=["affected", "sound"])
def affected(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways of checkpointing work with any library."""
    monkeypatch.setattr(wal_reset, "is_affected", lambda: request.param)
    monkeypatch.setattr(space, "is_affected", lambda: request.param)
    monkeypatch.setattr(wal_reset, "_said", [False])
    return bool(request.param)


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = str(tmp_path / "store.db")
    db = apsw.Connection(path)
    db.execute("PRAGMA journal_mode = wal")
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    with db:
        db.executemany("INSERT INTO t(data) VALUES(?)", [(os.urandom(300_000) + bytes(700_000),) for _ in range(30)])
    db.close()
    return path


def test_a_checkpoint_waits_for_no_commit(affected: bool, path: str) -> None:
    """With the bug, none is made while somebody else is about to commit."""
    ours, other = apsw.Connection(path), apsw.Connection(path)
    for db in (ours, other):
        db.wal_autocheckpoint(0)
    ours.execute("UPDATE t SET data = x'01' WHERE id = 1")
    other.execute("BEGIN IMMEDIATE")
    pages = space._checkpoint(ours)
    assert (pages == 0) is affected
    other.execute("COMMIT")
    assert space._checkpoint(ours) > 0
    assert space._begin_log_anew(ours)
    ours.close()
    other.close()


def test_the_log_stays_small(affected: bool, path: str) -> None:
    sizes: list[int] = []
    log = Path(path + "-wal")
    with opening.rewriting(path) as (keeper, _):  # keeps the log from being deleted at the end
        keeper.execute("SELECT count(*) FROM t").fetchall()
        report = zb.migrate(path, "t", "data", batch_size=1 << 20, progress=lambda _: sizes.append(log.stat().st_size))
    assert report.finished and max(sizes) < 3 * space.LOG_BYTES
    db = apsw.Connection(path)
    zb.load(db)
    assert one(db, "PRAGMA integrity_check") == "ok"
    assert one(db, "SELECT count(*) FROM t WHERE zlength(data) = 1000000") == 30
    db.close()


def test_it_is_said_once(affected: bool, path: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "sqlite_zblob"):
        for _ in range(2):
            with opening.rewriting(path):
                pass
    assert ["WAL-reset bug" in message for message in caplog.messages] == [True] * affected
