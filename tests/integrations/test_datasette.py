"""Datasette with the plugin, asked by its own client."""

from __future__ import annotations

import asyncio
import io
import pickle
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

import sqlite_zblob as zb

from ..samples.images import guessed_samples

datasette_app = pytest.importorskip("datasette.app")
pytest.importorskip("PIL")

from datasette.plugins import pm  # noqa: E402
from datasette.views.base import DatasetteError  # noqa: E402
from PIL import Image  # noqa: E402

from sqlite_zblob.integrations import datasette as plugin  # noqa: E402
from sqlite_zblob.integrations.datasette.preview import Place, Value  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Our plugin, as the entry point registers it where the package is installed, and no other package's: some fail
    where Python was built without extension loading."""
    monkeypatch.setattr("datasette.handle_exception.rich", None)  # it takes seconds for each traceback
    zb.install()
    others = [(name, each) for name, each in pm.list_name_plugin() if each and not name.startswith("datasette.")]
    for _, each in others:
        pm.unregister(each)
    pm.register(plugin, "sqlite-zblob")
    yield
    pm.unregister(plugin)
    for name, each in others:
        pm.register(each, name)
    zb.uninstall()


VOLUME = (np.arange(12 * 20 * 30).reshape(12, 20, 30) // 3).astype("int16")
TEXT = "\n".join(f"line {i * i}" for i in range(900)).encode()
COLOURS = np.arange(16 * 24 * 3, dtype="uint8").reshape(16, 24, 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    db = sqlite3.connect(tmp_path / "store.db")
    db.execute("CREATE TABLE results(id TEXT PRIMARY KEY, data BLOB, note TEXT)")
    zb.enable(db, "results", "data")
    zb.enable(db, "results", "note")
    volume = sitk.GetImageFromArray(VOLUME)
    volume.SetSpacing((0.5, 0.5, 3.0))
    buffer = io.BytesIO()
    np.save(buffer, COLOURS)
    rows = [("a/b c", pickle.dumps(volume)), ("colours", buffer.getvalue()), ("other", TEXT), ("tiny", b"ab")]
    db.executemany("INSERT INTO results VALUES (?, ?, ?)", [(*row, f"a note & {row[0]} " * 200) for row in rows])
    db.execute("CREATE VIRTUAL TABLE hidden USING zblob(id INTEGER PRIMARY KEY, data BLOB COMPRESSED)")
    db.execute("INSERT INTO hidden VALUES (1, ?)", (rows[0][1],))
    db.commit()
    db.close()
    return tmp_path / "store.db"


def ask(path: Path, *addresses: str, **settings: Any) -> list[Any]:
    async def main() -> list[Any]:
        served = datasette_app.Datasette([str(path)], **settings)
        await served.invoke_startup()
        await served.refresh_schemas()
        found = [await served.client.get(address) for address in addresses]
        for database in served.databases.values():
            database.close()
        return found

    return asyncio.run(main())


def picture(response: Any) -> Any:
    assert response.status_code == 200 and response.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(response.content)))


def test_tables_and_downloads(path: Path) -> None:
    table, row, blob, text, hidden, virtual = ask(
        path,
        "/store/results",
        "/store/results/other",
        "/store/results/a~2Fb+c.blob?_blob_column=data",
        "/store/results/other.blob?_blob_column=note",
        "/store/hidden",
        "/store/hidden/1.blob?_blob_column=data",
    )
    page = table.text
    assert "int16 30 x 20 x 12," in page and "ratio" in page
    assert "/-/zblob/store/results/a~2Fb+c/data" in page and "/-/zblob/store/results/other/data" not in page
    assert "a note &amp; other a note" in page
    assert f"{len(TEXT):,} bytes, ratio" in row.text
    assert sitk.Hash(pickle.loads(blob.content)) == sitk.Hash(sitk.GetImageFromArray(VOLUME))
    assert blob.headers["content-type"] == "application/binary"
    assert text.text == "a note & other " * 200
    assert "int16 30 x 20 x 12," in hidden.text and virtual.content == blob.content


def test_rows_decoded_on_request(path: Path) -> None:
    address = "/store/results/other.json?_shape=array"
    (plain,) = ask(path, address)
    assert "$base64" in str(plain.json()[0]["note"])
    (decoded,) = ask(path, address, metadata={"plugins": {"sqlite-zblob": {"decode_rows": True}}})
    assert decoded.json()[0]["note"] == "a note & other " * 200


def test_preview(path: Path) -> None:
    base = "/-/zblob/store/results/a~2Fb+c/data"
    page, default, window, sagittal, colours, of_virtual = ask(
        path,
        base,
        f"{base}/slice.png?axis=0&index=5",
        f"{base}/slice.png?axis=0&index=5&level=1100&width=200",
        f"{base}/slice.png?axis=2&index=7",
        "/-/zblob/store/results/colours/data/slice.png",
        "/-/zblob/store/hidden/1/data/slice.png?axis=1&index=3",
    )
    assert page.status_code == 200
    for part in ("int16", "30 x 20 x 12", "0.5 x 0.5 x 3", "SimpleITK", "codec voxel", 'max="11"', "slice.png"):
        assert part in page.text, part
    assert picture(default).shape == (20, 30)
    assert (picture(default).min(), picture(default).max()) == (0, 255)
    expected = ((VOLUME[5].astype(float) - 1000) * 255 / 200).clip(0, 255).astype("uint8")
    assert np.array_equal(picture(window), expected)
    assert picture(sagittal).shape == (12, 20)
    assert np.array_equal(picture(colours), COLOURS)
    assert picture(of_virtual).shape == (12, 30)


def test_a_preview_reads_slices_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE keyed(id TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID")
    db.execute("INSERT INTO keyed SELECT id, data FROM results")
    db.commit()
    db.close()
    statements: list[str] = []
    set_up: Any = vars(plugin)["set_up_if_possible"]

    def set_up_and_watch(connection: Any, **settings: Any) -> None:
        set_up(connection, **settings)
        connection.set_trace_callback(statements.append)

    monkeypatch.setattr(plugin, "set_up_if_possible", set_up_and_watch)
    tables = ["results/a~2Fb+c", "hidden/1", "keyed/a~2Fb+c"]
    addresses = [f"/-/zblob/store/{table}/data{end}" for table in tables for end in ("", "/slice.png?axis=0&index=5")]
    for settings in ({}, {"decode_rows": True}):  # which must not decode what is asked of the stored value
        statements.clear()
        answers = ask(path, *addresses, metadata={"plugins": {"sqlite-zblob": settings}})
        pages, slices = answers[::2], answers[1::2]
        assert all("codec voxel" in page.text for page in pages[:2])
        assert all(np.array_equal(picture(each), picture(slices[0])) for each in slices)
        whole = {each.split(" FROM ")[1].split()[0] for each in statements if each.startswith('SELECT "data"')}
        assert whole == {'"keyed"'}, whole


def test_what_has_no_preview(path: Path) -> None:
    base = "/-/zblob/store/results"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO results VALUES ('raw', ?, '')", (guessed_samples(),))
    (table,) = ask(path, "/store/results?id=raw")
    assert "ratio" in table.text and "preview" not in table.text
    missing = ["other/data", "no/data", "a~2Fb+c/no", "a~2Fb+c,2/data", "tiny/data", "raw/data"]
    missing = [f"{base}/{each}" for each in missing] + ["/-/zblob/store/no/1/data", "/-/zblob/no/results/1/data"]
    assert [response.status_code for response in ask(path, *missing)] == [404] * len(missing)
    queries = ["axis=3", "index=12", "index=-1", "axis=x", "level=1", "level=nan&width=1", "level=1&width=inf"]
    answers = ask(path, *[f"{base}/a~2Fb+c/data/slice.png?{query}" for query in queries])
    assert [response.status_code for response in answers] == [400] * len(queries)
    assert "is no window" in answers[-2].text and "there is no slice 12" in answers[1].text
    (forbidden,) = ask(path, f"{base}/a~2Fb+c/data", metadata={"databases": {"store": {"allow": False}}})
    assert forbidden.status_code == 403


def test_without_the_extra_all_but_previews_works(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Datasette imports every plugin that it finds, for any database."""
    monkeypatch.setitem(sys.modules, "PIL", None)
    for name in ("", ".preview"):
        monkeypatch.delitem(sys.modules, plugin.__name__ + name)
    pm.unregister(plugin)
    without = import_module(plugin.__name__)
    pm.register(without, "sqlite-zblob")
    base = "/-/zblob/store/results/a~2Fb+c/data"
    try:
        table, *previews = ask(path, "/store/results", base, f"{base}/slice.png?axis=0&index=5")
    finally:
        pm.unregister(without)
        pm.register(plugin, "sqlite-zblob")
    assert "int16 30 x 20 x 12," in table.text
    for each in previews:
        assert each.status_code == 501 and "pip install 'sqlite_zblob[datasette]'" in each.text


