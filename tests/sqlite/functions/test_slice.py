"""zslice: slices of images in frames, envelopes and plain values, against NumPy's."""

from __future__ import annotations

import io
import pickle
import sqlite3
from typing import Any

import apsw
import numpy as np
import pytest

import sqlite_zblob as zb

from ...conftest import one
from ...samples.slices import VOLUME, stored_as

ERRORS = (apsw.Error, sqlite3.Error)


def arrays() -> dict[str, np.ndarray]:
    return {
        "volume": VOLUME,
        "bytes": (VOLUME % 251).astype("u1"),
        "double": VOLUME.astype("f8") * 0.5,
        "big-endian": VOLUME.astype(">i4"),
        "row": VOLUME[0, 0],
        "four axes": VOLUME.reshape(5, 8, 90, 100),
        "complex": (VOLUME[:5] * 1j).astype("c8"),
    }


@pytest.mark.parametrize("name", arrays())
@pytest.mark.parametrize("store", ["frame", "envelope", "plain"])
def test_slices_are_those_of_numpy(db: Any, name: str, store: str) -> None:
    array = arrays()[name]
    value = pickle.dumps(array)
    stored = stored_as(store, value)
    for axis in range(array.ndim):
        for index in {0, array.shape[axis] // 2, array.shape[axis] - 1, -1, -array.shape[axis]}:
            expected = np.take(array, index, axis).tobytes()
            assert one(db, "SELECT zslice(?, ?, ?)", stored, axis, index) == expected
            assert one(db, "SELECT zslice(?, ?, ?)", stored, axis - array.ndim, index) == expected


def test_a_slice_of_an_image(db: Any, brain_pickle: bytes, brain: Any) -> None:
    import SimpleITK as sitk

    voxels = sitk.GetArrayFromImage(brain)
    frame = zb.compress(brain_pickle)
    assert one(db, "SELECT zslice(?, 0, 90)", frame) == voxels[90].tobytes()
    assert one(db, "SELECT zslice(?, 1, 100)", frame) == np.ascontiguousarray(voxels[:, 100]).tobytes()
    assert one(db, "SELECT zslice(?, 2, -5)", frame) == np.ascontiguousarray(voxels[:, :, -5]).tobytes()


def test_only_the_chunks_it_touches_are_decoded(db: Any, brain_pickle: bytes) -> None:
    frame = bytearray(zb.compress(brain_pickle))
    cuts = db.execute("SELECT stored_offset, stored_size, codec FROM zblob_chunks(?)", (bytes(frame),)).fetchall()
    offset, size, _ = [cut for cut in cuts if cut[2] == "voxel"][-1]
    frame[offset + size // 2] ^= 1
    assert one(db, "SELECT length(zslice(?, 0, 0))", bytes(frame)) > 0
    with pytest.raises(ERRORS, match="chunk"):
        one(db, "SELECT zslice(?, 0, -1)", bytes(frame))


def test_the_largest_of_several_images(db: Any) -> None:
    value = pickle.dumps({"small": VOLUME[:3], "large": VOLUME, "note": "n" * 500})
    for stored in (value, zb.compress(value)):
        assert one(db, "SELECT zslice(?, 0, 39)", stored) == VOLUME[39].tobytes()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_empty_images(db: Any) -> None:
    for stored in (npy(VOLUME[:, :0]), zb.compress(npy(VOLUME[:, :0]))):
        assert one(db, "SELECT zslice(?, 0, 0)", stored) in (None, b"")


@pytest.mark.parametrize("value", [None, 5, "text", b"", b"bytes " * 99, VOLUME.tobytes()], ids=lambda v: repr(v)[:20])
def test_what_holds_no_image_is_null(db: Any, value: Any) -> None:
    assert one(db, "SELECT zslice(?, 0, 0)", value) is None
    assert one(db, "SELECT zslice(zcompress(?), 0, 0)", value) is None


@pytest.mark.parametrize(
    ("axis", "index", "text"),
    [(3, 0, "3 axes"), (-4, 0, "3 axes"), (0, 40, "40 slices"), (2, -101, "100 slices"), (0, None, "integers")],
)
def test_errors(db: Any, axis: int, index: int | None, text: str) -> None:
    value = pickle.dumps(VOLUME)
    for stored in (value, zb.compress(value)):
        with pytest.raises(ERRORS, match=text):
            one(db, "SELECT zslice(?, ?, ?)", stored, axis, index)


def test_the_limit_of_decoded_bytes_holds(db: Any) -> None:
    frame = zb.compress(pickle.dumps(VOLUME))
    db.execute("SELECT zblob_config('max_size', 10000)").fetchall()
    assert one(db, "SELECT length(zslice(?, 2, 3))", frame) == 7200  # it is the result that counts, not what it spans
    with pytest.raises(ERRORS, match="max_size"):
        one(db, "SELECT zslice(?, 0, 3)", frame)
