"""Databases with small rows and a dictionary for them, for tests of what becomes of both."""

from __future__ import annotations

import functools
from pathlib import Path

import apsw

import sqlite_zblob as zb
from sqlite_zblob.column import dictionaries

from ..conftest import one, open_apsw
from ..samples.rows import events

ROWS = events(3000)


def filled(path: Path | str = ":memory:", *, text: bool = False) -> apsw.Connection:
    connection = open_apsw(path) if path == ":memory:" else apsw.Connection(str(path))
    zb.load(connection)
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    rows = [(row.decode() if text else row,) for row in ROWS]
    with connection:
        connection.executemany("INSERT INTO t(data) VALUES (?)", rows)
    return connection


def dictionary_of(connection: apsw.Connection) -> tuple[int, bytes]:
    ((id, dictionary),) = connection.execute("SELECT id, dictionary FROM zblob_dictionaries").fetchall()
    assert isinstance(id, int) and isinstance(dictionary, bytes)
    return id, dictionary


@functools.cache
def dictionary_of_rows() -> bytes:
    return bytes(one(filled(), "SELECT ztrain(data, 4096) FROM t WHERE id < 1000"))


def give_dictionary(db: apsw.Connection) -> int:
    """To table t, as `zb.train` does it, in a hundredth of the time. Returns its id."""
    id = zb.codec.dictionary_id(dictionary_of_rows())
    dictionaries.create_table(db, "main")
    sql = "INSERT INTO zblob_dictionaries VALUES (?, ?, '2026-01-01T00:00:00.000Z', '{}', 't', 'data')"
    db.execute(sql, (id, dictionary_of_rows()))
    return id


def trained(path: Path | str = ":memory:") -> tuple[apsw.Connection, int]:
    db = filled(path)
    return db, give_dictionary(db)
