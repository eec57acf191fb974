"""migrate says what it does: settings that are kept, rows that keep others, the room that it needs, what it refuses."""

from __future__ import annotations

import pickle
import random
import warnings
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlite_zblob as zb
from sqlite_zblob.column import dictionaries
from sqlite_zblob.migration import space
from sqlite_zblob.migration.batches import Rewriter

from ..conftest import one, open_apsw

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_zblob.errors.ZblobWarning")

ROWS = 30


def value_of(number: int) -> bytes:
    return b"%d, a value that compresses well; " % number * 120


@pytest.fixture
def store(path: str) -> apsw.Connection:
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id TEXT PRIMARY KEY, data BLOB)")
    with db:
        db.executemany("INSERT INTO t VALUES (?, ?)", [(f"k{n}", value_of(n)) for n in range(ROWS)])
    return db


def values(db: apsw.Connection) -> dict[Any, Any]:
    rows: Any = db.execute("SELECT id, data FROM t").fetchall()
    return dict(rows)


def levels(db: apsw.Connection) -> dict[tuple[str, int], int]:
    infos = [zb.info(value) for (value,) in db.execute("SELECT data FROM t WHERE typeof(data) = 'blob'")]
    found: dict[tuple[str, int], int] = {}
    for about in infos:
        if about.frame:
            key = (about.envelope or "frame", about.level or 0)
            found[key] = found.get(key, 0) + 1
    return found


def settings(db: apsw.Connection) -> tuple[Any, ...]:
    (each,) = zb.status(db)
    return each.mode, each.envelope, each.level, each.min_size


# ---- Settings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["in-place", "table"])
def test_small_values_get_a_dictionary(path: str, mode: zb.Mode) -> None:
    draw = random.Random(1)
    events = [
        f'{{"event": "{draw.choice(["open", "save"])}", "user": {draw.randrange(999)}, "at": {n}, "ok": true}}'
        for n in range(3000)
    ]
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id TEXT PRIMARY KEY, data TEXT)")
    with db:
        db.executemany("INSERT INTO t VALUES (?, ?)", [(f"k{n}", event) for n, event in enumerate(events)])
    db.close()
    zb.migrate(path, "t", "data", mode=mode)  # 60 bytes are below the limit of 512
    report = zb.migrate(path, "t", "data", dictionary="auto", min_size=40)
    assert report.finished and not report.failures
    db = open_apsw(path)
    stored = "t" if mode == "in-place" else "t_rows"
    kept = one(db, f"SELECT sum(length(CAST(data AS BLOB))) FROM {stored}")
    assert kept < 0.75 * sum(map(len, events))
    assert {zb.status(db)[0].dictionary} == {"auto"}
    assert zb.verify(path).ok
    assert zb.describe(path).migrations[0].dictionary == "auto"
    changed = zb.migrate(path, "t", "data", dictionary=0, recompress=True).changed_rows
    assert changed > 2000
    assert zb.status(db)[0].dictionary is None
    assert zb.drop_dictionaries(db) != []
    zb.restore(path, "t", "data")
    assert sorted(values(db).values()) == sorted(events)


def test_what_is_not_given_is_kept(path: str) -> None:
    """README's two sections in order: enable with envelope "pickle", then migrate without options."""
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    db.executemany("INSERT INTO t(data) VALUES (?)", [(pickle.dumps([n] * 3000),) for n in range(ROWS)])
    zb.enable(db, "t", "data", envelope="pickle", level=7, min_size=2000)
    report = zb.migrate(path, "t", "data")
    assert report.envelope == "pickle" and report.changed_rows == ROWS
    assert settings(db) == ("in-place", "pickle", 7, 2000) and levels(db) == {("pickle", 7): ROWS}
    assert [pickle.loads(value)[0] for (value,) in db.execute("SELECT data FROM t")] == list(range(ROWS))
    zb.migrate(path, "t", "data", level=3)
    assert settings(db) == ("in-place", "pickle", 3, 2000)
    zb.disable(db, "t", "data")  # the record knows them still
    zb.migrate(path, "t", "data")
    assert settings(db) == ("in-place", "pickle", 3, 2000)


