"""migrate, restore and verify as a library: what they refuse, report, leave alone, and continue."""

from __future__ import annotations

import os
import pickle
import random
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb
from sqlite_zblob.connect.database import snapshot
from sqlite_zblob.migration.pipeline import Pipeline
from sqlite_zblob.migration.values import PIECE_SIZE, find_place, fingerprint, is_unchanged, replace_value, touch_value
from sqlite_zblob.migration.workers import NICENESS, handshake, verify_task

from ..conftest import ROOT, one, open_apsw

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_zblob.errors.ZblobWarning")

BODY = b"a value that compresses well, " * 200


def fill(path: str, count: int = 40, table: str = "t") -> apsw.Connection:
    db = open_apsw(path)
    db.execute(f"CREATE TABLE {table}(id TEXT PRIMARY KEY, data, changed INTEGER DEFAULT 0)")
    with db:
        for number in range(count):
            db.execute(f"INSERT INTO {table}(id, data) VALUES (?, ?)", (f"k{number}", BODY + b"%d" % number))
    return db


def values(db: apsw.Connection, table: str = "t") -> dict[Any, Any]:
    rows: Any = db.execute(f"SELECT id, data FROM {table}").fetchall()
    return dict(rows)


@pytest.fixture
def store(path: str) -> apsw.Connection:
    return fill(path)


def test_reports(store: apsw.Connection, path: str) -> None:
    seen: list[zb.Progress] = []
    before = values(store)
    report = zb.migrate(path, "T", "DATA", batch_size=20_000, progress=seen.append)
    assert (report.operation, report.table, report.column, report.mode) == ("migrate", "t", "data", "in-place")
    assert (report.rows, report.changed_rows, report.failures, report.missed_rows) == (40, 40, (), 0)
    assert report.raw_bytes == sum(map(len, before.values()))
    assert report.stored_bytes == one(store, "SELECT sum(length(data)) FROM t")
    assert report.finished and not report.resumed and report.ratio and report.ratio > 10
    assert {each.phase for each in seen} == {"scan", "rows", "finish"}
    assert seen[-1].rows_done == seen[-1].rows_total == 40 and seen[-1].bytes_done == report.raw_bytes
    assert [each.rows_done for each in seen] == sorted(each.rows_done for each in seen)
    again = zb.migrate(path, "t", "data")
    assert (again.rows, again.changed_rows, again.resumed) == (40, 0, False)
    assert (again.raw_bytes, again.stored_bytes) == (report.raw_bytes, report.stored_bytes)
    checked = zb.verify(path)
    assert checked.ok and checked.columns == (("t", "data"),)
    assert (checked.rows, checked.compressed_rows, checked.raw_bytes) == (40, 40, report.raw_bytes)
    restored = zb.restore(path, "t", "data")
    assert (restored.rows, restored.changed_rows, restored.stored_bytes) == (40, 40, report.raw_bytes)
    assert values(store) == before
    with pytest.raises(zb.NotCompressedError, match="or it was restored already"):
        zb.restore(path, "t", "data")
    with pytest.raises(zb.OptionError, match="no column is enabled"):
        zb.verify(path)
    with pytest.raises(zb.OptionError, match="no column of table t is enabled"):
        zb.verify(path, "t")
    with pytest.raises(zb.OptionError, match="there is no table nope"):
        zb.verify(path, "nope")
    assert zb.verify(path, "t", "data").ok


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pace": 0}, "pace must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"workers": -1}, "workers must"),
        ({"vacuum": "some"}, "vacuum must be one of"),
        ({"vacuum": "incremental"}, "auto_vacuum = INCREMENTAL"),
        ({"mode": "other"}, "mode must be"),
        ({"level": 10}, "level"),
        ({"mode": "table", "envelope": "pickle"}, "envelope"),
        ({"column": "id"}, "PRIMARY KEY"),
        ({"column": "none"}, "no column none"),
        ({"table": "none"}, "no table none"),
    ],
)
def test_what_is_refused(store: apsw.Connection, path: str, options: dict[str, Any], message: str) -> None:
    schema = store.execute("SELECT * FROM sqlite_master").fetchall()
    for dry_run in (False, True):
        arguments: dict[str, Any] = {"table": "t", "column": "data", "dry_run": dry_run} | options
        with pytest.raises(zb.OptionError, match=message):
            zb.migrate(path, **arguments)
    assert store.execute("SELECT * FROM sqlite_master").fetchall() == schema


