"""Whatever programs do to a table while it is migrated or restored, or in between: nothing of ours is left behind."""

from __future__ import annotations

import pickle
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb
from sqlite_zblob.migration.values import find_place, read_value

from ..conftest import one, open_apsw

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_zblob.errors.ZblobWarning")

ROWS = 60
OWN = zb.compress(b"a frame of the application's own " * 99)

Disturb = Callable[[apsw.Connection], None]


def value_of(number: int) -> bytes:
    return b"%d, a value that compresses well; " % number * 120


@pytest.fixture
def store(path: str) -> Iterator[apsw.Connection]:
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, note)")
    with db:
        db.executemany("INSERT INTO t(id, data) VALUES (?, ?)", [(n, value_of(n)) for n in range(ROWS)])
    yield db
    db.close()


def values(db: apsw.Connection, table: str = "t", column: str = "data") -> dict[Any, Any]:
    rows: Any = db.execute(f'SELECT id, "{table}"."{column}" FROM "{table}"').fetchall()
    return dict(rows)


def frames(db: apsw.Connection, table: str = "t", column: str = "data") -> int:
    return int(one(db, f'SELECT count(*) FROM "{table}" WHERE zis_frame("{table}"."{column}")'))


def of_ours(db: apsw.Connection) -> list[str]:
    return [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE name GLOB 'zblob*'")]


class Once:
    """A progress callback that does something to the table once a part of the rows is done."""

    def __init__(self, db: apsw.Connection, disturb: Disturb, after: int = ROWS // 2) -> None:
        self.db, self.disturb, self.after, self.is_done = db, disturb, after, False

    def __call__(self, progress: zb.Progress) -> None:
        if progress.phase == "rows" and progress.rows_done >= self.after and not self.is_done:
            self.is_done = True
            self.disturb(self.db)


def run(operation: str, path: str, disturb: Once | None = None, **options: Any) -> zb.Report:
    """In batches of some rows."""
    function: Any = {"migrate": zb.migrate, "restore": zb.restore}[operation]
    report: zb.Report = function(path, "t", "data", batch_size=20_000, progress=disturb, **options)
    assert disturb is None or disturb.is_done
    return report


# ---- Others, while it runs ---------------------------------------------------------------------------------


def rename_column(db: apsw.Connection) -> None:
    db.execute("ALTER TABLE t RENAME COLUMN data TO content")


def rename_table(db: apsw.Connection) -> None:
    db.execute("ALTER TABLE t RENAME TO u")


@pytest.mark.parametrize("legacy", [0, 1])
@pytest.mark.parametrize(("rename", "table", "column"), [(rename_column, "t", "content"), (rename_table, "u", "data")])
def test_a_rename_while_it_runs(
    store: apsw.Connection, path: str, rename: Disturb, table: str, column: str, legacy: int
) -> None:
    before = values(store)
    zb.migrate(path, "t", "data")
    store.execute(f"PRAGMA legacy_alter_table = {legacy}")
    report = run("restore", path, Once(store, rename))
    assert report.finished and (report.table, report.column, report.changed_rows) == (table, column, ROWS)
    assert values(store, table, column) == before and of_ours(store) == []


@pytest.mark.parametrize(("rename", "table", "column"), [(rename_column, "t", "content"), (rename_table, "u", "data")])
def test_a_rename_while_rows_are_compressed(
    store: apsw.Connection, path: str, rename: Disturb, table: str, column: str
) -> None:
    before = values(store)
    report = run("migrate", path, Once(store, rename))
    assert report.finished and (report.table, report.column, report.changed_rows) == (table, column, ROWS)
    assert frames(store, table, column) == ROWS
    assert zb.restore(path, table, column).finished
    assert values(store, table, column) == before and of_ours(store) == []


def test_a_virtual_table_is_renamed_while_it_runs(store: apsw.Connection, path: str) -> None:
    before = values(store)
    zb.migrate(path, "t", "data", mode="table", force=True)
    report = run("restore", path, Once(store, rename_table))
    assert report.finished and report.table == "u"
    assert values(store, "u") == before and of_ours(store) == []


def move_keys(db: apsw.Connection) -> None:
    """To where the walk has been."""
    db.execute(f"UPDATE t SET id = id - 1000 WHERE id > {ROWS * 3 // 4}")


def copy_values(db: apsw.Connection) -> None:
    db.execute(f"UPDATE t SET data = (SELECT data FROM t WHERE id = {ROWS - 1}) WHERE id < 5")


def replace_rows(db: apsw.Connection) -> None:
    db.execute(f"REPLACE INTO t SELECT id - {ROWS - 5}, data, note FROM t WHERE id > {ROWS - 5}")


@pytest.mark.parametrize("table", ["rowid", "without rowid"])
@pytest.mark.parametrize("disturb", [move_keys, copy_values, replace_rows])
@pytest.mark.parametrize("operation", ["migrate", "restore"])
def test_rows_that_others_move_and_copy(path: str, operation: str, disturb: Disturb, table: str) -> None:
    db = open_apsw(path)
    db.execute(f"CREATE TABLE t(id INT PRIMARY KEY, data, note) {table if table != 'rowid' else ''}")
    db.executemany("INSERT INTO t(id, data) VALUES (?, ?)", [(n, value_of(n)) for n in range(ROWS)])
    other = open_apsw(":memory:")  # the same, but that nothing is compressed
    other.execute("CREATE TABLE t(id INT PRIMARY KEY, data, note)")
    other.executemany("INSERT INTO t VALUES (?, ?, ?)", db.execute("SELECT * FROM t"))
    disturb(other)
    if operation == "restore":
        zb.migrate(path, "t", "data")
    report = run(operation, path, Once(db, disturb))
    assert report.finished and not report.missed_rows
    assert report.rows == len(values(other))
    if operation == "migrate":
        assert frames(db) == len(values(other))
        zb.restore(path, "t", "data")
    assert values(db) == values(other) and of_ours(db) == []


class Shuffler(threading.Thread):
    """Moves and copies rows in SQL, as fast as it can."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path, self.stop, self.count = path, threading.Event(), 0
        self.error: BaseException | None = None
        self.rng = random.Random(3)

    def run(self) -> None:
        db = open_apsw(self.path)
        db.set_busy_timeout(60_000)
        try:
            while not self.stop.is_set():
                one_id, other = (row[0] for row in db.execute("SELECT id FROM t ORDER BY random() LIMIT 2"))
                statement = self.rng.choice(
                    [
                        "UPDATE t SET data = (SELECT data FROM t WHERE id = ?1) WHERE id = ?2",
                        "REPLACE INTO t SELECT ?2, data, note FROM t WHERE id = ?1",
                        "UPDATE OR IGNORE t SET id = ?1 - 7919 WHERE id = ?2",
                    ]
                )
                db.execute(statement, (one_id, other))
                self.count += 1
                time.sleep(0.0005)
        except BaseException as error:
            self.error = error
        finally:
            db.close()


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_shuffler_all_the_time(path: str, journal: str) -> None:
    db = open_apsw(path)
    db.set_busy_timeout(60_000)
    db.execute(f"PRAGMA journal_mode = {journal}")
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, note)")
    known = {value_of(n) for n in range(1500)}
    with db:
        db.executemany("INSERT INTO t VALUES (?, ?, NULL)", enumerate(sorted(known)))
    shuffler = Shuffler(path)
    shuffler.start()
    try:
        for operation in ("migrate", "restore"):
            report = run(operation, path, pace=0.5)
            assert report.finished and not report.missed_rows and not report.failures
            if operation == "migrate":
                assert one(db, "SELECT min(zis_frame(data)) FROM t") == 1
    finally:
        shuffler.stop.set()
        shuffler.join()
    assert shuffler.error is None and shuffler.count > 20
    assert set(values(db).values()) <= known and of_ours(db) == []


def test_switched_on_again_while_it_is_restored(store: apsw.Connection, path: str) -> None:
    """By a program that enables its column at its start."""
    before = values(store)
    zb.migrate(path, "t", "data")

    def enable(db: apsw.Connection) -> None:
        zb.enable(db, "t", "data")
        db.execute("INSERT INTO t(id, data) VALUES (-1, ?)", (value_of(-1),))

    assert run("restore", path, Once(store, enable)).finished
    assert values(store) == before | {-1: value_of(-1)} and of_ours(store) == []


@pytest.mark.parametrize("how", ["disabled", "made anew"])
def test_switched_off_while_it_is_migrated(store: apsw.Connection, path: str, how: str) -> None:
    before = values(store)

    def switch_off(db: apsw.Connection) -> None:
        if how == "disabled":
            zb.disable(db, "t", "data")
        else:
            rebuild(db)

    with pytest.raises(zb.ZblobError, match="switched off while its rows were being compressed, or the table was made"):
        run("migrate", path, Once(store, switch_off))
    report = zb.migrate(path, "t", "data")
    assert report.finished and frames(store) == ROWS
    zb.restore(path, "t", "data")
    assert values(store) == before and of_ours(store) == []


@pytest.mark.parametrize("mode", ["in-place", "table"])
@pytest.mark.parametrize("first", ["migrate", "restore"])
def test_two_at_once(store: apsw.Connection, path: str, first: str, mode: zb.Mode) -> None:
    """The one that has begun last goes on, the other one ends with an error and harms nothing."""
    before = values(store)
    if first == "restore":
        zb.migrate(path, "t", "data", mode=mode, force=True)
    reports = []
    options = {"mode": mode, "force": True} if first == "migrate" else {}
    with pytest.raises(zb.SupersededError, match=r"another run of migrate or restore has begun on t\.data"):
        run(first, path, Once(store, lambda _: reports.append(zb.restore(path, "t", "data"))), **options)
    assert reports[0].finished and reports[0].resumed == (first == "restore")
    assert values(store) == before and of_ours(store) == []


def test_two_processes_at_once(store: apsw.Connection, path: str) -> None:
    before = values(store)
    zb.migrate(path, "t", "data")
    ends: list[object] = []

    def restore() -> None:
        try:
            ends.append(zb.restore(path, "t", "data", batch_size=4000, pace=0.5).finished)
        except zb.ZblobError as error:
            ends.append(type(error))

    threads = [threading.Thread(target=restore) for _ in range(3)]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    assert True in ends and set(ends) <= {True, zb.SupersededError, zb.NotCompressedError}
    assert values(store) == before and of_ours(store) == []


# ---- In between --------------------------------------------------------------------------------------------


def rebuild(db: apsw.Connection) -> None:
    """As tools change a table."""
    with db:
        db.execute("CREATE TABLE made_anew(id INTEGER PRIMARY KEY, data BLOB, note, more)")
        db.execute("INSERT INTO made_anew(id, data, note) SELECT * FROM t")
        db.execute("DROP TABLE t")
        db.execute("ALTER TABLE made_anew RENAME TO t")


def test_enabled_and_rebuilt(path: str) -> None:
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, note)")
    zb.enable(db, "t", "data")
    db.executemany("INSERT INTO t(id, data) VALUES (?, ?)", [(n, value_of(n)) for n in range(ROWS)])
    rebuild(db)
    db.executemany("INSERT INTO t(id, data) VALUES (?, ?)", [(n, value_of(n)) for n in range(ROWS, 2 * ROWS)])
    assert zb.migrate(path, "t", "data").changed_rows == ROWS
    report = zb.restore(path, "t", "data")
    assert report.finished and (report.changed_rows, report.kept_rows) == (2 * ROWS, 0)
    assert values(db) == {n: value_of(n) for n in range(2 * ROWS)} and of_ours(db) == []


def test_enabled_and_disabled(path: str) -> None:
    """Frames that a compressed column has made are known, whatever happened to the column since."""
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, note)")
    zb.enable(db, "t", "data")
    db.executemany("INSERT INTO t(id, data) VALUES (?, ?)", [(n, value_of(n)) for n in range(ROWS)])
    db.execute("INSERT INTO t(id, data) VALUES (?, ?)", (ROWS, OWN))
    zb.disable(db, "t", "data")
    assert zb.migrate(path, "t", "data").kept_rows == 1
    report = zb.restore(path, "t", "data")
    assert report.finished and (report.changed_rows, report.kept_rows, report.kept) == (ROWS, 1, ({"id": ROWS},))
    assert values(db) == {n: value_of(n) for n in range(ROWS)} | {ROWS: OWN} and of_ours(db) == []
    with pytest.raises(zb.NotCompressedError, match="--all-frames decompresses them"):
        zb.restore(path, "t", "data")
    assert zb.restore(path, "t", "data", all_frames=True, dry_run=True).rows == ROWS + 1
    report = zb.restore(path, "t", "data", all_frames=True)
    assert report.finished and report.changed_rows == 1
    assert values(db)[ROWS] == zb.decompress(OWN)


def test_frames_that_nobody_remembers(path: str) -> None:
    """Disabled, copied, renamed and made anew: each frame says that a column has made it."""
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    zb.enable(db, "t", "data")
    db.executemany("INSERT INTO t VALUES (?, ?)", [(n, value_of(n)) for n in range(ROWS)])
    db.execute("ALTER TABLE t RENAME TO u; CREATE TABLE w AS SELECT id, data FROM u")
    db.execute("CREATE TABLE v(id INTEGER PRIMARY KEY, data BLOB); INSERT INTO v SELECT * FROM u; DROP TABLE u")
    db.execute("ALTER TABLE v RENAME TO u; CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    db.execute("INSERT INTO t VALUES (1, ?)", (OWN,))
    for table in ("u", "w"):
        assert zb.restore(path, table, "data").changed_rows == ROWS
        assert values(db, table) == {n: value_of(n) for n in range(ROWS)}
        with pytest.raises(zb.NotCompressedError):
            zb.restore(path, table, "data")
    assert values(db) == {1: OWN}


@pytest.mark.parametrize("migrated", [False, True])
@pytest.mark.parametrize("envelope", ["frame", "pickle"])
def test_own_frames_in_an_enabled_column(path: str, envelope: zb.Envelope, migrated: bool) -> None:
    """They were there before, or came later by the program's own zcompress and zpickle: they are what it stored."""
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    pickled = pickle.dumps({"text": "words " * 900})
    db.execute("INSERT INTO t VALUES (0, zcompress(?)), (1, zpickle(?))", (value_of(0), pickled))
    zb.enable(db, "t", "data", envelope=envelope)
    db.execute("INSERT INTO t VALUES (2, ?), (3, zcompress(?)), (4, zpickle(?))", (pickled, value_of(3), pickled))
    own = {number: value for number, value in values(db).items() if number != 2}
    assert frames(db) == 5
    if migrated:
        zb.migrate(path, "t", "data")
    db.execute(
        "ALTER TABLE t RENAME TO u; CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB); INSERT INTO t SELECT * FROM u"
    )
    db.execute("DROP TABLE u")
    report = zb.restore(path, "t", "data")
    assert report.finished and (report.changed_rows, report.kept_rows) == (1, 4)
    assert values(db) == own | {2: pickled} and of_ours(db) == []


def test_nothing_is_left_of_a_record_that_somebody_deleted(store: apsw.Connection, path: str) -> None:
    before = values(store)
    zb.migrate(path, "t", "data")
    store.execute("DELETE FROM zblob_migrations")
    assert zb.restore(path, "t", "data").finished
    assert values(store) == before and of_ours(store) == []


def test_all_frames_of_a_migrated_column(store: apsw.Connection, path: str) -> None:
    """Each of them once: what is a frame inside stays one."""
    store.execute("UPDATE t SET data = ? WHERE id = 3", (OWN,))
    store.execute("UPDATE t SET data = ? WHERE id = 4", (zb.compress(OWN),))
    before = values(store) | {3: zb.decompress(OWN), 4: OWN}
    zb.migrate(path, "t", "data")
    assert zb.restore(path, "t", "data", all_frames=True).kept_rows == 0
    assert values(store) == before and of_ours(store) == []


@pytest.mark.parametrize("legacy", [0, 1])
@pytest.mark.parametrize("mode", ["in-place", "table"])
@pytest.mark.parametrize("disabled", [False, True])
def test_renamed_in_between(store: apsw.Connection, path: str, mode: zb.Mode, legacy: int, disabled: bool) -> None:
    """The record follows, whether compression is on or not, and the application's own frames stay frames."""
    if mode == "in-place":
        store.execute("UPDATE t SET data = ? WHERE id = 7", (OWN,))
    before = values(store)
    zb.migrate(path, "t", "data", mode=mode, force=True)
    if disabled and mode == "in-place":
        zb.disable(store, "t", "data")
    if mode == "table" or disabled:  # what becomes of the compressing triggers, tests/column says
        store.execute(f"PRAGMA legacy_alter_table = {legacy}")
    rename_table(store)
    column = "data"
    if mode == "in-place":
        column = "we'ird \"name"
        store.execute('ALTER TABLE u RENAME COLUMN data TO "we\'ird ""name"')
    store.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, other BLOB)")
    assert [(each.table, each.column) for each in zb.describe(path).migrations] == [("u", column)]
    with pytest.raises(zb.NotCompressedError, match=r"can be restored: u\."):
        zb.restore(path, "t", "other")
    report = zb.restore(path, "u", column)
    assert report.finished and report.kept_rows == (mode == "in-place")
    quoted = '"' + column.replace('"', '""') + '"'
    assert {row[0]: row[1] for row in store.execute(f"SELECT id, {quoted} FROM u")} == before
    assert of_ours(store) == []


@pytest.mark.parametrize("migrated", [False, True])
def test_a_new_table_of_the_old_name(store: apsw.Connection, path: str, migrated: bool) -> None:
    """Compression has gone with the renamed table: frames in the new one are the application's own."""
    if migrated:
        zb.migrate(path, "t", "data")
    else:
        zb.enable(store, "t", "data")
    store.execute("UPDATE t SET data = ? WHERE id = 1", (value_of(1),))
    rename_table(store)
    store.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    store.execute("INSERT INTO t VALUES (1, ?)", (OWN,))
    with pytest.raises(zb.NotCompressedError, match=r"has gone with the table that is now u.*all-frames"):
        zb.restore(path, "t", "data")
    assert values(store) == {1: OWN}
    store.execute("INSERT INTO t VALUES (2, ?)", (value_of(2),))
    report = zb.migrate(path, "t", "data")
    assert (report.changed_rows, report.kept_rows) == (1, 1)
    report = zb.restore(path, "t", "data")
    assert (report.changed_rows, report.kept_rows) == (1, 1)
    assert values(store) == {1: OWN, 2: value_of(2)}
    assert zb.restore(path, "u", "data").changed_rows == (ROWS if migrated else 1)
    assert values(store, "u") == {number: value_of(number) for number in range(ROWS)} and of_ours(store) == []


def test_rows_that_were_copied_into_a_new_table_of_the_old_name(store: apsw.Connection, path: str) -> None:
    zb.migrate(path, "t", "data")
    rename_table(store)
    store.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB); INSERT INTO t SELECT id, data FROM u")
    assert zb.restore(path, "t", "data", all_frames=True).changed_rows == ROWS
    assert values(store) == {number: value_of(number) for number in range(ROWS)}
    assert frames(store, "u") == ROWS and zb.status(store)[0].is_intact
    assert zb.restore(path, "u", "data").changed_rows == ROWS and of_ours(store) == []


