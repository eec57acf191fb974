"""Real clients, unchanged, on columns that are compressed in place: sqlitedict, diskcache, SQLAlchemy, Django."""

from __future__ import annotations

import pickle
import sqlite3
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import diskcache
import pytest
import sqlalchemy as sa
import sqlitedict
from sqlalchemy import orm
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

import sqlite_zblob as zb

from ..conftest import ROOT


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    zb.install()
    yield
    zb.uninstall()


def enable(path: Path, table: str, column: str, **options: Any) -> None:
    db = sqlite3.connect(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zb.ZblobWarning)
        zb.enable(db, table, column, **options)
    db.close()


def compressed_count(path: Path, table: str, column: str) -> int:
    db = sqlite3.connect(path)
    (count,) = db.execute(f'SELECT count(*) FROM "{table}" WHERE zis_frame("{column}")').fetchone()
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    return int(count)


# ---- sqlitedict --------------------------------------------------------------------------------------------


def test_sqlitedict(tmp_path: Path) -> None:
    path = tmp_path / "dict.db"
    sqlitedict.SqliteDict(path, tablename="things").close()
    enable(path, "things", "value", envelope="pickle")
    big = {f"key {i}": [i] * 2000 for i in range(20)}
    with sqlitedict.SqliteDict(path, tablename="things", autocommit=True) as things:
        things.update(big)
        things["small"] = 1
        things["key 3"] = "replaced" * 500
        del things["key 4"]
    with sqlitedict.SqliteDict(path, tablename="things") as things:
        assert len(things) == 20
        assert things["key 7"] == [7] * 2000
        assert things["key 3"] == "replaced" * 500
        assert "key 4" not in things
        assert things.pop("key 5") == [5] * 2000
        assert dict(things.items()) == {
            key: value for key, value in big.items() if key not in ("key 3", "key 4", "key 5")
        } | {"key 3": "replaced" * 500, "small": 1}
        things.commit()
    assert compressed_count(path, "things", "value") == 18
    with sqlitedict.SqliteDict(path, tablename="things", flag="w") as things:  # empties the table
        things["after"] = [1] * 2000
        things.commit()
        assert things["after"] == [1] * 2000
    assert compressed_count(path, "things", "value") == 1


# ---- diskcache ---------------------------------------------------------------------------------------------


def open_cache(folder: Path) -> diskcache.Cache:
    return diskcache.Cache(str(folder), disk_min_file_size=1 << 30, eviction_policy="least-recently-used")


VALUES = {
    "object": {"a": list(range(3000))},
    "small": 1,
    "float": 2.5,
    "none": None,
    "text": "text" * 3000,
    "bytes": b"bytes" * 3000,
    ("a", "tuple"): [0] * 9000,
}


def use_cache(cache: diskcache.Cache) -> None:
    for key, value in VALUES.items():
        cache[key] = value
    assert {key: cache[key] for key in VALUES} == VALUES
    assert cache.set("expiring", "x" * 9000, expire=1000, tag="t")
    assert cache.get("expiring", expire_time=True, tag=True)[2] == "t"
    assert cache.add("object", 5) is False
    assert cache.incr("counter", 3) == 3
    assert cache.incr("counter") == 4
    assert cache.touch("text", expire=None)
    assert cache.pop("expiring") == "x" * 9000
    assert cache.evict("t") == 0
    assert cache.push([7] * 3000) is not None
    assert cache.pull()[1] == [7] * 3000
    with cache.transact():
        cache["object"] = VALUES["object"]
        del cache["small"]
    assert len(cache) == len(VALUES) == sum(1 for _ in cache)  # without "small", with "counter"
    assert cache.volume() > 0
    assert cache.check() == []


@pytest.mark.parametrize("envelope", ["frame", "pickle"])
def test_diskcache(tmp_path: Path, envelope: str) -> None:
    path = tmp_path / "cache.db"
    with open_cache(tmp_path) as cache:
        cache["legacy"] = [5] * 9000
        cache.check()
    enable(path, "Cache", "value", envelope=envelope)
    with open_cache(tmp_path) as cache:
        if envelope == "frame":
            zb.decode_rows(cache._con)
        assert cache.pop("legacy") == [5] * 9000
        use_cache(cache)
    with open_cache(tmp_path) as cache:
        if envelope == "frame":
            zb.decode_rows(cache._con)
        assert cache["object"] == VALUES["object"]
        assert cache["bytes"] == VALUES["bytes"]
    assert compressed_count(path, "Cache", "value") == {"frame": 4, "pickle": 2}[envelope]


