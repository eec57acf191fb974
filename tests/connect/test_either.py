"""Every public function that works on a database takes its path or an open connection alike."""

from __future__ import annotations

import inspect
import io
import json
import pickle
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlite_zblob as zb

from ..conftest import open_apsw, open_autocommit

IMAGE = np.arange(4 * 64 * 64, dtype="i2").reshape(4, 64, 64)
SMALL = [
    json.dumps({"id": number, "label": f"row {number}", "unit": "mm"} | {"x": [number] * 9}) for number in range(300)
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Table `images`, where keys are names; and `small`, whose values a dictionary can be trained from."""
    made = tmp_path / "store.db"
    with closing(open_apsw(str(made))) as db:
        db.execute("CREATE TABLE images(name TEXT PRIMARY KEY, data BLOB); CREATE TABLE small(data TEXT)")
        db.execute("INSERT INTO images VALUES ('a', ?)", (zb.compress(pickle.dumps(IMAGE)),))
        with db:
            db.executemany("INSERT INTO small VALUES (?)", [(each,) for each in SMALL])
    return made


@pytest.fixture(params=["path", "text", "bytes", "uri", "apsw", "sqlite3"])
def database(request: pytest.FixtureRequest, path: Path) -> Iterator[Any]:
    names = {"path": path, "text": str(path), "bytes": str(path).encode(), "uri": f"file:{path}"}
    if request.param in names:
        yield names[request.param]
        return
    opening: Any = open_apsw if request.param == "apsw" else open_autocommit
    with closing(opening(str(path))) as connection:
        yield connection
        assert connection.execute("SELECT count(*) FROM small").fetchone() == (300,)  # it is still open


def rows(database: Any, path: Path, sql: str) -> Any:
    """By the connection that was given, which may be in a transaction; otherwise by one more."""
    if isinstance(database, apsw.Connection | sqlite3.Connection):
        return database.execute(sql).fetchall()
    with closing(open_apsw(str(path))) as db:
        return db.execute(sql).fetchall()


def test_columns(database: Any, path: Path) -> None:
    assert zb.recommend(database, "images", "data").row_count == 1
    assert zb.status(database) == []
    made = zb.enable(database, "images", "data")
    assert zb.status(database) == [made]
    zb.disable(database, "images", "data")
    assert zb.status(database) == []


def test_dictionaries(database: Any, path: Path) -> None:
    made = zb.train(database, "small", "data", size=1024)
    assert rows(database, path, "SELECT id FROM zblob_dictionaries") == [(made,)]
    assert zb.drop_dictionaries(database) == [made]


def test_images(database: Any, path: Path) -> None:
    zb.images.write_image(database, "images", "b", IMAGE + 1)
    assert (zb.images.read_image(database, "images", "b") == IMAGE + 1).all()


def test_parts(database: Any, path: Path) -> None:
    with zb.open_blob(database, "images", "data", 1) as stream:
        assert stream.read() == pickle.dumps(IMAGE)
    with zb.images.open_image(database, "images", "data", 1) as image:
        assert (image[2] == IMAGE[2]).all()
    with pytest.raises(ValueError, match="is closed"):
        image[3]
    stored = zb.write_stream(database, "images", "data", 1, io.BytesIO(b"text " * 9000))
    assert rows(database, path, "SELECT length(data) FROM images") == [(stored,)]


def test_looking(database: Any) -> None:
    assert zb.stats(database, "images", "data")[0].rows == 1
    assert zb.describe(database, "images").name == "images"


def test_exchange(database: Any, path: Path, tmp_path: Path) -> None:
    target = f"frames:{tmp_path / 'out'}"
    if isinstance(database, sqlite3.Connection):
        with pytest.raises(zb.OptionError, match="give the path instead"):  # workers open it through APSW
            zb.exchange.export_rows(database, "images", "data", target)
        return
    assert zb.exchange.export_rows(database, "images", "data", f"zarr:{tmp_path / 'out'}").done_rows == 1
    assert zb.exchange.import_rows(database, "copies", "data", f"zarr:{tmp_path / 'out'}").done_rows == 1
    assert rows(database, path, "SELECT key FROM copies") == [("a",)]


def test_several_databases(database: Any) -> None:
    if isinstance(database, sqlite3.Connection | str | Path):  # the latter two are patterns
        return
    assert zb.shards.stats([database], "images", "data").rows == 1
    assert zb.shards.stats(database, "images", "data").rows == 1


def test_a_file_is_closed_afterwards(path: Path) -> None:
    zb.enable(path, "images", "data")
    with pytest.raises(zb.OptionError):
        zb.images.open_image(path, "images", "data", 99)
    image = zb.images.open_image(path, "images", "data", 1)
    assert str(path) in {each.filename for each in apsw.connections()}
    image.close()
    assert str(path) not in {each.filename for each in apsw.connections()}


def test_what_is_no_database(tmp_path: Path) -> None:
    for function in (zb.status, lambda path: zb.train(path, "t", "c"), lambda path: zb.open_blob(path, "t", "c", 1)):
        with pytest.raises(FileNotFoundError):
            function(tmp_path / "nothing.db")
        (tmp_path / "text").write_text("no database " * 99)
        with pytest.raises(zb.DatabaseError, match="not an SQLite database"):
            function(tmp_path / "text")
        with pytest.raises(zb.WrongTypeError):
            function(7)  # type: ignore[arg-type]


def test_all_of_them_are_tried() -> None:
    """A function whose first argument is called otherwise takes a connection alone, and says why."""
    functions = {name: getattr(zb, name) for name in zb.__all__ if name != "dask"}
    named = {
        name
        for name, each in functions.items()
        if inspect.isfunction(each) and "connection" in inspect.signature(each).parameters
    }
    assert named == {"decode_rows", "load"}  # they change the connection itself
