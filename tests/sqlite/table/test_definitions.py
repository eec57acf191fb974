"""The virtual table: its definition, with an error for each argument that is wrong, and its constraints."""

from __future__ import annotations

from typing import Any

import pytest

from ...conftest import one
from .statements import RESULTS, Errors, error_code, rows

UNIQUE, PRIMARY_KEY, NOT_NULL, CHECK, FOREIGN_KEY = 2067, 1555, 1299, 275, 787

BAD_DEFINITIONS = [
    ("", "no columns"),
    ("level=5", "no columns"),
    ("a, level=0", 'option "level" must be from 1 to 9, not 0'),
    ("a, level=x", 'option "level" does not take x'),
    ("a, level=", 'argument "level" has no value'),
    ("a, min_size=-1", 'option "min_size" must be from 0'),
    ("a, min_size='big'", 'option "min_size" does not take big'),
    ("a, codec=jpeg", 'option "codec" must be auto'),
    ("a, adopt=2", 'argument "adopt" must be 0 or 1'),
    ("a, level=5, LEVEL=6", 'argument "level" is given twice'),
    ("a, dictionary=-1", 'argument "dictionary" must be auto, 0 for none, or the id'),
    ("a, speed=5", 'unknown argument "speed"'),
    ("a INTEGER COMPRESSED", 'column "a" is COMPRESSED, but its type is INTEGER'),
    ("a TIMESTAMP COMPRESSED", 'column "a" is COMPRESSED, but its type is TIMESTAMP'),
    ("a BLOB PRIMARY KEY COMPRESSED", 'column "a" is COMPRESSED and cannot be a key'),
    ("a BLOB COMPRESSED UNIQUE", 'column "a" is COMPRESSED and cannot be a key'),
    ("a TEXT COMPRESSED REFERENCES o(x)", 'column "a" is COMPRESSED and cannot be a key'),
    ("a TEXT COMPRESSED CHECK(length(a) > 2)", 'column "a" is COMPRESSED and cannot appear in a CHECK'),
    ('a INT CHECK(a < length("B")), b BLOB COMPRESSED', 'column "b" is COMPRESSED and cannot appear in a CHECK'),
    ("a, b BLOB COMPRESSED, UNIQUE(a, [b])", 'column "b" is COMPRESSED and cannot be part of a key'),
    ("a, b BLOB COMPRESSED, PRIMARY KEY(b)", 'column "b" is COMPRESSED and cannot be part of a key'),
    ("a, b BLOB COMPRESSED, FOREIGN KEY(b) REFERENCES o(x)", 'column "b" is COMPRESSED and cannot be part of a key'),
    ("a BLOB COMPRESSED DEFAULT x'5A2A4D18380000005A424C42'", "cannot have a frame as its DEFAULT"),
    ("a INT UNIQUE ON CONFLICT IGNORE", "ON CONFLICT IGNORE in a definition is not supported"),
    ("a, PRIMARY KEY(a) ON CONFLICT ROLLBACK", "ON CONFLICT ROLLBACK in a definition is not supported"),
    ("a, b AS (a + 1)", 'column "b" is GENERATED'),
    ("a, b INT GENERATED ALWAYS AS (a + 1) STORED", 'column "b" is GENERATED'),
    ("a, WITHOUT ROWID", "WITHOUT ROWID is not supported"),
    ("a, A", "duplicate column name: A"),
    ("a, PRIMARY KEY(a), b", 'column "b" stands behind a table constraint'),
    ("rowid, oid, _rowid_", "columns hide the rowid"),
    ("a, (b)", "is neither a column nor a setting"),
    ("a TEXT NONSENSE(1) 2", "syntax error"),
    ("a CHECK(no_such_column > 1)", "no such column: no_such_column"),
    ("a INT PRIMARY KEY, b INT PRIMARY KEY", "more than one primary key"),
]


