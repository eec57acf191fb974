"""The virtual table gives back all memory, and bears that there is none; and any text as its definition."""

from __future__ import annotations

import random
from typing import Any

import apsw
import pytest

from ...conftest import one, open_apsw
from .statements import rows

CREATE = """CREATE VIRTUAL TABLE t USING zblob(id INTEGER PRIMARY KEY, k TEXT UNIQUE COLLATE NOCASE,
    data BLOB COMPRESSED DEFAULT x'00', n INT CHECK(n < 100), UNIQUE(k, n),
    dtype_from='iif(NEW.k, ''x'', ''uint8'')', shape_from='zlength(NEW.data)')"""


TEXT = """
dtype_from shape_from iif(a,b,1)
a b data rowid min_size codec = 5 0 -1 'x' "q" [b] `t` ( ) ( ) ( ) , . ; ' " [ ` - -- /* */ x'00' x' é INTEGER TEXT
level BLOB COMPRESSED PRIMARY KEY UNIQUE NOT NULL CHECK DEFAULT COLLATE NOCASE CONSTRAINT REFERENCES FOREIGN ON CONFLICT
REPLACE
DESC WITHOUT ROWID AS GENERATED
"""
WORDS = TEXT.split()


def work(db: apsw.Connection) -> None:
    db.execute(CREATE)
    for i in range(20):
        db.execute("INSERT OR REPLACE INTO t(k, data, n) VALUES(?, ?, ?)", (f"k{i % 15}", b"value " * 200 * i, i))
    for sql in (
        "SELECT * FROM t WHERE k IN ('k1', 'K2', 'x') ORDER BY n",
        "SELECT a.k, b.data FROM t AS a JOIN t AS b ON a.k = b.k WHERE a.n BETWEEN 3 AND 17",
        "SELECT count(*) FROM t WHERE k GLOB 'k*' AND k = 5",
        "UPDATE t SET n = n + 1 WHERE k LIKE 'k1%'",
        "UPDATE t SET data = k WHERE id IN (3, 4)",
        "CREATE INDEX i ON t_rows(n DESC)",
        "SELECT data FROM t ORDER BY n DESC LIMIT 3",
        "DELETE FROM t WHERE n > 12",
        "ALTER TABLE t RENAME TO u",
    ):
        db.execute(sql).fetchall()
    for sql in ("INSERT INTO u(id) VALUES('x')", "INSERT INTO u(id, n) VALUES(99, 500)", "SELECT no FROM u"):
        with pytest.raises(apsw.Error):
            db.execute(sql)
    rows(db, "PRAGMA integrity_check")
    db.execute("DROP TABLE u")


def test_all_memory_comes_back() -> None:
    used = []
    for _ in range(4):
        db = open_apsw()
        work(db)
        for definition in (
            "a, a",
            "a, level=0",
            "a INT COMPRESSED",
            "a, b BLOB COMPRESSED, UNIQUE(b)",
            "",
            "a, level=",
            "a, dtype_from=a",
            "a, dtype_from=nothing, shape_from=a",
            "a, dtype_from=random(), shape_from=a",
        ):
            with pytest.raises(apsw.Error):
                db.execute(f"CREATE VIRTUAL TABLE bad USING zblob({definition})")
        db.close()
        used.append(apsw.memory_used())
    assert used[1] == used[-1]


def test_running_out_of_memory_anywhere_leaves_a_sound_database() -> None:
    db = open_apsw()
    work(db)  # what SQLite allocates once
    failures, size, step = 0, 0, 1024
    try:
        while size < 3_000_000:
            db.execute("ROLLBACK" if db.in_transaction else "SELECT 1")
            db.execute("DROP TABLE IF EXISTS t; DROP TABLE IF EXISTS u")
            db.release_memory()
            apsw.hard_heap_limit(apsw.memory_used() + size)
            try:
                work(db)
                break
            except (MemoryError, AssertionError, apsw.Error) as error:
                assert isinstance(error, MemoryError | apsw.NoMemError) or "memory" in str(error), error
                failures += 1
            finally:
                apsw.hard_heap_limit(0)
            assert one(db, "PRAGMA integrity_check") == "ok"
            size += step
    finally:
        apsw.hard_heap_limit(0)
    assert failures > 20
    db.close()


def test_any_text_is_refused_or_makes_a_table() -> None:
    rng = random.Random(1)
    db = open_apsw()
    made = 0
    for _ in range(6000):
        text = rng.choice(["", "a ", "a INT, b BLOB COMPRESSED "]) + " ".join(rng.choices(WORDS, k=rng.randrange(1, 9)))
        try:
            db.execute(f"CREATE VIRTUAL TABLE t USING zblob({text})")
        except (apsw.Error, ValueError):
            continue
        finally:
            tables = rows(db, "SELECT name FROM sqlite_master WHERE type = 'table'")
            if tables == [("t",), ("t_rows",)]:
                made += 1
                work_on_anything(db)
                db.execute("DROP TABLE t")
            assert rows(db, "SELECT name FROM sqlite_master WHERE name <> 'sqlite_sequence'") == [], text
    assert made > 200
    db.close()


def work_on_anything(db: Any) -> None:
    try:
        db.execute("INSERT INTO t DEFAULT VALUES")
    except apsw.Error:  # NOT NULL, a foreign key to nowhere
        return
    rows(db, "SELECT * FROM t")