@pytest.mark.parametrize("kind", ["STORED", "VIRTUAL"])
def test_a_table_with_generated_columns(path: str, kind: str) -> None:
    """SQLite refuses incremental BLOB I/O there, and old versions read another column: values come by SELECT."""
    db = open_apsw(path)
    db.execute(f"CREATE TABLE t(size INT AS (7 * id) {kind}, id INTEGER PRIMARY KEY, data)")
    before: dict[Any, bytes] = {number: BODY + b"%d" % number for number in range(9)}
    before[9] = zb.compress(BODY)
    db.executemany("INSERT INTO t(id, data) VALUES (?, ?)", before.items())
    assert zb.migrate(path, "t", "data").changed_rows == 9
    assert zb.verify(path).compressed_rows == 10
    assert one(db, "SELECT count(*) FROM t WHERE zis_frame(data) AND size = 7 * id") == 10
    assert zb.restore(path, "t", "data").changed_rows == 9
    assert values(db) == before


def test_keyword_arguments_are_checked(path: str, store: apsw.Connection) -> None:
    operations: Any = (partial(zb.migrate, path, "t", "data"), partial(zb.restore, path, "t", "data"))
    for operation in (*operations, partial(zb.compress_store, path)):
        with pytest.raises(TypeError, match=r"^\w+\(\) got .* 'pase'"):
            operation(pase=0.5)


@pytest.mark.parametrize("dry_run", [False, True])
def test_nothing_to_restore(store: apsw.Connection, path: str, dry_run: bool) -> None:
    """The wrong name of a column or a table is told, and so are the right ones."""
    zb.migrate(path, "t", "data", mode="table")
    store.execute("CREATE TABLE u(id INTEGER PRIMARY KEY, data)")
    for table, column, message in [
        ("t", "changed", r"column changed of table t is neither enabled .*can be restored: t\.data$"),
        ("u", "data", r"column data of table u is neither enabled .*can be restored: t\.data$"),
    ]:
        with pytest.raises(zb.NotCompressedError, match=message):
            zb.restore(path, table, column, vacuum="full", dry_run=dry_run)
    for table, column, message in [
        ("u", "daten", "table u has no column daten: it has id, data"),
        ("x", "data", "there is no table x"),
    ]:
        with pytest.raises(zb.OptionError, match=message):
            zb.restore(path, table, column, dry_run=dry_run)


def test_another_sqlite_library_has_the_file_open(store: apsw.Connection, path: str) -> None:
    store.close()
    other = sqlite3.connect(path)
    with pytest.raises(zb.OptionError, match="through another SQLite library"):
        zb.migrate(path, "t", "data")
    other.close()
    assert zb.migrate(path, "t", "data").finished


def test_a_dry_run_changes_nothing(store: apsw.Connection, path: str) -> None:
    before = Path(path).read_bytes()
    raw_size = one(store, "SELECT sum(length(data)) FROM t")
    for mode in ("in-place", "table"):
        report = zb.migrate(path, "t", "data", dry_run=True, mode=mode)
        assert report.dry_run and not report.finished and report.changed_rows == 0
        assert (report.rows, report.raw_bytes) == (40, raw_size)
        assert report.growth_bytes > 0
    assert Path(path).read_bytes() == before
    zb.migrate(path, "t", "data")
    before = Path(path).read_bytes()
    report = zb.restore(path, "t", "data", dry_run=True)
    assert report.dry_run and not report.finished and (report.rows, report.changed_rows) == (40, 0)
    assert Path(path).read_bytes() == before


def test_a_newer_version_has_been_here(store: apsw.Connection, path: str) -> None:
    zb.migrate(path, "t", "data")
    store.execute("PRAGMA writable_schema = ON")
    store.execute(
        "UPDATE sqlite_master SET sql = replace(sql, '/* zblob 1 */', '/* zblob 2 */') WHERE name LIKE 'zblob_m%'"
    )
    store.close()
    for call in (zb.migrate, zb.restore, zb.verify):
        with pytest.raises(zb.MetadataError, match="made by a newer version of sqlite_zblob"):
            call(path, "t", "data")
    db = open_apsw(path)
    with pytest.raises(zb.MetadataError, match="newer version"):
        zb.status(db)


def test_triggers_of_the_owner_do_not_fire(store: apsw.Connection, path: str) -> None:
    store.execute(
        "CREATE TRIGGER touch AFTER UPDATE ON t BEGIN UPDATE t SET changed = changed + 1 WHERE id = NEW.id; END"
    )
    zb.migrate(path, "t", "data")
    zb.restore(path, "t", "data")
    assert one(store, "SELECT sum(changed) FROM t") == 0