@pytest.mark.parametrize(("definition", "message"), BAD_DEFINITIONS, ids=[pair[0] for pair in BAD_DEFINITIONS])
def test_a_bad_definition_is_refused_and_leaves_nothing(db: Any, definition: str, message: str) -> None:
    with pytest.raises(Errors, match=r".") as caught:
        db.execute(f"CREATE VIRTUAL TABLE t USING zblob({definition})")
    assert message in str(caught.value)
    assert rows(db, "SELECT * FROM sqlite_master") == []


def test_columns_types_and_collations_are_declared(db: Any) -> None:
    db.execute(
        """CREATE VIRTUAL TABLE t USING zblob(
            id INTEGER PRIMARY KEY, -- a comment, with a comma
            "odd ""name" VARCHAR(10, 2) NOT NULL COLLATE NOCASE,
            [data] BLOB /* here */ COMPRESSED DEFAULT x'00',
            untyped,
            CONSTRAINT both UNIQUE(id, untyped),
            CHECK(id > 0 AND untyped <> ')'),
            level = 9, min_size = 0, codec = 'zstd')"""
    )
    assert [row[1:4] for row in rows(db, "PRAGMA table_info(t)")] == [
        ("id", "INTEGER", 0),
        ('odd "name', "VARCHAR(10, 2)", 1),
        ("data", "BLOB", 0),
        ("untyped", "", 0),
    ]
    backing = rows(db, "PRAGMA table_info(t_rows)")
    assert [row[1:] for row in backing] == [
        ("id", "INTEGER", 0, None, 1),
        ('odd "name', "VARCHAR(10, 2)", 1, None, 0),
        ("untyped", "", 0, None, 0),
        ("data", "BLOB", 0, "x'00'", 0),  # last, so that a row's other columns are read without it
    ]
    db.execute("INSERT INTO t VALUES(1, 'Ab', zeroblob(1000), 3)")
    assert rows(db, 'SELECT id FROM t WHERE "odd ""name" = \'aB\'') == [(1,)]
    assert one(db, "SELECT zinfo(data) ->> 'codec' FROM t_rows") == "zstd"
    assert one(db, "SELECT zinfo(data) ->> 'level' FROM t_rows") == 9


@pytest.mark.parametrize(
    ("definition", "shown"),
    [
        ("id INTEGER PRIMARY KEY, d BLOB COMPRESSED", 1),
        ("id integer NOT NULL PRIMARY KEY ASC AUTOINCREMENT, d BLOB COMPRESSED", 1),
        ("id INTEGER COLLATE NOCASE CHECK (id > 0) CONSTRAINT k PRIMARY KEY, d BLOB COMPRESSED", 1),
        ("id INTEGER, d BLOB COMPRESSED, PRIMARY KEY (id DESC)", 1),
        ("id INTEGER PRIMARY KEY DESC, d BLOB COMPRESSED", 0),
        ("id INT PRIMARY KEY, d BLOB COMPRESSED", 0),
        ("id TEXT PRIMARY KEY, d BLOB COMPRESSED", 0),
        ("id INTEGER, other INTEGER, d BLOB COMPRESSED, PRIMARY KEY (id, other)", 0),
    ],
)
def test_table_info_shows_the_key_that_makes_no_index(db: Any, definition: str, shown: int) -> None:
    """Other keys would make SQLite believe in an index on a page of its own, and report it as corruption."""
    db.execute(f"CREATE VIRTUAL TABLE t USING zblob({definition})")
    db.execute("INSERT INTO t(id, d) VALUES (7, ?)", (b"abc" * 1000,))
    assert one(db, "SELECT pk FROM pragma_table_info('t') WHERE name = 'id'") == shown
    assert rows(db, "PRAGMA index_list(t)") == []
    assert one(db, "PRAGMA integrity_check") == "ok"
    assert one(db, "SELECT length(d) FROM t WHERE id = 7") == 3000


