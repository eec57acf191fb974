"""Small stores with every kind of value, and what must be true of them at any moment of a migration."""

from __future__ import annotations

import pickle
import random
import re
from dataclasses import dataclass
from typing import Any

import apsw

import sqlite_zblob as zb

from ..conftest import one, open_apsw

TABLES = {
    "rowid": "CREATE TABLE store(id TEXT PRIMARY KEY, data, n INTEGER DEFAULT 7, note TEXT)",
    "alias": "CREATE TABLE store(id INTEGER PRIMARY KEY, data, n INTEGER DEFAULT 7, note TEXT)",
    "composite": """CREATE TABLE store(id TEXT COLLATE NOCASE, n INTEGER, data, note TEXT,
        PRIMARY KEY (n DESC, id)) WITHOUT ROWID""",
}

# Values that look like frames: one with a sound header and too little behind it, one with a damaged header.
CUT = zb.compress(b"looks like a frame " * 100, codec="zstd")[:-1]
BROKEN = CUT[:30] + bytes(900)

Value = tuple[str, bytes | int | float | None]  # type and, for TEXT, its bytes


@dataclass(frozen=True)
class Setup:
    """One kind of store, and how it is migrated."""

    mode: str = "in-place"
    envelope: str = "frame"
    journal: str = "wal"
    page_size: int = 4096
    auto_vacuum: int = 0
    vacuum: str = "none"
    table: str = "rowid"
    encoding: str = "UTF-8"

    def __str__(self) -> str:
        return "-".join(str(value) for value in vars(self).values())

    def options(self) -> dict[str, Any]:
        """Of migrate: batches of a few values."""
        made = {"mode": self.mode, "envelope": self.envelope, "vacuum": self.vacuum, "level": 1}
        return made | {"batch_size": 1 << 17, "force": self.mode == "table"}  # its table has a named index


SETUPS = [
    Setup(),
    Setup(journal="delete", page_size=512, auto_vacuum=1),
    Setup(mode="table"),
    Setup(mode="table", journal="delete", page_size=1024),
    Setup(envelope="pickle", page_size=65536, vacuum="full"),
    Setup(envelope="pickle", journal="delete", table="alias"),
    Setup(table="composite", page_size=8192, auto_vacuum=2, vacuum="incremental"),
    Setup(mode="table", page_size=512, auto_vacuum=1, vacuum="full"),
    Setup(journal="delete", encoding="UTF-16be", table="composite"),
    Setup(mode="table", journal="delete", auto_vacuum=2, vacuum="incremental", encoding="UTF-16le"),
]


def make_values(setup: Setup, count: int, rng: random.Random) -> list[Value]:
    """Sizes and kinds mixed; a frame among them only where the mode takes it for what it is."""
    made: list[Value] = [
        ("null", None),
        ("integer", 1 << 40),
        ("real", 2.5),
        ("blob", b""),
        ("blob", b"\0" * 511),
        ("blob", rng.randbytes(5000)),
        ("text", ("zero \0 and more " * 300).encode(_codec(setup))),
        ("text", ("\ufeffmark " * 300).encode(_codec(setup))),
    ]
    if setup.encoding == "UTF-8":
        made.append(("text", b"not \xff\xfe valid " * 100))
    if setup.mode == "in-place":
        made += [("blob", CUT), ("blob", BROKEN)]
        made.append(("blob", zb.compress(b"compressed by hand " * 100)))
        made.append(("blob", zb.compress(zb.compress(b"twice " * 500))))
    while len(made) < count:
        size = rng.choice([300, 3000, 30_000, 120_000])
        body = b"%d and the like " % len(made) * (size // 30) + rng.randbytes(size // 4).hex().encode()
        kind = rng.random()
        if kind < 0.4:
            made.append(("blob", pickle.dumps(body)))
        elif kind < 0.7:
            made.append(("blob", body))
        else:
            made.append(("text", body.decode().encode(_codec(setup))))
    rng.shuffle(made)
    return made


def damaged_count(values: list[Value]) -> int:
    """How many values are damaged frames, which migrate reports and leaves as they are."""
    return sum(("blob", value) in values for value in (CUT, BROKEN))


def _codec(setup: Setup) -> str:
    return setup.encoding.replace("UTF-16", "UTF-16-").lower()


def build(path: str, setup: Setup, values: list[Value]) -> None:
    db = apsw.Connection(path)
    db.execute(f"PRAGMA encoding = '{setup.encoding}'")
    db.execute(f"PRAGMA page_size = {setup.page_size}")
    db.execute(f"PRAGMA auto_vacuum = {setup.auto_vacuum}")
    db.execute(f"PRAGMA journal_mode = {setup.journal}")
    db.execute(TABLES[setup.table])
    db.execute("CREATE INDEX by_note ON store(note)")
    db.execute("CREATE TABLE other(a, b); CREATE VIEW sizes AS SELECT id, length(data) AS size FROM store")
    with db:
        for number, (kind, value) in enumerate(values):
            new = "CAST(? AS TEXT)" if kind == "text" else "?"
            key = number if setup.table == "alias" else f"key {number}"
            db.execute(f"INSERT INTO store(id, n, data, note) VALUES (?, ?, {new}, 'x')", (key, number, value))
    db.close()


def schema_of(db: apsw.Connection) -> list[tuple[str, str, str]]:
    """All of it, but for the quotes around the table's name."""
    rows = db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")
    return [(kind, name, re.sub(r'"store"', "store", sql or "")) for kind, name, sql in rows]


def stored(db: apsw.Connection) -> dict[int, Value]:
    """What the table gives, by number."""
    rows = db.execute("SELECT n, typeof(data), iif(typeof(data) = 'text', CAST(data AS BLOB), data) FROM store")
    return {number: (kind, value) for number, kind, value in rows}


def check_readable(db: apsw.Connection, setup: Setup, values: list[Value]) -> None:
    """Every reader gets what was stored."""
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    if setup.mode == "table":
        assert stored(db) == dict(enumerate(values))
        return
    rows = db.execute(
        """SELECT n, typeof(v), iif(typeof(v) = 'text', CAST(v AS BLOB), v) FROM (
            SELECT n, iif(zverify(data) = 'ok', zdecompress(data), data) AS v FROM store)"""
    )
    found = {number: (kind, value) for number, kind, value in rows}
    assert set(found) == set(range(len(values)))
    for number, value in enumerate(values):
        assert found[number] == _as_read(value), f"row {number}"


def _as_read(value: Value) -> Value:
    """A frame that was there before is one to the readers of an enabled column."""
    kind, stored_value = value
    if kind == "blob" and isinstance(stored_value, bytes) and zb.is_frame(stored_value) and stored_value != CUT:
        return kind, bytes(zb.decompress(stored_value))  # type: ignore[arg-type]
    return value


def check_original(db: apsw.Connection, values: list[Value], schema: list[tuple[str, str, str]]) -> None:
    """As if nothing had ever happened."""
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert stored(db) == dict(enumerate(values))
    assert schema_of(db) == schema


def count_frames(db: apsw.Connection, setup: Setup) -> int:
    rows = "store_rows" if setup.mode == "table" else "store"
    return int(one(db, f"SELECT sum(zis_frame(data)) FROM {rows}") or 0)


def open_store(path: str) -> apsw.Connection:
    db = open_apsw(path)
    db.set_busy_timeout(60_000)
    return db
