"""Libraries that know nothing of compression, on columns that are compressed in place as frames.

The program calls `install(decode_rows=True)` once; each library opens its own connections and does what it always does.
Large values go in, are frames in the file, and come out as they were.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sqlite_zblob as zb

from ..conftest import ROOT


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    zb.install(decode_rows=True)
    yield
    zb.uninstall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def enable(path: Path, table: str, *columns: str) -> None:
    db = sqlite3.connect(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zb.ZblobWarning)  # of diskcache's own triggers
        for column in columns:
            zb.enable(db, table, column)
    db.close()


def frame_count(path: Path, table: str, column: str) -> int:
    db = sqlite3.connect(path)
    (count,) = db.execute(f'SELECT count(*) FROM "{table}" WHERE zis_frame("{column}")').fetchone()
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    return int(count)


def voxels(i: int) -> bytes:
    return bytes([i, i + 1, 0, 0]) * 3000


def note(i: int) -> str:
    return f"note ä {i} " * 300


def test_sqlalchemy(path: Path) -> None:
    import sqlalchemy as sa
    from sqlalchemy import orm

    class Base(orm.DeclarativeBase):
        pass

    class Scan(Base):
        __tablename__ = "scans"
        id: Any = sa.Column(sa.Integer, primary_key=True)
        voxels: Any = sa.Column(sa.LargeBinary)
        note: Any = sa.Column(sa.Text)
        thing: Any = sa.Column(sa.JSON)

    engine = sa.create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    enable(path, "scans", "voxels", "note", "thing")
    with orm.Session(engine) as session:
        session.add_all([Scan(voxels=voxels(i), note=note(i), thing=[i] * 3000) for i in range(5)])
        session.commit()
        session.expire_all()
        found = [(scan.voxels, scan.note, scan.thing) for scan in session.scalars(sa.select(Scan).order_by(Scan.id))]
    assert found == [(voxels(i), note(i), [i] * 3000) for i in range(5)]
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT note FROM scans WHERE id = 2")).scalar() == note(1)
    engine.dispose()
    assert [frame_count(path, "scans", column) for column in ("voxels", "note", "thing")] == [5, 5, 5]


def test_sqlalchemy_with_asyncio(path: Path) -> None:
    import sqlalchemy as sa
    from sqlalchemy.ext.asyncio import create_async_engine

    scans = sa.Table("scans", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("note", sa.Text))

    async def main() -> Any:
        engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
        async with engine.begin() as connection:
            await connection.run_sync(scans.metadata.create_all)
        enable(path, "scans", "note")
        async with engine.begin() as connection:
            await connection.execute(scans.insert(), [{"note": note(i)} for i in range(3)])
        async with engine.connect() as connection:
            found = (await connection.execute(sa.select(scans.c.note).order_by(scans.c.id))).scalars().all()
            streamed = [row.note async for row in await connection.stream(sa.select(scans).order_by(scans.c.id))]
        await engine.dispose()
        return found, streamed

    expected = [note(i) for i in range(3)]
    assert asyncio.run(main()) == (expected, expected)
    assert frame_count(path, "scans", "note") == 3


def test_aiosqlite(path: Path) -> None:
    import aiosqlite

    async def main() -> None:
        db: Any
        async with aiosqlite.connect(path) as db:
            await db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
            await db.commit()
            enable(path, "t", "data")
            await db.executemany("INSERT INTO t(data) VALUES (?)", [(voxels(i),) for i in range(3)])
            await db.commit()
            db.row_factory = aiosqlite.Row
            async with db.execute("SELECT id, data FROM t ORDER BY id") as cursor:
                assert [row["data"] async for row in cursor] == [voxels(i) for i in range(3)]
            assert (await db.execute_fetchall("SELECT data FROM t WHERE id = 1"))[0]["data"] == voxels(0)

    asyncio.run(main())
    assert frame_count(path, "t", "data") == 3


def test_pandas(path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"id": range(5), "voxels": [voxels(i) for i in range(5)], "note": [note(i) for i in range(5)]})
    db = sqlite3.connect(path)
    frame.head(0).to_sql("scans", db, index=False)
    enable(path, "scans", "voxels", "note")
    frame.to_sql("scans", db, index=False, if_exists="append")
    pd.testing.assert_frame_equal(pd.read_sql("SELECT * FROM scans ORDER BY id", db), frame)
    chunks = pd.read_sql("SELECT * FROM scans ORDER BY id", db, chunksize=2, index_col="id")
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    db.close()
    assert frame_count(path, "scans", "voxels") == frame_count(path, "scans", "note") == 5


def test_polars(path: Path) -> None:
    import polars as pl
    import sqlalchemy as sa

    frame = pl.DataFrame({"id": range(5), "voxels": [voxels(i) for i in range(5)], "note": [note(i) for i in range(5)]})
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE scans(id INTEGER PRIMARY KEY, voxels BLOB, note TEXT)")
    enable(path, "scans", "voxels", "note")
    with db:
        db.executemany("INSERT INTO scans VALUES (?, ?, ?)", frame.iter_rows())
    engine = sa.create_engine(f"sqlite:///{path}")
    for connection in (db, engine):
        assert pl.read_database("SELECT * FROM scans ORDER BY id", connection).equals(frame)
    parts = pl.read_database("SELECT * FROM scans ORDER BY id", db, iter_batches=True, batch_size=2)
    assert pl.concat(parts).equals(frame)
    engine.dispose()
    db.close()
    assert frame_count(path, "scans", "voxels") == frame_count(path, "scans", "note") == 5


def test_peewee(path: Path) -> None:
    import peewee

    database = peewee.SqliteDatabase(str(path), pragmas={"journal_mode": "wal", "foreign_keys": 1})

    class Scan(peewee.Model):
        id: Any
        name = peewee.CharField(unique=True)
        voxels = peewee.BlobField()
        note = peewee.TextField(default="")

    database.bind([Scan])
    database.create_tables([Scan])
    enable(path, "scan", "voxels", "note")
    first = Scan.create(name="a", voxels=voxels(1), note=note(1))
    Scan.insert_many([{"name": f"bulk {i}", "voxels": voxels(i), "note": note(i)} for i in range(5)]).execute()
    Scan.insert(name="a", voxels=voxels(9)).on_conflict(conflict_target=[Scan.name], preserve=[Scan.voxels]).execute()
    found = Scan.get_by_id(first.id)
    assert (bytes(found.voxels), found.note) == (voxels(9), note(1))
    assert [row.note for row in Scan.select().where(Scan.name != "a").order_by(Scan.id)] == [note(i) for i in range(5)]
    assert list(Scan.select(Scan.note).where(Scan.name == "bulk 2").tuples()) == [(note(2),)]
    assert Scan.select(Scan.note).where(Scan.name == "bulk 2").dicts().get() == {"note": note(2)}
    found.voxels = voxels(3)
    found.save()
    assert bytes(Scan.get(Scan.name == "a").voxels) == voxels(3)
    database.close()
    assert (frame_count(path, "scan", "voxels"), frame_count(path, "scan", "note")) == (6, 6)


def test_dataset(path: Path) -> None:
    import dataset

    database = dataset.connect(f"sqlite:///{path}")
    scans = database.create_table("scans")
    scans.create_column("name", database.types.text)
    scans.create_column("note", database.types.text)
    enable(path, "scans", "note")
    scans.insert({"name": "a", "note": note(0)})
    scans.insert_many([{"name": f"bulk {i}", "note": note(i)} for i in range(5)])
    scans.upsert({"name": "a", "note": note(7)}, ["name"])
    assert dict(scans.find_one(name="a") or {})["note"] == note(7)
    assert [row["note"] for row in scans.find(name={"like": "bulk%"}, order_by="id")] == [note(i) for i in range(5)]
    assert [row["note"] for row in database.query("SELECT note FROM scans WHERE id = 3")] == [note(1)]
    database.close()
    assert frame_count(path, "scans", "note") == 6


def test_diskcache(tmp_path: Path) -> None:
    import diskcache

    values = {"bytes": voxels(1), "text": note(1), "object": {"x": [1] * 5000}, "small": 1, "pickle": b"\x80\x04]."}
    with diskcache.Cache(tmp_path, disk_min_file_size=1 << 30):
        pass
    enable(tmp_path / "cache.db", "Cache", "value")
    with diskcache.Cache(tmp_path) as cache:
        for key, value in values.items():
            cache[key] = value
        assert {key: cache[key] for key in values} == values
        cache["text"] = note(2)
        assert cache.pop("text") == note(2)
        assert cache.check() == []
    with diskcache.Cache(tmp_path) as cache:
        assert cache["object"] == values["object"]
        assert cache["bytes"] == values["bytes"]
    assert frame_count(tmp_path / "cache.db", "Cache", "value") == 2


def test_sqlitedict(path: Path) -> None:
    import sqlitedict

    sqlitedict.SqliteDict(path, tablename="things").close()
    enable(path, "things", "value")
    values = {f"key {i}": [i] * 2000 for i in range(5)} | {"small": 1}
    with sqlitedict.SqliteDict(path, tablename="things", autocommit=True) as things:
        things.update(values)
        things["key 3"] = "replaced" * 500
    with sqlitedict.SqliteDict(path, tablename="things") as things:
        assert dict(things.items()) == values | {"key 3": "replaced" * 500}
        assert things.pop("key 4") == [4] * 2000
        things.commit()
    texts = sqlitedict.SqliteDict(path, tablename="things", encode=json.dumps, decode=json.loads)
    texts["json"] = ["ä"] * 1000
    texts.commit()
    assert texts["json"] == ["ä"] * 1000
    texts.close()
    assert frame_count(path, "things", "value") == 5


def test_optuna(path: Path) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url = f"sqlite:///{path}"
    study = optuna.create_study(storage=url, study_name="s", sampler=optuna.samplers.RandomSampler(seed=0))
    enable(path, "trial_user_attributes", "value_json")
    enable(path, "study_user_attributes", "value_json")

    def objective(trial: Any) -> float:
        trial.set_user_attr("curve", [trial.number] * 1000)
        trial.set_user_attr("curve", list(range(trial.number, trial.number + 1000)))  # an UPSERT
        return float(trial.suggest_float("x", 0, 1))

    study.optimize(objective, n_trials=3)
    study.set_user_attr("splits", [[1, 2, 3]] * 500)
    again = optuna.load_study(storage=url, study_name="s")
    assert again.user_attrs == {"splits": [[1, 2, 3]] * 500}
    assert [trial.user_attrs["curve"] for trial in again.trials] == [list(range(i, i + 1000)) for i in range(3)]
    assert again.best_trial.value == study.best_value
    storage: Any
    for storage in (study._storage, again._storage):
        storage._backend.engine.dispose()
    assert frame_count(path, "trial_user_attributes", "value_json") == 3
    assert frame_count(path, "study_user_attributes", "value_json") == 1


def test_langgraph(path: Path) -> None:
    from langgraph.checkpoint.base import empty_checkpoint
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    messages = [f"message {i} " * 20 for i in range(50)]
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}

    def check(found: Any) -> None:
        assert found.checkpoint["channel_values"] == {"messages": messages}
        assert found.metadata["source"] == "loop"
        assert found.pending_writes == [("task", "messages", messages)]

    with SqliteSaver.from_conn_string(str(path)) as saver:
        saver.setup()
        enable(path, "checkpoints", "checkpoint")
        enable(path, "writes", "value")
        for _ in range(2):
            checkpoint = empty_checkpoint()
            checkpoint["channel_values"] = {"messages": messages}
            config = saver.put(config, checkpoint, {"source": "loop", "step": 1}, {})
        saver.put_writes(config, [("messages", messages)], "task")
        check(saver.get_tuple(config))
        assert len(list(saver.list({"configurable": {"thread_id": "t"}}, filter={"source": "loop"}))) == 2

    async def main() -> Any:
        async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
            return await saver.aget_tuple(config)

    check(asyncio.run(main()))
    assert (frame_count(path, "checkpoints", "checkpoint"), frame_count(path, "writes", "value")) == (2, 1)


DJANGO = """
import sys
import django
from django.conf import settings
import sqlite_zblob as zb

