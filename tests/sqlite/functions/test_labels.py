"""zlabels and zmask: what is in a label map, against NumPy."""

from __future__ import annotations

import json
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
TYPES = ["u1", "i1", "<u2", ">i2", "<i4", ">u4", "<i8", ">u8"]


def blobs(dtype: str, shape: tuple[int, ...] = (9, 40, 50)) -> np.ndarray:
    """Boxes of labels, some of them negative where the type has such."""
    random = np.random.RandomState(3)
    array = np.zeros(shape, dtype)
    for label in range(1, 20):
        start = [random.randint(extent) for extent in shape]
        box = tuple(slice(at, at + random.randint(1, 12)) for at in start)
        array[box] = -label if array.dtype.kind == "i" and label % 3 == 0 else label
    return array


def rows_of(db: Any, value: Any) -> list[tuple[Any, ...]]:
    return db.execute("SELECT label, voxels, start, stop FROM zlabels(?)", (value,)).fetchall()  # type: ignore[no-any-return]


def expected_rows(array: np.ndarray) -> list[tuple[int, int, list[int], list[int]]]:
    found = []
    for label in np.unique(array):
        places = np.argwhere(array == label)
        found.append((int(label), len(places), places.min(0).tolist(), (places.max(0) + 1).tolist()))
    return found


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("store", ["frame", "envelope", "plain"])
def test_labels_and_masks_are_those_of_numpy(db: Any, dtype: str, store: str) -> None:
    array = blobs(dtype)
    value = stored_as(store, pickle.dumps(array))
    found = [(label, count, json.loads(start), json.loads(stop)) for label, count, start, stop in rows_of(db, value)]
    assert found == expected_rows(array)
    for label, _, start, stop in found:
        mask = np.frombuffer(one(db, "SELECT zmask(?, ?)", value, label), "u1").reshape(array.shape)
        np.testing.assert_array_equal(mask, array == label)
        box = tuple(slice(*each) for each in zip(start, stop, strict=True))
        assert mask[box].sum() == mask.sum()


@pytest.mark.parametrize("shape", [(4001,), (70, 90), (2, 3, 4, 50, 60), (1, 1, 3000)])
def test_any_number_of_axes(db: Any, shape: tuple[int, ...]) -> None:
    array = blobs("<i2", shape)
    found = rows_of(db, zb.compress(pickle.dumps(array)))
    assert [(label, count, json.loads(a), json.loads(b)) for label, count, a, b in found] == expected_rows(array)


def test_rows_have_numbers(db: Any) -> None:
    frame = zb.compress(pickle.dumps(blobs("|u1", (40, 50))))
    numbers = [row[0] for row in db.execute("SELECT rowid FROM zlabels(?)", (frame,)).fetchall()]
    assert numbers == list(range(len(rows_of(db, frame)))) and len(numbers) > 1


def test_pieces_of_a_large_image(db: Any) -> None:
    """Of 16 MiB each, and no whole number of rows."""
    array = np.zeros((70, 500, 501), "u1")
    array[33:36, 100:300, 7:500] = 5
    array[-1, -1, -1] = 255
    frame = zb.compress(pickle.dumps(array))
    assert rows_of(db, frame) == [
        (0, array.size - 3 * 200 * 493 - 1, "[0,0,0]", "[70,500,501]"),
        (5, 3 * 200 * 493, "[33,100,7]", "[36,300,500]"),
        (255, 1, "[69,499,500]", "[70,500,501]"),
    ]
    assert one(db, "SELECT zmask(?, 5)", frame) == (array == 5).astype("u1").tobytes()


def test_many_labels(db: Any) -> None:
    array = np.random.RandomState(1).permutation(300_000).astype("<u4") * 7
    assert [row[0] for row in rows_of(db, array_value(array))] == list(range(0, 2_100_000, 7))
    with pytest.raises(ERRORS, match="zlabels: the image has more than 1048576 labels"):
        rows_of(db, array_value(np.arange((1 << 20) + 1, dtype="<u4")))


def array_value(array: np.ndarray) -> bytes:
    return pickle.dumps(array)


def test_labels_that_samples_cannot_have(db: Any) -> None:
    value = array_value(np.array([255, 1, 0] * 1000, "u1"))
    for label in (-1, 256, 2, 1 << 40):
        assert one(db, "SELECT zmask(?, ?)", value, label) == bytes(3000)
    assert one(db, "SELECT zmask(?, 255)", value) == bytes([1, 0, 0]) * 1000


def test_unsigned_labels_beyond_sqlite_s_integers_have_their_bits(db: Any) -> None:
    value = array_value(np.array([2**64 - 1, 7] * 500, "<u8"))
    assert [row[:2] for row in rows_of(db, value)] == [(-1, 500), (7, 500)]
    assert one(db, "SELECT zmask(?, -1)", value) == bytes([1, 0]) * 500


def test_what_has_no_labels(db: Any) -> None:
    for value in (None, 5, "text", b"", b"bytes" * 500, zb.compress(b"bytes" * 500)):
        assert rows_of(db, value) == []
        assert one(db, "SELECT zmask(?, 1)", value) is None
    assert one(db, "SELECT zmask(?, NULL)", array_value(blobs("u1"))) is None
    for array in (np.ones(500), np.ones(500, "c8")):
        for sql in ("SELECT count(*) FROM zlabels(?)", "SELECT zmask(?, 1)"):
            with pytest.raises(ERRORS, match="floats or several components per pixel; labels are single integers"):
                db.execute(sql, (array_value(array),)).fetchall()
    with pytest.raises(ERRORS, match="zmask takes an integer for the label"):
        one(db, "SELECT zmask(?, 'one')", array_value(blobs("u1")))
    with pytest.raises(ERRORS, match=r"zlabels needs a value: zlabels\(X\)"):
        db.execute("SELECT * FROM zlabels").fetchall()


def test_damage_is_an_error(db: Any) -> None:
    frame = bytearray(zb.compress(array_value(VOLUME % 7)))
    frame[len(frame) // 2] ^= 1
    for sql in ("SELECT count(*) FROM zlabels(?)", "SELECT zmask(?, 1)"):
        with pytest.raises(ERRORS, match="damaged"):
            db.execute(sql, (bytes(frame),)).fetchall()


def test_the_limit_on_sizes_holds(db: Any) -> None:
    frame = zb.compress(array_value(np.zeros(1 << 20, "u1")))
    db.execute("SELECT zblob_config('max_size', 1000000)").fetchall()
    for sql in ("SELECT count(*) FROM zlabels(?)", "SELECT zmask(?, 1)"):
        with pytest.raises(ERRORS, match="max_size"):
            db.execute(sql, (frame,)).fetchall()


def test_labels_of_all_rows_of_a_table(db: Any) -> None:
    """Joined with the rows, and in the order of the labels without sorting."""
    db.execute("CREATE TABLE maps(id INTEGER PRIMARY KEY, data BLOB)")
    for dtype in ("u1", "<u2"):
        db.execute("INSERT INTO maps(data) VALUES (zcompress(?))", (array_value(blobs(dtype)),))
    found = db.execute("SELECT id, label, voxels FROM maps, zlabels(maps.data) WHERE label > 0").fetchall()
    assert len(found) == 2 * sum(1 for row in expected_rows(blobs("u1")) if row[0] > 0)
    plan = db.execute("EXPLAIN QUERY PLAN SELECT * FROM zlabels(x'') ORDER BY label").fetchall()
    assert not any("ORDER BY" in row[-1] for row in plan)
