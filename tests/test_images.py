"""zimages: the images of a column as rows, from headers alone."""

from __future__ import annotations

import json
import pickle
import sqlite3
import subprocess
import sys
import textwrap
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
import SimpleITK as sitk

import sqlite_zblob as zb

from .conftest import ROOT, open_apsw

FIELDS = "key, image, source, pixel_type, dimension, size, components, codec, envelope, raw_bytes, problem"


class Bomb:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("something was unpickled",))


@pytest.fixture
def store(tmp_path: Path, brain_pickle: bytes) -> Iterator[apsw.Connection]:
    """The brain as it came, in an envelope and in a frame; other arrays; and what is no image."""
    db = open_apsw(str(tmp_path / "store.db"))
    zb.images.register(db)
    db.execute("CREATE TABLE results(operation_id TEXT PRIMARY KEY, data BLOB)")
    insert = "INSERT INTO results VALUES (?, ?)"
    arrays = [np.arange(-500, 500, dtype=">i2").reshape(10, 100), np.full((40, 50), np.nan, "f4"), np.arange(500) + 1j]
    db.execute(insert, ("legacy", brain_pickle))
    zb.enable(db, "results", "data", envelope="pickle")
    db.execute(insert, ("enveloped", brain_pickle))
    zb.enable(db, "results", "data", envelope="frame")
    db.execute(insert, ("framed", brain_pickle))
    db.execute(insert, ("three", pickle.dumps(arrays)))
    db.execute(insert, ("bomb", pickle.dumps([Bomb(), np.arange(2000, dtype=np.uint8)])))
    db.execute(insert, ("noise", zb.compress(pickle.dumps(np.frombuffer(np.random.bytes(5000), "u1")), codec="store")))
    for i, value in enumerate((None, 5, "text" * 500, b"", b"\x80", b"bytes" * 500, pickle.dumps(2.5))):
        db.execute(insert, (f"no image {i}", value))
    yield db
    db.close()


def test_one_row_an_image(store: Any, brain: sitk.Image, brain_pickle: bytes) -> None:
    size, pixel_type = list(brain.GetSize()), str(sitk.GetArrayViewFromImage(brain).dtype)
    found = store.execute(f"SELECT {FIELDS} FROM zimages('results', 'data')").fetchall()
    assert [(row[0], row[1]) for row in found] == [
        *[("legacy", 0), ("enveloped", 0), ("framed", 0)],
        *[("three", 0), ("three", 1), ("three", 2), ("bomb", 0), ("noise", 0)],
    ]
    for row in found[:3]:
        assert (row[2], row[4], json.loads(row[5]), row[6], row[9]) == ("SimpleITK", 3, size, 1, len(brain_pickle))
        assert row[3] == pixel_type
    assert [row[8] for row in found[:3]] == [None, "pickle", None]
    assert [row[7] is None for row in found[:3]] == [True, False, False]
    assert [row[3] for row in found[3:6]] == ["int16", "float32", "complex128"]
    assert all(row[10] is None for row in found)


def test_space_and_sizes(store: Any, brain: sitk.Image) -> None:
    columns = "spacing, origin, direction, stored_bytes, raw_bytes, ratio"
    sql = f"SELECT {columns} FROM zimages('results', 'data') WHERE key = ?"
    for key in ("legacy", "enveloped", "framed"):
        spacing, origin, direction, stored, raw, ratio = store.execute(sql, (key,)).fetchone()
        assert tuple(json.loads(spacing)) == brain.GetSpacing()
        assert tuple(json.loads(origin)) == brain.GetOrigin()
        assert tuple(json.loads(direction)) == brain.GetDirection()
        sizes = store.execute("SELECT length(data), zlength(data) FROM results WHERE operation_id = ?", (key,))
        assert (stored, raw) == sizes.fetchone()
        assert ratio == raw / stored
    assert store.execute(sql, ("three",)).fetchone()[:3] == (None, None, None)


