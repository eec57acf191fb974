"""A writer and a reader go on while a store is migrated and restored: no wrong byte, no lost row, no stale one."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb

from .store import Setup, open_store

SETUPS = [
    Setup(),
    Setup(journal="delete"),
    Setup(mode="table"),
    Setup(mode="table", journal="delete"),
]

ROWS = 150

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_zblob.errors.ZblobWarning")


def make_value(key: str, version: int, rng: random.Random) -> bytes:
    """Says from its first bytes what the rest must be; some do not compress."""
    size = rng.choice([100, 3000, 40_000, 200_000])
    body = f"{key}/{version};".encode() * (size // 10)
    return len(body).to_bytes(4, "little") + body + random.Random(f"{key}/{version}").randbytes(size // 4)


def check_value(key: str, value: bytes) -> int:
    """Its version."""
    size = int.from_bytes(value[:4], "little")
    body = value[4 : 4 + size]
    if not body:
        return 0
    name, version = body[: body.index(b";")].decode().split("/")
    assert name == key, f"the value of {name} in row {key}"
    assert body == f"{key}/{version};".encode() * (size // len(f"{key}/{version};")), "a wrong byte"
    assert value[4 + size :] == random.Random(f"{key}/{version}").randbytes(len(value) - 4 - size), "a wrong byte"
    return int(version)


class Client(threading.Thread):
    """One connection, in a thread of its own, until it is told to stop."""

    def __init__(self, path: str, setup: Setup, stop: threading.Event) -> None:
        super().__init__()
        self.path, self.setup, self.stop = path, setup, stop
        self.rng, self.count = random.Random(5), 0
        self.error: BaseException | None = None

    def run(self) -> None:
        db = open_store(self.path)  # not with the sqlite3 module: one library a process
        try:
            while not self.stop.is_set():
                self.step(db)
                self.count += 1
                time.sleep(0.001)
        except BaseException as error:
            self.error = error
        finally:
            db.close()

    def step(self, db: apsw.Connection) -> None:
        raise NotImplementedError


class Writer(Client):
    versions: dict[str, int]
    values: dict[str, bytes]

    def step(self, db: apsw.Connection) -> None:
        key, kind = f"key {self.rng.randrange(ROWS + 50)}", self.rng.random()
        if kind < 0.6:
            self.versions[key] = self.versions.get(key, 0) + 1
            value = make_value(key, self.versions[key], self.rng)
            if key in self.values:
                db.execute("UPDATE store SET data = ? WHERE id = ?", (value, key))
            else:
                db.execute("INSERT INTO store(id, data) VALUES (?, ?)", (key, value))
            self.values[key] = value
        elif kind < 0.8:
            db.execute("DELETE FROM store WHERE id = ?", (key,))
            self.values.pop(key, None)
        else:
            db.execute("UPDATE store SET n = n + 1 WHERE id = ?", (key,))


class Reader(Client):
    def step(self, db: apsw.Connection) -> None:
        data = "data" if self.setup.mode == "table" else "zdecompress(data)"
        key = f"key {self.rng.randrange(ROWS)}"
        for (value,) in db.execute(f"SELECT {data} FROM store WHERE id = ?", (key,)).fetchall():
            assert isinstance(value, bytes)
            check_value(key, value)


def migrate_and_restore(path: str, setup: Setup) -> list[zb.Report]:
    options: dict[str, Any] = setup.options() | {"batch_size": 1 << 20, "pace": 0.4}
    return [
        zb.migrate(path, "store", "data", **options),
        zb.restore(path, "store", "data", pace=0.4, batch_size=1 << 20),
    ]


@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_others_go_on(tmp_path: Path, setup: Setup) -> None:
    path, rng = str(tmp_path / "store.db"), random.Random(2)
    db = open_store(path)
    db.execute(f"PRAGMA journal_mode = {setup.journal}")
    db.execute("CREATE TABLE store(id TEXT PRIMARY KEY, data, n INTEGER DEFAULT 0)")
    values = {f"key {number}": make_value(f"key {number}", 0, rng) for number in range(ROWS)}
    with db:
        for key, value in values.items():
            db.execute("INSERT INTO store(id, data) VALUES (?, ?)", (key, value))
    stop = threading.Event()
    writer, reader = Writer(path, setup, stop), Reader(path, setup, stop)
    writer.versions, writer.values = dict.fromkeys(values, 0), values
    for client in (writer, reader):
        client.start()
    try:
        reports = migrate_and_restore(path, setup)
    finally:
        stop.set()
        writer.join()
        reader.join()
    assert (writer.error, reader.error) == (None, None)
    assert writer.count > 10 and reader.count > 10
    for report in reports:
        assert report.finished and not report.failures
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    left: list[Any] = db.execute("SELECT id, data FROM store").fetchall()
    assert dict(left) == writer.values
    print(f"{setup}: {writer.count} writes, {reader.count} reads, missed {[report.missed_rows for report in reports]}")
