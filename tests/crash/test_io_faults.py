"""The n-th operation on a file fails, for every n: a transaction is there as a whole or not at all, and nobody is told
otherwise. In tables of both kinds, and in migrations to and fro.

ZBLOB_IO_STEP sets which n are tried: every one with 1, by default some.
"""

from __future__ import annotations

import io
import os
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlite_zblob as zb

from .executors import InlineExecutor

STEP = int(os.environ.get("ZBLOB_IO_STEP", "41"))

FAULTS = ["read", "short read", "write", "full", "sync", "lock"]


def image(number: int) -> bytes:
    """A .npy file, of which a compact frame of one image is made."""
    array = np.add.outer(np.arange(52), np.arange(52)) + np.random.default_rng(number).integers(0, 40, (52, 52))
    file = io.BytesIO()
    np.save(file, array.astype("u1"))
    return file.getvalue()


ROWS = {number: image(number) if number % 2 else random.Random(number).randbytes(300) * 9 for number in range(9)}


def test_rows_are_of_both_kinds() -> None:
    frames = [zb.info(zb.compress(value)) for value in ROWS.values()]
    assert all(frame.compact for frame in frames)
    assert [len(frame.images) for frame in frames] == [0, 1, 0, 1, 0, 1, 0, 1, 0]


class FailingVFS(apsw.VFS):
    """The system's files; one operation of a kind fails, and with it those that follow at once."""

    def __init__(self) -> None:
        self.kind, self.left, self.has_failed = "", 0, False
        super().__init__("failing", "")

    def arm(self, kind: str, count: int) -> None:
        self.kind, self.left, self.has_failed = kind, count, False

    def fails(self, *kinds: str) -> bool:
        if self.kind not in kinds or self.left == 0:
            return False
        self.left -= 1
        self.has_failed = self.left == 0
        return self.has_failed

    def xOpen(self, name: Any, flags: list[int]) -> FailingFile:  # noqa: N802
        return FailingFile(self, name, flags)


class FailingFile(apsw.VFSFile):
    def __init__(self, vfs: FailingVFS, name: Any, flags: list[int]) -> None:
        self.vfs = vfs
        super().__init__("", name, flags)

    def excepthook(self, *_: Any) -> None:  # type: ignore[override, unused-ignore]
        """Expected."""

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        if self.vfs.fails("read", "short read"):
            if self.vfs.kind == "read":
                raise apsw.IOError("the disk does not answer")
            return b""
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self.vfs.fails("write", "full"):
            raise apsw.FullError("no space left") if self.vfs.kind == "full" else apsw.IOError("cannot write")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self.vfs.fails("sync"):
            raise apsw.IOError("cannot sync")
        super().xSync(flags)

    def xLock(self, level: int) -> None:  # noqa: N802
        if self.vfs.fails("lock"):
            raise apsw.BusyError("locked")
        super().xLock(level)


@pytest.fixture
def vfs() -> Iterator[FailingVFS]:
    made = FailingVFS()
    yield made
    made.unregister()


@pytest.fixture(params=["in-place", "table"])
def original(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "original.db"
    db = apsw.Connection(str(path))
    zb.load(db)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, note TEXT)")
    zb.enable(db, "t", "data", mode=request.param, min_size=64, force=True)
    db.executemany("INSERT INTO t(id, data) VALUES(?, ?)", ROWS.items())
    db.close()
    return path


def read(db: apsw.Connection) -> dict[Any, Any]:
    rows: list[Any] = db.execute("SELECT id, zdecompress(data) FROM t").fetchall()
    return dict(rows)


# SQLite takes a short read for zeros. Where these are a page of its list of free pages, it forgets these pages, in an
# ordinary table as well.
FORGOTTEN = re.compile(
    r"ok|\*\*\* in database main \*\*\*|Freelist: size is \d+ but should be \d+|Page \d+: never used"
)


def contents(path: Path, kind: str = "") -> dict[Any, Any]:
    db = apsw.Connection(str(path))
    zb.load(db)
    verdict = "\n".join(str(row[0]) for row in db.execute("PRAGMA integrity_check"))
    assert verdict == "ok" or (kind == "short read" and all(map(FORGOTTEN.fullmatch, verdict.splitlines()))), verdict
    found = read(db)
    db.close()
    return found


STATEMENTS = [
    "BEGIN",
    "INSERT INTO t(id, data) VALUES(50, zeroblob(9001))",
    "SELECT sum(length(zdecompress(data))) FROM t WHERE id > 3",
    "UPDATE t SET data = zeroblob(20001) WHERE id IN (2, 4)",
    "DELETE FROM t WHERE id = 5",
    "COMMIT",
]
AFTER = {key: value for key, value in ROWS.items() if key != 5} | {
    50: bytes(9001),
    2: bytes(20001),
    4: bytes(20001),
}


def run_transaction(path: str) -> bool:
    """Was the commit acknowledged?"""
    db = None
    try:
        db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI)
        zb.load(db)
        db.execute("PRAGMA cache_size = 3").fetchall()
        for sql in STATEMENTS:
            db.execute(sql).fetchall()
        return True
    except apsw.Error:
        return False
    finally:
        if db is not None:
            db.close(True)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_transaction_is_whole(vfs: FailingVFS, original: Path, tmp_path: Path, kind: str) -> None:
    path, count, faults = tmp_path / "store.db", 1, 0
    while True:
        shutil.copy(original, path)
        vfs.arm(kind, count)
        is_acknowledged = run_transaction(f"file:{path}?vfs=failing")
        has_failed = vfs.has_failed
        vfs.arm("", 0)
        found = contents(path, kind)
        assert found == AFTER if is_acknowledged else found in (ROWS, AFTER), f"{kind} number {count}"
        if not has_failed:
            break
        count, faults = count + STEP if count >= 3 else count + 1, faults + 1
    print(f"{kind}: {faults} faults")
    assert faults or kind == "sync"


@pytest.mark.parametrize("kind", FAULTS)
def test_a_migration_loses_nothing(vfs: FailingVFS, tmp_path: Path, kind: str) -> None:
    plain, path = tmp_path / "plain.db", tmp_path / "store.db"
    db = apsw.Connection(str(plain))
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, note TEXT)")
    db.executemany("INSERT INTO t(id, data) VALUES(?, ?)", ROWS.items())
    db.close()
    count, has_failed, errors = 1, True, 0
    while has_failed:
        shutil.copy(plain, path)
        for operation in (zb.migrate, zb.restore):
            vfs.arm(kind, count)
            try:
                operation(f"file:{path}?vfs=failing", "t", "data", executor=InlineExecutor(), batch_size=1 << 14)
            except (zb.ZblobError, OSError):
                errors += 1
            has_failed = vfs.has_failed
            vfs.arm("", 0)
            assert contents(path, kind) == ROWS, f"{operation.__name__}, {kind} number {count}"
            try:
                operation(path, "t", "data")
            except zb.NotCompressedError:
                assert operation is zb.restore  # its last commit was on the disk
        count += 2 * STEP
    assert zb.migrate(path, "t", "data").finished