def test_frames_that_were_there_before(store: apsw.Connection, path: str) -> None:
    """In place they count as compressed and are what they were in the end; a virtual table would hand out the rest."""
    frame, twice = zb.compress(BODY), zb.compress(zb.compress(BODY * 9))
    store.execute("UPDATE t SET data = ? WHERE id = 'k3'; ", (frame,))
    store.execute("UPDATE t SET data = ? WHERE id = 'k4'; ", (twice,))
    before = values(store)
    with pytest.raises(zb.OptionError, match=r"2 values of column data look like compressed ones.*'k3'"):
        zb.migrate(path, "t", "data", mode="table")
    zb.migrate(path, "t", "data")
    assert values(store)["k3"] == frame
    zb.restore(path, "t", "data")
    assert values(store) == before


@pytest.mark.parametrize("mode", ["in-place", "table"])
def test_a_damaged_value_is_reported_and_stays(store: apsw.Connection, path: str, mode: zb.Mode) -> None:
    before = values(store)
    zb.migrate(path, "t", "data", mode=mode)
    rows = "t_rows" if mode == "table" else "t"
    frame = one(store, f"SELECT data FROM {rows} WHERE id = 'k7'")
    damaged = frame[:-9] + bytes([frame[-9] ^ 255]) + frame[-8:]
    store.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    store.execute(f"UPDATE {rows} SET data = ? WHERE id = 'k7'", (damaged,))
    checked = zb.verify(path)
    assert [each.key for each in checked.damages] == [{"id": "k7"}]
    assert checked.damages[0].reason.startswith("damaged frame")
    report = zb.restore(path, "t", "data")
    assert not report.finished and report.changed_rows == 39
    assert [(failure.key, "damaged frame" in failure.reason) for failure in report.failures] == [({"id": "k7"}, True)]
    assert store.execute(f"SELECT data FROM {rows} WHERE id = 'k7'").fetchone() == (damaged,)
    if mode == "table":
        with pytest.raises(apsw.CorruptError, match="damaged frame"):
            store.execute("SELECT data FROM t WHERE id = 'k7'").fetchall()
    store.execute(f"UPDATE {rows} SET data = ? WHERE id = 'k7'", (frame,))
    report = zb.restore(path, "t", "data")
    assert report.finished and report.resumed and not report.failures
    assert values(store) == before
    assert store.execute("SELECT name FROM sqlite_master WHERE name LIKE 'zblob%'").fetchall() == []


def test_a_value_that_fails_stays_and_is_reported(store: apsw.Connection, path: str) -> None:
    """And the next run tries it again."""
    before = values(store)
    seen: list[zb.Progress] = []
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        report = zb.migrate(path, "t", "data", executor=Faulty(pool, before["k5"]), progress=seen.append, batch_size=1)
    assert [(failure.key, "RuntimeError" in failure.reason) for failure in report.failures] == [({"id": "k5"}, True)]
    assert report.finished and report.changed_rows == 39 and seen[-1].failures == 1
    assert values(store)["k5"] == before["k5"]
    report = zb.migrate(path, "t", "data")
    assert report.changed_rows == 1 and not report.failures


class Faulty(ProcessPoolExecutor):
    """Fails for one value, in whatever job it is."""

    def __init__(self, pool: ProcessPoolExecutor, value: bytes) -> None:
        self.pool, self.value = pool, value

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Any:
        items = arguments[0].items if function is not handshake else ()
        if any(len(self.value) == item.size and item.key == (6,) for item in items):
            return self.pool.submit(fail)
        return self.pool.submit(function, *arguments, **named)


def fail() -> None:
    raise RuntimeError("out of order")


@pytest.mark.parametrize("operation", ["migrate", "restore"])
@pytest.mark.parametrize("mode", ["in-place", "table"])
def test_ctrl_c_and_on(store: apsw.Connection, path: str, mode: zb.Mode, operation: str) -> None:
    before = values(store)
    if operation == "restore":
        zb.migrate(path, "t", "data", mode=mode)
    function: Any = {"migrate": zb.migrate, "restore": zb.restore}[operation]
    options: dict[str, Any] = {"mode": mode} if operation == "migrate" else {}

    def interrupt(progress: zb.Progress) -> None:
        if progress.rows_done > 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        function(path, "t", "data", batch_size=20_000, progress=interrupt, **options)
    assert not [each for each in threading.enumerate() if each.name.startswith("zblob")]
    done = one(store, "SELECT json_extract(counts, '$.rows') FROM zblob_migrations")
    assert 10 < done < 40
    report = function(path, "t", "data", **options)
    assert report.resumed and report.finished and report.rows == report.changed_rows == 40
    if operation == "migrate":
        zb.restore(path, "t", "data")
    assert values(store) == before


