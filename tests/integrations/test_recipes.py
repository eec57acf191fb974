"""The recipes of docs/in-place.md, as they stand there: a fresh process writes with them and reads."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sqlite_zblob as zb

from ..conftest import CAN_LOAD, ROOT, open_apsw

RECIPES = {
    block.split("\n")[0].removeprefix("# ").partition(",")[0].partition(":")[0]: block
    for block in re.findall(r"^```python\n(# .*?)^```", (ROOT / "docs" / "in-place.md").read_text(), re.S | re.M)
}

SQLALCHEMY = """
import sys, sqlalchemy
from sqlalchemy import text
engine = sqlalchemy.create_engine("sqlite:///" + sys.argv[1])
{recipe}
with engine.begin() as connection:
    connection.execute(text("INSERT INTO t(data) VALUES (:data)"), {{"data": "text" * 1000}})
engine.dispose()
with engine.begin() as connection:
    assert connection.execute(text("SELECT data FROM t")).scalar() == "text" * 1000
"""

ASYNCIO = """
import asyncio, sys, sqlalchemy
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
engine = create_async_engine("sqlite+aiosqlite:///" + sys.argv[1])
{recipe}
async def main():
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO t(data) VALUES (:data)"), {{"data": "text" * 1000}})
    await engine.dispose()
    async with engine.begin() as connection:
        assert (await connection.execute(text("SELECT data FROM t"))).scalar() == "text" * 1000
    await engine.dispose()
asyncio.run(main())
"""

DJANGO = """
import sys, django
from django.conf import settings
settings.configure(DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}}}})
django.setup()
{recipe}
from django.db import models
class T(models.Model):
    data = models.TextField()
    class Meta:
        app_label, db_table = "tests", "t"
T.objects.create(data="text" * 1000)
assert T.objects.get().data == "text" * 1000
"""

AIOSQLITE = """
import asyncio, sys
{recipe}
async def main():
    async with open_store(sys.argv[1]) as db:
        await db.execute("INSERT INTO t(data) VALUES (?)", ("text" * 1000,))
        await db.commit()
    async with open_store(sys.argv[1]) as db:
        assert await db.execute_fetchall("SELECT data FROM t") == [("text" * 1000,)]
asyncio.run(main())
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    db = open_apsw(str(path))
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data TEXT)")
    zb.enable(db, "t", "data")
    db.close()
    return path


def run(script: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, cwd=ROOT, timeout=120
    )


@pytest.mark.parametrize(
    ("name", "program"),
    [("SQLAlchemy", SQLALCHEMY), ("SQLAlchemy", ASYNCIO), ("Django", DJANGO), ("aiosqlite", AIOSQLITE)],
    ids=["SQLAlchemy", "asyncio", "Django", "aiosqlite"],
)
def test_recipe(store: Path, name: str, program: str) -> None:
    recipe = RECIPES[name]
    if program is ASYNCIO:
        recipe = recipe.replace("(engine,", "(engine.sync_engine,")
        assert recipe != RECIPES[name]
    script = program.format(recipe=recipe)
    if not CAN_LOAD:
        refused = run(script, store)
        assert "call sqlite_zblob.install() before" in refused.stderr
        script = f"import sqlite_zblob\nsqlite_zblob.install()\n{script}"
    done = run(script, store)
    assert done.returncode == 0, done.stderr
    db = open_apsw(str(store))
    assert db.execute("SELECT zis_frame(data), zdecompress(data) FROM t").fetchall() == [(1, "text" * 1000)]
    db.close()


# ---- Connections of aiosqlite and SQLAlchemy, one by one ---------------------------------------------------


@pytest.fixture
def installed() -> Iterator[None]:
    """The functions alone: nothing decodes of itself."""
    zb.install()
    yield
    zb.uninstall()


def test_aiosqlite_connections_are_taken(installed: None, store: Path) -> None:
    import aiosqlite

    async def main() -> None:
        db: Any
        async with aiosqlite.connect(store) as db:
            zb.load(db)
            await db.execute("INSERT INTO t(data) VALUES (?)", ("text" * 1000,))
            assert zb.is_frame((await db.execute_fetchall("SELECT data FROM t"))[0][0])
            zb.decode_rows(db)
            assert await db.execute_fetchall("SELECT data FROM t") == [("text" * 1000,)]
            db.row_factory = sqlite3.Row
            assert (await db.execute_fetchall("SELECT data FROM t"))[0]["data"] == "text" * 1000
            zb.decode_rows(db, on=False)
            assert zb.is_frame((await db.execute_fetchall("SELECT data FROM t"))[0]["data"])

    asyncio.run(main())


@pytest.mark.filterwarnings("ignore:.*was deleted before being closed")
def test_aiosqlite_connections_that_are_not_open() -> None:
    import aiosqlite

    async def main() -> None:
        for function in (zb.load, zb.decode_rows):
            with pytest.raises(zb.LoadError, match=r"is not open .*await it first"):
                function(aiosqlite.connect(":memory:"))
        db = await aiosqlite.connect(":memory:")
        await db.close()
        for function in (zb.load, zb.decode_rows):
            with pytest.raises(zb.LoadError, match="is not open"):
                function(db)

    asyncio.run(main())


@pytest.mark.skipif(CAN_LOAD, reason="this Python loads extensions")
def test_an_error_in_the_thread_of_aiosqlite_is_raised() -> None:
    import aiosqlite

    async def main() -> None:
        db: Any
        async with aiosqlite.connect(":memory:") as db:
            with pytest.raises(zb.LoadError, match="built without extension loading"):
                zb.load(db)
            assert await db.execute_fetchall("SELECT 1") == [(1,)]

    asyncio.run(main())


def test_connections_out_of_a_pool(installed: None, store: Path) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine(f"sqlite:///{store}")
    db: Any = engine.raw_connection()
    zb.load(db)
    zb.decode_rows(db)
    db.execute("INSERT INTO t(data) VALUES (?)", ("text" * 1000,))
    assert db.execute("SELECT data FROM t").fetchall() == [("text" * 1000,)]
    db.close()
    with pytest.raises(zb.WrongTypeError, match=r"engine\.raw_connection"):
        zb.decode_rows(engine)
    engine.dispose()


def test_where_other_libraries_keep_their_connection(store: Path) -> None:
    import dataset
    import peewee

    for wrapper in (peewee.SqliteDatabase(str(store)), dataset.connect(f"sqlite:///{store}")):
        with pytest.raises(zb.WrongTypeError, match="its own is database") as caught:
            zb.load(wrapper)
        advice = re.search(r"its own is (.*)", str(caught.value))
        assert advice
        zb.decode_rows(eval(advice[1], {"database": wrapper}))
        wrapper.close()
