"""Compact frames of one image: what they cost, what they hold, and what damage does to them."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import sqlite_zblob as zb

from ...compat import decoder
from ...samples.frame_parts import xxh3


def slice_of(size: int, dtype: str = "i2") -> np.ndarray[Any, Any]:
    y, x = np.mgrid[:size, :size]
    grain = np.random.default_rng(size).integers(0, 8, (size, size))
    image: np.ndarray[Any, Any] = (60 + 40 * np.sin(x / 9) * np.cos(y / 7) + grain).astype(dtype)
    return image


def mask_of(size: int) -> np.ndarray[Any, Any]:
    z, y, x = np.mgrid[:size, :size, :size] - size // 2
    mask: np.ndarray[Any, Any] = (x * x + 2 * y * y + z * z < size * size // 9).astype("u1")
    return mask


IMAGES = {
    "slice": slice_of(64),
    "unsigned": slice_of(48, "u2"),
    "bool": slice_of(64) > 60,
    "floats": slice_of(64, "f4"),
    "big-endian": slice_of(64, ">i2"),
    "Fortran": np.asfortranarray(slice_of(64)),
    "mask": mask_of(32),
    "zeros": np.zeros((24, 24, 24), "u1"),
    "colour": np.stack([slice_of(40, "u1")] * 3, -1),
    "complex": slice_of(32, "c8"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_both_decoders_and_the_description(name: str) -> None:
    array = IMAGES[name]
    value = pickle.dumps(array, 2 + list(IMAGES).index(name) % 4)
    frame = zb.compress(value)
    info = zb.info(frame)
    assert zb.decompress(frame) == decoder.decode(frame) == value
    assert info.compact and info.chunk_count == 1 and info.frame_size == len(frame)
    (image,) = info.images
    assert image.value_offset > 0


@pytest.mark.parametrize(
    ("array", "most"),
    [(np.zeros((64, 64, 64), "u1"), 55), (mask_of(64), 420), (np.zeros((200, 200), "i2"), 60)],
    ids=["zeros", "organ", "flat"],
)
def test_masks_take_little(array: np.ndarray[Any, Any], most: int) -> None:
    assert len(zb.compress(pickle.dumps(array), 9)) < most


def test_what_stands_around_samples_takes_little() -> None:
    array = slice_of(64)
    around = len(zb.compress(pickle.dumps(array))) - len(zb.compress(array))
    assert 0 < around < 16


def test_a_codec_by_name_and_larger_frames_are_ordinary() -> None:
    value = pickle.dumps(slice_of(64))
    assert not zb.info(zb.compress(value, codec="voxel")).compact
    assert not zb.info(zb.compress(pickle.dumps(slice_of(512, "f4")))).compact


@pytest.mark.parametrize("wrap", [zb.compress, zb.compress_pickle], ids=["frame", "envelope"])
def test_every_flipped_bit_is_found(wrap: Any) -> None:
    value = pickle.dumps(mask_of(16))
    stored = wrap(value)
    for at in range(8 * len(stored)):
        damaged = bytearray(stored)
        damaged[at // 8] ^= 1 << at % 8
        try:
            found = zb.decompress(bytes(damaged))
        except zb.ZblobError:
            continue
        assert found == value, at


def test_an_envelope_holds_one() -> None:
    array = slice_of(64)
    envelope = zb.compress_pickle(pickle.dumps(array))
    assert zb.info(envelope).compact
    assert np.array_equal(pickle.loads(envelope), array)


def test_the_checksum_of_the_value_is_compared() -> None:
    frame = zb.compress(pickle.dumps(slice_of(64)))
    covered = frame[8:9] + bytes(4) + frame[13:]
    wrong = frame[:4] + (xxh3(covered) & 0xFFFFFFFF).to_bytes(4, "little") + covered
    with pytest.raises(zb.DamagedFrameError, match="wrong checksum"):
        zb.decompress(wrong)


def test_sql_reads_parts_of_it(db: Any) -> None:
    array = slice_of(64)
    value = pickle.dumps(array)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    db.execute("INSERT INTO t VALUES (1, zcompress(?))", (value,))
    parts = "zsubstr_at('main', 't', 'data', 1, 101, 500), zslice_at('main', 't', 'data', 1, 0, 10)"
    part, row, verdict = db.execute(f"SELECT {parts}, zverify(data) FROM t").fetchone()
    assert part == value[100:600] and row == array[10].tobytes() and verdict == "ok"
    with zb.open_blob(db, "t", "data", 1) as blob:
        blob.seek(148)
        assert blob.read(128) == array[0].tobytes()
    assert zb.images.open_image(db, "t", "data", 1)[3, 5] == array[3, 5]