def test_made_anew_in_between(store: apsw.Connection, path: str) -> None:
    """The record finds its column by the names, and own frames by what they hold."""
    store.execute("UPDATE t SET data = ? WHERE id = 7", (OWN,))
    before = values(store)
    zb.migrate(path, "t", "data")
    rebuild(store)
    store.execute("UPDATE t SET id = id + 1000")
    report = zb.restore(path, "t", "data")
    assert report.finished and report.kept == ({"id": 1007},)
    assert values(store) == {n + 1000: value for n, value in before.items()} and of_ours(store) == []


def test_rows_that_a_virtual_table_keeps_are_named(store: apsw.Connection, path: str) -> None:
    """Though the table is an ordinary one again by then."""
    zb.migrate(path, "t", "data", mode="table", force=True)
    store.execute("UPDATE t_rows SET data = ? WHERE id = 7", (OWN,))
    before = {number: value_of(number) for number in range(ROWS)} | {7: OWN}
    assert zb.restore(path, "t", "data").kept == ({"id": 7},)
    assert values(store) == before


@pytest.mark.parametrize("key", ["TEXT PRIMARY KEY", "TEXT"])
def test_own_frames_whose_rowids_change(path: str, key: str) -> None:
    db = open_apsw(path)
    db.execute(f"CREATE TABLE t(id {key}, data BLOB)")
    db.executemany("INSERT INTO t(rowid, id, data) VALUES (?, ?, ?)", [(9 * n, f"{n}", value_of(n)) for n in range(20)])
    db.execute("UPDATE t SET data = ? WHERE id IN ('7', '8')", (OWN,))
    before = values(db)
    zb.migrate(path, "t", "data")
    db.execute("VACUUM")
    db.execute("UPDATE t SET rowid = -rowid")
    db.execute("INSERT INTO t(id, data) SELECT 'copy', data FROM t WHERE id = '7'")
    report = zb.restore(path, "t", "data")
    assert report.finished and report.kept_rows == 3
    assert values(db) == before | {"copy": OWN}


