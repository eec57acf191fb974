"""Triggers on the backing table that write the virtual table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from ...conftest import one, open_apsw
from .statements import rows

TABLE = "CREATE VIRTUAL TABLE {0} USING zblob(id INTEGER PRIMARY KEY, n INT DEFAULT 0, data BLOB COMPRESSED)"
TOO_DEEP = "too many levels of trigger recursion"


@pytest.fixture
def tables(db: Any) -> Any:
    for name in ("t", "u"):
        db.execute(TABLE.format(name))
        db.execute(f"INSERT INTO {name}(id, data) VALUES(1, ?)", (b"large " * 200,))
    return db


def trigger(on: str, action: str, event: str = "UPDATE") -> str:
    return f"CREATE TRIGGER {on}_{event} AFTER {event} ON {on}_rows BEGIN {action}; END"


def test_endless_recursion_is_an_error(tables: Any) -> None:
    tables.execute(trigger("t", "UPDATE t SET n = n + 1 WHERE id = NEW.id"))
    with pytest.raises(Exception, match=TOO_DEEP):
        tables.execute("UPDATE t SET n = 1")
    assert rows(tables, "SELECT id, n, length(data) FROM t") == [(1, 0, 1200)]


def test_endless_recursion_by_way_of_another_table_is_one_too(tables: Any) -> None:
    tables.execute(trigger("t", "UPDATE u SET n = n + 1"))
    tables.execute(trigger("u", "UPDATE t SET n = n + 1"))
    for statement in ("UPDATE t SET n = 1", "UPDATE u SET n = 1"):
        with pytest.raises(Exception, match=TOO_DEEP):
            tables.execute(statement)
    assert rows(tables, "SELECT t.n, u.n FROM t, u") == [(0, 0)]


def test_recursion_that_ends_is_none(tables: Any) -> None:
    tables.execute(trigger("t", "UPDATE t SET n = n + 1 WHERE id = NEW.id AND n < 50"))
    tables.execute("UPDATE t SET n = 1")
    assert one(tables, "SELECT n FROM t") == 50


def test_sqlites_own_limit_is_obeyed() -> None:
    db = open_apsw()
    db.execute(TABLE.format("t") + ";" + trigger("t", "UPDATE t SET n = n + 1 WHERE id = NEW.id AND n < 9"))
    db.execute("INSERT INTO t(id) VALUES(1)")
    db.limit(apsw.SQLITE_LIMIT_TRIGGER_DEPTH, 5)
    with pytest.raises(apsw.SQLError, match=TOO_DEEP):
        db.execute("UPDATE t SET n = 1")
    db.limit(apsw.SQLITE_LIMIT_TRIGGER_DEPTH, 20)
    db.execute("UPDATE t SET n = 1")
    assert one(db, "SELECT n FROM t") == 9


CHILD = "CREATE TABLE child(t INT REFERENCES t_rows ON DELETE CASCADE);" + (
    "CREATE TRIGGER x AFTER DELETE ON child BEGIN INSERT INTO t(n) VALUES(OLD.t); END; INSERT INTO child VALUES(1)"
)


@pytest.mark.parametrize(
    ("made", "statement"),
    [
        (trigger("t", "UPDATE t SET n = 7 WHERE id = NEW.id", "INSERT"), "INSERT INTO t(n) VALUES(1)"),
        (
            trigger("t", "DELETE FROM u", "INSERT") + ";" + trigger("u", "INSERT INTO t(n) VALUES(8)", "DELETE"),
            "INSERT INTO t(n) VALUES(1)",
        ),
        (CHILD, "DELETE FROM t WHERE id = 1"),
    ],
    ids=["itself", "by way of another table", "by way of a foreign key"],
)
@pytest.mark.parametrize("is_late", [False, True], ids=["trigger first", "trigger later"])
def test_a_connection_can_be_closed(tmp_path: Path, made: str, statement: str, is_late: bool) -> None:
    """A table that keeps the statement by which it is used itself would never be let go of."""
    db = open_apsw(str(tmp_path / "store.db"))
    db.execute("PRAGMA foreign_keys = ON")
    db.execute(TABLE.format("t") + ";" + TABLE.format("u"))
    db.execute("INSERT INTO t(id) VALUES(1); INSERT INTO u(id) VALUES(1); INSERT INTO t(n) VALUES(5)")
    if is_late:
        db.execute("DELETE FROM t WHERE id = 99")  # prepares the statement that the trigger will concern
    db.execute(made)
    db.execute(statement)
    db.execute("UPDATE t SET n = n + 1")
    db.close()  # raises if anything is left
    again = open_apsw(str(tmp_path / "store.db"))
    assert one(again, "SELECT count(*) FROM t") >= 2
    again.close()
