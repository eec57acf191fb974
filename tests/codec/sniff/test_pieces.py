"""Images that stand in the value in pieces: tiles, and pages with directories between them."""

from __future__ import annotations

import io
import pickle
import random
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from PIL import Image

import sqlite_zblob as zb

from ...conftest import open_apsw
from ...samples.files import colours, pages, pillow, scan, tiff, unclean, written
from ...samples.frame_parts import VOXEL, Parts
from .finding import images_of


def smooth(shape: tuple[int, ...], dtype: str = "u2") -> np.ndarray:
    """Pages that are like each other, of which none is noise."""
    axes = np.meshgrid(*(np.linspace(0, 3, extent) for extent in shape), indexing="ij")
    found = np.sum([np.sin(axis * (2 + i)) for i, axis in enumerate(axes)], axis=0)
    noise = np.random.default_rng(5).normal(0, 0.01, shape)
    made: np.ndarray = ((found - found.min() + noise + 0.1) * 50).astype(dtype)
    return made


def by_pillow(pixels: np.ndarray) -> bytes:
    first, *others = map(Image.fromarray, pixels)
    out = io.BytesIO()
    first.save(out, "TIFF", save_all=True, append_images=others)
    return out.getvalue()


def by_itk(pixels: np.ndarray) -> bytes:
    return written(".tif", lambda path: sitk.WriteImage(sitk.GetImageFromArray(pixels), str(path), False))


WRITERS: dict[str, Any] = {
    "tifffile": pages,
    "tifffile, strips": lambda pixels: pages(pixels, rowsperstrip=7),
    "Pillow": by_pillow,
    "ITK": by_itk,
}


@pytest.mark.parametrize("writer", WRITERS)
def test_pages_are_slices_of_one_image(writer: str) -> None:
    """Whoever has written them; a frame of them is hardly larger than one of the pixels alone."""
    pixels = smooth((12, 40, 52))
    value = WRITERS[writer](pixels)
    (found,) = images_of(value)
    assert (found.source, found.size) == ("TIFF", (52, 40, 12))
    assert min(found.gaps) > 0
    frame = zb.compress(value)
    np.testing.assert_array_equal(zb.images.read_array(frame), pixels)
    assert len(frame) < len(zb.compress(pixels.tobytes(), dtype="uint16", shape=pixels.shape)) + 1200


def test_more_pages_than_a_frame_has_images() -> None:
    pixels = smooth((1100, 24, 24), "u1")
    value = pages(pixels)
    (found,) = images_of(value)
    assert found.size == (24, 24, 1100)
    whole = zb.compress(pixels.tobytes(), dtype="uint8", shape=pixels.shape)
    assert len(zb.compress(value)) < len(whole) + 20 * 1100  # a directory has 240 bytes


def test_pages_between_which_other_bytes_are_more_are_other_images() -> None:
    """They are read as one stack all the same."""
    pixels, out = smooth((9, 40, 52)), io.BytesIO()
    with tifffile.TiffWriter(out) as file:
        for number, page in enumerate(pixels):
            text = "another word " * (number == 5)
            file.write(page, contiguous=False, photometric="minisblack", metadata=None, description=text or None)
    found = images_of(out.getvalue())
    assert len(found) > 1
    assert sum(image.size[2] if image.dimension > 2 else 1 for image in found) == 9
    np.testing.assert_array_equal(zb.images.read_array(zb.compress(out.getvalue())), pixels)


@pytest.mark.parametrize("level", [1, 5, 9])
@pytest.mark.parametrize("tile", [(16, 16), (32, 64), (256, 128)])
def test_tiles_are_put_together(tile: tuple[int, int], level: int) -> None:
    """What of them lies outside of the image is any bytes."""
    pixels = smooth((150, 210))
    value = bytearray(tiff(pixels, tile=tile, photometric="minisblack"))
    (found,) = images_of(bytes(value))
    assert (found.source, found.size, found.tile) == ("TIFF", (210, 150), tile[::-1])
    value[-1] = 7  # of the last tile's corner
    frame = zb.compress(bytes(value), level=level)
    assert zb.decompress(frame) == bytes(value)
    np.testing.assert_array_equal(zb.images.read_array(frame), pixels)
    whole = zb.compress(pixels.tobytes(), level=level, dtype="uint16", shape=pixels.shape)
    assert len(frame) < 1.02 * len(whole) + 500