def test_the_other_way_in_the_middle(store: apsw.Connection, path: str) -> None:
    before = values(store)

    def interrupt(progress: zb.Progress) -> None:
        if progress.rows_done > 10:
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            zb.migrate(path, "t", "data", batch_size=20_000, progress=interrupt)
        with pytest.raises(KeyboardInterrupt):
            zb.restore(path, "t", "data", batch_size=20_000, progress=interrupt)
    assert zb.restore(path, "t", "data").resumed
    assert values(store) == before


def test_rowids_that_a_vacuum_changes(store: apsw.Connection, path: str) -> None:
    """A run begins again where the schema has changed since: nothing is left out."""

    def interrupt(progress: zb.Progress) -> None:
        if progress.rows_done > 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        zb.migrate(path, "t", "data", batch_size=20_000, progress=interrupt)
    store.execute("UPDATE t SET rowid = -rowid WHERE NOT zis_frame(data)")
    store.execute("VACUUM")
    report = zb.migrate(path, "t", "data")
    assert report.resumed and report.rows == 40
    assert one(store, "SELECT min(zis_frame(data)) FROM t") == 1


def test_values_of_other_processes(store: apsw.Connection, path: str) -> None:
    before = values(store)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert zb.migrate(path, "t", "data", executor=pool).changed_rows == 40
        assert zb.verify(path, executor=pool).compressed_rows == 40
        assert zb.restore(path, "t", "data", executor=pool).changed_rows == 40
    assert values(store) == before


def test_all_columns_of_a_store(path: str) -> None:
    db = fill(path)
    fill(path, 20, "u").close()
    with pytest.raises(zb.OptionError, match="no column of"):
        zb.compress_store(path)
    zb.enable(db, "t", "data", level=2)
    zb.enable(db, "u", "data", mode="table")
    reports = zb.compress_store(path, vacuum="full")
    assert [(report.table, report.mode, report.changed_rows) for report in reports] == [
        ("t", "in-place", 40),
        ("u", "table", 20),
    ]
    assert one(db, "PRAGMA freelist_count") == 0
    assert one(db, "SELECT json_extract(zinfo(data), '$.level') FROM t") == 2
    db.execute("CREATE INDEX by_data ON t(data)")
    db.execute("UPDATE u_rows SET data = zdecompress(data)")
    with pytest.raises(zb.OptionError, match="index by_data looks at it"):
        zb.compress_store(path)
    assert one(db, "SELECT count(*) FROM u_rows WHERE zis_frame(data)") == 20


def test_pickles_are_read_as_before(path: str) -> None:
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    objects = [list(range(2000)), None, 2.5, "text" * 500]
    for each in objects:
        db.execute("INSERT INTO t(data) VALUES (?)", (pickle.dumps(each),))
    report = zb.migrate(path, "t", "data", envelope="pickle")
    assert report.changed_rows == 2
    stored = [row[0] for row in db.execute("SELECT data FROM t ORDER BY id")]
    assert [pickle.loads(value) for value in stored] == objects and zb.is_frame(stored[0])


def test_vacuums(path: str) -> None:
    db = open_apsw(path)
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    db.close()
    store = fill(path, 200)
    size = Path(path).stat().st_size
    zb.migrate(path, "t", "data", vacuum="incremental")
    assert one(store, "PRAGMA freelist_count") == 0
    assert Path(path).stat().st_size < size / 2


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_many_small_texts_need_few_connections(path: str, encoding: str) -> None:
    """One a value made texts 25 times as slow as BLOBs."""
    db = open_apsw(path)
    db.execute(f"PRAGMA encoding = '{encoding}'")
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    with db:
        db.executemany("INSERT INTO t VALUES (?, ?)", ((n, f"{n} ünd " + "so weiter, " * 60) for n in range(400)))
    before = db.execute("SELECT * FROM t").fetchall()
    opened: list[apsw.Connection] = []
    apsw.connection_hooks.append(opened.append)
    try:
        assert zb.migrate(path, "t", "data", workers=2).changed_rows == 400
        assert zb.restore(path, "t", "data", workers=2).changed_rows == 400
    finally:
        apsw.connection_hooks.remove(opened.append)
    # The writer's, two threads' engines, and one for each job of many values; this twice.
    assert len(opened) < 30
    assert db.execute("SELECT * FROM t").fetchall() == before


