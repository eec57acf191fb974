"""What rows say of their raw voxels, when rows that exist are migrated, compressed again, restored and analyzed."""

from __future__ import annotations

import re
import shlex

import pytest

import sqlite_zblob as zb

from ..conftest import one, open_apsw
from .hints import AS_SAID, BYTES, CREATE, DTYPE, HINT, NONSENSE, SAID, SHAPE_SQL, images, insert


@pytest.fixture
def store(path: str) -> str:
    with open_apsw(path) as db:
        db.execute(CREATE)
        for id, said in enumerate([SAID, *NONSENSE, SAID]):
            insert(db, id, said)
    db.close()
    return path


def sources(path: str, table: str = "t") -> list[int]:
    """The rows that are coded as their rows say. Each value comes back."""
    db = open_apsw(path)
    ids = [id for (id,) in db.execute(f"SELECT id FROM {table} ORDER BY id")]
    found = [id for id in ids if images(db, id, table=table) == AS_SAID]
    db.close()
    return found


LAST = len(NONSENSE) + 1


@pytest.mark.parametrize("mode", ["in-place", "table"])
def test_existing_rows(store: str, mode: zb.Mode) -> None:
    report = zb.migrate(store, "t", "data", mode=mode, force=True, **HINT)
    assert (report.changed_rows, report.failures) == (LAST + 1, ())
    assert sources(store, "t" if mode == "in-place" else "t_rows") == [0, LAST]
    db = open_apsw(store)
    assert zb.status(db)[0].hint == (DTYPE, SHAPE_SQL)
    db.close()
    assert zb.restore(store, "t", "data").changed_rows == LAST + 1
    db = open_apsw(store)
    assert one(db, "SELECT count(*) FROM t WHERE data = ?", BYTES) == LAST + 1
    db.close()


def test_recompress(store: str) -> None:
    """What was guessed is coded as the rows say, once."""
    zb.migrate(store, "t", "data")
    assert sources(store) == []
    assert zb.migrate(store, "t", "data", **HINT).changed_rows == 0
    assert zb.migrate(store, "t", "data", recompress=True).changed_rows == 2
    assert sources(store) == [0, LAST]
    assert zb.migrate(store, "t", "data", recompress=True).changed_rows == 0
    with pytest.raises(zb.OptionError, match=r"no such column: NEW\.missing"):
        zb.migrate(store, "t", "data", dtype_from="NEW.missing")


def test_a_migration_after_a_rename(store: str) -> None:
    """It goes on, and shapes are guessed."""
    db = open_apsw(store)
    zb.enable(db, "t", "data", **HINT)
    db.execute("ALTER TABLE t RENAME COLUMN meta TO about")
    db.close()
    assert zb.migrate(store, "t", "data").changed_rows == LAST + 1
    assert sources(store) == []


def test_what_a_migration_has_recorded(store: str) -> None:
    zb.migrate(store, "t", "data", **HINT)
    db = open_apsw(store)
    zb.disable(db, "t", "data")
    assert zb.enable(db, "t", "data").hint == (DTYPE, SHAPE_SQL)
    db.close()


def test_analyze(store: str) -> None:
    db = open_apsw(store)
    db.execute("ALTER TABLE t RENAME COLUMN meta TO about")
    db.execute("ALTER TABLE t ADD COLUMN meta TEXT")
    db.execute("UPDATE t SET meta = about, about = NULL")
    db.close()
    plain = zb.analyze(store, "t", "data", seconds=1).columns[0]
    said = zb.analyze(store, "t", "data", seconds=1, **HINT).columns[0]
    assert [kind.kind for kind in plain.kinds] == ["other"]
    assert {kind.kind: kind.sampled_count for kind in said.kinds} == {"other": len(NONSENSE), "raw voxels": 2}
    assert "--dtype-from" not in (plain.command or "") and "--dtype-from" in (said.command or "")
    assert said.recommended and plain.recommended
    sizes = [each.size.value for each in (said.setting("auto", 5), plain.setting("auto", 5)) if each]
    assert len(sizes) == 2 and sizes[0] < sizes[1]
    with pytest.raises(zb.OptionError, match="need their table and column"):
        zb.analyze(store, "t", **HINT)
    zb.migrate(store, "t", "data", dry_run=True, **HINT)


@pytest.mark.parametrize(
    ("create", "values", "dtype_from"),
    [
        ("t(id, data BLOB, d TEXT, meta JSON)", "?1, ?2, 'x', ?3", """json_extract(NEW."meta", '$.dtype')"""),
        ("t(id, data BLOB, 'the meta')", "?1, ?2, ?3", """json_extract(NEW."the meta", '$.dtype')"""),
        ("t(id, dtype, shape, data)", "?1, 'uint8', '(12, 20, 30)', ?2", 'NEW."dtype"'),
        ("t(k TEXT PRIMARY KEY, data, meta) WITHOUT ROWID", "?1, ?2, ?3", """json_extract(NEW."meta", '$.dtype')"""),
        ("t(id, data BLOB, meta)", "?1, ?2, replace(?3, 'shape', 'size')", None),
        ("t(id, data BLOB, meta)", "?1, ?2 || x'00', ?3", None),
        ("t(id, data BLOB, meta)", "?1, ?2, iif(?1 % 10, 'malformed', ?3)", None),
        ("t(id, data BLOB)", "?1, ?2", None),
    ],
)
def test_analyze_finds_out(path: str, create: str, values: str, dtype_from: str | None) -> None:
    """Where the rows say it, in columns or JSON of the customary names; and its command does it."""
    db = open_apsw(path)
    db.execute(f"CREATE TABLE {create}")
    for id in range(30):
        bindings = (id, BYTES, SAID)
        db.execute(f"INSERT INTO t VALUES ({values})", bindings[: max(map(int, re.findall(r"\?(\d)", values)))])
    (column,) = zb.analyze(db, seconds=1, seed=1).columns
    db.close()
    words = shlex.split(column.command or "")
    found = {word.partition("=")[0]: word.partition("=")[2] for word in words}
    assert found.get("--dtype-from") == dtype_from
    assert any("rows say what their voxels are" in each for each in column.why) == (dtype_from is not None)
    if dtype_from:
        zb.migrate(path, "t", "data", dtype_from=dtype_from, shape_from=found["--shape-from"])
        db = open_apsw(path)
        assert {image.source for (frame,) in db.execute("SELECT data FROM t") for image in zb.info(frame).images} == {
            "options"
        }
        db.close()
