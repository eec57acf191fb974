"""write_image and read_image: what goes in comes out, as an object of its library; hostile pickles run nothing."""

from __future__ import annotations

import io
import pickle
import sqlite3
from pathlib import Path
from typing import Any

import apsw
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

import sqlite_zblob as zb

from .conftest import package_file


@pytest.fixture(params=["apsw", "sqlite3"])
def connection(request: pytest.FixtureRequest) -> Any:
    zb.install()
    made = apsw.Connection(":memory:") if request.param == "apsw" else sqlite3.connect(":memory:")
    yield made
    made.close()
    zb.uninstall()


def stored(connection: Any, key: Any, table: str = "scans") -> bytes:
    (row,) = connection.execute(f"SELECT data FROM {table} WHERE key = ?", (key,)).fetchall()
    assert type(row[0]) is bytes
    return row[0]


def test_simpleitk(connection: Any, brain: sitk.Image) -> None:
    part = brain[40:90, 50:100, 60:80]
    part["patient"] = "nobody"
    zb.images.write_image(connection, "scans", "a", part, level=7)
    frame = zb.info(stored(connection, "a"))
    assert (frame.codec, frame.level, frame.images[0].source) == ("voxel", 7, "SimpleITK")
    found = zb.images.read_image(connection, "scans", "a")
    assert sitk.Hash(found) == sitk.Hash(part)
    assert (found.GetSpacing(), found.GetOrigin(), found.GetDirection(), found["patient"]) == (
        part.GetSpacing(),
        part.GetOrigin(),
        part.GetDirection(),
        "nobody",
    )
    vectors = sitk.Compose(part, part)
    zb.images.write_image(connection, "scans", "a", vectors)  # in its place
    assert sitk.Hash(zb.images.read_image(connection, "scans", "a")) == sitk.Hash(vectors)
    assert connection.execute("SELECT count(*) FROM scans").fetchall() == [(1,)]


