"""A CAST has made texts of frames: verify and status say so, migrate and restore make frames of them again."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb

VALUES = [b"abc " * 30, b"abc\0" * 2000, bytes(range(256)) * 700, "text ä " * 900, b"small", None, 5, "Z*M\x18"]


def make(path: Path, *, key: str = "", encoding: str = "UTF-8") -> apsw.Connection:
    db = apsw.Connection(str(path))
    zb.load(db)
    db.execute(f"PRAGMA encoding = '{encoding}'; CREATE TABLE t(id INTEGER PRIMARY KEY, data) {key}")
    zb.enable(db, "t", "data", level=3, min_size=64)
    db.executemany("INSERT INTO t VALUES (?, ?)", enumerate(VALUES))
    return db


def cast(db: apsw.Connection) -> list[Any]:
    db.execute("DROP TABLE IF EXISTS new")
    db.execute("CREATE TABLE new AS SELECT id, CAST(data AS TEXT) AS data FROM t WHERE typeof(data) = 'blob'")
    db.execute("UPDATE t SET data = new.data FROM new WHERE new.id = t.id; DROP TABLE new")
    found = db.execute("SELECT id FROM t WHERE zis_frame(CAST(data AS BLOB)) AND typeof(data) = 'text'").fetchall()
    return [id for (id,) in found]


@pytest.mark.parametrize("key", ["", "WITHOUT ROWID"])
@pytest.mark.parametrize("way", [zb.migrate, zb.restore])
def test_texts_of_frames_become_frames(tmp_path: Path, way: Any, key: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.db"
    db = make(path, key=key)
    assert zb.status(db)[0].problems == () and not zb.verify(path).damages
    assert cast(db) == [0, 1, 2, 3]
    (status,) = zb.status(db)
    assert status.is_intact and "a CAST has made texts of frames" in status.problems[0]
    damages = zb.verify(path).damages
    assert [each.key for each in damages] == [{"id": id} for id in range(4)]
    assert 'zdecompress(CAST("data" AS BLOB))' in damages[0].reason
    read = db.execute("SELECT zdecompress(CAST(data AS BLOB)) FROM t WHERE id < 4 ORDER BY id").fetchall()
    assert [value for (value,) in read] == VALUES[:4]
    with caplog.at_level(logging.WARNING, "sqlite_zblob"):
        report = way(path, "t", "data")
    assert report.finished and "of 4 frames, which are frames again" in caplog.text
    assert not zb.verify(path, "t", "data").damages
    function = "zdecompress(data)" if way is zb.migrate else "data"
    expected = [*VALUES[:4], "small", None, 5, "Z*M\x18"]
    assert [value for (value,) in db.execute(f"SELECT {function} FROM t ORDER BY id")] == expected
    db.close()


def test_texts_in_utf16(tmp_path: Path) -> None:
    """A CAST drops the last byte there where their number is odd."""
    path = tmp_path / "a.db"
    db = make(path, encoding="UTF-16")
    whole = [id for id, size in db.execute("SELECT id, length(data) FROM t WHERE zis_frame(data)") if size % 2 == 0]
    cut = sorted(set(cast(db)) - set(whole))
    assert len(zb.verify(path).damages) == len(whole) + len(cut) > 0
    zb.migrate(path, "t", "data")
    assert [each.key["id"] for each in zb.verify(path).damages] == cut
    for id in whole:
        assert db.execute("SELECT zdecompress(data) FROM t WHERE id = ?", (id,)).fetchall() == [(VALUES[id],)]
    db.close()


def test_texts_that_are_the_programs_own(tmp_path: Path) -> None:
    """A column that was never compressed is left alone, and so are the texts of a virtual table."""
    path = tmp_path / "a.db"
    db = apsw.Connection(str(path))
    zb.load(db)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data); INSERT INTO t VALUES (1, CAST(zcompress('abc') AS TEXT))")
    with pytest.raises(zb.NotCompressedError):
        zb.restore(path, "t", "data")
    assert db.execute("SELECT typeof(data) FROM t").get == "text"
    zb.migrate(path, "t", "data", mode="table", force=True)
    assert not zb.verify(path).damages
    zb.restore(path, "t", "data")
    assert db.execute("SELECT typeof(data), zdecompress(CAST(data AS BLOB)) FROM t").get == ("text", "abc")
    db.close()