def test_tiles_of_a_large_picture_are_cut_along_them() -> None:
    """Chunks are bands of whole tiles, which a reader decodes one by one."""
    pixels = np.tile(smooth((700, 350)), (3, 6))
    pixels += (np.arange(pixels.size, dtype=np.uint32) * 2654435761 >> 30).astype("u2").reshape(pixels.shape)
    value = tiff(pixels, tile=(176, 256), photometric="minisblack")
    frame = zb.compress(value, level=5)
    band = 176 * 2304 * 2
    sizes = [chunk.raw_size for chunk in Parts.of(frame).chunks if chunk.codec == VOXEL]
    assert len(sizes) > 2
    assert [size % band for size in sizes] == [0] * len(sizes)
    assert zb.decompress(frame) == value


def test_rows_of_tiles_that_are_too_large_remain_a_guess() -> None:
    pixels = np.broadcast_to(np.arange(40_000, dtype="u2"), (80, 40_000)).copy()
    value = tiff(pixels, tile=(64, 39_008), photometric="minisblack")
    assert images_of(value)[0].source == "guess"


def test_pages_in_sql(tmp_path: Any) -> None:
    """Slices along each axis, and arrays that read what is asked of them: of frames, and of plain values."""
    pixels = smooth((9, 40, 52))
    db: Any = open_apsw(str(tmp_path / "store.db"))
    zb.images.register(db)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    value = by_itk(pixels)
    noisy = pages(np.random.default_rng(0).integers(0, 65536, pixels.shape, "u2"))
    rows = [
        zb.compress(value),
        value,
        zb.compress(value, level=1),
        zb.compress(noisy),
        zb.compress(value, codec="zstd"),
    ]
    db.executemany("INSERT INTO t VALUES (?, ?)", list(enumerate(rows)))
    for key in range(len(rows)):
        expected = zb.images.read_array(rows[key])
        for axis, extent in enumerate(expected.shape):
            for index in (0, 1, extent - 1):
                (found,) = db.execute("SELECT zslice(data, ?, ?) FROM t WHERE id = ?", (axis, index, key)).fetchone()
                assert found == expected.take(index, axis).tobytes(), (key, axis, index)
        stored = zb.images.open_image(db, "t", "data", key)
        np.testing.assert_array_equal(stored[...], expected)
        np.testing.assert_array_equal(stored[1:8:3, ::-2, 5], expected[1:8:3, ::-2, 5])
        assert stored[8, 39, 51] == expected[8, 39, 51]
        assert int(expected[2, 3, 4]) in stored
    seen = db.execute("SELECT size, max, mean FROM zimages('t', 'data') WHERE key = 0").fetchone()
    assert seen == ("[52, 40, 9]", pixels.max(), pytest.approx(pixels.mean()))


def test_tiles_in_sql() -> None:
    db: Any = open_apsw()
    value = tiff(smooth((150, 210)), tile=(64, 64), photometric="minisblack")
    db.execute("CREATE TABLE t(data)")
    db.execute("INSERT INTO t VALUES (?)", (zb.compress(value),))
    assert db.execute("SELECT zslice(data, 0, 0), zsubstr(data, 100, 5000) FROM t").fetchone() == (None, value[99:5099])
    with pytest.raises(zb.OptionError, match="in tiles"):
        zb.images.open_image(db, "t", "data", 1)


def test_parts_of_the_value_come_back() -> None:
    """Wherever they begin and end: in samples, in gaps, in what lies beyond the image."""
    db: Any = open_apsw()
    rng = random.Random(2)
    for value in (
        pages(smooth((9, 40, 52))),
        tiff(colours(), tile=(16, 32)),
        pages(smooth((3, 40, 52)), tile=(16, 16)),
    ):
        frame = zb.compress(value)
        assert zb.info(frame).images[0].has_pieces
        for _ in range(40):
            at, count = rng.randrange(len(value)), rng.choice([1, 300, 9000])
            (found,) = db.execute("SELECT zsubstr(?, ?, ?)", (frame, at + 1, count)).fetchone()
            assert found == value[at : at + count]