def test_values_that_gain_nothing_stay(path: str) -> None:
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    noise = random.Random(1).randbytes(5000)
    for value in (noise, b"small", 7, None, "text", 2.5):
        db.execute("INSERT INTO t(data) VALUES (?)", (value,))
    report = zb.migrate(path, "t", "data")
    assert (report.rows, report.changed_rows) == (6, 0)
    assert db.execute("SELECT data FROM t").fetchall() == [(noise,), (b"small",), (7,), (None,), ("text",), (2.5,)]


def test_disabled_in_between(store: apsw.Connection, path: str) -> None:
    """What `disable` leaves is told from what it was before: frames in place, nothing of a virtual table."""
    before = values(store)
    zb.migrate(path, "t", "data")
    zb.disable(store, "t", "data")
    assert zb.restore(path, "t", "data").changed_rows == 40
    assert values(store) == before
    zb.migrate(path, "t", "data", mode="table")
    frame = zb.compress(BODY)
    store.execute("UPDATE t SET data = ? WHERE id = 'k3'", (frame,))
    zb.disable(store, "t", "data")
    assert zb.restore(path, "t", "data").changed_rows == 0
    assert values(store) == before | {"k3": frame}
    assert store.execute("SELECT name FROM sqlite_master WHERE name LIKE 'zblob%'").fetchall() == []
    with pytest.raises(zb.OptionError, match="look like compressed ones"):
        zb.migrate(path, "t", "data", mode="table")


def test_a_value_that_looks_like_a_frame_in_a_virtual_table(store: apsw.Connection, path: str) -> None:
    """It is framed once more, and nobody may see it as it is before the table is an ordinary one."""
    zb.migrate(path, "t", "data", mode="table")
    nested = {"k3": zb.compress(BODY), "k4": zb.compress(zb.compress(BODY)), "new": zb.compress(BODY)[:50]}
    for key, value in nested.items():
        store.execute("INSERT OR REPLACE INTO t(id, data) VALUES (?, ?)", (key, value))
    before = values(store)
    seen = []
    report = zb.restore(path, "t", "data", batch_size=20_000, progress=lambda _: seen.append(values(store) == before))
    assert report.finished and all(seen) and len(seen) > 3
    assert values(store) == before


