"""`install(decode_rows=True)`: every connection of the process decodes, however and by whom it is opened."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from sqlite3 import Connection as ConnectionByName
from sqlite3 import connect as connect_by_name
from sqlite3 import dbapi2
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb

from ..conftest import ROOT, open_apsw

VALUE, TEXT = b"abc" * 1000, "text ä" * 1000
ROWS = [(1, VALUE), (2, TEXT), (3, b"plain")]


class OwnConnection(sqlite3.Connection):
    """As Django, SQLAlchemy and others have them: made before install(), with a factory of its own."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.row_factory = sqlite3.Row


class OwnCursor(sqlite3.Cursor):
    pass


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A database with two compressed values in t."""
    path = str(tmp_path / "store.db")
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    zb.enable(db, "t", "data")
    db.executemany("INSERT INTO t VALUES (?, ?)", ROWS)
    assert [row[0] for row in db.execute("SELECT zis_frame(data) FROM t ORDER BY id")] == [1, 1, 0]
    db.close()
    return path


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    zb.install(decode_rows=True)
    yield
    zb.uninstall()


def read(db: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.execute("SELECT id, data FROM t ORDER BY id").fetchall()]


@pytest.mark.parametrize(
    "opener",
    [
        sqlite3.connect,
        connect_by_name,
        dbapi2.connect,
        sqlite3.Connection,
        ConnectionByName,
        OwnConnection,
        lambda path: connect_by_name(path, factory=OwnConnection),
        lambda path: sqlite3.connect(Path(path).as_uri() + "?mode=ro", uri=True),
        apsw.Connection,
    ],
)
def test_however_it_is_opened(store: str, opener: Any) -> None:
    db = opener(store)
    assert read(db) == ROWS
    db.close()


def test_rows_of_a_class_that_sets_its_own_factory(store: str) -> None:
    db = OwnConnection(store)
    found = db.execute("SELECT id, data FROM t ORDER BY id").fetchall()
    assert all(isinstance(row, sqlite3.Row) for row in found)
    assert [row["data"] for row in found] == [VALUE, TEXT, b"plain"]
    db.close()


def test_all_ways_of_fetching(store: str) -> None:
    db = sqlite3.connect(store)
    cursor = db.cursor(factory=OwnCursor).execute("SELECT id, data FROM t ORDER BY id")
    assert [cursor.fetchone(), *cursor.fetchmany(1), *cursor] == ROWS
    assert cursor.execute("UPDATE t SET data = data WHERE id = 2 RETURNING id, data").fetchall() == [ROWS[1]]
    db.close()


def test_connections_in_threads(store: str) -> None:
    found: list[Any] = []

    def work() -> None:
        db = sqlite3.connect(store)
        found.append(read(db))
        db.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [ROWS] * 8


def test_a_connection_that_was_open_stays_as_it_was(store: str) -> None:
    zb.uninstall()
    for opener in (sqlite3.connect, apsw.Connection):
        before: Any = opener(store)
        zb.install(decode_rows=True)
        assert read(before)[0] != ROWS[0]
        zb.uninstall()
        after: Any = opener(store)
        assert read(after)[0] != ROWS[0]
        before.close()
        after.close()


def test_installing_again_without_it_keeps_it(store: str) -> None:
    zb.install()
    for opener in (sqlite3.connect, apsw.Connection):
        db: Any = opener(store)
        assert read(db) == ROWS
        db.close()


def test_migration_and_verification_see_frames(store: str) -> None:
    assert zb.verify(store).ok
    zb.restore(store, "t", "data")
    db = sqlite3.connect(store)
    assert db.execute("SELECT count(*) FROM t WHERE zis_frame(data)").fetchone() == (0,)
    db.close()
    zb.migrate(store, "t", "data")
    db = sqlite3.connect(store)
    assert db.execute("SELECT count(*) FROM t WHERE zis_frame(data)").fetchone() == (2,)
    assert read(db) == ROWS
    db.close()


@pytest.mark.skipif(not hasattr(apsw.Connection, "as_async"), reason="APSW is too old for asynchronous connections")
def test_asynchronous_connections_of_apsw(store: str) -> None:
    async def main() -> Any:
        db = await apsw.Connection.as_async(store)
        with pytest.raises(zb.LoadError, match=r"install\(\) before"):
            zb.load(db)
        try:
            return await (await db.execute("SELECT id, data FROM t ORDER BY id")).fetchall()
        finally:
            await db.aclose()

    assert asyncio.run(main()) == ROWS


SCRIPT = """
import sqlite3, sys
from sqlite3 import connect, register_converter

def read(db):  # hot enough for Python to specialize it before the attributes are replaced
    return db.execute("SELECT data FROM t WHERE id = 1").fetchone()

def set_factory(db):
    db.row_factory = None
    return db.row_factory

db = connect(sys.argv[1])
for _ in range(5000):
    set_factory(db)
assert read(db)[0] != b"abc" * 1000
import sqlite_zblob as zb

zb.install(decode_rows=True)
db = connect(sys.argv[1])
for _ in range(5000):
    assert set_factory(db) is None
assert read(db)[0] == b"abc" * 1000
db.row_factory = sqlite3.Row
assert db.row_factory is sqlite3.Row and read(db)["data"] == b"abc" * 1000
"""


def test_a_program_that_was_at_work_before(store: str) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, store], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