@pytest.mark.parametrize(
    "bad", [None, "[]", "{}", '{"mode": "in-place", "envelope": "zip", "level": 3, "min_size": 9}']
)
def test_enable_takes_what_was_migrated(store: apsw.Connection, path: str, bad: str | None) -> None:
    """Frames between pickles would be a trap for readers that call pickle.loads."""
    zb.migrate(path, "t", "data", envelope="pickle", level=3, min_size=9)
    zb.disable(store, "t", "data")
    store.execute("ALTER TABLE t RENAME TO u")
    if bad is not None:
        store.execute("UPDATE zblob_migrations SET settings = ?", (bad,))
    found = zb.enable(store, "u", "data")
    assert (found.envelope, found.level, found.min_size) == (("pickle", 3, 9) if bad is None else ("frame", 5, 512))
    zb.disable(store, "u", "data")
    if bad is None:
        zb.restore(path, "u", "data")
        assert zb.enable(store, "u", "data").envelope == "frame"


def test_the_settings_of_a_virtual_table_are_kept(store: apsw.Connection, path: str) -> None:
    zb.enable(store, "t", "data", mode="table", level=2, min_size=600)
    assert zb.migrate(path, "t", "data").mode == "table"
    assert settings(store) == ("table", "frame", 2, 600)


def test_settings_of_an_interrupted_run_are_kept(store: apsw.Connection, path: str) -> None:
    def interrupt(progress: zb.Progress) -> None:
        if progress.rows_done > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        zb.migrate(path, "t", "data", level=2, min_size=700, batch_size=20_000, progress=interrupt)
    report = zb.migrate(path, "t", "data")
    assert report.resumed and settings(store) == ("in-place", "frame", 2, 700) and levels(store) == {("frame", 2): ROWS}


def test_pickles_are_proposed(path: str) -> None:
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    db.executemany("INSERT INTO t(data) VALUES (?)", [(pickle.dumps([n] * 3000),) for n in range(3)])
    with pytest.warns(zb.ZblobWarning, match="--envelope=pickle"):
        zb.migrate(path, "t", "data", dry_run=True)
    for options in ({"envelope": "frame"}, {"envelope": "pickle"}, {"mode": "table", "force": True}):
        assert not proposals(path, **options)
    zb.enable(db, "t", "data")
    assert not proposals(path)
    zb.disable(db, "t", "data")
    db.execute("INSERT INTO t(data) VALUES (?)", (b"no pickle",))
    assert not proposals(path)


def proposals(path: str, **options: Any) -> list[Any]:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        zb.migrate(path, "t", "data", dry_run=True, **options)
    return [each for each in seen if "pickle" in str(each.message)]


# ---- Rows that are compressed already ----------------------------------------------------------------------


def others(report: zb.Report) -> list[tuple[str, int, int]]:
    return [(each.envelope, each.level, each.rows) for each in report.others]


def test_other_levels_are_said_and_changed(store: apsw.Connection, path: str) -> None:
    before = values(store)
    zb.migrate(path, "t", "data", level=5)
    assert others(zb.migrate(path, "t", "data", level=9, dry_run=True)) == [("frame", 5, ROWS)]
    report = zb.migrate(path, "t", "data", level=9)
    assert others(report) == [("frame", 5, ROWS)] and report.changed_rows == 0
    store.execute("INSERT INTO t VALUES ('new', ?)", (value_of(99),))
    assert levels(store) == {("frame", 5): ROWS, ("frame", 9): 1}
    report = zb.migrate(path, "t", "data", recompress=True)
    assert (report.changed_rows, report.rows, others(report)) == (ROWS, ROWS + 1, [])
    assert levels(store) == {("frame", 9): ROWS + 1}
    assert report.stored_bytes == one(store, "SELECT sum(length(data)) FROM t")
    zb.restore(path, "t", "data")
    assert values(store) == before | {"new": value_of(99)}


