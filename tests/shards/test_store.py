"""Sharded stores: where keys are, what each process may write, and another number of shards in spite of kills."""

from __future__ import annotations

import os
import pickle
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest
import xxhash

import sqlite_zblob as zb

from ..conftest import ROOT, open_apsw

KEYS: list[Any] = ["a", "ä" * 9, "", 0, -7, 1 << 62, b"", b"\xff\x00", "5", 5, *(f"k{number}" for number in range(90))]


def value_of(key: Any) -> bytes | str:
    text = f"{key!r} " * 200
    return text if isinstance(key, int) else text.encode()


def make(folder: Path, shards: int = 3, name: str = "store-*.db", **settings: Any) -> str:
    pattern = str(folder / name)
    with zb.shards.create(pattern, shards, **settings) as store:
        store.put_many((key, value_of(key)) for key in KEYS)
    return pattern


def contents(pattern: str) -> dict[Any, Any]:
    with zb.shards.open(pattern) as store:
        return {(type(key), key): value for key, value in store.items()}


EXPECTED = {(type(key), key): value_of(key) for key in KEYS}


def test_a_mapping(tmp_path: Path) -> None:
    pattern = make(tmp_path)
    assert contents(pattern) == EXPECTED
    with zb.shards.open(pattern, level=1) as store:
        assert len(store) == len(KEYS)
        assert store.get("nowhere") is None and "nowhere" not in store and None not in store
        store["a"] = "another"
        assert store["a"] == "another"
        store.delete("a")
        for absent in (lambda: store["a"], lambda: store.delete("a")):
            with pytest.raises(KeyError):
                absent()
        with pytest.raises(zb.WrongTypeError, match="not float"):
            store.put(1.5, b"x")  # type: ignore[arg-type]
        with pytest.raises(zb.OptionError, match="put_frame stores it"):
            store.put("b", zb.compress(b"x" * 999))
        store.put_frame("b", zb.compress(b"x" * 999))
        assert store["b"] == b"x" * 999
        again = pickle.loads(pickle.dumps(store))
        assert again["b"] == b"x" * 999
        again.close()


def test_any_program_finds_the_row(tmp_path: Path) -> None:
    """By the document alone: XXH3 of the key's bytes, modulo N, in ordinary files."""
    make(tmp_path)
    for key in KEYS:
        hashed = key if isinstance(key, bytes) else str(key).encode()
        connection = sqlite3.connect(tmp_path / f"store-{xxhash.xxh3_64(hashed).intdigest() % 3:04}.db")
        (frame,) = connection.execute("SELECT data FROM results WHERE key = ?", (key,)).fetchone()
        connection.close()
        assert zb.decompress(frame) == value_of(key)


def test_other_columns_and_tables(tmp_path: Path) -> None:
    sql = "CREATE TABLE scans(id TEXT PRIMARY KEY, note, voxels BLOB); CREATE INDEX notes ON scans(note)"
    pattern = str(tmp_path / "s-*.db")
    with zb.shards.create(pattern, 2, table="scans", key="id", column="voxels", sql=sql) as store:
        store.put("x", b"1" * 999, note="first")
        store.put("x", b"2" * 999)
        assert store["x"] == b"2" * 999
        connection = open_apsw(store.paths[store.shard_of("x")])
    assert connection.execute("SELECT note FROM scans").fetchall() == [("first",)]
    connection.close()
    zb.shards.reshard(pattern, tmp_path / "t-*.db", 3)
    for path in tmp_path.glob("t-*.db"):
        connection = open_apsw(str(path))
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'notes'").fetchall() == [(1,)]
        connection.close()
    for odd, complaint in (
        ("CREATE TABLE results(key PRIMARY KEY, data) WITHOUT ROWID", "has no rowid"),
        ("CREATE TABLE results(key, data)", "neither PRIMARY KEY nor UNIQUE"),
        ("CREATE TABLE other(key)", "no table"),
    ):
        (tmp_path / "odd-0000.db").unlink(missing_ok=True)
        with pytest.raises(zb.ZblobError, match=complaint):
            zb.shards.create(tmp_path / "odd-*.db", 1, sql=odd)


def test_sets_that_are_no_store(tmp_path: Path) -> None:
    pattern = make(tmp_path)
    make(tmp_path, 2, "other-*.db")
    with pytest.raises(zb.OptionError, match="different stores"):
        zb.shards.open(tmp_path / "*.db")
    with pytest.raises(FileExistsError):
        zb.shards.create(pattern, 3)
    with pytest.raises(zb.OptionError, match="no file matches"):
        zb.shards.open(tmp_path / "no*.db")
    with pytest.raises(zb.OptionError, match=r"one \*"):
        zb.shards.create(tmp_path / "store.db", 3)
    (tmp_path / "store-0001.db").rename(tmp_path / "aside")
    with pytest.raises(zb.OptionError, match="these are missing: 1"):
        zb.shards.open(pattern)
    apsw.Connection(str(tmp_path / "plain.db")).execute("CREATE TABLE t(a)")
    with pytest.raises(zb.OptionError, match="no table zblob_shard"):
        zb.shards.open(tmp_path / "plain.db")


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
    )


HOLD = """
import sys, time, sqlite_zblob as zb
store = zb.shards.open(sys.argv[1])
store["a"] = b"theirs"
print("ready", flush=True)
time.sleep(60)
"""


