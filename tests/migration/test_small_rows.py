"""Small values are verified and restored in SQL: with the same results as one by one, which other executors do."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb

COLUMNS = {
    "rowid": "id INTEGER PRIMARY KEY, data",
    "key of two columns": "a TEXT COLLATE NOCASE, b BLOB, data, id INTEGER, PRIMARY KEY (a, b)",
    "constraint": "id INTEGER PRIMARY KEY, data",  # made after the values were compressed
}


def make(path: Path, kind: str, encoding: str = "UTF-8") -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA encoding = '{encoding}'")
    zb.load(connection)
    options = " WITHOUT ROWID" if kind.startswith("key") else ""
    connection.execute(f"CREATE TABLE t({COLUMNS[kind]}){options}")
    zb.enable(connection, "t", "data", min_size=64)
    row = "INSERT INTO t(id, data) VALUES (?1, ?2)"
    if options:
        row = "INSERT INTO t(id, a, b, data) VALUES (?1, 'key ' || (?1 % 7), CAST(?1 AS BLOB), ?2)"
    with connection:
        connection.executemany(row, enumerate(values()))
    if kind == "constraint":
        connection.execute("ALTER TABLE t ADD COLUMN short CHECK (length(data) < 700)")
    return connection


def values() -> list[Any]:
    """Small and large ones, texts, numbers and NULL, for several pages of a walk; and frames of the program's own."""
    frame = zb.compress(b"a frame of the program's own " * 9)
    rows: list[Any] = [(f"event {i}, user {i * 7919 % 1000}; " * (3 + i % 40)).encode() for i in range(1200)]
    rows[100::50] = [row.decode() + "\xe9" for row in rows[100::50]]
    rows[7:10] = [None, 7, 2.5]
    rows[500] = bytes(range(256)) * 300
    rows[20] = frame
    return rows


def damage(connection: apsw.Connection, id: int, offset: int) -> None:
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    ((value,),) = connection.execute("SELECT data FROM t WHERE id = ?", (id,)).fetchall()
    assert isinstance(value, bytes)
    damaged = bytearray(value)
    damaged[offset] ^= 4
    connection.execute("UPDATE t SET data = ? WHERE id = ?", (bytes(damaged), id))


def content(path: Path) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(path))
    return connection.execute("SELECT id, typeof(data), CAST(data AS BLOB) FROM t ORDER BY id").fetchall()


@pytest.mark.parametrize("damaged", [(), (30, 700)])
@pytest.mark.parametrize("kind", COLUMNS)
def test_verify_and_restore_as_one_by_one(tmp_path: Path, kind: str, damaged: tuple[int, ...]) -> None:
    path, other = tmp_path / "in_sql.db", tmp_path / "one_by_one.db"
    connection = make(path, kind)
    for id in damaged:
        damage(connection, id, 25)
    connection.close()
    shutil.copy(path, other)
    with ThreadPoolExecutor(2) as executor:
        checks = [zb.verify(path), zb.verify(other, executor=executor)]
        reports = [zb.restore(path, "t", "data"), zb.restore(other, "t", "data", executor=executor)]
    assert replace(checks[0], seconds=0) == replace(checks[1], seconds=0)
    assert (checks[0].rows, len(checks[0].damages)) == (1200, len(damaged))
    assert content(path) == content(other)
    results = [(each.rows, each.changed_rows, each.raw_bytes, each.stored_bytes, each.failures) for each in reports]
    assert results[0] == results[1]
    failures = len(reports[0].failures)
    assert failures > 2 if kind == "constraint" else failures == len(damaged)
    if kind == "rowid" and not damaged:
        assert [row[2] for row in content(path)] == [as_stored(each) for each in values()]


def as_stored(value: Any) -> bytes | None:
    if isinstance(value, bytes) or value is None:
        return value
    return str(value).encode()


def test_texts_of_utf16_are_restored(tmp_path: Path) -> None:
    path = tmp_path / "utf16.db"
    connection = make(path, "rowid", "UTF-16le")
    before = connection.execute("SELECT id, zdecompress(data) FROM t WHERE id <> 20").fetchall()
    connection.close()
    assert zb.verify(path).damages == ()
    zb.restore(path, "t", "data")
    assert apsw.Connection(str(path)).execute("SELECT id, data FROM t WHERE id <> 20").fetchall() == before


def test_a_row_that_another_program_changes_meanwhile_keeps_its_new_value(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    connection = make(path, "rowid")
    connection.close()
    writer = apsw.Connection(str(path))
    zb.load(writer)
    written: list[int] = []

    def write(progress: zb.Progress) -> None:
        if progress.phase == "rows" and len(written) < 20:
            written.append(1100 - 50 * len(written))
            writer.execute(
                "UPDATE t SET data = zcompress(?, '{\"for_column\": 1}') WHERE id = ?", (b"new " * 99, written[-1])
            )

    zb.restore(path, "t", "data", progress=write)
    assert written
    found: dict[Any, Any] = dict(writer.execute("SELECT id, data FROM t").fetchall())  # type: ignore[arg-type]
    assert all(found[id] == b"new " * 99 for id in written)
    assert found[1199] == values()[1199]