MEMORY = """
import re, sys
import sqlite_zblob as zb

most = 0

def watch(progress):
    global most
    with open("/proc/self/status") as file:
        most = max(most, int(re.findall(r"VmRSS:\\s*(\\d+) kB", file.read())[0]))

for function in (zb.migrate, zb.restore):
    assert function(sys.argv[1], "t", "data", workers=2, progress=watch).changed_rows == 16
print(most)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_is_bounded(path: str, brain_pickle: bytes) -> None:
    """16 images of 8.7 MB, far less than 300 MB."""
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    for _ in range(16):
        db.execute("INSERT INTO t(data) VALUES (?)", (brain_pickle,))
    db.close()
    done = subprocess.run([sys.executable, "-c", MEMORY, path], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 300_000


def test_a_fingerprint_sees_every_byte(store: apsw.Connection, path: str) -> None:
    """The stored value's, read piece by piece, is that of the bytes in memory, at every size around that of a piece."""
    place, _ = find_place(store, "t", "data")
    rng = random.Random(7)
    for size in (1, PIECE_SIZE - 1, PIECE_SIZE, PIECE_SIZE + 1, 2 * PIECE_SIZE, 2 * PIECE_SIZE + 5):
        value = bytearray(rng.randbytes(size))
        store.execute("UPDATE t SET data = ? WHERE rowid = 1", (bytes(value),))
        digest = fingerprint(value)
        with snapshot(store):
            assert is_unchanged(store, place, (1,), "blob", size, digest)
            assert not is_unchanged(store, place, (1,), "text", size, digest)
            assert not is_unchanged(store, place, (1,), "blob", size + 1, digest)
            assert not is_unchanged(store, place, (999,), "blob", size, digest)
        for at in {0, size // 2, size - 1}:
            value[at] ^= 1
            store.execute("UPDATE t SET data = ? WHERE rowid = 1", (bytes(value),))
            assert fingerprint(value) != digest
            with snapshot(store):
                assert not is_unchanged(store, place, (1,), "blob", size, digest)
            value[at] ^= 1


def test_what_was_touched_is_replaced_without_reading(path: str) -> None:
    """Under the write lock no page of the old value is read from the file any more."""
    db = open_apsw(path)
    db.execute("PRAGMA cache_size = -16384")
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    place, _ = find_place(db, "t", "data")
    misses = []
    for touched in (False, True):
        db.execute("INSERT OR REPLACE INTO t VALUES (1, zeroblob(4 << 20))")
        reader = open_apsw(path)
        reader.execute("PRAGMA cache_size = -16384")
        if touched:
            with snapshot(reader):
                touch_value(reader, place, (1,), 4 << 20)
        reader.status(apsw.SQLITE_DBSTATUS_CACHE_MISS, True)
        assert replace_value(reader, place, (1,), "blob", b"new")
        misses.append(reader.status(apsw.SQLITE_DBSTATUS_CACHE_MISS)[0])
        reader.close()
    assert misses[0] > 1000 > 20 > misses[1], misses


def test_the_log_stays_short(path: str) -> None:
    """So short that others hardly ever have to checkpoint it in their own commits."""
    rng, sizes = random.Random(8), []
    db = open_apsw(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    for _ in range(60):
        db.execute("INSERT INTO t(data) VALUES (?)", (rng.randbytes(500_000) + bytes(500_000),))
    db.wal_checkpoint(None, apsw.SQLITE_CHECKPOINT_TRUNCATE)
    zb.migrate(path, "t", "data", progress=lambda _: sizes.append(Path(f"{path}-wal").stat().st_size))
    stored = one(db, "SELECT sum(length(data)) FROM t")
    assert stored > 30_000_000 and max(sizes) < stored / 3, max(sizes)


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are Linux's")
def test_worker_threads_stand_back() -> None:
    def niceness(_: int = 0) -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    with Pipeline(verify_task, None, workers=2, in_flight=1, fetch=lambda job: job) as pipeline:
        found = set(pipeline.executor.map(niceness, range(8)))
    assert found == {min(niceness() + NICENESS, 19)}


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_texts_in_every_encoding(path: str, encoding: str) -> None:
    """SQLite before 3.51 makes another text of bound bytes in a UTF-16 database."""
    db = open_apsw(path)
    db.execute(f"PRAGMA encoding = '{encoding}'")
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    before = {number: f"{number} für alle, and \U0001f600 " * 90 for number in range(5)}
    db.executemany("INSERT INTO t VALUES (?, ?)", before.items())
    report = zb.migrate(path, "t", "data")
    assert report.changed_rows == 5 and not report.failures
    assert zb.restore(path, "t", "data").changed_rows == 5
    assert values(db) == before


def test_keys_that_are_no_valid_text(path: str) -> None:
    """Nothing is done by halves to a table without rowids; in others, the row has a rowid."""
    db = open_apsw(path)
    for name, options in (("t", "WITHOUT ROWID"), ("u", "")):
        db.execute(f"CREATE TABLE {name}(id TEXT PRIMARY KEY, data BLOB) {options}")
        db.execute(f"INSERT INTO {name} VALUES (CAST(x'ff61' AS TEXT), zeroblob(90000)), ('a', zeroblob(90000))")
    db.close()
    refused: list[Any] = [
        lambda: zb.migrate(path, "t", "data"),
        lambda: zb.restore(path, "t", "data", all_frames=True),
        lambda: zb.verify(path, "t", "data"),
        lambda: zb.stats(path, "t", "data"),
        lambda: zb.analyze(path, "t"),
    ]
    for call in refused:
        with pytest.raises(zb.OptionError, match="row of table t has a key that is TEXT without being valid UTF-8"):
            call()
    db = open_apsw(path)
    assert one(db, "SELECT count(*) FROM sqlite_master WHERE name GLOB 'zblob*'") == 0
    assert zb.migrate(path, "u", "data").changed_rows == 2
    db.execute("UPDATE u SET data = substr(data, 1, length(data) - 1)")
    db.close()
    damages = zb.verify(path, "u", "data").damages
    assert sorted(map(str, (each.key for each in damages))) == ["{'id': 'a'}", "{'rowid': 1}"]
    assert zb.restore(path, "u", "data").failures