def test_one_writer_for_each_shard(tmp_path: Path) -> None:
    """Others read. A killed writer holds nothing."""
    pattern = make(tmp_path)
    other = start(HOLD, pattern)
    assert other.stdout and other.stdout.readline() == "ready\n"
    with zb.shards.open(pattern, patience=0.1) as store:
        number = store.shard_of("a")
        assert store["a"] == b"theirs"
        with pytest.raises(zb.DatabaseError, match=f"another process .*process {other.pid}"):
            store["a"] = b"ours"
        free = next(key for key in KEYS if store.shard_of(key) != number)
        store[free] = b"ours"
        other.kill()
        other.communicate()
        store["a"] = b"ours"
        assert store["a"] == b"ours"
        store.release()
    with zb.shards.open(pattern, only=[number]) as store:
        store["a"] = b"again"
        with pytest.raises(zb.OptionError, match="opened to write to others"):
            store[free] = b"x"


SLOW = """
import os, sys, time, sqlite_zblob as zb
from sqlite_zblob.shards import reshard
reshard.PAGE_ROWS = 7
reshard_ = reshard.reshard
def show(step, done, total):
    print(step, done, flush=True)
    time.sleep(0.02)
print(reshard_(sys.argv[1], sys.argv[2], int(sys.argv[3]), progress=show))
"""
SLOW = SLOW.replace(
    "from sqlite_zblob.shards import reshard",
    "import importlib; reshard = importlib.import_module('sqlite_zblob.shards.reshard')",
)


def test_resharding_is_resumed(tmp_path: Path) -> None:
    """Killed again and again, while it copies and while it compares."""
    pattern, target = make(tmp_path), str(tmp_path / "new-*.db")
    for lines in (3, 24):
        process = start(SLOW, pattern, target, 5)
        assert process.stdout
        for _ in range(lines):
            if not process.stdout.readline():
                break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if list(tmp_path.glob("new-*.db")):
            with pytest.raises(zb.OptionError, match=r"run reshard again|missing"):
                zb.shards.open(target)
    report = zb.shards.reshard(pattern, target, 5)
    assert report.resumed and report.copied_rows < report.rows == len(KEYS)
    assert contents(target) == EXPECTED
    assert sum(1 for _ in tmp_path.glob("new-*.db")) == 5
    again = zb.shards.reshard(pattern, target, 5)
    assert (again.copied_rows, again.rows) == (0, len(KEYS))
    with pytest.raises(zb.OptionError, match="sealed"), zb.shards.open(pattern) as store:
        store["a"] = b"late"
    zb.shards.unseal(pattern)
    with zb.shards.open(pattern) as store:
        store["a"] = b"late"


def test_resharding_sees_what_others_wrote(tmp_path: Path) -> None:
    """After a page was copied, behind the library's back: a change, a deletion."""
    pattern, target = make(tmp_path), str(tmp_path / "new-*.db")
    with zb.shards.open(pattern) as store:
        path = store.paths[store.shard_of("k1")]
    done: list[str] = []

    def meddle(step: str, rows: int, total: int) -> None:
        if step == "copy" and rows == total and not done:
            done.append(step)
            connection = open_apsw(path)
            connection.execute("UPDATE results SET data = 'changed' WHERE key = 'k1'")
            connection.execute("DELETE FROM results WHERE key = (SELECT max(key) FROM results WHERE key <> 'k1')")
            connection.close()

    zb.shards.reshard(pattern, target, 5, progress=meddle)
    zb.shards.unseal(pattern)
    assert contents(target) == contents(pattern)
    assert contents(target)[(str, "k1")] == "changed"
    assert len(contents(target)) == len(KEYS) - 1


def test_resharding_refuses_two_dictionaries_under_one_id(tmp_path: Path) -> None:
    pattern = make(tmp_path)
    shards = sorted(tmp_path.glob("store-*.db"))
    for number, shard in enumerate(shards):
        with apsw.Connection(str(shard)) as connection:
            connection.execute("CREATE TABLE zblob_dictionaries(id INTEGER PRIMARY KEY, dictionary BLOB NOT NULL)")
            connection.execute("INSERT INTO zblob_dictionaries VALUES (77, ?)", (bytes([number == 2] * 300),))
    with pytest.raises(zb.OptionError, match=f"{shards[2].name}: another shard has a different dictionary .* id 77"):
        zb.shards.reshard(pattern, tmp_path / "t-*.db", 2)
    assert contents(pattern) == EXPECTED


def test_resharding_refuses_what_it_would_lose(tmp_path: Path) -> None:
    pattern, target = make(tmp_path), str(tmp_path / "new-*.db")
    with zb.shards.open(pattern) as store:
        paths = store.paths
    connection = open_apsw(paths[0])
    connection.execute("CREATE TABLE notes(a); INSERT INTO notes VALUES (1)").fetchall()
    with pytest.raises(zb.OptionError, match="table notes has rows"):
        zb.shards.reshard(pattern, target, 5)
    connection.execute("DROP TABLE notes")
    stranger = next(key for key in ("x", "y", "z", "w") if zb.shards.shard_of(key, 3) != 0)
    connection.execute("INSERT INTO results VALUES (?, 'lost')", (stranger,))
    connection.close()
    with pytest.raises(zb.OptionError, match=f"row '{stranger}' is in .* but belongs to"):
        zb.shards.reshard(pattern, target, 5)


def test_forks_and_threads(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    pattern = make(tmp_path)
    with zb.shards.open(pattern) as store:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: store.put(f"t{n % 7}", b"%d" % n * 99), range(70)))
        assert sum(1 for key in store if str(key).startswith("t")) == 7
        store._process = os.getpid() + 1  # as in a child
        with pytest.raises(zb.OptionError, match="opened in another process"):
            store["a"]
        store._process = os.getpid()


def test_a_lookup_opens_one_shard(tmp_path: Path) -> None:
    pattern = make(tmp_path, 12)
    with zb.shards.open(pattern) as store:
        assert store["a"] == value_of("a")
        assert len(store._connections) == 1