def test_a_value_whose_frame_is_there_already(store: apsw.Connection, path: str) -> None:
    """Compressed, the two differ in who has made the frame."""
    store.execute("UPDATE t SET data = ? WHERE id = 3", (zb.compress(value_of(5)),))
    before = values(store)
    report = zb.migrate(path, "t", "data")
    assert report.changed_rows == ROWS - 1 and not report.failures
    assert len(values(store)[3]) == len(values(store)[5])
    zb.restore(path, "t", "data")
    assert values(store) == before


def test_dropped_in_between(store: apsw.Connection, path: str) -> None:
    """The record of a table that is gone serves for nothing, and goes with the next one."""
    store.execute("CREATE TABLE other(id INTEGER PRIMARY KEY, data BLOB)")
    store.execute("INSERT INTO other SELECT id, data FROM t")
    zb.migrate(path, "t", "data")
    store.execute("DROP TABLE t")
    assert zb.describe(path).migrations == ()
    zb.migrate(path, "other", "data")
    zb.restore(path, "other", "data")
    assert [name for name in of_ours(store) if name != "zblob_columns"] == []


# ---- Reading -----------------------------------------------------------------------------------------------


def test_a_bad_read_is_no_missing_row(store: apsw.Connection) -> None:
    place, _ = find_place(store, "t", "data")
    assert read_value(store, place, (ROWS + 1,), 10) is None
    store.execute("ALTER TABLE t RENAME COLUMN data TO content")
    with pytest.raises(apsw.SQLError, match="no such column"):
        read_value(store, place, (1,), len(value_of(1)))


