"""The triggers' law: never another row, compressed or stored as given, and the owner's statement never fails of us."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb

from ..conftest import one

VALUE, OTHER = b"abcdefgh" * 500, b"zyxwvuts" * 500
CREATE = "CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, v INT DEFAULT 1)"

WITHOUT_ROWID = "CREATE TABLE t(id TEXT PRIMARY KEY COLLATE NOCASE, data BLOB, v INT DEFAULT 1) WITHOUT ROWID"


def rows(db: Any, sql: str = "SELECT id, data FROM t", *bindings: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.execute(sql, bindings)]


def insert(db: Any, id: int = 1, value: Any = VALUE, table: str = "t") -> None:
    db.execute(f"INSERT INTO {table}(id, data) VALUES (?, ?)", (id, value))


def commit(db: Any) -> None:
    if db.in_transaction:
        db.execute("COMMIT")


@pytest.fixture(params=[0, 1], ids=["plain triggers", "recursive triggers"])
def table(db: Any, request: pytest.FixtureRequest) -> Any:
    db.execute(f"PRAGMA recursive_triggers = {request.param}")
    db.execute(CREATE)
    zb.enable(db, "t", "data")
    return db


# ---- Never another row -------------------------------------------------------------------------------------


@pytest.mark.parametrize("create", [CREATE, WITHOUT_ROWID])
@pytest.mark.parametrize("trusted", [0, 1])
def test_a_legacy_rename_is_followed(db: Any, create: str, trusted: int) -> None:
    """It moves the trigger, not the names in its body."""
    db.execute(f"PRAGMA trusted_schema = {trusted}")
    db.execute(create)
    zb.enable(db, "t", "data")
    db.execute("PRAGMA legacy_alter_table = 1")
    db.execute("ALTER TABLE t RENAME TO u")
    insert(db, table="u")
    assert rows(db, "SELECT zis_frame(data), zdecompress(data) FROM u") == [(1, VALUE)]
    db.execute(create)  # a new one of the old name
    insert(db, 2, OTHER)
    insert(db, 2, VALUE, table="u")
    assert rows(db, "SELECT data FROM t") == [(OTHER,)]
    assert rows(db, "SELECT count(*) FROM u WHERE zis_frame(data)") == [(2,)]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
@pytest.mark.parametrize("where", ["first", "last", "only"])
@pytest.mark.parametrize("create", [WITHOUT_ROWID, "CREATE TABLE t(id PRIMARY KEY, data, n, v) WITHOUT ROWID"])
def test_keys_of_any_bytes(db: Any, create: str, where: str, encoding: str) -> None:
    """No valid UTF-8, no valid UTF-16."""
    db.execute(f"PRAGMA encoding = '{encoding}'")
    db.execute(create)
    text = "CAST(substr(x'{}', 1) AS TEXT)".format({"UTF-8": "ff61", "UTF-16le": "00d86100"}[encoding])
    db.execute(f"INSERT INTO t(id, data) VALUES ({text}, zeroblob(9))")
    if where != "only":
        other = "x'00'" if where == "first" else "1"
        db.execute(f"INSERT INTO t(id, data) VALUES ({other}, zeroblob(9))")
    commit(db)
    zb.enable(db, "t", "data")
    db.execute(f"UPDATE t SET data = ? WHERE id = {text}", (VALUE,))
    assert one(db, f"SELECT zdecompress(data) FROM t WHERE id = {text} AND zis_frame(data)") == VALUE


def test_the_table_that_took_a_name_over_is_told(db: Any) -> None:
    db.execute(CREATE)
    zb.enable(db, "t", "data", level=7)
    for legacy in (1, 0):
        db.execute(f"PRAGMA legacy_alter_table = {legacy}")
        db.execute("ALTER TABLE t RENAME TO t_old")
        db.execute(CREATE)
        found = {each.table: each for each in zb.status(db)}
        assert found["t_old"].is_intact
        assert not found["t"].is_intact
        assert "its triggers have gone with the table that is now t_old" in found["t"].problems[0]
        insert(db)
        assert rows(db) == [(1, VALUE)]
        db.execute("DROP TABLE t")
        db.execute("ALTER TABLE t_old RENAME TO t")
    db.execute("ALTER TABLE t RENAME TO t_old")
    db.execute(CREATE)
    commit(db)
    assert zb.enable(db, "t", "data").is_intact
    assert [(each.table, each.level, each.is_intact) for each in zb.status(db)] == [("t_old", 7, True), ("t", 7, True)]
    zb.disable(db, "t", "data")
    zb.disable(db, "t_old", "data")
    assert one(db, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'zblob%'") == 0


def test_a_row_that_another_trigger_redacts_stays_redacted(table: Any) -> None:
    table.execute(
        "CREATE TRIGGER z AFTER INSERT ON t WHEN NEW.v = 1 BEGIN UPDATE t SET data = NULL WHERE id = NEW.id; END"
    )
    insert(table)
    assert rows(table) == [(1, None)]


def test_bytes_that_another_trigger_puts_there_stay(table: Any) -> None:
    table.execute("CREATE TABLE other(bytes BLOB)")
    table.execute("INSERT INTO other VALUES (?)", (OTHER,))
    table.execute(
        "CREATE TRIGGER z AFTER INSERT ON t BEGIN UPDATE t SET data = (SELECT bytes FROM other) WHERE id = NEW.id; END"
    )
    insert(table)
    assert rows(table, "SELECT zis_frame(data), zdecompress(data) FROM t") == [(1, OTHER)]


def test_a_row_that_another_trigger_moves_keeps_its_value(table: Any) -> None:
    """And the row that takes its place has its own."""
    table.execute(
        "CREATE TRIGGER z AFTER INSERT ON t WHEN NEW.id < 100 BEGIN "
        "UPDATE t SET id = NEW.id + 100 WHERE id = NEW.id; INSERT INTO t VALUES (NEW.id, x'01', 2); END"
    )
    table.execute("PRAGMA recursive_triggers = 0")
    insert(table)
    assert rows(table) == [(1, b"\1"), (101, VALUE)]


def test_a_row_that_another_trigger_deletes_stays_deleted(table: Any) -> None:
    table.execute("CREATE TRIGGER z AFTER INSERT ON t BEGIN DELETE FROM t WHERE id = NEW.id; END")
    insert(table)
    assert rows(table) == []


def test_temporary_triggers_of_the_owner_count(table: Any) -> None:
    table.execute("CREATE TEMP TRIGGER z AFTER INSERT ON t BEGIN UPDATE t SET data = NULL WHERE id = NEW.id; END")
    insert(table)
    assert rows(table) == [(1, None)]


def test_collations_do_not_make_values_equal(db: Any) -> None:
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data TEXT COLLATE NOCASE)")
    zb.enable(db, "t", "data")
    db.execute("CREATE TRIGGER z AFTER INSERT ON t BEGIN UPDATE t SET data = upper(data) WHERE id = NEW.id; END")
    insert(db, value="abc" * 500)
    assert rows(db, "SELECT id, zdecompress(data) FROM t") == [(1, "ABC" * 500)]


def test_a_column_that_takes_the_rowids_name(db: Any) -> None:
    db.execute("CREATE TABLE t(id TEXT, data BLOB)")
    zb.enable(db, "t", "data")
    try:
        db.execute("ALTER TABLE t ADD COLUMN rowid INT DEFAULT 7")
    except apsw.SQLError as error:
        assert "cannot add rowid alias" in str(error)  # SQLite 3.54
        return
    insert(db, 1)
    insert(db, 2)
    assert rows(db, "SELECT id, data FROM t") == [("1", VALUE), ("2", VALUE)]
    (entry,) = zb.status(db)
    assert (entry.is_intact, entry.problems) == (False, ("its triggers are not as they were made",))
    commit(db)
    assert zb.enable(db, "t", "data").is_intact
    insert(db, 3)
    assert one(db, "SELECT zis_frame(data) FROM t WHERE id = '3'") == 1


def attach_copy(open_connection: Callable[..., Any], tmp_path: Path) -> Any:
    db = open_connection(str(tmp_path / "a.db"))
    db.execute(CREATE)
    zb.enable(db, "t", "data")
    commit(db)
    db.execute("VACUUM INTO ?", (str(tmp_path / "b.db"),))
    db.execute("ATTACH ? AS copy", (str(tmp_path / "b.db"),))
    return db


def test_a_copy_that_is_attached_is_another_database(open_connection: Callable[..., Any], tmp_path: Path) -> None:
    """It has the same triggers, and maybe the same rows."""
    db = attach_copy(open_connection, tmp_path)
    for schema in ("main", "copy"):
        db.execute(f"INSERT INTO {schema}.t(id, data) VALUES (1, ?)", (VALUE,))
        commit(db)
    assert rows(db, "SELECT zis_frame(data) FROM main.t UNION ALL SELECT zis_frame(data) FROM copy.t") == [(1,), (1,)]
    db.execute("BEGIN IMMEDIATE")  # both are being written
    db.execute("INSERT INTO copy.t(id, data) VALUES (2, ?)", (OTHER,))
    assert one(db, "SELECT zis_frame(data) FROM copy.t WHERE id = 2") == 1
    db.execute("COMMIT")
    db.close()


def test_where_a_copy_cannot_be_told_apart_the_value_stays(open_connection: Callable[..., Any], tmp_path: Path) -> None:
    db = attach_copy(open_connection, tmp_path)
    db.execute("CREATE TRIGGER z AFTER INSERT ON t BEGIN UPDATE t SET data = NULL WHERE id = NEW.id; END")
    db.execute("DROP TRIGGER IF EXISTS copy.z")
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO copy.t(id, data) VALUES (1, ?)", (VALUE,))
    db.execute("INSERT INTO main.t(id, data) VALUES (1, ?)", (VALUE,))
    assert rows(db, "SELECT data FROM main.t UNION ALL SELECT data FROM copy.t") == [(None,), (VALUE,)]
    db.execute("COMMIT")
    db.close()


def test_a_view_that_calls_the_function_writes_nothing(table: Any) -> None:
    """Whoever makes a schema can call it: but only what is being written already is written."""
    insert(table)
    table.execute("UPDATE t SET data = NULL")
    (name,) = rows(table, "SELECT substr(name, 1, 14) FROM sqlite_master WHERE name LIKE 'zblob%insert%'")[0]
    table.execute("PRAGMA recursive_triggers = 0")
    table.execute("DROP TRIGGER " + one(table, "SELECT name FROM sqlite_master WHERE name LIKE 'zblob%update%'"))
    table.execute("UPDATE t SET data = ?", (VALUE,))
    table.execute(f"CREATE VIEW w AS SELECT sqlite_zblob_store('{name}', 'frame', 5, 0, data, id) AS done FROM t")
    commit(table)
    table.execute("PRAGMA trusted_schema = 0")
    assert rows(table, "SELECT done FROM w") == [(0,)]
    assert rows(table) == [(1, VALUE)]


@pytest.mark.parametrize("how", ["trigger", "view"])
def test_another_databases_schema_cannot_write_here(table: Any, tmp_path: Path, how: str) -> None:
    """It may know the trigger's name, and call the function while this database is being written."""
    insert(table)
    (name,) = rows(table, "SELECT substr(name, 1, 14) FROM sqlite_master WHERE name LIKE 'zblob%insert%'")[0]
    call = f"sqlite_zblob_store('{name}', 'frame', 5, 0, printf('%09000d', 7), 1)"
    table.execute("ATTACH ? AS hostile", (str(tmp_path / "hostile.db"),))
    table.execute("CREATE TABLE hostile.bait(x)")
    table.execute("INSERT INTO hostile.bait VALUES (5)")
    table.execute("PRAGMA trusted_schema = 0")
    table.execute("BEGIN")
    if how == "trigger":
        table.execute(f"CREATE TRIGGER hostile.z AFTER INSERT ON bait BEGIN SELECT {call}; END")
        insert(table, 2)
        table.execute("INSERT INTO hostile.bait VALUES (6)")
    else:
        table.execute(f"CREATE VIEW hostile.v AS SELECT x, {call} AS y FROM bait")
        table.execute("INSERT INTO main.t(id, v) SELECT x, y FROM hostile.v")
    assert rows(table, "SELECT zdecompress(data) FROM t WHERE id = 1") == [(VALUE,)]
    table.execute("COMMIT")
    table.execute("DETACH hostile")


