"""Each line of the table in docs/in-place.md: "what programs do" and "what happens"."""

from __future__ import annotations

import re
import sqlite3
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb

from ..conftest import ROOT, one
from ..samples.values import phantom

VALUE, OTHER = b"abcdefgh" * 500, b"zyxwvuts" * 500
CREATE = "CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, v INT DEFAULT 1, note TEXT UNIQUE)"
INSERT = "INSERT INTO t(id, data) VALUES (?, ?)"

SCENARIOS: dict[str, Callable[[Any, Path], None]] = {}


def line(beginning: str) -> Callable[[Callable[[Any, Path], None]], Callable[[Any, Path], None]]:
    """This function tests the line that begins so."""

    def keep(scenario: Callable[[Any, Path], None]) -> Callable[[Any, Path], None]:
        SCENARIOS[beginning] = scenario
        return scenario

    return keep


def lines() -> list[str]:
    text = (ROOT / "docs" / "in-place.md").read_text()
    (table,) = re.findall(r"^\| what programs do \| what happens \|\n\|---\|---\|\n((?:\|.*\|\n)+)", text, re.MULTILINE)
    return [each.split(" | ")[0].removeprefix("| ") for each in table.splitlines()]


def test_every_line_has_its_test() -> None:
    found = [[each for each in SCENARIOS if told.startswith(each)] for told in lines()]
    assert [len(each) for each in found] == [1] * len(lines())
    assert len(SCENARIOS) == len(lines())


@pytest.mark.parametrize("beginning", SCENARIOS)
def test_what_programs_do(db: Any, beginning: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zb.ZblobWarning)
        SCENARIOS[beginning](db, tmp_path)
    if not db.in_transaction:
        assert one(db, "PRAGMA integrity_check") == "ok"


def rows(db: Any, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.execute(sql)]


def enabled(db: Any, create: str = CREATE, schema: str = "main") -> None:
    db.execute(create)
    zb.enable(db, "t", "data", schema=schema)


def compressed(db: Any, table: str = "t") -> list[tuple[Any, ...]]:
    return rows(db, f"SELECT id, zis_frame(data), zdecompress(data) FROM {table} ORDER BY id")


def commit(db: Any) -> None:
    if db.in_transaction:
        db.execute("COMMIT")


def deny(db: Any, denied: int | None) -> None:
    """One kind of action, or none any more."""

    def decide(action: int, *_: Any) -> int:
        return apsw.SQLITE_DENY if action == denied else apsw.SQLITE_OK

    if isinstance(db, apsw.Connection):
        db.authorizer = decide
    else:
        db.set_authorizer(decide)


def refused(db: Any, what: str, reason: str) -> None:
    """Before, `enable` refuses; afterwards, an INSERT succeeds and the value stays as it was given."""
    db.execute(CREATE)
    db.execute(what)
    with pytest.raises(zb.OptionError, match=reason):
        zb.enable(db, "t", "data")
    db.execute("DROP TABLE t")
    enabled(db)
    db.execute(what)
    db.execute(INSERT, (1, VALUE))
    assert compressed(db) == [(1, 0, VALUE)]


# ---- Statements --------------------------------------------------------------------------------------------


@line("`INSERT`, `UPDATE`, `REPLACE`")
def statements(db: Any, _: Path) -> None:
    enabled(db)
    assert list(db.execute(INSERT + " RETURNING data, id", (5, VALUE))) == [(VALUE, 5)]
    assert rows(db, "SELECT changes(), last_insert_rowid()") == [(1, 5)]
    db.execute("UPDATE t SET data = ?", (OTHER,))
    assert compressed(db) == [(5, 1, OTHER)]
    db.execute("REPLACE INTO t(id, data) VALUES (5, ?)", (VALUE,))
    assert compressed(db) == [(5, 1, VALUE)]
    db.execute(INSERT + " ON CONFLICT(id) DO UPDATE SET data = excluded.data", (5, OTHER))
    assert compressed(db) == [(5, 1, OTHER)]
    assert rows(db, "SELECT changes(), last_insert_rowid()") == [(1, 5)]


