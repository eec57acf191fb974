"""Figures of a migration beside which others write."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import sqlite_zblob as zb
from sqlite_zblob.migration.ending import Ending
from sqlite_zblob.migration.migrate import Migration

from ..conftest import open_apsw


def test_rows_that_grow_after_the_walk_leave_a_record_that_can_be_read(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their new bytes were taken off what the walk had seen, and a size below 0 made every later run fail."""
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id TEXT PRIMARY KEY, data)")
    db.executemany("INSERT INTO t VALUES (?, ?)", [(str(i), bytes(3000)) for i in range(3)])
    finish = Migration._finish

    def finish_later(self: Migration, ending: Ending, look: Callable[[], None]) -> None:
        db.execute("UPDATE t_rows SET data = ?", (bytes(4000),))
        finish(self, ending, look)

    monkeypatch.setattr(Migration, "_finish", finish_later)
    zb.migrate(path, "t", "data", mode="table", min_size=64)
    monkeypatch.undo()
    assert zb.migrate(path, "t", "data").failures == ()
    assert db.execute("SELECT DISTINCT data FROM t").fetchall() == [(bytes(4000),)]