def test_a_damaged_rest_is_found() -> None:
    """The size of what stands before a chunk's samples is no address."""
    value = pages(smooth((9, 40, 52)))
    frame = zb.compress(value)
    about = zb.info(frame)
    assert about.codec == "voxel"
    at = next(at for at in range(about.header_size, len(frame)) if frame[at : at + 8][4:] == b"\x28\xb5\x2f\xfd" and at)
    while struct.unpack_from("<I", frame, at)[0] > 1000:
        at = next(i for i in range(at + 1, len(frame)) if frame[i + 4 : i + 8] == b"\x28\xb5\x2f\xfd")
    for size in (0, 1, 2**31, 2**32 - 1):
        with pytest.raises(zb.DamagedFrameError):
            zb.decompress(frame[:at] + struct.pack("<I", size) + frame[at + 4 :])


def test_a_page_alone_has_no_gaps() -> None:
    (found,) = images_of(pages(scan("u2")[:1]))
    assert found == replace(found, gaps=(0, 0), tile=(0, 0))


def test_chunks_of_pages_are_no_larger_than_a_frame_allows() -> None:
    """A nearly empty mask is one chunk of 16 MiB, for which the directories leave no room."""
    mask = np.zeros((64, 512, 512), "u1")
    mask[30:34, 200:260, 240:280] = 1
    frame = zb.compress(pages(mask))
    assert zb.info(frame).codec == "voxel"
    np.testing.assert_array_equal(zb.images.read_array(frame), mask)


VOLUMES = [((16, 64, 64), "TIFF", (64, 64, 32)), ((8, 16, 32), "guess", (32, 16, 8 * 4 * 4 * 2))]


@pytest.mark.parametrize(("tile", "source", "size"), VOLUMES)
def test_tiles_of_volumes(tile: tuple[int, ...], source: str, size: tuple[int, ...]) -> None:
    """They lie as they are: as a volume, or as a guess of their own."""
    pixels, out = smooth((32, 64, 64)), io.BytesIO()
    with tifffile.TiffWriter(out) as file:
        file.write(pixels, tile=tile, volumetric=True, photometric="minisblack")
    (found,) = images_of(out.getvalue())
    assert (found.source, found.size) == (source, size)
    frame = zb.compress(out.getvalue())
    assert len(frame) < 1.5 * len(zb.compress(pickle.dumps(pixels)))
    assert zb.decompress(frame) == out.getvalue()
    if source == "TIFF":
        np.testing.assert_array_equal(zb.images.read_array(frame), pixels)


def thin_values() -> dict[str, tuple[bytes, np.ndarray]]:
    """Too small or too thin for a model: as text, in rows with padding, in tiles."""
    line = smooth((3000, 1), "u1")
    rgb = np.stack([line, line + 1, line // 2], axis=-1)
    kinds: dict[str, Any] = {"photometric": "minisblack"}
    return {
        "text": (pickle.dumps(line + 80, 2), line + 80),
        "padded": (pillow(rgb, "BMP"), rgb),
        "padded with others": (unclean(pillow(rgb, "BMP"), 1), rgb),
        "tiles": (tiff(line.reshape(1, -1), tile=(16, 16), **kinds), line),
        "tiles of colours": (tiff(rgb.reshape(1, -1, 3), tile=(16, 32), photometric="rgb"), rgb),
        "small": (pillow(smooth((40, 30), "u1"), "BMP"), smooth((40, 30), "u1")),
    }


@pytest.mark.parametrize("name", thin_values())
def test_images_without_a_model_are_coded_by_planes(name: str) -> None:
    """As those are that stand in the value as they are."""
    value, pixels = thin_values()[name]
    frame = zb.compress(value)
    assert zb.info(frame).codec == "planes"
    assert zb.decompress(frame) == value
    found = zb.images.read_array(frame)
    np.testing.assert_array_equal(found, zb.images.read_array(value))
    np.testing.assert_array_equal(np.sort(found.ravel()), np.sort(pixels.ravel()))
    assert len(frame) < 0.8 * len(zb.compress(value, codec="zstd"))
    assert zb.decompress(zb.compress(value, codec="planes")) == value