@line("roll back, use savepoints")
def savepoints(db: Any, _: Path) -> None:
    enabled(db)
    db.execute(INSERT, (1, VALUE))
    db.execute("BEGIN")
    db.execute(INSERT, (2, VALUE))
    db.execute("SAVEPOINT a")
    db.execute("UPDATE t SET data = ?", (OTHER,))
    db.execute("ROLLBACK TO a")
    assert compressed(db) == [(1, 1, VALUE), (2, 1, VALUE)]
    db.execute("ROLLBACK")
    assert compressed(db) == [(1, 1, VALUE)]


# ---- ALTER and rebuilds ------------------------------------------------------------------------------------


@line("`ALTER TABLE ... RENAME TO`")
def renamed(db: Any, _: Path) -> None:
    enabled(db)
    for legacy in (1, 0):
        db.execute(f"PRAGMA legacy_alter_table = {legacy}")
        db.execute("ALTER TABLE t RENAME TO u")
        db.execute(CREATE)
        db.execute(INSERT, (1, VALUE))
        db.execute(INSERT.replace("t(", "u("), (1, OTHER))
        assert (compressed(db), compressed(db, "u")) == ([(1, 0, VALUE)], [(1, 1, OTHER)])
        db.execute("DROP TABLE t")
        db.execute("DELETE FROM u")
        db.execute("ALTER TABLE u RENAME TO t")


@line("`ALTER TABLE ... RENAME COLUMN`")
def renamed_column(db: Any, _: Path) -> None:
    enabled(db)
    db.execute("ALTER TABLE t RENAME COLUMN data TO bytes")
    db.execute("ALTER TABLE t RENAME COLUMN id TO data")
    db.execute("ALTER TABLE t ADD COLUMN more")
    db.execute("INSERT INTO t(bytes) VALUES (?)", (VALUE,))
    assert rows(db, "SELECT data, zis_frame(bytes) FROM t") == [(1, 1)]
    assert [(each.column, each.is_intact) for each in zb.status(db)] == [("bytes", True)]


@line("rename or drop a column that `dtype_from`")
def rename_a_column_of_hints(db: Any, folder: Path) -> None:
    voxels = phantom("u1", (12, 20, 30), 99).tobytes()
    db.execute(CREATE)
    db.execute("ALTER TABLE t ADD COLUMN shape TEXT")
    zb.enable(db, "t", "data", dtype_from="'uint8'", shape_from="NEW.shape")
    db.execute("INSERT INTO t(id, data, shape) VALUES (801, ?, '12x20x30')", (voxels,))
    assert zb.info(one(db, "SELECT data FROM t WHERE id = 801")).images[0].size == (30, 20, 12)
    db.execute("ALTER TABLE t RENAME COLUMN shape TO extents")
    db.execute("INSERT INTO t(id, data, extents) VALUES (802, ?, '12x20x30')", (voxels,))
    stored = one(db, "SELECT data FROM t WHERE id = 802")
    assert zb.decompress(stored) == voxels
    assert zb.info(stored).images == ()
    assert any("shape" in problem for problem in zb.status(db)[0].problems)


@line("`ALTER TABLE ... DROP COLUMN`")
def dropped_column(db: Any, _: Path) -> None:
    enabled(db)
    with pytest.raises((apsw.SQLError, sqlite3.OperationalError), match=r"zblob_.*_until_disable"):
        db.execute("ALTER TABLE t DROP COLUMN data")
    zb.disable(db, "t", "data")
    db.execute("ALTER TABLE t DROP COLUMN data")


@line("give another name to a table that is made anew")
def made_anew_under_another_name(db: Any, _: Path) -> None:
    enabled(db)
    db.execute(INSERT, (1, VALUE))
    db.execute("CREATE TABLE u AS SELECT id, data AS blob FROM t")
    db.execute("DROP TABLE t")
    zb.load(db, keep=True)
    (found,) = zb.status(db)
    assert (found.table, found.column, found.is_intact) == ("u", "blob", False) and "was t.data" in found.problems[0]
    assert zb.enable(db, "u", "blob").is_intact


