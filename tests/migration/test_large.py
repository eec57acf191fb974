"""Values that are too large for memory: the same outcome as of small ones, by way of temporary files."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
import textwrap
from typing import Any

import apsw
import numpy as np
import pytest

import sqlite_zblob as zb
from sqlite_zblob.codec import find_damages
from sqlite_zblob.migration import large, values, workers
from sqlite_zblob.parts import pieces

from ..conftest import ROOT, one, open_apsw

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_zblob.errors.ZblobWarning")

RANDOM = np.random.RandomState(8)
SCAN = RANDOM.randint(0, 60, (30, 110, 120)).cumsum(axis=0, dtype="u2")
VALUES: dict[str, Any] = {
    "image": pickle.dumps(SCAN),
    "two images": pickle.dumps([SCAN, SCAN[:9].astype("f4") * 0.5]),
    "noise": RANDOM.bytes(300_000),
    "zeros": bytes(400_000),
    "frame of the program": zb.compress(pickle.dumps(SCAN + 1)),
    "text": "words and \u00e4 " * 30_000,
    "small": b"of no account " * 20,
    "null": None,
}
SETTINGS: dict[str, Any] = {
    "in place": {},
    "pickle": {"envelope": "pickle"},
    "table": {"mode": "table", "force": True},
}


@pytest.fixture
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what is made in files."""
    for module in (large, values):
        monkeypatch.setattr(module, "LARGE_SIZE", 1 << 14)
    monkeypatch.setattr(large, "READ_SIZE", 1 << 16)
    sizes: list[int] = []
    before = pieces.map_written

    def map_written(write: Any) -> Any:
        made = before(write)
        sizes.append(len(made))
        return made

    monkeypatch.setattr(large, "map_written", map_written)
    return sizes


def fill(path: str, names: list[str], table: str = "CREATE TABLE t(id INTEGER PRIMARY KEY, data)") -> apsw.Connection:
    db = open_apsw(path)
    db.execute(table)
    with db:
        db.executemany("INSERT INTO t(data) VALUES (?)", [(VALUES[name],) for name in names])
    return db


def rows(db: apsw.Connection) -> list[Any]:
    return db.execute("SELECT data FROM t ORDER BY id").fetchall()


@pytest.mark.parametrize("setting", SETTINGS)
def test_there_and_back(path: str, setting: str, small_is_large: list[int]) -> None:
    names = [name for name in VALUES if setting != "table" or name != "frame of the program"]
    db = fill(path, names)
    before = rows(db)
    report = zb.migrate(path, "t", "data", **SETTINGS[setting])
    assert report.finished
    assert small_is_large
    read = "data" if setting == "table" else "zdecompress(data)"
    at = names.index("image") + 1
    assert one(db, f"SELECT {read} FROM t WHERE id = ?", at) == VALUES["image"]
    if setting == "pickle":
        assert (pickle.loads(one(db, "SELECT data FROM t WHERE id = ?", at)) == SCAN).all()
    assert zb.verify(path, "t", "data").ok
    assert zb.migrate(path, "t", "data", level=2, recompress=True, **SETTINGS[setting]).finished
    assert zb.restore(path, "t", "data").finished
    assert rows(db) == before


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE t(id INTEGER PRIMARY KEY, data, size AS (id + 1))",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, data) WITHOUT ROWID",
    ],
)
def test_tables_without_incremental_io(path: str, table: str, small_is_large: list[int]) -> None:
    db = fill(path, [], table)
    with db:
        db.execute("INSERT INTO t(id, data) VALUES (1, ?)", (VALUES["image"],))
    zb.migrate(path, "t", "data")
    assert one(db, "SELECT zdecompress(data) FROM t") == VALUES["image"]
    assert zb.restore(path, "t", "data").finished
    assert (rows(db), one(db, "PRAGMA integrity_check")) == ([(VALUES["image"],)], "ok")