def test_a_view_that_takes_the_tables_name(db: Any) -> None:
    db.execute(CREATE)
    zb.enable(db, "t", "data")
    db.execute("DROP TABLE t")
    db.execute("CREATE VIEW t AS SELECT 1 AS id, x'00' AS data")
    assert zb.status(db) == []
    db.execute("DROP VIEW t")
    db.execute("CREATE VIRTUAL TABLE t USING fts5(id, data)")
    assert zb.status(db) == []


# ---- The owner's statement succeeds, and the value is there -------------------------------------------------

GUARDS = {
    "append-only": "BEFORE UPDATE ON t BEGIN SELECT RAISE(ABORT, 'append only'); END",
    "fail": "BEFORE UPDATE ON t BEGIN SELECT RAISE(FAIL, 'append only'); END",
    "rollback": "BEFORE UPDATE ON t BEGIN SELECT RAISE(ROLLBACK, 'append only'); END",
    "ignore": "BEFORE UPDATE ON t BEGIN SELECT RAISE(IGNORE); END",
    "column": "BEFORE UPDATE OF data ON t BEGIN SELECT RAISE(ABORT, 'the column is written once'); END",
    "version": "BEFORE UPDATE ON t WHEN NEW.v <> OLD.v + 1 BEGIN SELECT RAISE(ABORT, 'stale'); END",
    "type": "AFTER UPDATE ON t WHEN substr(NEW.data, 1, 3) <> 'abc' BEGIN SELECT RAISE(ABORT, 'not abc'); END",
    "sets it again": "AFTER UPDATE OF data ON t BEGIN UPDATE t SET data = x'00' WHERE id = NEW.id; END",
    "sets it to NULL": "AFTER UPDATE OF data ON t BEGIN UPDATE t SET data = NULL WHERE id = NEW.id; END",
    "unknown function": "AFTER UPDATE ON t BEGIN SELECT no_such_function(NEW.id); END",
    "unknown table": "AFTER UPDATE ON t BEGIN INSERT INTO missing VALUES (1); END",
}


