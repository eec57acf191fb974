"""A frame in a virtual table whose first bytes are damaged: an error to whoever looks, and never the frame's bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb
from sqlite_zblob.codec import has_magic

from ...conftest import one, open_apsw
from ...samples.values import sample_values
from .statements import rows

MAGIC = [*range(4), *range(8, 12)]
TABLE = "CREATE VIRTUAL TABLE t USING zblob(id INTEGER PRIMARY KEY, data COMPRESSED)"


def damage(db: Any, position: int, mask: int = 1) -> None:
    """In all rows."""
    for rowid, frame in rows(db, "SELECT id, data FROM t_rows"):
        changed = bytearray(frame)
        changed[position] ^= mask
        db.execute("UPDATE t_rows SET data = ? WHERE id = ?", (bytes(changed), rowid))


@pytest.mark.parametrize("position", MAGIC)
def test_every_reader_finds_a_flip_in_the_magic(tmp_path: Path, position: int) -> None:
    path = str(tmp_path / "store.db")
    db = open_apsw(path)
    db.execute(TABLE.replace("COMPRESSED", "COMPRESSED, codec=zstd"))  # which makes ordinary frames
    db.execute("INSERT INTO t(data) VALUES(?), (?)", (b"a value " * 500, "a text " * 500))
    damage(db, position, 0x20)
    with pytest.raises(apsw.CorruptError, match=r"t\.data, row 1: damaged frame: its magic is wrong"):
        rows(db, "SELECT data FROM t WHERE id = 1")
    assert "row 1, column data: damaged frame: its magic is wrong" in one(db, "PRAGMA integrity_check")
    assert "its magic is wrong" in one(db, "PRAGMA quick_check")
    for function in ("zdecompress", "zlength", "zinfo", "hex(zsubstr({}, 1, 5))", "count(*) FROM zblob_chunks"):
        call = function.format("data") if "{}" in function else f"{function}(data)"
        with pytest.raises(apsw.CorruptError, match="its magic is wrong"):
            rows(
                db,
                f"SELECT {call} FROM t_rows" if "FROM" not in call else "SELECT c.* FROM t_rows, zblob_chunks(data) c",
            )
    assert (
        rows(db, "SELECT zverify(data), zis_frame(data) FROM t_rows") == [("damaged frame: its magic is wrong", 0)] * 2
    )
    db.execute("UPDATE t SET id = id + 10")  # touches no value
    db.close()
    report = zb.verify(path, "t", "data")
    assert [damaged.reason for damaged in report.damages] == ["damaged frame: its magic is wrong"] * 2
    db = open_apsw(path)
    db.execute("UPDATE t SET data = 'whole again'")
    assert rows(db, "SELECT data FROM t") == [("whole again",)] * 2
    assert one(db, "PRAGMA integrity_check") == "ok"
    db.close()


def test_a_column_that_is_gone_is_reported(db: Any) -> None:
    """`PRAGMA integrity_check` looks at the rest of the database all the same."""
    db.execute(TABLE)
    db.execute("CREATE TABLE bad(n CHECK (n > 0))")
    db.execute("PRAGMA ignore_check_constraints = 1")
    db.execute("INSERT INTO bad VALUES (-1)")
    db.execute("PRAGMA ignore_check_constraints = 0")
    db.execute("ALTER TABLE t_rows RENAME COLUMN data TO other")
    if isinstance(db, apsw.Connection):  # the system's SQLite is older than xIntegrity
        assert sorted(each for (each,) in rows(db, "PRAGMA integrity_check")) == [
            "CHECK constraint failed in bad",
            'zblob table "t": cannot read column data: no such column: t.data',
        ]


def test_restore_leaves_and_names_it(tmp_path: Path) -> None:
    path = str(tmp_path / "store.db")
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB); INSERT INTO t(data) VALUES(zeroblob(9000)), (x'01')")
    db.close()
    zb.migrate(path, "t", "data")
    db = open_apsw(path)
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)  # they would compress it as the plain value that it may be, too
    frame = one(db, "SELECT data FROM t WHERE id = 1")
    db.execute("UPDATE t SET data = ? WHERE id = 1", (b"?" + frame[1:],))
    db.close()
    (failure,) = zb.restore(path, "t", "data").failures
    assert "its magic is wrong" in failure.reason


def test_what_looks_like_a_damaged_frame_comes_back_as_it_was_given(db: Any) -> None:
    db.execute(TABLE)
    almost = [b"????" + zb.compress(value)[4:] for value in (b"", b"short", b"long " * 400)]
    almost += [zb.compress(b"short")[:8] + b"ABCD" + zb.compress(b"short")[12:]]
    for value in almost:
        db.execute("INSERT INTO t(data) VALUES(?)", (value,))
    assert [value for (value,) in rows(db, "SELECT data FROM t ORDER BY id")] == almost
    assert one(db, "PRAGMA integrity_check") == "ok"
    with pytest.raises(Exception, match="cannot have a frame as its DEFAULT"):
        db.execute(f"CREATE VIRTUAL TABLE u USING zblob(data COMPRESSED DEFAULT x'{almost[0].hex()}')")


def test_plain_values_stay_readable_whatever_their_size(db: Any) -> None:
    """They are no damage: rows that were there before, defaults, and what other programs have written to the rows."""
    values = [value for value in sample_values().values() if isinstance(value, bytes) and not has_magic(value)]
    db.execute("CREATE TABLE t_rows(id INTEGER PRIMARY KEY, data)")
    for value in values:
        db.execute("INSERT INTO t_rows(data) VALUES(?)", (value,))
    db.execute(TABLE.replace(")", ", adopt=1)"))
    assert [value for (value,) in rows(db, "SELECT data FROM t ORDER BY id")] == values