@line("copy the rows into a STRICT table")
def copied_into_a_strict_table(db: Any, _: Path) -> None:
    if isinstance(db, sqlite3.Connection) and sqlite3.sqlite_version_info < (3, 37):
        pytest.skip("this SQLite has no STRICT tables")
    enabled(db)
    db.execute(INSERT, (1, VALUE))
    db.execute("CREATE TABLE strict_one(id INTEGER PRIMARY KEY, data TEXT) STRICT")
    with pytest.raises((apsw.ConstraintError, sqlite3.IntegrityError), match="cannot store BLOB value in TEXT column"):
        db.execute("INSERT INTO strict_one SELECT id, data FROM t")
    assert one(db, "SELECT zdecompress(data) FROM t") == VALUE


@line("make the table anew")
def made_anew(db: Any, _: Path) -> None:
    """With the statements of Rails; tests/column/test_inplace_rebuilt.py runs the others."""
    enabled(db)
    db.execute(INSERT, (1, VALUE))
    db.execute('CREATE TEMPORARY TABLE "at" ("id" integer PRIMARY KEY, "data" blob, "v" integer, "note" varchar)')
    db.execute('INSERT INTO "at" SELECT * FROM "t"')
    db.execute('DROP TABLE "t"')
    db.execute('CREATE TABLE "t" ("id" integer PRIMARY KEY NOT NULL, "data" blob, "v" integer, "note" varchar)')
    db.execute('INSERT INTO "t" SELECT * FROM "at"')
    db.execute('DROP TABLE "at"')
    db.execute(INSERT, (2, VALUE))
    assert compressed(db) == [(1, 1, VALUE), (2, 0, VALUE)]
    assert [each.is_intact for each in zb.status(db)] == [False]
    zb.enable(db, "t", "data")
    db.execute(INSERT, (3, VALUE))
    assert compressed(db)[2] == (3, 1, VALUE)


# ---- Triggers of the owner's -------------------------------------------------------------------------------


@line("set the column to NULL or to another value")
def redacted(db: Any, _: Path) -> None:
    enabled(db)
    db.execute("CREATE TRIGGER z AFTER INSERT ON t BEGIN UPDATE t SET data = NULL WHERE id = NEW.id; END")
    db.execute(INSERT, (1, VALUE))
    assert rows(db, "SELECT data FROM t") == [(None,)]
    db.execute("DROP TRIGGER z")
    db.execute("CREATE TRIGGER z AFTER INSERT ON t BEGIN UPDATE t SET data = x'07' WHERE id = NEW.id; END")
    db.execute(INSERT, (2, VALUE))
    assert rows(db, "SELECT data FROM t") == [(None,), (b"\7",)]


@line("move or delete the row in an AFTER INSERT trigger")
def moved(db: Any, _: Path) -> None:
    enabled(db)
    db.execute(
        "CREATE TRIGGER z AFTER INSERT ON t WHEN NEW.id = 1 BEGIN UPDATE t SET id = 9 WHERE id = 1;"
        " INSERT INTO t(id, data) VALUES (1, 'in its place'); END"
    )
    db.execute("CREATE TRIGGER y AFTER INSERT ON t WHEN NEW.id = 2 BEGIN DELETE FROM t WHERE id = 2; END")
    db.execute("PRAGMA recursive_triggers = 0")
    db.execute(INSERT, (1, VALUE))
    db.execute(INSERT, (2, VALUE))
    assert rows(db, "SELECT id, data FROM t") == [(1, "in its place"), (9, VALUE)]


