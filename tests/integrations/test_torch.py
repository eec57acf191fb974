"""The map-style data set: volumes and slices, in worker processes too, and with PyTorch where that is installed."""

from __future__ import annotations

import importlib
import multiprocessing
import pickle
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

import sqlite_zblob as zb
from sqlite_zblob.integrations.torch import ImageDataset

from ..samples.files import dicom, pages, tiff
from ..samples.images import guessed_samples

VOLUMES = [((np.arange(8 * 20 * 30) + i) // 7).reshape(8, 20, 30).astype("int16") for i in range(4)]


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    zb.install()
    db = sqlite3.connect(tmp_path / "a.db")
    for i, volume in enumerate(VOLUMES):
        zb.images.write_image(db, "scans", f"s{i}", volume if i % 2 else sitk.GetImageFromArray(volume))
    db.execute("INSERT INTO scans VALUES ('plain', ?)", (pickle.dumps(VOLUMES[0]),))
    db.commit()
    db.close()
    yield tmp_path / "a.db"
    zb.uninstall()


def test_volumes_and_slices(path: Path) -> None:
    volumes: Any = ImageDataset(path, "scans", key="key")
    assert volumes.keys == ["plain", "s0", "s1", "s2", "s3"]
    for found, expected in zip(volumes, [VOLUMES[0], *VOLUMES], strict=False):
        assert np.array_equal(found, expected) and found.flags.writeable
    for axis in range(3):
        slices = ImageDataset(path, "scans", key="key", where="key LIKE 's%'", axis=axis)
        assert len(slices) == 4 * VOLUMES[0].shape[axis]
        for (key, at), found in zip(slices.keys, map(slices.__getitem__, range(len(slices))), strict=True):
            assert np.array_equal(found, np.take(VOLUMES[int(key[1:])], at, axis))
    assert ImageDataset(path, "scans", transform=lambda volume: volume.shape)[0] == (8, 20, 30)


@pytest.mark.parametrize("values", [np.asfortranarray(VOLUMES[1]), VOLUMES[1].astype(">i2")])
def test_orders(path: Path, values: Any) -> None:
    db = sqlite3.connect(path)
    zb.images.write_image(db, "others", 1, values)
    db.commit()
    db.close()
    assert np.array_equal(ImageDataset(path, "others")[0], values)
    for axis in range(3):
        slices = ImageDataset(path, "others", axis=axis)
        assert all(np.array_equal(slices[at], np.take(values, at, axis)) for at in range(len(slices)))


def test_colours(path: Path) -> None:
    image = sitk.GetImageFromArray(np.arange(6 * 8 * 10 * 3, dtype="uint8").reshape(6, 8, 10, 3), isVector=True)
    db = sqlite3.connect(path)
    zb.images.write_image(db, "others", 1, image)
    db.commit()
    db.close()
    assert np.array_equal(ImageDataset(path, "others")[0], sitk.GetArrayFromImage(image))
    assert np.array_equal(ImageDataset(path, "others", axis=0)[3], sitk.GetArrayFromImage(image)[3])


@pytest.mark.parametrize(
    ("make", "reads_parts"),
    [
        ("CREATE TABLE others AS SELECT key, data FROM scans WHERE key LIKE 's%'", True),
        (
            "CREATE TABLE others(rowid PRIMARY KEY, data, key AS (rowid)); INSERT INTO others SELECT * FROM scans",
            True,
        ),
        ("CREATE TABLE others(key PRIMARY KEY, data) WITHOUT ROWID; INSERT INTO others SELECT * FROM scans", False),
        ("CREATE VIEW others AS SELECT * FROM scans", False),
        ("CREATE VIRTUAL TABLE others USING zblob(key, data COMPRESSED); INSERT INTO others SELECT * FROM scans", True),
    ],
)
def test_slices_of_any_table(path: Path, make: str, reads_parts: bool) -> None:
    db = sqlite3.connect(path)
    db.executescript(make)
    db.close()
    slices = ImageDataset(path, "others", key="key", where="key LIKE 's%'", axis=1)
    assert bool(slices._rowid) == reads_parts
    for (key, at), found in zip(slices.keys, map(slices.__getitem__, range(len(slices))), strict=True):
        assert np.array_equal(found, VOLUMES[int(key[1:])][:, at])


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_workers(path: Path, method: str) -> None:
    slices = ImageDataset(path, "scans", key="key", axis=0, where="key = 's1'")
    slices[0]  # this process has a connection
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        assert np.array_equal(list(pool.map(slices.__getitem__, range(8))), VOLUMES[1])
    with ThreadPoolExecutor(4) as pool:
        assert np.array_equal(list(pool.map(slices.__getitem__, range(8))), VOLUMES[1])


def test_what_is_refused(path: Path) -> None:
    part: Any = slice(0, 2)
    with pytest.raises(zb.WrongTypeError, match=r"by an integer, not by a slice: \[ds\[i\] for"):
        ImageDataset(path, "scans")[part]
    with pytest.raises(FileNotFoundError, match=str(path.parent / "none.db")):
        ImageDataset(path.parent / "none.db", "scans")
    with pytest.raises(zb.OptionError, match="axis 3"):
        ImageDataset(path, "scans", axis=3)
    odd: Any  # SQLite takes such a name for a text, so that each key would be of all rows
    for odd in ({"key": "name"}, {"column": "name"}):
        with pytest.raises(zb.OptionError, match="table scans has no column name: it has key, data"):
            ImageDataset(path, "scans", **odd)
    with pytest.raises(zb.OptionError, match="there is no table nowhere"):
        ImageDataset(path, "nowhere")
    assert ImageDataset(path, "scans", key="ROWID", where="key = 's1'").keys == [2]
    db = sqlite3.connect(path)
    db.execute("INSERT INTO scans VALUES ('text', 'text')")
    db.commit()
    db.close()
    with pytest.raises(zb.OptionError, match="'text' of table scans holds no image"):
        ImageDataset(path, "scans", key="key", axis=0)
    with pytest.raises(zb.OptionError, match="no image"):
        ImageDataset(path, "scans", key="key", where="key = 'text'")[0]


def test_a_guess_is_no_image(path: Path) -> None:
    """What its samples are is the encoder's affair: here they are coded as int16."""
    frame = zb.compress(guessed_samples())
    assert [image.is_guess for image in zb.info(frame).images] == [True]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO scans VALUES ('raw', ?)", (frame,))
    with pytest.raises(zb.OptionError, match="'raw' of table scans holds no image"):
        ImageDataset(path, "scans", key="key", axis=0)
    with pytest.raises(zb.OptionError, match="'raw' of table scans holds no image"):
        ImageDataset(path, "scans", key="key", where="key = 'raw'")[0]


def test_pytorch(path: Path) -> None:
    torch: Any = pytest.importorskip("torch", exc_type=ImportError)
    loader_of: Any = importlib.import_module("torch.utils.data").DataLoader
    slices = ImageDataset(path, "scans", key="key", where="key LIKE 's%'", axis=0)
    loader = loader_of(slices, batch_size=8, num_workers=2, multiprocessing_context="spawn")
    batches = list(loader)
    assert [tuple(batch.shape) for batch in batches] == [(8, 20, 30)] * 4
    assert torch.equal(torch.cat(batches), torch.from_numpy(np.concatenate(VOLUMES)))


def test_however_the_samples_stand(path: Path) -> None:
    """As text, in tiles, with fewer bits or bytes between pages: volumes are whole, and slices are refused or right."""
    stack = (np.arange(6 * 40 * 52).reshape(6, 40, 52) % 251).astype("<u2")
    values = {
        "text": pickle.dumps(stack, 2),
        "tiles": tiff(stack[0], tile=(16, 32), photometric="minisblack"),
        "pages": pages(stack),
        "bits": dicom(stack | 0xF000, BitsStored=8, HighBit=7, NumberOfFrames=6),
    }
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE s (name TEXT, data BLOB)")
        connection.executemany("INSERT INTO s VALUES (?, ?)", ((k, zb.compress(v)) for k, v in values.items()))
    for name in values:
        volumes: Any = ImageDataset(path, "s", where=f"name = '{name}'")
        np.testing.assert_array_equal(volumes[0], stack[0] if name == "tiles" else stack)
        if name in ("text", "tiles"):
            with pytest.raises(zb.OptionError, match="as a whole"):
                ImageDataset(path, "s", where=f"name = '{name}'", axis=0)
        else:
            np.testing.assert_array_equal(ImageDataset(path, "s", where=f"name = '{name}'", axis=0)[3], stack[3])