@pytest.mark.parametrize("guard", GUARDS)
@pytest.mark.parametrize("verb", ["INSERT", "INSERT OR REPLACE", "INSERT OR FAIL", "INSERT OR ROLLBACK"])
def test_a_guard_that_comes_later_leaves_the_value_as_given(table: Any, guard: str, verb: str) -> None:
    table.execute(f"CREATE TRIGGER z {GUARDS[guard]}")
    table.execute("BEGIN") if not table.in_transaction else None
    table.execute(f"{verb} INTO t(id, data) VALUES (1, ?), (2, ?)", (VALUE, VALUE[:3000]))
    assert table.in_transaction
    assert rows(table, "SELECT id, zdecompress(data), v FROM t") == [(1, VALUE, 1), (2, VALUE[:3000], 1)]
    table.execute("COMMIT")
    assert one(table, "PRAGMA integrity_check") == "ok"


@pytest.mark.parametrize("guard", GUARDS)
@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
def test_a_guard_that_is_there_is_a_reason_to_refuse(db: Any, guard: str, filled: bool) -> None:
    db.execute(CREATE)
    if filled:
        insert(db)
        commit(db)
    db.execute(f"CREATE TRIGGER z {GUARDS[guard]}")
    before = rows(db, "SELECT * FROM sqlite_master")
    with pytest.raises(zb.OptionError, match="column data of table t cannot be compressed in place: "):
        zb.enable(db, "t", "data")
    assert rows(db, "SELECT * FROM sqlite_master") == before
    assert rows(db) == ([(1, VALUE)] if filled else [])
    assert not db.in_transaction
    assert zb.status(db) == []