@line("refuse UPDATE")
def guarded(db: Any, _: Path) -> None:
    refused(db, "CREATE TRIGGER z BEFORE UPDATE ON t BEGIN SELECT RAISE(ABORT, 'append only'); END", "append only")
    db.execute("DROP TABLE t")
    lock = "CREATE TRIGGER z BEFORE UPDATE ON t WHEN NEW.v <> OLD.v + 1 BEGIN SELECT RAISE(ABORT, 'stale'); END"
    refused(db, lock, "stale")
    db.execute("DROP TABLE t")
    refused(db, "CREATE TRIGGER z BEFORE UPDATE ON t BEGIN SELECT RAISE(IGNORE); END", "trigger z prevents it")


@line("end the transaction in a trigger")
def rolled_back(db: Any, _: Path) -> None:
    refused(db, "CREATE TRIGGER z BEFORE UPDATE ON t BEGIN SELECT RAISE(ROLLBACK, 'no'); END", "with ROLLBACK")


@line("change other columns in an UPDATE trigger")
def touched(db: Any, _: Path) -> None:
    db.execute(CREATE)
    db.execute("CREATE TRIGGER z AFTER UPDATE OF data ON t BEGIN UPDATE t SET v = v + 1 WHERE id = NEW.id; END")
    with pytest.warns(zb.ZblobWarning, match='trigger z of table t fires once more .* and changes "v" then'):
        zb.enable(db, "t", "data")
    db.execute(INSERT, (1, VALUE))
    assert rows(db, "SELECT zis_frame(data), v FROM t") == [(1, 2)]


@line("delete or move a row in an UPDATE trigger")
def deleted(db: Any, _: Path) -> None:
    trigger = "CREATE TRIGGER z AFTER UPDATE OF data ON t BEGIN DELETE FROM t WHERE id = NEW.id; END"
    db.execute(CREATE)
    db.execute(trigger)
    with pytest.raises(zb.OptionError, match=r"deletes, moves or changes each row"):
        zb.enable(db, "t", "data")
    db.execute("DROP TABLE t")
    enabled(db)
    db.execute(trigger)
    with pytest.raises((apsw.ConstraintError, sqlite3.IntegrityError), match=r'table "main"."t" deletes, moves or'):
        db.execute(INSERT, (1, VALUE))
    assert rows(db, "SELECT * FROM t") == []


@line("put the column into a UNIQUE or other index")
def indexed(db: Any, _: Path) -> None:
    for what, reason in (
        ("CREATE UNIQUE INDEX i ON t(data)", "index i looks at it"),
        ("CREATE INDEX i ON t(length(data))", "index i looks at it"),
        ("ALTER TABLE t ADD COLUMN size INT AS (length(data))", "a generated column looks at it"),
        ("ALTER TABLE t ADD COLUMN c INT CHECK (data IS NOT 1)", "a CHECK constraint looks at it"),
    ):
        db.execute(CREATE)
        db.execute(what)
        with pytest.raises(zb.OptionError, match=reason):
            zb.enable(db, "t", "data")
        db.execute("DROP TABLE t")
        enabled(db)
        db.execute(what)
        assert zb.status(db)[0].problems == (reason,)
        db.execute(INSERT, (1, VALUE))
        assert compressed(db)[0][2] == VALUE
        db.execute("DROP TABLE t")


@line("index the column with FTS4 or FTS5")
def searched(db: Any, _: Path) -> None:
    db.execute("CREATE VIRTUAL TABLE search USING fts5(data)")
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data TEXT)")
    feed = (
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN INSERT INTO search(rowid, data) VALUES (NEW.id, NEW.data); END",
        "CREATE TRIGGER b AFTER UPDATE ON t BEGIN UPDATE search SET data = NEW.data WHERE rowid = NEW.id; END",
    )
    for sql in feed:
        db.execute(sql)
    with pytest.raises(zb.OptionError, match="trigger b feeds FTS table search with it"):
        zb.enable(db, "t", "data")
    db.execute("DROP TABLE t")
    enabled(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, data TEXT)")
    for sql in feed:
        db.execute(sql)
    text = "the quick brown fox " * 100
    db.execute(INSERT, (1, text))
    assert rows(db, "SELECT rowid FROM search WHERE search MATCH 'fox'") == [(1,)]
    assert compressed(db) == [(1, 0, text)]
    assert "trigger b feeds FTS table search with it" in zb.status(db)[0].problems[0]