zb.install(decode_rows=True)
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()
from django.db import connection, models

class Scan(models.Model):
    name = models.CharField(max_length=40, unique=True)
    voxels = models.BinaryField()
    note = models.TextField(default="")
    made = models.DateTimeField(auto_now_add=True)
    class Meta:
        app_label = "tests"

if sys.argv[2] == "make":
    with connection.schema_editor() as editor:
        editor.create_model(Scan)
if sys.argv[2] == "write":
    Scan.objects.create(name="a", voxels=b"abcd" * 3000, note="note" * 1000)
    Scan.objects.bulk_create([Scan(name=f"bulk {i}", voxels=b"abcd" * 3000) for i in range(5)])
if sys.argv[2] == "read":
    scan = Scan.objects.get(name="a")
    assert (bytes(scan.voxels), scan.note) == (b"abcd" * 3000, "note" * 1000)
    assert scan.made.year > 2000
    assert {bytes(value) for value in Scan.objects.values_list("voxels", flat=True)} == {b"abcd" * 3000}
    with connection.cursor() as cursor:
        assert cursor.execute("SELECT note FROM tests_scan WHERE id = 1").fetchone() == ("note" * 1000,)
"""


def test_django(path: Path) -> None:
    def run(task: str) -> None:
        script = textwrap.dedent(DJANGO)
        done = subprocess.run([sys.executable, "-c", script, str(path), task], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr

    run("make")
    enable(path, "tests_scan", "voxels", "note")
    run("write")
    run("read")
    assert [frame_count(path, "tests_scan", column) for column in ("voxels", "note")] == [6, 1]