# ---- SQLAlchemy --------------------------------------------------------------------------------------------


class Base(orm.DeclarativeBase):
    pass


class Scan(Base):
    __tablename__ = "scans"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)  # made by the database
    name: orm.Mapped[str] = orm.mapped_column(unique=True)
    voxels: orm.Mapped[bytes]
    thing: orm.Mapped[Any] = orm.mapped_column(sa.PickleType, nullable=True)
    note: orm.Mapped[str] = orm.mapped_column(server_default="fresh")
    made: orm.Mapped[Any] = orm.mapped_column(sa.DateTime, server_default=sa.func.now())
    marks: orm.Mapped[list[Mark]] = orm.relationship(back_populates="scan", cascade="all, delete-orphan")


class Mark(Base):
    __tablename__ = "marks"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    scan_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("scans.id"))
    scan: orm.Mapped[Scan] = orm.relationship(back_populates="marks")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    path = tmp_path / "orm.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    sa.event.listen(engine, "connect", lambda connection, record: zb.decode_rows(connection))
    Base.metadata.create_all(engine)
    enable(path, "scans", "voxels")
    enable(path, "scans", "thing", envelope="pickle")
    yield engine
    engine.dispose()


def voxels(i: int) -> bytes:
    return bytes([i, i + 1, 0, 0]) * 3000


def test_sqlalchemy_flush_and_refresh(engine: sa.Engine, tmp_path: Path) -> None:
    with orm.Session(engine) as session:
        scan = Scan(name="a", voxels=voxels(1), thing={"x": [1] * 3000}, marks=[Mark(), Mark()])
        session.add(scan)
        session.flush()
        assert (scan.id, scan.note) == (1, "fresh")
        assert scan.made is not None
        session.refresh(scan)
        assert (scan.voxels, scan.thing) == (voxels(1), {"x": [1] * 3000})
        scan.voxels = voxels(2)
        session.commit()
        assert scan.voxels == voxels(2)
        scan.note = "changed"
        session.commit()
        assert (scan.note, len(scan.marks)) == ("changed", 2)
        with pytest.raises(sa.exc.IntegrityError), session.begin_nested():
            session.add(Scan(name="a", voxels=voxels(3)))
            session.flush()
        session.delete(scan)
        session.commit()
        assert session.scalar(sa.select(sa.func.count()).select_from(Mark)) == 0


def test_sqlalchemy_bulk(engine: sa.Engine, tmp_path: Path) -> None:
    with orm.Session(engine) as session:
        session.add_all([Scan(name=f"scan {i}", voxels=voxels(i)) for i in range(50)])
        session.flush()
        made = session.scalars(
            sa.insert(Scan).returning(Scan), [{"name": f"bulk {i}", "voxels": voxels(i)} for i in range(50)]
        ).all()
        assert sorted(scan.id for scan in made) == list(range(51, 101))
        assert made[7].voxels == voxels(7)
        session.execute(sa.update(Scan), [{"id": i, "voxels": voxels(100)} for i in range(1, 11)])
        changed: Any = session.execute(sa.update(Scan).where(Scan.id > 90).values(voxels=voxels(101)))
        assert changed.rowcount == 10
        session.bulk_save_objects([Scan(name="saved", voxels=voxels(9), thing=[2] * 3000)])
        upsert = sqlite_insert(Scan).values(name="saved", voxels=voxels(8))
        session.execute(upsert.on_conflict_do_update(index_elements=["name"], set_={"voxels": upsert.excluded.voxels}))
        session.commit()
        session.expire_all()
        found = {scan.name: scan.voxels for scan in session.scalars(sa.select(Scan))}
        assert len(found) == 101
        assert found["scan 3"] == voxels(100) and found["bulk 45"] == voxels(101) and found["saved"] == voxels(8)
        assert found["bulk 20"] == voxels(20)
        assert session.scalar(sa.select(Scan.thing).where(Scan.name == "saved")) == [2] * 3000
        deleted: Any = session.execute(sa.delete(Scan).where(Scan.id <= 50))
        assert deleted.rowcount == 50
        session.commit()
    assert compressed_count(tmp_path / "orm.db", "scans", "voxels") == 51
    assert compressed_count(tmp_path / "orm.db", "scans", "thing") == 1