def test_damages_are_those_of_the_whole_value(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [zb.compress(VALUES[name], threads=1) for name in ("image", "noise", "two images")]
    frames.append(zb.compress_pickle(VALUES["image"]))
    random = np.random.RandomState(3)
    damaged = [(frame[:at] + bytes([frame[at] ^ 255]) + frame[at + 1 :]) for frame in frames for at in (9, 70, -1, -2)]
    for frame in frames:
        for at in random.randint(100, len(frame), 8):
            damaged.append(frame[:at] + b"!!!!" + frame[at + 4 :])
    damaged += [frame[:-5] for frame in frames]
    for value in [*frames, *damaged]:

        def read(at: int, count: int, value: bytes = value) -> bytes:
            return value[at : at + count]

        found = large.check_stored(read, len(value))
        assert (found[1] if found else []) == find_damages(value)


def test_a_value_that_changes_while_it_is_checked_is_gone() -> None:
    old, new = (zb.compress(VALUES["noise"][:at], threads=1) for at in (250_000, 250_001))
    for most in (1, 2, 3):
        asked: list[int] = []

        def read(at: int, count: int, asked: list[int] = asked, most: int = most) -> bytes:
            asked.append(at)
            return (old if len(asked) <= most else new.ljust(len(old), b"?"))[at : at + count]

        with pytest.raises(large.GoneError):
            large.check_stored(read, len(old))
    with pytest.raises(large.GoneError):
        large.check_stored(lambda at, count: None, len(old))


def test_without_room_for_files_values_are_in_memory(
    path: str, small_is_large: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    in_pieces: list[Any] = []

    def overwrite(*given: Any) -> None:
        in_pieces.append(given)
        pieces.overwrite(*given)

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    monkeypatch.setattr(values, "overwrite", overwrite)
    monkeypatch.setattr(workers, "_decompressed", None)  # a second copy of the value
    db = fill(path, ["image", "noise"])
    before = rows(db)
    zb.migrate(path, "t", "data")
    assert one(db, "SELECT zis_frame(data) FROM t") == 1
    assert len(in_pieces) == 1  # SQLite would make two copies of a value that is bound
    assert zb.restore(path, "t", "data").finished
    assert len(in_pieces) == 2
    assert rows(db) == before


def test_a_value_beyond_the_limit_of_sqlite_stays_compressed(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    db = fill(path, ["zeros"])
    zb.migrate(path, "t", "data")
    monkeypatch.setattr(
        apsw, "connection_hooks", [*apsw.connection_hooks, lambda it: it.limit(apsw.SQLITE_LIMIT_LENGTH, 300_000)]
    )
    report = zb.restore(path, "t", "data")
    (failure,) = report.failures
    assert failure.reason.startswith("its 400000 bytes are more than SQLite takes here, 300000: ")
    assert one(db, "SELECT zdecompress(data) FROM t") == VALUES["zeros"]


SCRIPT = """
    import io, re, sys
    import apsw
    import sqlite_zblob as zb

    SHAPE = (400, 512, 512)  # 200 MiB
    head = repr({"descr": "<u2", "fortran_order": False, "shape": SHAPE}).encode().ljust(117) + b"\\n"

    class Source:
        pieces = [b"\\x93NUMPY\\1\\0" + len(head).to_bytes(2, "little") + head, *[bytes(1 << 19)] * SHAPE[0]]
        def read(self, size):
            return self.pieces.pop(0) if self.pieces else b""

    def status(name):
        return int(re.search(name + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024

    def peak(name, action):
        open("/proc/self/clear_refs", "w").write("5")  # begins the peak anew
        before = status("VmRSS")
        result = action()
        print(name, round(status("VmHWM") - before))
        return result

    db = apsw.Connection(sys.argv[1])
    zb.load(db)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data); INSERT INTO t VALUES (1, 1)")
    peak("write_stream", lambda: zb.write_stream(db, "t", "data", 1, Source(), level=1))
    for axis in (0, 1, 2):
        sql = f"SELECT length(zslice_at('main', 't', 'data', 1, {axis}, 200))"
        peak(f"zslice_at({axis})", lambda: db.execute(sql).fetchall())
        sql = f"SELECT length(zslice(data, {axis}, 200)) FROM t"
        peak(f"zslice({axis})", lambda: db.execute(sql).fetchall())
    db.close()
    peak("restore", lambda: zb.restore(sys.argv[1], "t", "data", all_frames=True, workers=1))
    peak("migrate", lambda: zb.migrate(sys.argv[1], "t", "data", level=1, workers=1))
    peak("verify", lambda: zb.verify(sys.argv[1], workers=1))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_bounded(path: str) -> None:
    """Of a value of 200 MiB: a few chunks, the page cache, and 16 MiB of what is mapped."""
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), path]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    peaks = {name: int(size) for name, size in map(str.split, done.stdout.splitlines())}
    assert len(peaks) == 10
    assert all(size < 150 for size in peaks.values()), peaks
    assert all(size < 16 for name, size in peaks.items() if "zslice" in name), peaks