def test_the_reason_is_the_guards_own(db: Any) -> None:
    db.execute(CREATE)
    db.execute(f"CREATE TRIGGER keeper {GUARDS['append-only']}")
    with pytest.raises(zb.OptionError, match=r"a compressed value is refused by the table: .*append only"):
        zb.enable(db, "t", "data")
    db.execute("DROP TRIGGER keeper")
    db.execute(f"CREATE TRIGGER keeper {GUARDS['ignore']}")
    with pytest.raises(zb.OptionError, match="does not stay in column data: trigger keeper prevents it"):
        zb.enable(db, "t", "data")


def test_what_the_trial_does_is_taken_back(db: Any) -> None:
    """In a transaction of the caller, too; and no key, sequence or log keeps a trace of it."""
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL, n TEXT NOT NULL)")
    db.execute("CREATE TABLE log(x)")
    db.execute("CREATE TRIGGER z AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.id); END")
    db.execute("CREATE TRIGGER y AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (-NEW.id); END")
    db.execute("INSERT INTO log VALUES ('before')")
    assert db.in_transaction or db.execute("BEGIN") is not None
    with pytest.warns(zb.ZblobWarning, match="trigger y of table t fires once more"):
        zb.enable(db, "t", "data")
    assert rows(db, "SELECT x FROM log") == [("before",)]
    assert db.in_transaction
    db.execute("INSERT INTO t(data, n) VALUES (?, '')", (VALUE,))
    assert rows(db, "SELECT id, zis_frame(data) FROM t") == [(1, 1)]
    assert rows(db, "SELECT x FROM log") == [("before",), (-1,), (1,)]