@pytest.mark.parametrize(
    ("definition", "insert", "code", "message"),
    [
        ("a INT UNIQUE, b", "VALUES(1, 2), (1, 3)", UNIQUE, "UNIQUE constraint failed: t.a"),
        ("a TEXT PRIMARY KEY, b", "VALUES('x', 2), ('x', 3)", PRIMARY_KEY, "UNIQUE constraint failed: t.a"),
        ("a INTEGER PRIMARY KEY, b", "VALUES(1, 2), (1, 3)", PRIMARY_KEY, "UNIQUE constraint failed: t.a"),
        ("a, b, PRIMARY KEY(a, b)", "VALUES(1, 2), (1, 2)", PRIMARY_KEY, "UNIQUE constraint failed: t.a, t.b"),
        ("a, b TEXT COLLATE NOCASE UNIQUE", "VALUES(1, 'x'), (1, 'X')", UNIQUE, "UNIQUE constraint failed: t.b"),
        ("a NOT NULL, b", "VALUES(1, 2), (NULL, 2)", NOT_NULL, "NOT NULL constraint failed: t.a"),
        ("a BLOB COMPRESSED NOT NULL, b", "VALUES(1, 2), (NULL, 2)", NOT_NULL, "NOT NULL constraint failed: t.a"),
        ("a CHECK(a < 5), b", "VALUES(1, 2), (9, 2)", CHECK, "CHECK constraint failed"),
        ("a, b, CONSTRAINT small CHECK(a < b)", "VALUES(1, 2), (9, 2)", CHECK, "CHECK constraint failed: small"),
    ],
)
def test_constraints(db: Any, definition: str, insert: str, code: int, message: str) -> None:
    db.execute(f"CREATE VIRTUAL TABLE t USING zblob({definition})")
    with pytest.raises(Errors) as caught:
        db.execute(f"INSERT INTO t {insert}")
    assert error_code(caught.value) == code
    assert message in str(caught.value)
    assert one(db, "SELECT count(*) FROM t") == 0  # the statement is undone as a whole
    with pytest.raises(Errors):
        db.execute(f"INSERT OR FAIL INTO t {insert}")
    assert one(db, "SELECT count(*) FROM t") == 1
    db.execute("DELETE FROM t")
    db.execute(f"INSERT OR IGNORE INTO t {insert}")
    assert one(db, "SELECT changes()") == 1
    assert one(db, "SELECT count(*) FROM t") == 1
    db.execute("BEGIN")
    with pytest.raises(Errors) as caught:
        db.execute(f"INSERT OR ROLLBACK INTO t {insert}")
    assert error_code(caught.value) == code
    assert not db.in_transaction


def test_replace_removes_what_is_in_the_way(db: Any) -> None:
    db.execute("CREATE VIRTUAL TABLE t USING zblob(a INT UNIQUE, b INT UNIQUE, c BLOB COMPRESSED)")
    db.execute("INSERT INTO t VALUES(1, 1, 'one'), (2, 2, 'two')")
    db.execute("INSERT OR REPLACE INTO t VALUES(1, 2, 'three')")
    assert one(db, "SELECT changes()") == 1
    assert rows(db, "SELECT * FROM t") == [(1, 2, "three")]
    db.execute("INSERT INTO t VALUES(5, 5, 'five')")
    db.execute("UPDATE OR REPLACE t SET a = 1 WHERE a = 5")
    assert rows(db, "SELECT * FROM t") == [(1, 5, "five")]


def test_a_constraint_of_the_definition_may_replace(db: Any) -> None:
    db.execute("CREATE VIRTUAL TABLE t USING zblob(a INT UNIQUE ON CONFLICT REPLACE, b)")
    db.execute("INSERT INTO t VALUES(1, 'old')")
    db.execute("INSERT INTO t VALUES(1, 'new')")
    assert rows(db, "SELECT * FROM t") == [(1, "new")]
    with pytest.raises(Errors):
        db.execute("INSERT OR FAIL INTO t VALUES(1, 'newer')")