def test_a_slice_that_takes_too_long(path: Path) -> None:
    db = sqlite3.connect(path)
    noise = pickle.dumps(np.random.default_rng(1).random((40, 200, 200)))
    db.execute("INSERT INTO results(id, data) VALUES ('large', ?)", (noise,))
    db.commit()
    db.close()

    async def main() -> None:
        served = datasette_app.Datasette([str(path)], settings={"sql_time_limit_ms": 1})
        with pytest.raises(DatasetteError, match="sql_time_limit_ms"):
            place = Place("store", "results", "large", "data")
            value = Value(served.get_database("store"), place, "FROM results WHERE id = ?", ["large"], "")
            await value._select("zverify(data), " * 20 + "1")
        served.get_database("store").close()

    asyncio.run(main())


def test_damage_is_told(path: Path) -> None:
    db = sqlite3.connect(path)
    zb.disable(db, "results", "data")  # or it would keep the damaged bytes as a value of their own
    (frame,) = db.execute("SELECT data FROM results WHERE id = 'other'").fetchone()
    damaged = frame[:-1] + bytes([frame[-1] ^ 1])
    db.execute("UPDATE results SET data = ? WHERE id = 'other'", (damaged,))
    db.execute("UPDATE results SET data = ? WHERE id = 'tiny'", (frame[:30],))
    db.commit()
    db.close()
    table, blob = ask(path, "/store/results", "/store/results/other.blob?_blob_column=data")
    assert "damaged:" in table.text
    assert blob.status_code == 500 and "damaged frame" in blob.text