def test_statistics(store: Any, brain: sitk.Image) -> None:
    voxels = sitk.GetArrayViewFromImage(brain)
    found = store.execute("SELECT key, min, max, mean FROM zimages('results', 'data')").fetchall()
    for row in found[:3]:
        assert row[1:3] == (voxels.min(), voxels.max())
        assert row[3] == pytest.approx(voxels.mean(dtype=np.float64))
    assert found[3:7] == [("three", -500, 499, -0.5), ("three", None, None, None), ("three", None, None, None),
                          ("bomb", 0, 255, found[6][3])]  # fmt: skip
    assert 0 <= found[7][1] < found[7][2] <= 255


def test_headers_alone_are_read(store: Any, brain_pickle: bytes) -> None:
    store.execute("DELETE FROM results WHERE operation_id NOT IN ('enveloped', 'framed')")
    tracemalloc.start()
    try:
        assert len(store.execute("SELECT key, size, ratio FROM zimages('results', 'data')").fetchall()) == 2
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200_000 < len(brain_pickle)


def test_one_damaged_value_does_not_hide_the_others(store: Any) -> None:
    def damage(key: str, at: int) -> None:
        (value,) = store.execute("SELECT data FROM results WHERE operation_id = ?", (key,)).fetchone()
        damaged = bytearray(value)
        damaged[at] ^= 1
        store.execute("UPDATE results SET data = ? WHERE operation_id = ?", (bytes(damaged), key))

    zb.disable(store, "results", "data")
    damage("framed", 40)
    damage("enveloped", -9)
    found = store.execute("SELECT key, pixel_type, problem FROM zimages('results', 'data')").fetchall()
    assert [row[0] for row in found if row[2]] == ["framed"]
    assert len(found) == 8
    with pytest.raises(zb.DamagedFrameError):
        store.execute("SELECT mean FROM zimages('results', 'data')").fetchall()


def test_other_kinds_of_tables(db: Any) -> None:
    db = open_apsw()
    zb.images.register(db)
    value = zb.compress(pickle.dumps(np.arange(4000, dtype="u2").reshape(40, 100)))
    db.execute("ATTACH ':memory:' AS \"o t\"")
    db.execute("CREATE TABLE a(id INTEGER PRIMARY KEY, d)")
    db.execute("CREATE TABLE b(x, y, d, PRIMARY KEY (x, y)) WITHOUT ROWID")
    db.execute('CREATE TABLE "o t"."c c"("d""d" BLOB)')
    db.execute("CREATE TEMP TABLE e(x TEXT, y BLOB, d BLOB, PRIMARY KEY (x, y))")
    db.execute("CREATE VIRTUAL TABLE f USING fts4(d)")
    db.execute("INSERT INTO a VALUES (7, ?)", (value,))
    db.execute("INSERT INTO b VALUES (1, 'two', ?)", (value,))
    db.execute('INSERT INTO "c c" VALUES (?)', (value,))
    db.execute("INSERT INTO e VALUES ('x', x'00ff', ?)", (value,))
    for arguments, key in (
        (("a", "d"), 7),
        (("B", "D"), '[1, "two"]'),
        (("c c", 'd"d', "o t"), 1),
        (("e", "d", "temp"), '["x", "00ff"]'),
    ):
        sql = f"SELECT key, size, max FROM zimages({', '.join('?' * len(arguments))})"
        assert db.execute(sql, arguments).fetchall() == [(key, "[100, 40]", 3999)]
    assert db.execute("SELECT * FROM zimages('f', 'd')").fetchall() == []
    db.close()