# ---- Databases and settings --------------------------------------------------------------------------------


@line("attach a copy of the database")
def attached(db: Any, tmp_path: Path) -> None:
    enabled(db)
    db.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
    db.execute("ATTACH ? AS copy", (str(tmp_path / "copy.db"),))
    db.execute("INSERT INTO copy.t(id, data) VALUES (1, ?)", (VALUE,))
    db.execute("INSERT INTO main.t(id, data) VALUES (1, ?)", (OTHER,))
    assert (compressed(db, "copy.t"), compressed(db, "main.t")) == ([(1, 1, VALUE)], [(1, 1, OTHER)])
    db.execute("DROP TRIGGER " + one(db, "SELECT name FROM copy.sqlite_master WHERE name LIKE 'zblob%update%'"))
    db.execute("UPDATE main.t SET data = ?", (VALUE,))
    db.execute("DELETE FROM copy.t")
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO copy.t(id, data) VALUES (1, ?)", (VALUE,))
    assert (compressed(db, "copy.t"), compressed(db, "main.t")) == ([(1, 0, VALUE)], [(1, 0, VALUE)])
    db.execute("COMMIT")


@line("create temporary tables and temporary triggers")
def temporary(db: Any, _: Path) -> None:
    db.execute(CREATE)
    enabled(db, CREATE.replace("TABLE", "TEMP TABLE"), "temp")
    db.execute("INSERT INTO temp.t(id, data) VALUES (1, ?)", (VALUE,))
    db.execute("INSERT INTO main.t(id, data) VALUES (1, ?)", (VALUE,))
    assert (compressed(db, "temp.t"), compressed(db, "main.t")) == ([(1, 1, VALUE)], [(1, 0, VALUE)])
    db.execute("DROP TABLE temp.t")
    zb.enable(db, "t", "data")
    db.execute("CREATE TEMP TRIGGER z AFTER INSERT ON main.t BEGIN UPDATE t SET data = NULL WHERE id = NEW.id; END")
    db.execute("INSERT INTO main.t(id, data) VALUES (2, ?)", (VALUE,))
    assert compressed(db, "main.t") == [(1, 0, VALUE), (2, 0, None)]


@line("`WITHOUT ROWID`, keys of several columns")
def keyed(db: Any, _: Path) -> None:
    enabled(
        db, "CREATE TABLE t(a TEXT COLLATE NOCASE, id INT, data BLOB, PRIMARY KEY (id, a COLLATE BINARY)) WITHOUT ROWID"
    )
    for id, a in ((1, "x"), (1, "X"), (2, "x")):
        db.execute("INSERT INTO t VALUES (?, ?, ?)", (a, id, f"{id}{a}".encode() * 500))
    db.execute("UPDATE t SET id = 3, data = ? WHERE id = 1 AND a = 'X' COLLATE BINARY", (VALUE,))
    assert rows(db, "SELECT id, a, zis_frame(data), zdecompress(data) FROM t ORDER BY id") == [
        (1, "x", 1, b"1x" * 500),
        (2, "x", 1, b"2x" * 500),
        (3, "X", 1, VALUE),
    ]


@line("`PRAGMA trusted_schema = 0`")
def settings(db: Any, _: Path) -> None:
    for trusted in (0, 1):
        for recursive in (0, 1):
            db.execute(f"PRAGMA trusted_schema = {trusted}")
            db.execute(f"PRAGMA recursive_triggers = {recursive}")
            enabled(db)
            db.execute(INSERT, (1, VALUE))
            db.execute("UPDATE t SET data = ?", (OTHER,))
            assert compressed(db) == [(1, 1, OTHER)]
            db.execute("DROP TABLE t")