def test_foreign_keys_of_the_table(db: Any) -> None:
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("CREATE TABLE parent(id INTEGER PRIMARY KEY)")
    db.execute("INSERT INTO parent VALUES(1), (2)")
    db.execute(
        "CREATE VIRTUAL TABLE t USING zblob(parent INT REFERENCES parent(id) ON DELETE CASCADE, data BLOB COMPRESSED)"
    )
    db.execute("INSERT INTO t VALUES(1, zeroblob(1000)), (2, 'two')")
    with pytest.raises(Errors) as caught:
        db.execute("INSERT INTO t VALUES(3, 'three')")
    assert error_code(caught.value) == FOREIGN_KEY
    with pytest.raises(Errors, match="FOREIGN KEY constraint failed"):  # it is not among those that IGNORE is about
        db.execute("INSERT OR IGNORE INTO t VALUES(3, 'three')")
    db.execute("DELETE FROM parent WHERE id = 1")
    assert rows(db, "SELECT * FROM t") == [(2, "two")]


def test_if_not_exists(db: Any) -> None:
    db.execute(RESULTS)
    db.execute("INSERT INTO results(operation_id, data, data_type) VALUES('a', 'b', 'c')")
    db.execute(RESULTS.replace("VIRTUAL TABLE", "VIRTUAL TABLE IF NOT EXISTS"))
    db.execute("CREATE TABLE IF NOT EXISTS results(operation_id TEXT PRIMARY KEY, data BLOB NOT NULL)")
    assert one(db, "SELECT count(*) FROM results") == 1


def test_a_table_in_the_way_of_the_rows(db: Any) -> None:
    db.execute("CREATE TABLE t_rows(x)")
    with pytest.raises(Errors, match=r'table "t_rows", which would hold the rows, exists already \(adopt=1'):
        db.execute("CREATE VIRTUAL TABLE t USING zblob(a)")
    with pytest.raises(Errors, match='"adopt": table "t_rows" has no column "a"'):
        db.execute("CREATE VIRTUAL TABLE t USING zblob(x, a, adopt=1)")


def test_adopting_an_ordinary_table_and_letting_it_go(db: Any) -> None:
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    db.execute("INSERT INTO t VALUES(1, zeroblob(1000)), (7, 'small')")
    db.execute("ALTER TABLE t RENAME TO t_rows")
    db.execute("CREATE VIRTUAL TABLE t USING zblob(id INTEGER PRIMARY KEY, data BLOB COMPRESSED, adopt=1)")
    db.execute("INSERT INTO t VALUES(9, zeroblob(2000))")
    expected = [(1, bytes(1000)), (7, "small"), (9, bytes(2000))]
    assert rows(db, "SELECT * FROM t") == expected
    db.execute("UPDATE t_rows SET data = zdecompress(data)")
    db.execute("ALTER TABLE t_rows RENAME TO t_kept")
    with pytest.raises(Errors, match='backing table "t_rows" does not exist'):
        db.execute("SELECT * FROM t")
    db.execute("DROP TABLE t")
    db.execute("ALTER TABLE t_kept RENAME TO t")
    assert rows(db, "SELECT * FROM t") == expected


def test_a_newer_backing_table_is_refused(db: Any) -> None:
    db.execute("CREATE TABLE t_rows(/* zblob 2 */ a)")
    db.execute("CREATE VIRTUAL TABLE t USING zblob(a, adopt=1)")
    for sql in ("SELECT * FROM t", "INSERT INTO t VALUES(1)", "DELETE FROM t"):
        with pytest.raises(Errors, match='table "t" was made by a newer version'):
            db.execute(sql)
    db.execute("DROP TABLE t")


def test_many_columns(db: Any) -> None:
    names = [f"c{i}" for i in range(150)]
    db.execute(f"CREATE VIRTUAL TABLE t USING zblob({', '.join(f'{name} BLOB COMPRESSED' for name in names)})")
    values = tuple(f"{i} ".encode() * 300 for i in range(150))
    db.execute(f"INSERT INTO t VALUES({', '.join('?' * 150)})", values)
    assert rows(db, "SELECT * FROM t") == [values]
    db.execute("UPDATE t SET c149 = 'x', c3 = NULL")
    assert rows(db, "SELECT c2, c3, c62, c63, c64, c149 FROM t") == [(values[2], None, *values[62:65], "x")]
