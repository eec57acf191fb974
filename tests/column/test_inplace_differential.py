"""Random statements do to a compressed table what they do to a plain one, whatever triggers its owner makes.

ZBLOB_DIFFERENTIAL_TABLES=2000 makes a long run of it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb

from ..conftest import open_apsw

TABLES = int(os.environ.get("ZBLOB_DIFFERENTIAL_TABLES", "60"))
STATEMENTS = 60

SCHEMAS = [
    "CREATE TABLE t(id INTEGER PRIMARY KEY, k TEXT UNIQUE, v BLOB, w BLOB, n INT DEFAULT 0)",
    "CREATE TABLE t(id TEXT PRIMARY KEY, k TEXT, v BLOB, w BLOB, n INT DEFAULT 0) WITHOUT ROWID",
    "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, k TEXT UNIQUE ON CONFLICT REPLACE, v, w, n INT DEFAULT 0)",
    "CREATE TABLE t(id, k TEXT, v BLOB, w TEXT, n INT DEFAULT 0, g AS (n * 2) VIRTUAL, PRIMARY KEY(id, k))",
    "CREATE TABLE t(id INTEGER PRIMARY KEY, k TEXT UNIQUE ON CONFLICT IGNORE, v BLOB, w BLOB, n INT DEFAULT 0)",
]

# Triggers that fire on an UPDATE do the same when they fire once more (docs/in-place.md).
TRIGGERS = [
    "AFTER INSERT ON t BEGIN UPDATE t SET n = n + 1 WHERE id = new.id; END",
    "AFTER INSERT ON t WHEN new.n > 5 BEGIN UPDATE t SET v = NULL WHERE id = new.id; END",
    "AFTER INSERT ON t WHEN new.k LIKE '%3' BEGIN DELETE FROM t WHERE id = new.id; END",
    "BEFORE INSERT ON t WHEN new.k LIKE '%4' BEGIN DELETE FROM t WHERE k = new.k; END",
    "AFTER UPDATE OF k ON t BEGIN UPDATE t SET w = new.v WHERE id = new.id; END",
    "AFTER INSERT ON t WHEN new.n = 8 BEGIN UPDATE t SET id = new.id + 1000 WHERE id = new.id; "
    "INSERT OR IGNORE INTO t(id, k, v) VALUES (new.id, 'again', 'again'); END",
    "AFTER INSERT ON t WHEN new.n = 9 BEGIN SELECT raise(FAIL, 'no nine'); END",
    "BEFORE UPDATE OF v ON t WHEN old.n = 4 BEGIN SELECT raise(IGNORE); END",
]

OTHERS = [
    *("SAVEPOINT s", "RELEASE s", "ROLLBACK TO s", "BEGIN", "COMMIT", "ROLLBACK"),
    *("PRAGMA recursive_triggers = ON", "PRAGMA legacy_alter_table = ON", "PRAGMA legacy_alter_table = OFF"),
    *("ALTER TABLE t RENAME TO u", "ALTER TABLE u RENAME TO t"),
    *("ALTER TABLE t RENAME COLUMN w TO x", "ALTER TABLE t RENAME COLUMN x TO w"),
    *("ALTER TABLE t ADD COLUMN z BLOB DEFAULT x'01'", "ANALYZE", "REINDEX", "DROP TRIGGER IF EXISTS later"),
]


def value(rng: random.Random) -> Any:
    size = rng.choice([0, 1, 10, 600, 600, 3000, 20_000])
    return rng.choice(
        [
            *(None, rng.randrange(99), rng.random(), rng.randbytes(min(size, 900))),
            *(f"text {rng.randrange(9)} " * (size // 7 + 1), f"a\0b{rng.randrange(9)}" * (size // 4 + 1)),
            *(b"blob %d " % rng.randrange(9) * (size // 7 + 1), zb.compress(b"frame %d" % rng.randrange(9) * 200)),
        ]
    )


def statement(rng: random.Random) -> tuple[str, tuple[Any, ...]]:
    key, other, number, k = rng.randrange(1, 12), rng.randrange(1, 12), rng.randrange(10), f"k{rng.randrange(6)}"
    either = rng.choice(["", "OR REPLACE ", "OR IGNORE ", "OR FAIL ", "OR ROLLBACK ", "OR ABORT "])
    row = (rng.choice([key, None]), k, value(rng), value(rng), number)
    choices: list[tuple[str, tuple[Any, ...]]] = [
        *[(f"INSERT {either}INTO t(id, k, v, w, n) VALUES (?, ?, ?, ?, ?)", row)] * 4,
        (f"UPDATE {either}t SET v = ? WHERE id = ?", (value(rng), key)),
        (f"UPDATE {either}t SET k = ?, w = v WHERE n < ?", (k, number)),
        ("UPDATE t SET v = w, w = v WHERE id < ?", (key,)),
        (f"UPDATE {either}t SET id = ? WHERE id = ?", (key, other)),
        ("DELETE FROM t WHERE id = ?", (key,)),
        (
            "INSERT INTO t(id, k, v) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET v = excluded.v, n = n + 1",
            (key, k, value(rng)),
        ),
        ("REPLACE INTO t(id, k, v, w, n) SELECT id + 1, k, w, v, n FROM t WHERE id < ?", (key,)),
        ("INSERT INTO t(id, k, v) SELECT NULL, k || ?, v FROM t LIMIT 2", (str(number),)),
        ("UPDATE t SET v = ?, k = ?, n = ? WHERE id = ? RETURNING id, k, n", (value(rng), k, number, key)),
        ("UPDATE t SET v = (SELECT w FROM t WHERE id = ?) WHERE id = ?", (other, key)),
        (f"CREATE TRIGGER later {rng.choice(TRIGGERS)}", ()),
        *[(rng.choice(OTHERS), ())] * 3,
    ]
    return rng.choice(choices)


def outcome(db: apsw.Connection, sql: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    try:
        rows = db.execute(sql, values).fetchall()
    except apsw.Error as error:
        return type(error), str(error), db.in_transaction
    return rows, db.changes() if sql[:6] in ("INSERT", "UPDATE", "DELETE", "REPLAC") else 0, db.in_transaction


def contents(db: apsw.Connection) -> dict[str, list[str]]:
    """Everything in t or u, decompressed."""
    tables: dict[str, list[str]] = {}
    for name in ("t", "u"):
        columns = [row[1] for row in db.execute(f"PRAGMA table_xinfo({name})")]
        if not columns:
            continue
        shown = ", ".join(f"zdecompress({column}), typeof(zdecompress({column}))" for column in columns)
        tables[name] = sorted(map(repr, db.execute(f"SELECT {shown} FROM {name}").fetchall()))
    return tables


def switch(db: apsw.Connection, rng: random.Random, column: str) -> None:
    """Something that must change no value."""
    actions: list[Callable[..., Any]] = [zb.enable, zb.disable, lambda db, *_: zb.status(db)]
    try:
        rng.choice(actions)(db, "t", column)
    except zb.ZblobError:  # refused, for instance in a transaction or because of a trigger
        return


@pytest.mark.filterwarnings("ignore::sqlite_zblob.ZblobWarning")
@pytest.mark.parametrize("part", range(4))
def test_random_statements_do_the_same(part: int) -> None:
    compared = 0
    for seed in range(part, TABLES, 4):
        rng = random.Random(seed)
        plain, ours = open_apsw(), open_apsw()
        script = [rng.choice(SCHEMAS)]
        script += [f"CREATE TRIGGER before{n} {rng.choice(TRIGGERS)}" for n in range(rng.randrange(3))]
        for db in (plain, ours):
            for sql in script:
                db.execute(sql)
        columns = rng.choice([["v"], ["v", "w"], ["w"]])
        for column in columns:
            try:
                zb.enable(ours, "t", column, min_size=rng.choice([0, 100, 512]), level=1)
            except zb.OptionError as error:
                script.append(str(error))
        for _ in range(STATEMENTS):
            if rng.random() < 0.04:
                switch(ours, rng, columns[0])
            sql, values = statement(rng)
            script.append(f"{sql} {str(values)[:200]}")
            assert outcome(plain, sql, values) == outcome(ours, sql, values), "\n".join(script)
            assert contents(plain) == contents(ours), "\n".join(script)
            compared += 1
        plain.close()
        ours.close()
    assert compared == STATEMENTS * len(range(part, TABLES, 4))