def test_a_page_that_cannot_be_read(path: str) -> None:
    """Its row is a failure with a reason, and not one that others have changed."""
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    rng = random.Random(1)
    for number in range(9):
        db.execute("INSERT INTO t VALUES (?, ?)", (number, (rng.randbytes(20_000) + bytes(9_000)) * 2))
    zb.migrate(path, "t", "data", vacuum="full")
    page_size = one(db, "PRAGMA page_size")
    db.close()
    content = bytearray(Path(path).read_bytes())
    frame = zb.compress((random.Random(1).randbytes(20_000) + bytes(9_000)) * 2)
    first = content.index(frame[6000:6100]) // page_size * page_size  # of value 0, a page of its chain
    content[first : first + 4] = (1 << 30).to_bytes(4, "big")
    Path(path).write_bytes(content)
    report = zb.restore(path, "t", "data")
    assert not report.finished and [each.key for each in report.failures] == [{"id": 0}]
    assert "SQLite cannot read it" in report.failures[0].reason and report.changed_rows == 8


@pytest.mark.parametrize("options", ["?mode=rw", "?mode=rwc", "", "?cache=private"])
def test_uris(store: apsw.Connection, path: str, options: str) -> None:
    before = values(store)
    uri = f"file:{path}{options}"
    assert zb.migrate(uri, "t", "data").changed_rows == ROWS
    assert zb.verify(uri).compressed_rows == ROWS
    assert zb.restore(uri, "t", "data").changed_rows == ROWS
    assert values(store) == before and of_ours(store) == []