@line("deny UPDATE by an authorizer")
def denied(db: Any, _: Path) -> None:
    enabled(db)
    deny(db, apsw.SQLITE_UPDATE)
    db.execute(INSERT, (1, VALUE))
    assert compressed(db) == [(1, 0, VALUE)]


@line("insert a zeroblob")
def zeroblob(db: Any, tmp_path: Path) -> None:
    enabled(db)
    db.execute("INSERT INTO t(id, data) VALUES (1, zeroblob(4000)), (2, zeroblob(4000))")
    db.execute("UPDATE t SET data = zeroblob(?) WHERE id = 2", (len(VALUE),))
    if isinstance(db, apsw.Connection):
        with db.blob_open("main", "t", "data", 2, True) as blob:
            blob.write(VALUE)
    elif hasattr(db, "blobopen"):
        with db.blobopen("t", "data", 2) as blob:
            blob.write(VALUE)
    else:
        db.execute(f"UPDATE t SET data = x'{VALUE.hex()}' WHERE id = 2")
    db.execute(INSERT, (3, VALUE))
    assert rows(db, "SELECT id, zdecompress(data) FROM t") == [(1, bytes(4000)), (2, VALUE), (3, VALUE)]
    assert rows(db, "SELECT length(data) FROM t WHERE id = 1") == [(4000,)]
    zb.enable(db, "t", "data", dtype_from="'int16'", shape_from="'[20, 100]'")
    db.execute("INSERT INTO t(id, data) VALUES (4, zeroblob(4000))")
    assert compressed(db)[3] == (4, 1, bytes(4000))
    path = tmp_path / "zeros.db"
    plain = apsw.Connection(str(path))
    plain.execute(CREATE)
    plain.execute("INSERT INTO t(data) VALUES (zeroblob(4000))")
    plain.close()
    assert zb.migrate(path, "t", "data").changed_rows == 1


@line("`PRAGMA journal_mode = OFF`")
def no_journal(db: Any, _: Path) -> None:
    db.execute(CREATE)
    db.execute(INSERT, (1, VALUE))
    commit(db)
    for mode in ("in-place", "table"):
        db.execute("PRAGMA journal_mode = OFF").fetchall()
        with pytest.raises(zb.OptionError, match="journal_mode is OFF on this connection, so that"):
            zb.enable(db, "t", "data", mode=mode, force=True)
        assert rows(db, "SELECT id, data FROM t") == [(1, VALUE)]
        assert zb.status(db) == []
        db.execute("PRAGMA journal_mode = MEMORY").fetchall()
        zb.enable(db, "t", "data", mode=mode, force=True)
        db.execute("PRAGMA journal_mode = OFF").fetchall()
        assert zb.enable(db, "t", "data").mode == mode
        db.execute("INSERT OR REPLACE INTO t(id, data) VALUES (2, ?)", (OTHER,))
        commit(db)
        with pytest.raises(zb.OptionError, match="journal_mode is OFF"):
            zb.disable(db, "t", "data")
        assert rows(db, "SELECT id, zdecompress(data) FROM t") == [(1, VALUE), (2, OTHER)]
        db.execute("PRAGMA journal_mode = MEMORY").fetchall()
        db.execute("DELETE FROM t WHERE id = 2")
        commit(db)
        zb.disable(db, "t", "data")


@line("lower SQLite's limits")
def limits(db: Any, _: Path) -> None:
    enabled(db, "CREATE TABLE t(id INT, k2 DEFAULT 2, k3 DEFAULT 3, data BLOB, PRIMARY KEY(id, k2, k3)) WITHOUT ROWID")
    lowered = {"LENGTH": 10**6, "SQL_LENGTH": 10**5, "COLUMN": 100, "EXPR_DEPTH": 10, "COMPOUND_SELECT": 3}
    lowered |= {"VDBE_OP": 25000, "FUNCTION_ARG": 8, "ATTACHED": 0, "LIKE_PATTERN_LENGTH": 50}
    lowered |= {"VARIABLE_NUMBER": 10, "TRIGGER_DEPTH": 10}
    set_limit = db.limit if isinstance(db, apsw.Connection) else getattr(db, "setlimit", lambda *_: None)
    for name, value in lowered.items():
        set_limit(getattr(apsw, f"SQLITE_LIMIT_{name}"), value)
    db.execute(INSERT, (1, VALUE))
    db.execute("UPDATE t SET data = ?", (OTHER,))
    assert compressed(db) == [(1, 1, OTHER)]
    if isinstance(db, apsw.Connection):
        assert db.limit(apsw.SQLITE_LIMIT_EXPR_DEPTH) == 10