@pytest.mark.parametrize("kind", ["VIRTUAL", "STORED"])
def test_tables_with_generated_columns(kind: str) -> None:
    """Of which SQLite allows no incremental I/O, or reads another column: by its version."""
    db = open_apsw()
    zb.images.register(db)
    db.execute(f"CREATE TABLE t(id INTEGER PRIMARY KEY, a BLOB, g AS (zeroblob(5000)) {kind}, data BLOB, b BLOB)")
    plain = pickle.dumps(np.arange(4000, dtype="u2").reshape(40, 100))
    other = zb.compress(pickle.dumps(np.zeros((9, 9), dtype="u1")))
    db.execute(
        "INSERT INTO t(a, data, b) VALUES (?, ?, ?), (?, ?, ?)", (other, zb.compress(plain), other, *[plain] * 3)
    )
    found = db.execute("SELECT key, size, max FROM zimages('t', 'data')").fetchall()
    assert found == [(1, "[100, 40]", 3999), (2, "[100, 40]", 3999)]
    db.close()


def test_a_virtual_table_shows_its_stored_values(store: Any, brain_pickle: bytes) -> None:
    zb.disable(store, "results", "data")
    columns = "key, image, pixel_type, codec, envelope, raw_bytes, stored_bytes, ratio"
    before = store.execute(f"SELECT {columns} FROM zimages('results', 'data')").fetchall()
    zb.enable(store, "results", "data", mode="table")
    assert store.execute(f"SELECT {columns} FROM zimages('RESULTS', 'data')").fetchall() == before
    store.execute("INSERT INTO results VALUES ('new', ?)", (brain_pickle,))
    (ratio,) = store.execute("SELECT ratio FROM zimages('results', 'data') WHERE key = 'new'").fetchone()
    assert ratio > 2


def test_joins_and_aggregates(store: Any) -> None:
    sql = """SELECT count(*), sum(i.stored_bytes) FROM results AS r JOIN zimages('results', 'data') AS i
             ON i.key = r.operation_id WHERE i.source = 'SimpleITK' AND r.operation_id <> 'legacy'"""
    count, stored = store.execute(sql).fetchone()
    expected = "SELECT sum(length(data)) FROM results WHERE operation_id IN ('enveloped', 'framed')"
    assert (count, stored) == (2, store.execute(expected).fetchone()[0])


def test_errors(store: Any) -> None:
    with pytest.raises(zb.OptionError, match="no column nothing"):
        store.execute("SELECT * FROM zimages('results', 'nothing')").fetchall()
    with pytest.raises(zb.OptionError, match="no table nothing"):
        store.execute("SELECT * FROM zimages('nothing', 'data')").fetchall()
    for arguments in ("", "('results')", "(NULL, 'data')", "(x'00', 'data')", "('results', 'data', 5)"):
        with pytest.raises(zb.OptionError, match=r"zimages takes names as text: zimages\('table', 'column'"):
            store.execute(f"SELECT * FROM zimages{arguments}").fetchall()
    with pytest.raises(apsw.SQLError):
        store.execute("DELETE FROM zimages")


def test_other_connections_have_no_zimages() -> None:
    db = sqlite3.connect(":memory:")
    for given in (db, "store.db", None):
        with pytest.raises(zb.WrongTypeError, match=r"zimages needs an apsw\.Connection, not"):
            zb.images.register(given)  # type: ignore[arg-type]
    db.close()


def test_numpy_is_imported_on_demand(tmp_path: Path) -> None:
    script = """
        import sys, apsw, sqlite_zblob as zb
        db = apsw.Connection(sys.argv[1]); zb.load(db); zb.images.register(db)
        print(db.execute("SELECT count(size) FROM zimages('t', 'd')").fetchall(), "numpy" in sys.modules)
        print(db.execute("SELECT max FROM zimages('t', 'd')").fetchall(), "numpy" in sys.modules)
    """
    path = str(tmp_path / "t.db")
    db = open_apsw(path)
    db.execute("CREATE TABLE t(d)")
    db.execute("INSERT INTO t VALUES (zcompress(?))", (pickle.dumps(np.arange(5000, dtype="i4")),))
    db.close()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), path], capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout.split("\n")[:2] == ["[(1,)] False", "[(4999,)] True"], done.stderr