@pytest.mark.parametrize("mode", ["in-place", "table"])
def test_recompression_goes_on(store: apsw.Connection, path: str, mode: zb.Mode) -> None:
    before = values(store)
    zb.migrate(path, "t", "data", mode=mode, level=1)

    def interrupt(progress: zb.Progress) -> None:
        if progress.rows_done > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        zb.migrate(path, "t", "data", level=6, recompress=True, batch_size=20_000, progress=interrupt)
    report = zb.migrate(path, "t", "data", recompress=True)
    assert report.resumed and report.finished and report.changed_rows == ROWS and report.others == ()
    zb.restore(path, "t", "data")
    assert values(store) == before


def test_recompression_leaves_the_owner_s_frames_and_damage_alone(store: apsw.Connection, path: str) -> None:
    own = zb.compress(b"made by the application itself " * 50, level=2)
    store.execute("UPDATE t SET data = ? WHERE id = 'k3'", (own,))
    before = values(store)
    zb.migrate(path, "t", "data", level=4)
    store.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    frame = one(store, "SELECT data FROM t WHERE id = 'k7'")
    damaged = frame[:-9] + bytes([frame[-9] ^ 255]) + frame[-8:]
    store.execute("UPDATE t SET data = ? WHERE id = 'k7'", (damaged,))
    report = zb.migrate(path, "t", "data", level=8, recompress=True)
    assert (report.changed_rows, report.kept_rows) == (ROWS - 2, 1)
    assert [failure.key for failure in report.failures] == [{"id": "k7"}]
    assert values(store)["k3"] == own and values(store)["k7"] == damaged
    store.execute("UPDATE t SET data = ? WHERE id = 'k7'", (frame,))
    zb.restore(path, "t", "data")
    assert values(store) == before


def test_another_envelope(path: str) -> None:
    """What is no pickle becomes plain: a pickle column's reader expects that."""
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    before = {n: pickle.dumps([n] * 3000) for n in range(9)} | {9: b"no pickle " * 100, 10: "a text " * 100}
    db.executemany("INSERT INTO t VALUES (?, ?)", before.items())
    zb.migrate(path, "t", "data", envelope="frame")
    assert others(zb.migrate(path, "t", "data", envelope="pickle")) == [("frame", 5, 11)]
    report = zb.migrate(path, "t", "data", recompress=True)
    assert report.others == () and levels(db) == {("pickle", 5): 9}
    stored = values(db)
    assert {n: pickle.loads(stored[n])[0] for n in range(9)} == {n: n for n in range(9)}
    assert (stored[9], stored[10]) == (before[9], before[10])
    zb.restore(path, "t", "data")
    assert values(db) == before


def test_values_that_gain_nothing_are_not_tried_for_ever(store: apsw.Connection, path: str) -> None:
    """Others write all the time, and a walk is not the last: what was looked at is known again."""
    noise = random.Random(1).randbytes(5000)
    store.execute("UPDATE t SET data = ? WHERE id < 'k2'", (noise,))
    seen = []

    def disturb(progress: zb.Progress) -> None:
        seen.append(progress.phase)
        store.execute("UPDATE t SET id = id WHERE id = 'k5'")

    report = zb.migrate(path, "t", "data", batch_size=20_000, progress=disturb)
    assert report.finished and not report.missed_rows
    assert report.changed_rows == one(store, "SELECT sum(zis_frame(data)) FROM t") < ROWS and len(seen) < 60