def test_columns_that_change_along_are_named(db: Any) -> None:
    db.execute(CREATE)
    db.execute("CREATE TRIGGER bump AFTER UPDATE OF data ON t BEGIN UPDATE t SET v = v + 1 WHERE id = NEW.id; END")
    with pytest.warns(zb.ZblobWarning, match='trigger bump .* and changes "v" then'):
        zb.enable(db, "t", "data")


def test_a_table_that_takes_no_made_up_row_cannot_be_tried(db: Any) -> None:
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, kind TEXT NOT NULL CHECK (kind IN ('a', 'b')))")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        zb.enable(db, "t", "data")
    zb.disable(db, "t", "data")
    db.execute("CREATE TRIGGER z AFTER UPDATE ON t BEGIN SELECT 1; END")
    with pytest.warns(zb.ZblobWarning, match="it could not be tried .*CHECK"):
        zb.enable(db, "t", "data")


def test_a_trigger_that_would_lose_the_row_makes_the_statement_fail(table: Any) -> None:
    table.execute("CREATE TRIGGER z AFTER UPDATE OF data ON t BEGIN DELETE FROM t WHERE id = NEW.id; END")
    insert(table, value=b"small")
    with pytest.raises(Exception, match=r"sqlite_zblob: a trigger of table .* deletes, moves or changes each row"):
        insert(table, 2)
    assert rows(table) == [(1, b"small")]


def test_triggers_that_call_each_other_end(db: Any) -> None:
    """Each UPDATE of ours fires the owner's trigger, which writes another compressed row, and so on."""
    db.execute(CREATE)
    zb.enable(db, "t", "data")
    db.execute(
        "CREATE TRIGGER z AFTER UPDATE OF data ON t BEGIN "
        "INSERT INTO t(data) SELECT zdecompress(NEW.data) || 'x' WHERE NEW.id < 1000; END"
    )
    insert(db, value="x" * 1000)
    (count, largest) = rows(db, "SELECT count(*), max(zlength(data)) FROM t")[0]
    assert 1 < count < 20
    assert largest == 1000 + count - 1
    assert one(db, "PRAGMA integrity_check") == "ok"


def test_obstacles_that_come_later_are_told(table: Any) -> None:
    for sql, problem in {
        "CREATE UNIQUE INDEX i ON t(data)": "index i looks at it",
        "CREATE INDEX j ON t(length(data))": "index j looks at it",
        "ALTER TABLE t ADD COLUMN size INT AS (length(data))": "a generated column looks at it",
        "ALTER TABLE t ADD COLUMN more INT CHECK (typeof(data) <> 'text')": "a CHECK constraint looks at it",
    }.items():
        table.execute(sql)
        commit(table)
        assert problem in zb.status(table)[0].problems
        insert(table, value=VALUE)
        assert one(table, "SELECT zdecompress(data) FROM t") == VALUE
        table.execute("DELETE FROM t")
        commit(table)
    with pytest.raises(zb.OptionError, match="index j looks at it; index i looks at it; a generated"):
        zb.enable(table, "t", "data")


