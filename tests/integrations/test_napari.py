"""napari's plugin engine finds the reader by the manifest, and layers read what they show, and no more."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

import sqlite_zblob as zb
from sqlite_zblob import integrations

from ..conftest import open_apsw

pytest.importorskip("distributed")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it uses what pydantic has deprecated
    npe2 = pytest.importorskip("npe2")

MANIFEST = Path(integrations.__file__).parent / "napari.yaml"


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    manager = npe2.PluginManager()
    manifest = npe2.PluginManifest.from_file(MANIFEST)
    manager.register(manifest)
    monkeypatch.setattr(npe2.PluginManager, "instance", classmethod(lambda cls: manager))
    yield
    manager.unregister(manifest.name)


def read(path: Path) -> list[Any]:
    layers: list[Any] = npe2.read([str(path)], stack=False)
    return layers


def image(number: int) -> sitk.Image:
    samples = np.random.default_rng(number).normal(100, 9, (12, 40, 30)).astype("int16")
    made = sitk.GetImageFromArray(samples)
    made.SetSpacing((0.5, 0.75, 2.0))
    return made


@pytest.fixture(params=["in-place", "table", "plain"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "study.db"
    connection = open_apsw(str(path))
    connection.execute("CREATE TABLE results(id TEXT PRIMARY KEY, note TEXT, data BLOB)")
    if request.param != "plain":
        zb.enable(connection, "results", "data", mode=request.param)
    colours = np.random.default_rng(9).integers(0, 256, (20, 30, 3), dtype="uint8")
    values = [*map(image, range(3)), {"no": "image"}, colours]
    for number, value in enumerate(values):
        connection.execute("INSERT INTO results VALUES (?, 'a', ?)", (f"k{number}", pickle.dumps(value)))
    connection.close()
    return path


def test_images_of_one_shape_are_one_layer(store: Path) -> None:
    (volumes, about, kind), (colours, of_colours, _) = read(store)
    assert kind == "image" and about["name"] == "results.data, 3 rows"
    assert volumes.shape == (3, 12, 40, 30) and about["scale"] == (1.0, 2.0, 0.75, 0.5)
    assert about["metadata"] == {"table": "results", "column": "data", "keys": ["k0", "k1", "k2"]}
    low, high = about["contrast_limits"]
    assert 70 < low < 100 < high < 130
    for number in range(3):
        assert np.array_equal(np.asarray(volumes[number, 5]), sitk.GetArrayViewFromImage(image(number))[5])
    assert of_colours["rgb"] and of_colours["scale"] == (1.0, 1.0) and colours.shape == (20, 30, 3)
    assert of_colours["name"] == "results.data 'k4'"


def test_files_without_images_are_left_to_others(tmp_path: Path) -> None:
    empty = tmp_path / "empty.db"
    open_apsw(str(empty)).execute("CREATE TABLE t(data)")
    other = tmp_path / "other.db"
    other.write_bytes(b"no database")
    for path in (empty, other, tmp_path / "missing.db"):
        with pytest.raises(ValueError, match="No readers returned data"):
            read(path)


def test_of_a_long_column_the_first_rows_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlite_zblob.integrations.napari.MOST_ROWS", 3)
    path = tmp_path / "long.db"
    connection = open_apsw(str(path))
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    for number in range(5):
        connection.execute("INSERT INTO t VALUES (?, ?)", (number, pickle.dumps(image(number))))
    connection.close()
    with pytest.warns(zb.ZblobWarning, match=r"t\.data has more than 3 rows: the first 3 are shown"):
        ((volumes, about, _),) = read(path)
    assert volumes.shape[0] == 3 and about["metadata"]["keys"] == [0, 1, 2]