# ---- Room --------------------------------------------------------------------------------------------------


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The disk's free bytes, as migrate is told them."""
    told = {"free": 1 << 40}
    monkeypatch.setattr(space, "free_space", lambda path: told["free"])
    return told


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_the_room_that_is_asked_for(path: str, room: dict[str, int], journal: str) -> None:
    """Not four batches, but what a step needs; and that suffices."""
    db = open_apsw(path)
    db.execute(f"PRAGMA journal_mode = {journal}")
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    rng = random.Random(4)
    with db:
        for _ in range(120):
            db.execute("INSERT INTO t(data) VALUES (?)", (rng.randbytes(60_000) + bytes(940_000),))
    if journal == "wal":
        db.wal_checkpoint(None, apsw.SQLITE_CHECKPOINT_TRUNCATE)
    raw_size = one(db, "SELECT sum(length(data)) FROM t")
    sizes: list[int] = []

    def watch(_: zb.Progress) -> None:
        sizes.append(sum(each.stat().st_size for each in Path(path).parent.glob(f"{Path(path).name}*")))

    watch(None)  # type: ignore[arg-type]
    report = zb.migrate(path, "t", "data", progress=watch)
    assert report.growth_bytes < 22_000_000 and max(sizes) - sizes[0] <= report.growth_bytes
    stored = report.stored_bytes
    zb.migrate(path, "t", "data", vacuum="full")
    if journal == "wal":
        db.wal_checkpoint(None, apsw.SQLITE_CHECKPOINT_TRUNCATE)
    sizes.clear()
    watch(None)  # type: ignore[arg-type]
    room["free"] = 1 << 20
    with pytest.raises(
        zb.DiskSpaceError, match=r"needs \d+\.\d MB of free space .*batch_size \(--batch-size\).*--force"
    ):
        zb.restore(path, "t", "data")
    assert zb.status(db)[0].is_intact  # nothing has happened
    room["free"] = raw_size - stored + 22_000_000
    report = zb.restore(path, "t", "data", progress=watch)
    assert report.finished and max(sizes) - sizes[0] <= report.growth_bytes + raw_size // 50


def test_force(store: apsw.Connection, path: str, room: dict[str, int]) -> None:
    room["free"] = 1000
    with pytest.raises(zb.DiskSpaceError, match=r"which has 1\.0 kB"):
        zb.migrate(path, "t", "data")
    assert zb.migrate(path, "t", "data", force=True, vacuum="full").changed_rows == ROWS


def test_what_the_file_has(store: apsw.Connection, path: str) -> None:
    report = zb.migrate(path, "t", "data")
    assert report.file_bytes == Path(path).stat().st_size
    assert report.free_bytes == one(store, "PRAGMA freelist_count") * one(store, "PRAGMA page_size") > 0
    report = zb.migrate(path, "t", "data", vacuum="full")
    assert (report.file_bytes, report.free_bytes) == (Path(path).stat().st_size, 0)


# ---- Mode "table" ------------------------------------------------------------------------------------------


def test_what_a_virtual_table_takes_away(store: apsw.Connection, path: str) -> None:
    store.execute("CREATE INDEX by_size ON t(length(id))")
    with pytest.raises(zb.OptionError, match=r"index by_size, and .*CREATE INDEX .*force=True \(--force\)"):
        zb.migrate(path, "t", "data", mode="table", dry_run=True)
    assert zb.migrate(path, "t", "data", mode="table", force=True).changed_rows == ROWS
    assert zb.migrate(path, "t", "data").mode == "table"  # once it is one, nothing is in the way
    zb.restore(path, "t", "data")
    store.execute("CREATE TABLE u(id INTEGER PRIMARY KEY, data BLOB)")
    with pytest.raises(zb.OptionError, match=r"makes the keys in id.*RETURNING"):
        zb.migrate(path, "u", "data", mode="table")
    assert zb.migrate(path, "u", "data", mode="table", force=True).mode == "table"


# ---- verify ------------------------------------------------------------------------------------------------


def test_the_progress_of_verify(store: apsw.Connection, path: str) -> None:
    report = zb.migrate(path, "t", "data")
    seen: list[zb.Progress] = []
    checked = zb.verify(path, progress=seen.append)
    assert checked.raw_bytes == report.raw_bytes
    last = seen[-1]
    assert (
        (last.bytes_done, last.stored_bytes)
        == (report.raw_bytes, report.stored_bytes)
        == (
            last.bytes_total,
            last.stored_bytes,
        )
    )
    assert last.ratio == report.ratio


