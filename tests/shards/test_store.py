"""Sharded stores: where keys are, what each process may write, and another number of shards in spite of kills."""

from __future__ import annotations

import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import pytest
import xxhash

import sqlite_zblob as zb
from sqlite_zblob.shards.layout import Layout
from sqlite_zblob.shards.store import create_files

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
        ("CREATE TABEL results(key)", "syntax error"),
    ):
        with pytest.raises(zb.ZblobError, match=complaint):
            zb.shards.create(tmp_path / "odd-*.db", 2, sql=odd)
        assert not list(tmp_path.glob("odd-*"))


def test_keys_and_arguments_that_cannot_be(tmp_path: Path) -> None:
    """Errors of ours, which name the key, and not those of SQLite's binding."""
    pattern = make(tmp_path)
    with zb.shards.open(pattern) as store:
        for key, complaint in ((1 << 63, "64 bits"), (-(1 << 63) - 1, "64 bits"), ("a\ud800", "surrogate")):
            assert key not in store
            with pytest.raises(zb.OptionError, match=complaint):
                store.get(key)
            with pytest.raises(zb.OptionError, match=complaint):
                store.delete(key)
            with pytest.raises(zb.OptionError, match=complaint):
                store.put_many([(key, b"x")])
        store.put((1 << 63) - 1, b"x")
        assert True not in store
        for value in ("\ud800", [1]):
            with pytest.raises(zb.OptionError, match="'v' has a value that SQLite cannot hold"):
                store.put_frame("v", value)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="no such folder"):
        zb.shards.create(tmp_path / "nowhere" / "s-*.db", 2)
    calls: list[Callable[[], Any]] = [
        lambda: zb.shards.create(5, 2),  # type: ignore[arg-type]
        lambda: zb.shards.open(5),  # type: ignore[arg-type]
        lambda: zb.shards.open(pattern, only=5),  # type: ignore[arg-type]
        lambda: zb.shards.open(pattern, patience="x"),  # type: ignore[arg-type]
        lambda: zb.shards.create(tmp_path / "b-*.db", 2, sql=b"x"),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises(zb.WrongTypeError):
            call()


def test_put_many_of_two_writers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each names first the shard that the other names last, and both have begun: one waits, none fails."""
    pattern = make(tmp_path, 2)
    keys = sorted(KEYS[10:], key=lambda key: zb.shards.shard_of(key, 2))
    orders = [[keys[0], keys[-1]], [keys[-1], keys[0]]]
    both = threading.Barrier(2)
    take = zb.shards.ShardedStore._take

    def slowly(store: zb.shards.ShardedStore, number: int) -> apsw.Connection:
        connection = take(store, number)
        with suppress(threading.BrokenBarrierError):
            both.wait(0.3)
        return connection

    monkeypatch.setattr(zb.shards.ShardedStore, "_take", slowly)

    def write(order: list[Any]) -> None:
        with zb.shards.open(pattern, patience=1.5) as store:
            store.put_many((key, b"new") for key in order)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, orders))


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


def free_of(store: zb.shards.ShardedStore, number: int) -> Any:
    """A key that is in another shard."""
    return next(key for key in KEYS if store.shard_of(key) != number)


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
        with zb.shards.open(pattern, patience=0) as second:
            second[free_of(store, number)] = b"ours"
            with pytest.raises(zb.DatabaseError, match="another store of this very process"):
                store[free_of(store, number)] = b"ours"
        with pytest.raises(zb.DatabaseError, match=f"another process .*process {other.pid}"):
            store["a"] = b"ours"
        free = free_of(store, number)
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


def test_resharding_onto_itself_and_after_an_unseal(tmp_path: Path) -> None:
    pattern, target = make(tmp_path), str(tmp_path / "new-*.db")
    for own in (pattern, str(tmp_path / "store-wide-*.db")):
        with pytest.raises(zb.OptionError, match="give the new store another name"):
            zb.shards.reshard(pattern, own, 5)
    assert sum(1 for _ in tmp_path.glob("store-*.db")) == 3
    zb.shards.reshard(pattern, target, 5)
    with zb.shards.open(target) as store:
        store["later"] = b"in the new one"
    assert zb.shards.reshard(pattern, target, 5).copied_rows == 0  # nothing is wrong: the new store is in use
    with zb.shards.open(target) as store:
        del store["later"]
    zb.shards.unseal(pattern)
    assert zb.shards.reshard(pattern, target, 5).copied_rows == 0
    zb.shards.unseal(pattern)
    with zb.shards.open(pattern) as store:
        store["k1"] = b"as many rows, but another value"
    with pytest.raises(zb.OptionError, match=r"unsealed since: delete the new files"):
        zb.shards.reshard(pattern, target, 5)
    with zb.shards.open(pattern) as store:
        store["k1"] = b"still not sealed"


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


def test_a_store_that_was_migrated_is_resharded(tmp_path: Path) -> None:
    pattern, target = make(tmp_path), str(tmp_path / "t-*.db")
    assert zb.shards.stats(pattern).rows == zb.shards.verify(pattern).rows == len(KEYS)  # no column is enabled yet
    assert zb.shards.migrate(pattern, "results", "data", level=9, recompress=True).ok
    zb.shards.reshard(pattern, target, 2)
    assert contents(target) == EXPECTED
    for path in tmp_path.glob("t-*.db"):
        connection = open_apsw(str(path))
        (status,) = zb.status(connection)
        assert status.is_intact and status.level == 9
        connection.close()
    assert zb.shards.restore(target, "results", "data").ok
    for path in tmp_path.glob("t-*.db"):
        connection = open_apsw(str(path))
        sql = "SELECT name FROM sqlite_master WHERE sql NOT NULL"
        assert connection.execute(sql).fetchall() == [("results",), ("zblob_shard",)]  # the record's anchor is not left
        connection.close()


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


def test_a_file_that_appears_meanwhile_is_not_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process makes it after this one has looked."""
    late = tmp_path / "store-2.db"
    late.write_bytes(b"of somebody else")
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda self: self != late and exists(self))
    names = [str(tmp_path / f"store-{number}.db") for number in range(3)]
    about = Layout("a", 0, 3, "results", "key", "data")
    with pytest.raises(FileExistsError, match=r"store-2\.db"):
        create_files(names, about, "CREATE TABLE results(key PRIMARY KEY, data BLOB)")
    assert late.read_bytes() == b"of somebody else"
    assert [each.name for each in tmp_path.iterdir()] == ["store-2.db"]
