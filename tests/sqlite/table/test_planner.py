"""The virtual table: which of the backing table's indexes a query uses, and that it reads no more than it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import apsw
import pytest

from ...conftest import one, open_apsw
from .statements import RESULTS, plan, rows

ROW_COUNT = 300


def fill(db: Any) -> None:
    db.execute(RESULTS)
    db.execute("BEGIN")
    for i in range(ROW_COUNT):
        values = (
            f"op-{i * 7919 % 1000:03d}",
            bytes([i % 251]) * 3000,
            ["image", "float"][i % 2],
            f"2024-{i % 12 + 1:02d}-01",
            i,
        )
        db.execute("INSERT INTO results VALUES(?, ?, ?, ?, ?, NULL)", values)
    db.execute("COMMIT")
    db.execute("CREATE INDEX by_date ON results_rows(created_at)")
    db.execute("CREATE INDEX by_type ON results_rows(data_type, size_bytes DESC)")
    db.execute("CREATE INDEX by_text ON results_rows(metadata COLLATE NOCASE)")


@pytest.fixture
def filled(opener: Callable[..., Any]) -> Iterator[Any]:
    connection = opener()
    fill(connection)
    yield connection
    connection.close()


KEY, DATE, TYPE = "sqlite_autoindex_results_rows_1", "by_date", "by_type"

PLANS = [
    ("SELECT data FROM results WHERE operation_id = 'x'", f"SCAN results {KEY} (operation_id=?)"),
    ("SELECT data FROM results WHERE rowid = 5", "SCAN results rowid (rowid=?)"),
    (
        "SELECT 1 FROM results WHERE rowid > 5 AND rowid <= 9",
        "SCAN results rowid (rowid>? AND rowid<=?) ORDER BY rowid",
    ),
    ("SELECT data FROM results WHERE operation_id IN ('a', 'b')", f"SCAN results {KEY} (operation_id IN ?)"),
    (
        "SELECT 1 FROM results WHERE created_at >= 'a' AND created_at < 'b'",
        f"SCAN results {DATE} (created_at>=? AND created_at<?)",
    ),
    (
        "SELECT 1 FROM results WHERE created_at BETWEEN 'a' AND 'b'",
        f"SCAN results {DATE} (created_at>=? AND created_at<=?)",
    ),
    ("SELECT 1 FROM results WHERE operation_id GLOB 'op-00*'", f"SCAN results {KEY} (operation_id GLOB ?)"),
    ("SELECT 1 FROM results WHERE operation_id LIKE '12%'", f"SCAN results {KEY} (operation_id LIKE ?)"),
    (
        "SELECT 1 FROM results WHERE data_type = 'x' AND size_bytes > 9",
        f"SCAN results {TYPE} (data_type=? AND size_bytes>?)",
    ),
    ("SELECT data FROM results ORDER BY created_at LIMIT 5", f"SCAN results {DATE} ORDER BY created_at"),
    ("SELECT data FROM results ORDER BY created_at DESC LIMIT 5", f"SCAN results {DATE} ORDER BY created_at DESC"),
    ("SELECT 1 FROM results ORDER BY rowid DESC", "SCAN results scan ORDER BY rowid DESC"),
    (
        "SELECT 1 FROM results WHERE data_type = 'image' ORDER BY size_bytes DESC",
        f"SCAN results {TYPE} (data_type=?) ORDER BY size_bytes DESC",
    ),
    (
        "SELECT 1 FROM results ORDER BY data_type, size_bytes",
        "SCAN results scan ORDER BY rowid\nUSE TEMP B-TREE FOR ORDER BY",
    ),
    ("SELECT 1 FROM results ORDER BY metadata", "SCAN results scan ORDER BY rowid\nUSE TEMP B-TREE FOR ORDER BY"),
    ("SELECT 1 FROM results ORDER BY data", "SCAN results scan ORDER BY rowid\nUSE TEMP B-TREE FOR ORDER BY"),
    ("SELECT data_type, count(*) FROM results GROUP BY data_type", f"SCAN results {TYPE} ORDER BY data_type"),
    ("SELECT count(*), sum(size_bytes), avg(size_bytes) FROM results", "SCAN results scan ORDER BY rowid"),
    ("SELECT count(*) FROM results", "SCAN results scan"),
    ("SELECT 1 FROM results WHERE data = x'00'", "SCAN results scan ORDER BY rowid"),
    ("SELECT 1 FROM results WHERE metadata IS NULL", "SCAN results scan (metadata IS NULL) ORDER BY rowid"),
    ("UPDATE results SET size_bytes = 5 WHERE operation_id = 'x'", f"SCAN results {KEY} (operation_id=?)"),
    ("DELETE FROM results WHERE operation_id = 'x'", f"SCAN results {KEY} (operation_id=?)"),
    ("SELECT 1 FROM results WHERE operation_id = 'A' COLLATE NOCASE", "SCAN results scan ORDER BY rowid"),
]


@pytest.mark.parametrize(("sql", "expected"), PLANS, ids=[pair[0] for pair in PLANS])
def test_plans(sql: str, expected: str) -> None:
    db = open_apsw()
    fill(db)
    assert plan(db, sql) == expected
    db.close()


@pytest.mark.parametrize("sql", [pair[0] for pair in PLANS if pair[0].startswith("SELECT")])
def test_rows_are_those_of_the_backing_table(filled: Any, sql: str) -> None:
    expected = rows(
        filled, sql.replace("FROM results", "FROM results_rows").replace("SELECT data ", "SELECT zdecompress(data) ")
    )
    got = rows(filled, sql)
    assert got == expected if "ORDER BY" in sql else sorted(got) == sorted(expected)


def test_a_join_looks_up_its_keys(filled: Any) -> None:
    filled.execute("CREATE TABLE wanted(id TEXT, n INT)")
    filled.execute("INSERT INTO wanted VALUES('op-007', 1), ('op-000', 2), ('nobody', 3)")
    sql = "SELECT w.n, length(r.data) FROM wanted AS w LEFT JOIN results AS r ON r.operation_id = w.id"
    assert f"SCAN r {KEY} (operation_id=?)" in plan(filled, sql)
    found = dict(rows(filled, sql))
    assert found == {1: None, 2: 3000, 3: None} or found == {1: 3000, 2: 3000, 3: None}
    sql = "SELECT count(*) FROM wanted AS w, results AS r WHERE r.operation_id = w.id"
    assert f"SCAN r {KEY} (operation_id=?)" in plan(filled, sql)


def test_rows_come_in_rowid_order(filled: Any) -> None:
    filled.execute("DELETE FROM results WHERE rowid % 3 = 0")
    filled.execute(
        "INSERT INTO results(rowid, operation_id, data, data_type) VALUES(3, 'zz', 1, 'x'), (9, 'aa', 1, 'x')"
    )
    for columns in ("operation_id", "*", "operation_id, data", "data_type, rowid", "size_bytes"):
        got = rows(filled, f"SELECT {columns} FROM results")
        assert got == rows(filled, f"SELECT {columns} FROM results ORDER BY rowid"), columns


def test_limit_and_offset(filled: Any) -> None:
    everything = rows(filled, "SELECT operation_id FROM results ORDER BY created_at DESC, rowid")
    for limit, offset in ((0, 0), (5, 0), (5, 7), (1000, 290), (3, 1000)):
        sql = "SELECT operation_id FROM results ORDER BY created_at DESC, rowid LIMIT ? OFFSET ?"
        assert rows(filled, sql, limit, offset) == everything[offset : offset + limit]


def test_estimates_follow_the_size_and_analyze(filled: Any) -> None:
    filled.execute("CREATE TABLE small(id INTEGER PRIMARY KEY, type TEXT)")
    filled.execute("INSERT INTO small(type) SELECT 'image' FROM json_each('[1,2,3,4,5]')")
    sql = "SELECT count(*) FROM results AS r, small AS s WHERE s.id = r.size_bytes"
    assert plan(filled, sql).startswith("SCAN r")
    filled.execute("ANALYZE")
    sql = "SELECT 1 FROM results WHERE data_type = 'image' AND created_at = '2024-01-01'"
    assert "by_date" in plan(filled, sql)


def test_an_index_that_was_rolled_back_is_not_relied_on(db: Any) -> None:
    db.execute("CREATE VIRTUAL TABLE t USING zblob(n INT, m INT)")
    db.executemany("INSERT INTO t VALUES(?, 0)", [(i,) for i in range(30)])
    db.execute("BEGIN")
    db.execute("CREATE UNIQUE INDEX i ON t_rows(n)")
    assert "i (n=?)" in plan(db, "SELECT 1 FROM t WHERE n = 1")
    db.execute("ROLLBACK")
    db.execute("CREATE INDEX i ON t_rows(n)")  # the schema has the same version as above
    db.execute("INSERT INTO t VALUES(1, 0), (1, 0)")
    db.execute("UPDATE t SET m = 5 WHERE n = 1")
    assert one(db, "SELECT changes()") == 3
    assert rows(db, "SELECT m FROM t WHERE n = 1") == [(5,), (5,), (5,)]


# ---- Compressed columns are left alone


def break_frames(db: Any) -> None:
    """From now on whoever reads a value of `data` gets an error."""
    db.execute("UPDATE results_rows SET data = substr(data, 1, length(data) - 1)")


LEFT_ALONE = [
    "SELECT operation_id, size_bytes FROM results",
    "SELECT count(*), sum(size_bytes) FROM results",
    "SELECT operation_id FROM results WHERE data IS NOT NULL",
    "SELECT count(data) FROM results WHERE rowid < 0",
    "SELECT data FROM results ORDER BY created_at LIMIT 0",
    "SELECT data FROM results WHERE operation_id = 'nobody'",
    "SELECT data FROM results WHERE operation_id >= 'op' AND size_bytes % 7 = 8",
    "UPDATE results SET size_bytes = size_bytes + 1",
    "UPDATE results SET operation_id = 'new' || rowid WHERE size_bytes > 3",
    "UPDATE results SET rowid = rowid + 1000",
    "UPDATE OR REPLACE results SET operation_id = 'same' WHERE operation_id > 'op-5'",
    "DELETE FROM results WHERE size_bytes > 5",
]


@pytest.mark.parametrize("sql", LEFT_ALONE)
def test_a_statement_that_does_not_name_a_compressed_column_does_not_decode_it(filled: Any, sql: str) -> None:
    break_frames(filled)
    before = dict(rows(filled, "SELECT size_bytes, data FROM results_rows"))
    rows(filled, sql)
    filled.execute("UPDATE results SET size_bytes = size_bytes - 1" if sql == LEFT_ALONE[7] else "SELECT 1")
    after = dict(rows(filled, "SELECT size_bytes, data FROM results_rows"))
    assert all(before[number] == frame for number, frame in after.items())
    with pytest.raises(Exception, match="row "):
        rows(filled, "SELECT data FROM results")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sum(size_bytes) FROM results",
        "SELECT length(data) FROM results WHERE size_bytes % 50 = 60",
        "SELECT * FROM results WHERE metadata = 'x'",
        "UPDATE results SET size_bytes = size_bytes WHERE size_bytes < 0",
    ],
)
def test_pages_of_large_values_are_not_read(path: str, sql: str) -> None:
    """An ordinary table has to walk through the pages of `data` to get at `size_bytes` behind it."""
    db = open_apsw(path)
    db.execute("PRAGMA page_size = 1024")
    db.execute(RESULTS.replace("metadata TEXT", "metadata TEXT, codec=store"))
    for i in range(20):
        db.execute("INSERT INTO results VALUES(?, zeroblob(200000), 'b', NULL, ?, 'm')", (f"k{i}", i))
    db.execute("CREATE TABLE ordinary AS SELECT * FROM results")
    db.close()
    db = open_apsw(path)
    pages = {}
    for table in ("results", "ordinary"):
        assert one(db, f"SELECT count(*) FROM {table}") == 20
        db.status(apsw.SQLITE_DBSTATUS_CACHE_MISS, True)
        rows(db, sql.replace("results", table))
        pages[table] = db.status(apsw.SQLITE_DBSTATUS_CACHE_MISS)[0]
    assert pages["results"] < 100 < 2000 < pages["ordinary"]
    db.close()


# ---- Conversions before comparisons


@pytest.mark.parametrize("column", ["t", "b", "n"])
@pytest.mark.parametrize("operator", ["=", "<", "<=", ">", ">=", "IS", "IN"])
def test_operands_are_converted_as_for_an_ordinary_table(db: Any, column: str, operator: str) -> None:
    definition = "t TEXT UNIQUE, b BLOB UNIQUE, n NUMERIC UNIQUE"
    values = ["5", "05", " 5", "5.0", 5, 7.5, "abc", "", b"5", b"", -3, "-3", "+3", "9", ":", "é"]
    db.execute(f"CREATE VIRTUAL TABLE v USING zblob({definition})")
    db.execute(f"CREATE TABLE o({definition})")
    db.execute("CREATE TABLE other(t TEXT, b BLOB, n INT, x)")
    for value in values:
        for table in ("v", "o"):
            db.execute(f"INSERT OR IGNORE INTO {table} VALUES(?, ?, ?)", (value,) * 3)
        if not isinstance(value, str) or value.strip("+- .0123456789") == "" != value:
            db.execute("INSERT INTO other VALUES(?, ?, ?, ?)", (value,) * 4)
    for right in "tbnx":
        if operator == "IN":
            condition = f"{column} IN (SELECT {right} FROM other)"
            sql = f"SELECT rowid FROM TABLE WHERE {condition} ORDER BY rowid"
        else:
            condition = f"TABLE.{column} {operator} other.{right}"
            sql = f"SELECT TABLE.rowid, other.rowid FROM other JOIN TABLE ON {condition} ORDER BY 1, 2"
        assert rows(db, sql.replace("TABLE", "v")) == rows(db, sql.replace("TABLE", "o")), sql
    for value in values:
        right = "(?, ?)" if operator == "IN" else "?"
        sql = f"SELECT rowid FROM TABLE WHERE {column} {operator} {right} ORDER BY rowid"
        bindings = (value, "abc") if operator == "IN" else (value,)
        assert rows(db, sql.replace("TABLE", "v"), *bindings) == rows(db, sql.replace("TABLE", "o"), *bindings), (
            sql,
            value,
        )


@pytest.mark.parametrize("collation", ["BINARY", "NOCASE", "RTRIM"])
def test_patterns(db: Any, collation: str) -> None:
    texts = [
        "abc",
        "ABC",
        "abd",
        "Abz",
        "ab",
        "a",
        "b",
        "",
        "2024-01",
        "2024-02",
        "é",
        "ébc",
        "@x",
        "Ax",
        "`x",
        "z~",
        "zz",
        "~",
    ]
    for kind in ("VIRTUAL TABLE v USING zblob", "TABLE o"):
        db.execute(f"CREATE {kind}(x TEXT COLLATE {collation})")
    for value in [*texts, b"abc", b"2024-01", None, 5]:
        for table in ("v", "o"):
            db.execute(f"INSERT INTO {table} VALUES(?)", (value,))
    db.execute(f"CREATE INDEX i ON v_rows(x COLLATE {collation})")
    for pattern in [
        "ab%",
        "AB%",
        "abc",
        "%c",
        "2024-%",
        "2024-01",
        "@%",
        "z%",
        "~%",
        "é%",
        "_b%",
        "",
        "%",
        5,
        None,
        b"ab%",
    ]:
        for operator in ("LIKE", "GLOB"):
            given = (
                pattern.replace("%", "*").replace("_", "?")
                if operator == "GLOB" and isinstance(pattern, str)
                else pattern
            )
            sql = f"SELECT quote(x) FROM TABLE WHERE x {operator} ? ORDER BY 1"
            assert rows(db, sql.replace("TABLE", "v"), given) == rows(db, sql.replace("TABLE", "o"), given), (
                operator,
                given,
            )
