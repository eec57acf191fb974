"""Random statements on a column compressed in place and on a plain twin: same rows, errors, changes() and keys."""

from __future__ import annotations

import pickle
from typing import Any

import apsw
from hypothesis import given
from hypothesis import strategies as st

import sqlite_zblob as zb

from ..conftest import examples, open_apsw

SCHEMAS = {
    "rowid": "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT UNIQUE, data {not_null}, n INT CHECK (n < 90))",
    "text key": "CREATE TABLE t(id TEXT PRIMARY KEY, name TEXT UNIQUE, data {not_null}, n INT CHECK (n < 90))",
    "without rowid": "CREATE TABLE t(n INT CHECK (n < 90), data {not_null}, name TEXT UNIQUE, id TEXT COLLATE NOCASE,"
    " PRIMARY KEY (id)) WITHOUT ROWID",
}

VALUES = st.one_of(
    st.none(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.text("äx", min_size=500, max_size=900),
    st.binary(max_size=100),
    st.builds(lambda seed, size: bytes([seed, seed, 0]) * size, st.integers(0, 255), st.integers(100, 4000)),
    st.builds(lambda seed, size: pickle.dumps([seed] * size), st.integers(0, 255), st.integers(1, 3000)),
)
KEYS = st.integers(1, 6)
NAMES = st.sampled_from([None, "a", "b", "c", "D", "d"])
NUMBERS = st.integers(0, 99)

INSERT = "INSERT OR {conflict} INTO t(id, name, data, n) VALUES (?1, ?2, ?3, ?4) RETURNING id, name, n"
STATEMENTS = [
    INSERT,
    INSERT,
    "INSERT INTO t(id, name, data, n) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT(id) DO UPDATE SET data = excluded.data, n = n + 1",
    "INSERT INTO t(id, name, data, n) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    "INSERT INTO t(id, data) SELECT id + 1, ?3 FROM t WHERE ?1 = ?1 AND ?2 IS ?2 AND ?4 = ?4",
    "UPDATE OR {conflict} t SET data = ?3, name = ?2, n = ?4 WHERE id = ?1",
    "UPDATE OR {conflict} t SET id = ?4 % 7, data = ?3 WHERE id <= ?1 AND ?2 IS ?2 RETURNING n",
    "UPDATE t SET data = ?3 WHERE n > ?4 AND ?1 = ?1 AND ?2 IS ?2",
    "UPDATE t SET n = ?4 WHERE id = ?1 AND ?2 IS ?2 AND ?3 IS ?3",
    "DELETE FROM t WHERE id = ?1 AND ?2 IS ?2 AND ?3 IS ?3 AND ?4 = ?4",
]
CONFLICTS = st.sampled_from(["ABORT", "FAIL", "IGNORE", "REPLACE", "ROLLBACK"])
CONTROL = ["SAVEPOINT a", "ROLLBACK TO a", "RELEASE a", "BEGIN", "COMMIT", "ROLLBACK"]

STEPS = st.one_of(
    st.tuples(st.sampled_from(STATEMENTS), CONFLICTS, KEYS, NAMES, VALUES, NUMBERS),
    st.sampled_from(CONTROL),
)


def outcome(db: apsw.Connection, step: Any) -> Any:
    """What a program notices of one statement."""
    try:
        if isinstance(step, str):
            found = db.execute(step).fetchall()
        else:
            sql, conflict, *bindings = step
            found = db.execute(sql.format(conflict=conflict), bindings).fetchall()
    except apsw.Error as error:
        return type(error), str(error), db.in_transaction
    return found, db.changes(), db.last_insert_rowid(), db.in_transaction


def contents(db: apsw.Connection, value: str) -> list[Any]:
    return db.execute(f"SELECT id, name, {value}, typeof({value}), n FROM t ORDER BY id, name").fetchall()


@examples(150)
@given(
    st.sampled_from(sorted(SCHEMAS)),
    st.sampled_from(["frame", "pickle"]),
    st.booleans(),
    st.booleans(),
    st.lists(STEPS, max_size=25),
)
def test_twins_agree(schema: str, envelope: zb.Envelope, recursive: bool, not_null: bool, steps: list[Any]) -> None:
    plain, enabled = open_apsw(), open_apsw()
    for db in (plain, enabled):
        db.execute(f"PRAGMA recursive_triggers = {int(recursive)}")
        db.execute(SCHEMAS[schema].format(not_null="BLOB NOT NULL" if not_null else "BLOB"))
    zb.enable(enabled, "t", "data", envelope=envelope, level=1, min_size=300)
    for db in (plain, enabled):  # both begin with the same changes() and last_insert_rowid()
        db.execute("CREATE TABLE other(x); INSERT INTO other VALUES (1)")
    for step in steps:
        assert outcome(enabled, step) == outcome(plain, step)
        assert contents(enabled, "zdecompress(data)") == contents(plain, "data")
    for value, decompressed in enabled.execute("SELECT data, zdecompress(data) FROM t"):
        if isinstance(decompressed, str):
            assert zb.is_frame(value) if envelope == "frame" and len(decompressed) >= 300 else value == decompressed
        elif isinstance(decompressed, bytes):
            is_pickle = decompressed.startswith((b"\x80\x04", b"\x80\x05")) and decompressed.endswith(b".")
            has_bytes = any(decompressed)  # zeros alone may be a zeroblob that a program will write over
            wanted = len(decompressed) >= 300 and (is_pickle if envelope == "pickle" else has_bytes)
            assert zb.is_frame(value) == wanted
    assert enabled.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    plain.close()
    enabled.close()