@line("deny functions, SELECT")
def denied_functions(db: Any, _: Path) -> None:
    enabled(db)
    db.execute(INSERT, (1, VALUE))
    for denied in (apsw.SQLITE_FUNCTION, apsw.SQLITE_SELECT):
        deny(db, denied)
        with pytest.raises((apsw.Error, sqlite3.Error), match="not authorized"):
            db.execute(INSERT, (2, VALUE))
        deny(db, None)
    assert compressed(db) == [(1, 1, VALUE)]


# ---- Values and copies -------------------------------------------------------------------------------------


@line("store TEXT with a NUL character")
def early_nul(db: Any, _: Path) -> None:
    enabled(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, data TEXT)")
    db.execute(INSERT, (1, "a\0" + "b" * 1000))
    assert compressed(db) == [(1, 1, "a\0" + "b" * 1000)]


@line("declare the column INTEGER or REAL")
def numbers(db: Any, tmp_path: Path) -> None:
    for declared in ("INTEGER", "REAL"):
        create = f"CREATE TABLE t(id INTEGER PRIMARY KEY, data {declared})"
        db.execute(create)
        with pytest.raises(zb.OptionError, match=f"{declared} is for numbers"):
            zb.enable(db, "t", "data")
        db.execute("DROP TABLE t")
        path = tmp_path / f"{declared}.db"
        apsw.Connection(str(path)).execute(create)
        with pytest.raises(zb.OptionError, match=f"{declared} is for numbers"):
            zb.migrate(path, "t", "data")


@line("copy the table with its triggers")
def copied(db: Any, tmp_path: Path) -> None:
    enabled(db)
    db.execute("ATTACH ? AS other", (str(tmp_path / "other.db"),))
    for name, sql in rows(db, "SELECT name, sql FROM sqlite_master WHERE tbl_name = 't' AND sql IS NOT NULL"):
        db.execute(sql.replace(name, f"other.{name}", 1))
    db.execute("INSERT INTO other.t(id, data) VALUES (1, ?)", (VALUE,))
    assert compressed(db, "other.t") == [(1, 1, VALUE)]
    assert zb.status(db, schema="other")[0].problems == ("it is not recorded in zblob_columns",)
    zb.enable(db, "t", "data", schema="other")
    assert zb.status(db, schema="other")[0].problems == ()


@line("`VACUUM`, `VACUUM INTO`, backup")
def vacuumed(db: Any, tmp_path: Path) -> None:
    enabled(db)
    db.execute(INSERT, (1, VALUE))
    db.execute("VACUUM")
    db.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
    copy = type(db)(str(tmp_path / "copy.db"))
    assert [each.is_intact for each in zb.status(db)] == [True]
    db.execute(INSERT, (2, VALUE))
    assert compressed(db) == [(1, 1, VALUE), (2, 1, VALUE)]
    assert len(list(copy.execute("SELECT 1 FROM sqlite_master WHERE type = 'trigger'"))) == 2
    copy.close()


@line("write without the extension")
def without(db: Any, tmp_path: Path) -> None:
    enabled(db)
    db.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
    plain = sqlite3.connect(tmp_path / "copy.db")
    with pytest.raises(sqlite3.OperationalError, match=r"^no such function: sqlite_zblob_store$"):
        plain.execute(INSERT, (1, VALUE))
    assert plain.execute("SELECT count(*) FROM t").fetchone() == (0,)
    plain.close()