def test_verify_names_a_table_that_cannot_be_read_here_and_goes_on(path: str) -> None:
    """Its key is in an order that only the program's own connections know."""
    db = open_apsw(path)
    db.create_collation("mine", lambda a, b: (a > b) - (a < b))
    for table, key in (("a", "TEXT COLLATE mine"), ("b", "INTEGER")):
        db.execute(f"CREATE TABLE {table}(k {key} PRIMARY KEY, data BLOB) WITHOUT ROWID")
        zb.enable(db, table, "data")
        db.execute(f"INSERT INTO {table} VALUES (1, ?)", (b"a" * 5000,))
    db.close()
    report = zb.verify(path)
    assert report.compressed_rows == 1 and report.columns == (("a", "data"), ("b", "data"))
    (damage,) = report.damages
    assert damage.table == "a" and damage.reason.startswith("SQLite cannot read the table here: ")


def test_a_dictionary_that_is_dropped_meanwhile_ends_the_migration(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames that need it would be stored after it has gone."""
    events = [
        f'{{"event": "opened", "user": {n % 97}, "at": {n * 7919 % 10007}, "place": "the first floor"}}'.encode()
        for n in range(3000)
    ]
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    with db:
        db.executemany("INSERT INTO t(data) VALUES (?)", [(event,) for event in events])
    dropped: list[int] = []
    commit = Rewriter._commit

    def drop_and_commit(self: Rewriter, batch: Any) -> None:
        if not dropped:
            zb.train(db, "t", "data", size=2048)
            dropped.extend(zb.drop_dictionaries(db))
        commit(self, batch)

    monkeypatch.setattr(Rewriter, "_commit", drop_and_commit)
    with pytest.raises(zb.OptionError, match="has dropped dictionary"):
        zb.migrate(path, "t", "data", dictionary="auto", min_size=16)
    assert len(dropped) == 1
    assert [value for (value,) in db.execute("SELECT data FROM t ORDER BY id")] == events


@pytest.mark.parametrize("mode", ["in-place", "table"])
def test_compact_frames_of_images_are_recompressed_and_need_no_dictionary(path: str, mode: zb.Mode) -> None:
    """Their kinds are above those of other compact frames, in which the same bits name a dictionary."""
    db, random = open_apsw(path), np.random.default_rng(3)
    images = [np.add.outer(np.arange(64) * n, np.arange(48)) + random.integers(0, 9, (64, 48)) for n in range(8)]
    before = {n: pickle.dumps(image.astype("i2")) for n, image in enumerate(images)}
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    db.executemany("INSERT INTO t VALUES (?, ?)", before.items())
    zb.migrate(path, "t", "data", mode=mode, level=2, force=True)
    kept = "SELECT data FROM " + ("t" if mode == "in-place" else "t_rows")
    frames = [bytes(frame) for (frame,) in db.execute(kept)]
    assert {frame[:4].hex() for frame in frames} == {"c15a4253"} and {frame[8] for frame in frames} == {219}
    dictionaries.create_table(db, "main")
    likely = {int.from_bytes(frame[at : at + 3], "little") for frame in frames for at in (10, 11, 12)}
    row = "INSERT OR IGNORE INTO zblob_dictionaries VALUES (?, ?, '', '', 't', 'another')"
    db.executemany(row, [(id, b"%d" % id) for id in likely])
    assert zb.drop_dictionaries(db) == sorted(likely)
    assert zb.migrate(path, "t", "data", level=7, recompress=True).changed_rows == len(before)
    assert {bytes(frame)[8] for (frame,) in db.execute(kept)} == {229}
    assert sum(len(bytes(frame)) for (frame,) in db.execute(kept)) < sum(map(len, frames))
    zb.restore(path, "t", "data")
    assert values(db) == before