@pytest.mark.parametrize("dtype", ["bool", "uint8", ">i2", "float32", "complex128", "S3"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays(connection: Any, dtype: str, order: Any) -> None:
    array = np.asarray((np.arange(20 * 30 * 40) // 50).reshape(20, 30, 40).astype(dtype), order=order)
    zb.images.write_image(connection, "scans", 1, array)
    found = zb.images.read_image(connection, "scans", 1)
    assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_nibabel(connection: Any) -> None:
    data = (np.arange(20 * 30 * 40) // 50).reshape(20, 30, 40).astype("int16")
    for kind in (nibabel.Nifti1Image, nibabel.Nifti2Image):
        image = kind(data, np.diag([2.0, 3.0, 4.0, 1.0]))
        zb.images.write_image(connection, "scans", "a", image)
        assert zb.info(stored(connection, "a")).images[0].spacing == (2.0, 3.0, 4.0)
        found = zb.images.read_image(connection, "scans", "a")
        assert type(found) is kind and np.array_equal(found.affine, image.affine)
        assert np.array_equal(np.asanyarray(found.dataobj), data)
    rounded = nibabel.Nifti1Image(data / 7, np.eye(4), dtype="int16")
    with pytest.raises(zb.OptionError, match="would round"):
        zb.images.write_image(connection, "scans", "b", rounded)


def test_pydicom(connection: Any) -> None:
    dataset = pydicom.dcmread(package_file("pydicom", "data", "test_files", "CT_small.dcm"))
    zb.images.write_image(connection, "scans", "a", dataset)
    found = zb.images.read_image(connection, "scans", "a")
    assert found == dataset and np.array_equal(found.pixel_array, dataset.pixel_array)


@pytest.mark.parametrize(("mode", "envelope"), [("in-place", "frame"), ("in-place", "pickle"), ("table", "frame")])
def test_enabled_columns(connection: Any, mode: zb.Mode, envelope: zb.Envelope) -> None:
    connection.execute("CREATE TABLE scans(key TEXT PRIMARY KEY, data BLOB NOT NULL, note TEXT DEFAULT 'x')")
    zb.enable(connection, "scans", "data", mode=mode, envelope=envelope, level=3)
    image = sitk.GaussianSource(sitk.sitkUInt8, [40, 30, 20])
    with pytest.raises(zb.OptionError, match="its own level, 3"):
        zb.images.write_image(connection, "scans", "a", image, level=5)
    for _ in range(2):
        zb.images.write_image(connection, "scans", "a", image)
        connection.execute("UPDATE scans SET note = 'kept'")
        assert sitk.Hash(zb.images.read_image(connection, "scans", "a")) == sitk.Hash(image)
    rows = "scans_rows" if mode == "table" else "scans"
    assert zb.info(stored(connection, "a", rows)).level == 3
    assert connection.execute("SELECT note FROM scans").fetchall() == [("kept",)]
    if getattr(connection, "in_transaction", False):
        connection.execute("COMMIT")


def test_a_transaction_of_the_owner(connection: Any) -> None:
    connection.execute("BEGIN")
    zb.images.write_image(connection, "scans", "a", np.zeros((10, 10)))
    connection.execute("ROLLBACK")
    with pytest.raises(zb.OptionError, match="scans"):
        zb.images.read_image(connection, "scans", "a")


def test_what_is_refused(connection: Any) -> None:
    write, read = zb.images.write_image, zb.images.read_image
    for thing in (b"bytes", [1], np.ma.masked_array([1], [True]), None):
        with pytest.raises(zb.WrongTypeError):
            write(connection, "scans", "a", thing)
    with pytest.raises(zb.OptionError, match="objects"):
        write(connection, "scans", "a", np.array([None]))
    with pytest.raises(zb.OptionError, match="label maps"):
        write(connection, "scans", "a", sitk.Image([9, 9], sitk.sitkLabelUInt8))
    with pytest.raises(zb.OptionError, match="no pixels"):
        write(connection, "scans", "a", sitk.Image())
    write(connection, "scans", "a", np.zeros(100))
    with pytest.raises(KeyError):
        read(connection, "scans", "b")
    with pytest.raises(zb.OptionError, match="no column no"):
        write(connection, "scans", "a", np.zeros(100), column="no")
    connection.execute("CREATE TABLE pairs(a, b, data BLOB, PRIMARY KEY(a, b))")
    with pytest.raises(zb.OptionError, match="2 columns in its primary key"):
        write(connection, "pairs", 1, np.zeros(100))


class Harm:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_hostile_values(connection: Any, tmp_path: Path) -> None:
    image = sitk.GaussianSource(sitk.sitkUInt8, [40, 30, 20])
    objects = io.BytesIO()
    np.save(objects, np.array([Harm(tmp_path / "harm")], object), allow_pickle=True)
    frame = bytearray(zb.compress(pickle.dumps(image)))
    frame[-5] ^= 1
    size = b"K\x28K\x1eK\x14\x87"  # 40, 30, 20
    large = pickle.dumps(image, 4).replace(size, b"M\xff\xffM\xff\xffM\xff\xff\x87")
    assert len(large) == len(pickle.dumps(image, 4)) + 3
    values: list[Any] = [
        pickle.dumps((image, Harm(tmp_path / "harm"))),
        pickle.dumps(Harm(tmp_path / "harm")),
        objects.getvalue(),
    ]
    values += [bytes(frame), large, b"", b"text", "text", 5]
    connection.execute("CREATE TABLE scans(key PRIMARY KEY, data)")
    for value in values:
        connection.execute("INSERT OR REPLACE INTO scans VALUES (1, ?)", (value,))
        with pytest.raises((zb.ZblobError, ValueError)):
            zb.images.read_image(connection, "scans", 1)
    assert not (tmp_path / "harm").exists()
    if getattr(connection, "in_transaction", False):
        connection.execute("COMMIT")