def test_what_is_known_of_a_table_ends_with_its_schema(table: Any) -> None:
    """Also where the schema is rolled back, and changed to another one with the same version."""
    guard = "CREATE TRIGGER z BEFORE UPDATE ON t BEGIN SELECT RAISE(ROLLBACK, 'no'); END"
    redact = "CREATE TEMP TRIGGER y AFTER INSERT ON t BEGIN UPDATE t SET data = NULL WHERE id = NEW.id; END"
    insert(table, 1)
    table.execute("BEGIN")
    table.execute(guard)
    insert(table, 2)
    table.execute("ROLLBACK")
    table.execute("BEGIN")
    table.execute(guard.replace("RAISE(ROLLBACK, 'no')", "1"))
    insert(table, 3)
    table.execute("SAVEPOINT a")
    table.execute(redact)
    insert(table, 4)
    table.execute("ROLLBACK TO a")
    insert(table, 5)
    table.execute("ALTER TABLE t RENAME TO u")
    insert(table, 6, table="u")
    table.execute("ROLLBACK")
    insert(table, 7)
    assert rows(table, "SELECT id, zis_frame(data) FROM t") == [(1, 1), (7, 1)]
    table.execute(guard)
    insert(table, 8)
    table.execute("DROP TRIGGER z")
    insert(table, 9)
    assert rows(table, "SELECT id, zis_frame(data) FROM t WHERE id > 7") == [(8, 0), (9, 1)]


def test_a_connection_closes_with_what_it_keeps(path: str, open_connection: Callable[..., Any]) -> None:
    db = open_connection(path)
    db.execute(CREATE)
    zb.enable(db, "t", "data")
    insert(db)
    if db.in_transaction:
        db.commit()
    db.close()
    other = apsw.Connection(path)
    other.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
    other.execute("DELETE FROM t")  # nobody holds a lock
    other.close()


def test_drop_column_says_disable(table: Any) -> None:
    with pytest.raises(Exception, match="until_disable"):
        table.execute("ALTER TABLE t DROP COLUMN data")
    zb.disable(table, "t", "data")
    table.execute("ALTER TABLE t DROP COLUMN data")
    assert zb.status(table) == []


def test_text_with_an_early_nul_is_compressed(db: Any) -> None:
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data TEXT)")
    zb.enable(db, "t", "data")
    text = "a\0" + "bcd" * 1000
    insert(db, value=text)
    assert rows(db, "SELECT zis_frame(data), zdecompress(data) FROM t") == [(1, text)]


@pytest.mark.parametrize("declared", ["INTEGER", "BIGINT", "REAL", "DOUBLE PRECISION", "FLOAT"])
def test_columns_of_numbers_are_refused(open_connection: Callable[..., Any], tmp_path: Path, declared: str) -> None:
    path = tmp_path / "store.db"
    db = open_connection(str(path))
    db.execute(f"CREATE TABLE t(id INTEGER PRIMARY KEY, data {declared})")
    commit(db)
    reason = f"only BLOB and TEXT columns can be compressed, and {declared} is for numbers"
    with pytest.raises(zb.OptionError, match=reason):
        zb.enable(db, "t", "data")
    db.close()
    with pytest.raises(zb.OptionError, match=reason):
        zb.migrate(path, "t", "data")


@pytest.mark.parametrize("declared", ["", "JSON", "TIMESTAMP", "VARCHAR(9)", "LONGBLOB", "NUMERIC"])
def test_other_types_are_allowed(db: Any, declared: str) -> None:
    db.execute(f"CREATE TABLE t(id INTEGER PRIMARY KEY, data {declared})")
    zb.enable(db, "t", "data")
    text = '{"a": 1}' * 500
    insert(db, value=text)
    assert rows(db, "SELECT zis_frame(data), zdecompress(data) FROM t") == [(1, text)]