# ---- Django ------------------------------------------------------------------------------------------------

DJANGO = """
import sys, warnings
import django
from django.conf import settings
import sqlite_zblob as zb

zb.install()
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
django.setup()
from django.db import connection, models, transaction, IntegrityError
from django.db.backends.signals import connection_created

connection_created.connect(lambda connection, **_: zb.decode_rows(connection.connection), weak=False)

class Scan(models.Model):
    name = models.CharField(max_length=40, unique=True)
    voxels = models.BinaryField()
    text = models.TextField(default="")
    made = models.DateTimeField(auto_now_add=True)
    class Meta:
        app_label = "tests"

class Mark(models.Model):
    scan = models.ForeignKey(Scan, on_delete=models.CASCADE)
    class Meta:
        app_label = "tests"

with connection.schema_editor() as editor:
    editor.create_model(Scan)
    editor.create_model(Mark)
connection.ensure_connection()
for column in ("voxels", "text"):
    zb.enable(connection.connection, "tests_scan", column)

def voxels(i):
    return bytes([i, i + 1, 0, 0]) * 3000

scan = Scan.objects.create(name="a", voxels=voxels(1), text="text" * 1000)
assert scan.pk == 1
scan.refresh_from_db()
assert bytes(scan.voxels) == voxels(1) and scan.text == "text" * 1000
scan.voxels = voxels(2)
scan.save()
scan.refresh_from_db(fields=["voxels"])
assert bytes(scan.voxels) == voxels(2)
Scan.objects.filter(pk=1).update(name="b")
Mark.objects.create(scan=scan)
made = Scan.objects.bulk_create([Scan(name=f"bulk {i}", voxels=voxels(i)) for i in range(60)])
assert [each.pk for each in made] == list(range(2, 62))
for each in made[:10]:
    each.voxels = voxels(100)
assert Scan.objects.bulk_update(made[:10], ["voxels"]) == 10
Scan.objects.bulk_create(
    [Scan(name="b", voxels=voxels(9))], update_conflicts=True, unique_fields=["name"], update_fields=["voxels"]
)
assert bytes(Scan.objects.get(name="b").voxels) == voxels(9)
assert bytes(Scan.objects.get(name="bulk 5").voxels) == voxels(100)
assert [bytes(value) for value in Scan.objects.filter(name="bulk 20").values_list("voxels", flat=True)] == [voxels(20)]
found, fresh = Scan.objects.update_or_create(name="b", defaults={"voxels": voxels(3)})
assert not fresh and bytes(Scan.objects.get(pk=1).voxels) == voxels(3)
try:
    with transaction.atomic():
        Scan.objects.create(name="b", voxels=voxels(1))
    raise SystemExit("the duplicate was accepted")
except IntegrityError:
    pass
try:
    with transaction.atomic():
        Scan.objects.create(name="rolled back", voxels=voxels(1))
        raise KeyError
except KeyError:
    pass
assert Scan.objects.count() == 61
assert Mark.objects.get().scan == scan
Mark.objects.all().delete()
assert scan.delete() == (1, {"tests.Scan": 1})
print(Scan.objects.count())
"""


def test_django(tmp_path: Path) -> None:
    path = tmp_path / "django.db"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DJANGO), str(path)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout.strip() == "60", done.stderr
    assert compressed_count(path, "tests_scan", "voxels") == 60


def test_bytes_that_are_pickles_need_frames(tmp_path: Path) -> None:
    """Why columns that are read as raw bytes must not use the pickle envelope."""
    value = pickle.dumps(list(range(3000)))
    path = tmp_path / "t.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    zb.enable(db, "t", "data", envelope="pickle")
    db.execute("INSERT INTO t(data) VALUES (?)", (value,))
    (raw,) = db.execute("SELECT data FROM t").fetchone()
    assert raw != value and pickle.loads(raw) == pickle.loads(value)
    zb.decode_rows(db)
    assert db.execute("SELECT data FROM t").fetchone() == (value,)
    db.close()
