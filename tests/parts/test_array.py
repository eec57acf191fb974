"""open_image: any index gives what NumPy gives, and reads no more than it must."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

import sqlite_zblob as zb
from sqlite_zblob.parts import value as parts_value
from sqlite_zblob.parts.array import boxes

from ..conftest import examples, one, open_apsw

RANDOM = np.random.RandomState(8)
SCAN = RANDOM.randint(0, 60, (60, 190, 201)).cumsum(axis=0, dtype="i2")
WIDE = np.add.outer(np.arange(2), np.add.outer(np.arange(2100), np.arange(2300) // 3)).astype("u2")  # 9.7 MB per slice
WIDE += RANDOM.randint(0, 30, WIDE.shape, dtype="u2")

ARRAYS: dict[str, np.ndarray] = {
    "scan": SCAN,
    "fortran": np.asfortranarray(SCAN),
    "big-endian": SCAN[:20].astype(">i4"),
    "double": SCAN[:11] * 0.37,
    "half": SCAN[:30].astype("f2"),
    "complex": (SCAN[:9] * (1 + 2j)).astype("c8"),
    "bool": SCAN % 7 == 0,
    "labels": (SCAN // 500).astype("u1"),
    "noise": RANDOM.rand(40, 50, 60),
    "large slices": WIDE,
    "one axis": SCAN.reshape(-1)[:1_500_000],
    "one row": SCAN[0],
    "four axes": SCAN.reshape(6, 10, 190, 201),
    "colour": RANDOM.randint(0, 200, (90, 120, 3)).astype("u1"),
    "tiny": np.arange(6, dtype="u2").reshape(1, 2, 3),
    "no axes of 1": SCAN[:1, :, :1],
}
STORES: dict[str, Callable[[bytes], bytes]] = {
    "frame": zb.compress,
    "envelope": zb.compress_pickle,
    "plain": bytes,
    "zstd": lambda value: zb.compress(value, codec="zstd"),
    "store": lambda value: zb.compress(value, codec="store"),
}

DB = open_apsw()
DB.execute("CREATE TABLE t(data)")
ROWS: dict[tuple[str, str], int] = {}
for name, array in ARRAYS.items():
    for store, make in STORES.items():
        # a name of odd length, so that blocks of 1 MiB cut samples in two
        DB.execute("INSERT INTO t VALUES (?)", (make(pickle.dumps({"odd": array})),))
        ROWS[name, store] = DB.last_insert_rowid()


def image_of(name: str, store: str = "frame") -> Any:
    return zb.images.open_image(DB, "t", "data", ROWS[name, store])


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("name", ARRAYS)
def test_the_whole(name: str, store: str) -> None:
    array, image = ARRAYS[name], image_of(name, store)
    assert (image.shape, image.ndim, image.size, image.nbytes) == (array.shape, array.ndim, array.size, array.nbytes)
    assert image.dtype == array.dtype
    assert len(image) == len(array)
    assert np.array_equal(np.asarray(image), array)
    assert np.array_equal(image[..., 0], array[..., 0])
    assert [sum(sizes) for sizes in image.chunks] == list(array.shape)


def one_index(extent: int) -> st.SearchStrategy[Any]:
    edge = st.one_of(st.none(), st.integers(-extent - 2, extent + 2))
    step = st.one_of(st.none(), st.integers(1, 40), st.integers(-40, -1))
    number = st.integers(-extent, extent - 1)
    return st.one_of(number, number.map(np.int64), st.builds(slice, edge, edge, step))


@st.composite
def indices(draw: st.DrawFn, shape: tuple[int, ...]) -> Any:
    keys = [draw(one_index(extent)) for extent in shape[: draw(st.integers(0, len(shape)))]]
    if draw(st.booleans()):
        at = draw(st.integers(0, len(keys)))
        behind = draw(st.integers(0, len(shape) - at))
        keys = [*keys[:at], Ellipsis, *(draw(one_index(extent)) for extent in shape[len(shape) - behind :])]
    for _ in range(draw(st.integers(0, 2))):
        keys.insert(draw(st.integers(0, len(keys))), None)
    return keys[0] if len(keys) == 1 and draw(st.booleans()) else tuple(keys)


def test_an_ellipsis_keeps_an_array() -> None:
    expected, found = ARRAYS["big-endian"][0, 0, 0, ...], image_of("big-endian", "envelope")[0, 0, 0, ...]
    assert (type(found), found.shape, found.dtype) == (np.ndarray, (), expected.dtype)
    assert type(image_of("big-endian", "envelope")[0, 0, 0]) is type(ARRAYS["big-endian"][0, 0, 0])


@examples(250)
@given(data=st.data())
def test_any_index_is_numpys(data: st.DataObject) -> None:
    name, store = data.draw(st.sampled_from(sorted(ROWS)))
    key = data.draw(indices(ARRAYS[name].shape))
    expected, found = ARRAYS[name][key], image_of(name, store)[key]
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=4).flatmap(
        lambda shape: st.tuples(st.just(tuple(shape)), *[st.integers(0, int(np.prod(shape)))] * 2)
    )
)
def test_boxes_fill_a_range(given: tuple[tuple[int, ...], int, int]) -> None:
    shape, start, end = given
    numbers = np.arange(np.prod(shape)).reshape(shape)
    found = [numbers[tuple(slice(*pair) for pair in box)].ravel() for box in boxes(start, end, shape)]
    assert np.concatenate([[], *found]).tolist() == list(range(start, end))


@pytest.mark.parametrize("key", [[1, 2], np.array([1]), np.ones(60, bool), True, 1.5, "x", ([0], 1)])
def test_fancy_indices_are_refused_with_advice(key: Any) -> None:
    with pytest.raises(IndexError, match="slice that covers"):
        image_of("scan")[key]


@pytest.mark.parametrize("key", [60, -61, (0, 190), (0, 0, 0, 0), (..., ...)])
def test_indices_out_of_range(key: Any) -> None:
    with pytest.raises(IndexError):
        image_of("scan")[key]


def test_only_the_blocks_of_an_index_are_read_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[list[int]] = []
    decoded = parts_value.StoredValue._decoded

    def noting(self: parts_value.StoredValue, numbers: list[int]) -> Any:
        read.append(numbers)
        return decoded(self, numbers)

    monkeypatch.setattr(parts_value.StoredValue, "_decoded", noting)
    image = image_of("scan")
    cuts = np.cumsum([0, *image.chunks[0]])
    assert len(cuts) > 2
    image[0]
    assert len(read.pop()) == 1
    image[cuts[1] - 1]
    image[: cuts[1], 5:9, ::3]
    assert read == []
    image[cuts[1] - 1 : cuts[1] + 1, 0, 0]
    assert len(read.pop()) == 1
    image[5:5]
    assert read == []


def test_blocks_beyond_the_cache_are_decoded_into_the_same_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    image = image_of("scan")
    value, count = image._value, len(image._value.blocks)
    for cache, memories in ((1, {1, 2}), (1 << 30, {count})):
        monkeypatch.setattr(parts_value, "CACHE_SIZE", cache)
        monkeypatch.setattr(parts_value, "PASS_SIZE", value.blocks[1].raw_size)
        assert len({id(memoryview(data).obj) for _, data in value.read(range(count))}) in memories
        assert np.array_equal(image[:, ::-3, 7], SCAN[:, ::-3, 7])
        assert np.array_equal(image[...], SCAN)
    assert count > 3


@pytest.mark.parametrize("name", [name for name, array in ARRAYS.items() if array.ndim > 2])
def test_a_slice_through_more_than_the_cache_is_zslices(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts_value, "CACHE_SIZE", 1)
    slices: list[bool] = []
    original = parts_value.StoredValue.slice

    def noting(self: parts_value.StoredValue, axis: int, index: int) -> bytes | None:
        slices.append(True)
        return original(self, axis, index)

    monkeypatch.setattr(parts_value.StoredValue, "slice", noting)
    image, array = image_of(name), ARRAYS[name]
    keys: tuple[Any, ...] = (
        (..., 0),
        (..., 0, slice(None)),
        np.s_[:, -1, ::-2],
        np.s_[1:, 0],
        np.s_[:, -1:, 0:],
        np.s_[0],
    )
    for key in keys:
        assert np.array_equal(image[key], array[key]) and image[key].dtype == array.dtype
    assert slices or len(image._value.blocks) < 4 or name in ("colour", "large slices")


def test_a_slice_of_what_has_changed_or_is_damaged_is_an_error(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts_value, "CACHE_SIZE", 1)
    db.execute("CREATE TABLE t(data)")
    frame = bytearray(zb.compress(pickle.dumps(SCAN)))
    frame[-9000] ^= 1
    db.execute("INSERT INTO t VALUES (?)", (bytes(frame),))
    image = zb.images.open_image(db, "t", "data", 1)
    with pytest.raises(zb.DamagedFrameError, match="chunk 3 of 4"):
        image[..., 7]
    db.execute("UPDATE t SET data = ?", (zb.compress(pickle.dumps(SCAN + 1)),))
    with pytest.raises(zb.ChangedValueError):
        image[..., 7]


def test_chunks_are_those_of_the_value() -> None:
    image = image_of("scan")
    frame = one(DB, "SELECT data FROM t WHERE rowid = ?", ROWS["scan", "frame"])
    sizes = [
        size for size, codec in DB.execute("SELECT raw_size, codec FROM zblob_chunks(?)", (frame,)) if codec == "voxel"
    ]
    assert [count * 190 * 201 * 2 for count in image.chunks[0]] == sizes
    assert image.chunks[1:] == ((190,), (201,))
    assert image_of("fortran").chunks[:2] == ((60,), (190,))
    large = image_of("large slices")
    assert large.chunks[0] == (1, 1)
    assert len(large.chunks[1]) > 1


def test_dask_takes_it() -> None:
    dask = pytest.importorskip("dask.array")
    for name in ("scan", "fortran", "large slices"):
        image = image_of(name)
        lazy = dask.from_array(image, chunks=image.chunks)
        assert lazy.chunks == image.chunks
        with_threads = (lazy[1:40:2] + 1).max(axis=1).compute(scheduler="threads", num_workers=4)
        assert np.array_equal(with_threads, (ARRAYS[name][1:40:2] + 1).max(axis=1))
        assert np.array_equal(dask.from_array(image)[:5].compute(), ARRAYS[name][:5])


def test_axes_of_slices_and_images(db: Any) -> None:
    """As docs/parts.md says it."""
    array = np.asfortranarray(SCAN[:26, :40])
    colours = sitk.GetImageFromArray(ARRAYS["colour"], isVector=True)
    db.execute("CREATE TABLE t(data)")
    for value in (array, colours, ARRAYS["colour"]):
        db.execute("INSERT INTO t VALUES (zcompress(?))", (pickle.dumps(value, 4),))

    def same(rowid: int, axis: int, expected: np.ndarray) -> None:
        found = one(db, "SELECT zslice_at('main', 't', 'data', ?, ?, 5)", rowid, axis)
        assert found == one(db, "SELECT zslice(data, ?, 5) FROM t WHERE rowid = ?", axis, rowid)
        assert found == expected.tobytes(order="C")

    image = zb.images.open_image(db, "t", "data", 1)
    for axis, other in ((0, 2), (1, 1), (2, 0)):
        same(1, axis, np.take(image, 5, other).T)
    image = zb.images.open_image(db, "t", "data", 2)
    assert image.shape == (90, 120, 3)
    for axis, other in ((-2, 0), (-1, 1)):
        same(2, axis, np.take(image, 5, other))
    for axis, other in ((-3, 0), (-2, 1)):
        same(3, axis, np.take(image, 5, other))


def test_arrays() -> None:
    image = image_of("scan")
    assert np.asarray(image, "f4").dtype == "f4"
    assert np.array_equal(image, SCAN)
    with pytest.raises(ValueError, match="copy"):
        image.__array__(copy=False)
    assert np.array_equal(next(iter(image)), SCAN[0])
    assert "(60, 190, 201)" in repr(image)


def test_a_programs_frame_in_a_virtual_table_is_no_image_of_the_table(db: Any) -> None:
    """The samples that its header speaks of are not those that the table's own frame holds."""
    noise = np.random.default_rng(0).integers(0, 50, (40, 128, 128)).astype("i2")
    frame = zb.compress(pickle.dumps(noise))
    db.execute("CREATE VIRTUAL TABLE t USING zblob(data COMPRESSED)")
    db.execute("INSERT INTO t VALUES (?)", (frame,))
    with pytest.raises(zb.OptionError, match="holds no image"):
        zb.images.open_image(db, "t", "data", 1)
    with zb.open_blob(db, "t", "data", 1) as stream:
        assert stream.read() == frame
    assert np.array_equal(zb.images.read_array(one(db, "SELECT data FROM t")), noise)


def test_simpleitk_images(db: Any) -> None:
    original = sitk.GetImageFromArray(SCAN)
    original.SetSpacing((0.5, 0.7, 2.0))
    original.SetOrigin((-1.0, 2.0, 3.5))
    original.SetDirection((0, 1, 0, 1, 0, 0, 0, 0, -1))
    vector = sitk.GetImageFromArray(RANDOM.rand(20, 30, 40, 3).astype("f4"), isVector=True)
    db.execute("CREATE TABLE t(data)")
    for value in (original, vector):
        db.execute("INSERT INTO t VALUES (zcompress(?))", (pickle.dumps(value),))
    for rowid, value in ((1, original), (2, vector)):
        image = zb.images.open_image(db, "t", "data", rowid)
        assert image.shape == sitk.GetArrayFromImage(value).shape
        assert (image.spacing, image.origin, image.direction) == (
            value.GetSpacing(),
            value.GetOrigin(),
            value.GetDirection(),
        )
        back = image.to_sitk()
        assert (back.GetPixelID(), back.GetSize()) == (value.GetPixelID(), value.GetSize())
        assert (back.GetSpacing(), back.GetOrigin()) == (value.GetSpacing(), value.GetOrigin())
        assert back.GetDirection() == value.GetDirection()
        assert np.array_equal(sitk.GetArrayFromImage(back), sitk.GetArrayFromImage(value))


def test_images_by_number(db: Any) -> None:
    db.execute("CREATE TABLE t(data)")
    db.execute("INSERT INTO t VALUES (zcompress(?))", (pickle.dumps([SCAN, WIDE]),))
    db.execute("INSERT INTO t VALUES (zcompress(?))", (b"no image" * 1000,))
    assert np.array_equal(zb.images.open_image(db, "t", "data", 1, image=1)[1, 5:9], WIDE[1, 5:9])
    assert np.array_equal(zb.images.open_image(db, "t", "data", 1, image=0)[1, 5:9], SCAN[1, 5:9])
    largest = max(SCAN, WIDE, key=lambda array: array.nbytes)
    assert np.array_equal(zb.images.open_image(db, "t", "data", 1)[1, 5:9], largest[1, 5:9])
    value = pickle.dumps([np.arange(4), SCAN, WIDE, b""])
    assert np.array_equal(zb.images.read_array(value), largest)
    assert zb.images.read_array(value, 0).tolist() == [0, 1, 2, 3]
    refused: tuple[tuple[int, Any, str], ...] = (
        (1, 2, "2 images"),
        (1, -1, "2 images"),
        (2, 0, "no image with"),
        (1, "x", "'x'"),
    )
    for rowid, number, text in refused:
        with pytest.raises(zb.OptionError, match=text):
            zb.images.open_image(db, "t", "data", rowid, image=number)


@pytest.mark.parametrize("make", [zb.compress, zb.compress_pickle])
def test_images_that_are_too_small_to_be_coded_are_images(db: Any, make: Callable[[bytes], bytes]) -> None:
    array = np.ones((1, 1, 3))
    values = [make(pickle.dumps(sitk.GetImageFromArray(array))), make(pickle.dumps([bytes(range(99)) * 9, array]))]
    db.execute("CREATE TABLE t(data)")
    for row, value in enumerate(values, 1):
        db.execute("INSERT INTO t VALUES (?)", (value,))
        found = zb.images.open_image(db, "t", "data", row)
        assert (found.shape, found[0, 0].tolist()) == ((1, 1, 3), [1, 1, 1])
        assert one(db, "SELECT zslice_at('main', 't', 'data', ?, 2, 0)", row) == np.float64(1).tobytes()
    assert [image.size for image in zb.info(values[0]).images] == [(3, 1, 1)]


def test_what_holds_no_image_says_so(db: Any) -> None:
    values = (np.array(5.0), np.zeros((3, 0)), np.array(["2020-01-01"], "M8[D]"), np.zeros(9, "g"), np.zeros((1,) * 32))
    db.execute("CREATE TABLE t(data)")
    for raw in (pickle.dumps(SCAN)[:-9], *map(pickle.dumps, values)):
        db.execute("DELETE FROM t")
        db.execute("INSERT INTO t VALUES (zcompress(?))", (raw,))
        with pytest.raises(zb.OptionError, match="holds no image with a known geometry: it is cut off, or no image"):
            zb.images.open_image(db, "t", "data", 1)
        with pytest.raises(zb.OptionError, match="the value holds no image: it is cut off, or none"):
            zb.images.read_array(raw)


def test_an_image_opened_by_path_is_pickled_by_its_place(path: str) -> None:
    db = open_apsw(path)
    db.execute("CREATE TABLE t(data)")
    db.execute("INSERT INTO t VALUES (zcompress(?))", (pickle.dumps([SCAN, SCAN[1:]]),))
    with pytest.raises(zb.WrongTypeError, match="was not opened by path"):
        pickle.dumps(zb.images.open_image(db, "t", "data", 1))
    with zb.images.open_image(path, "t", "data", 1, image=1) as image:
        stored = pickle.dumps(image)
    with pickle.loads(stored) as again:
        assert np.array_equal(again[5], SCAN[6])
    db.execute("UPDATE t SET data = zcompress(?)", (pickle.dumps([SCAN, SCAN[2:]]),))
    with pytest.raises(zb.ChangedValueError, match="changed after it had been pickled"):
        pickle.loads(stored)


def test_what_numpys_arrays_have_besides() -> None:
    for name in ("scan", "one axis", "colour"):
        image, array = image_of(name), ARRAYS[name]
        assert array.max() in image
        assert array.max() + 1 not in image
        assert np.max(image) == array.max()
        with pytest.raises(AttributeError, match=r"no attribute 'astype': image\[\.\.\.\]\.astype is that of a NumPy"):
            image.astype("f4")
        with pytest.raises(AttributeError, match=r"no attribute 'colour'$"):
            image.colour  # noqa: B018


def test_npy_values_and_changes(db: Any) -> None:
    file = io.BytesIO()
    np.save(file, SCAN)
    db.execute("CREATE TABLE t(data)")
    db.execute("INSERT INTO t VALUES (zcompress(?))", (file.getvalue(),))
    image = zb.images.open_image(db, "t", "data", 1)
    assert np.array_equal(image[::-7, 3], SCAN[::-7, 3])
    image = zb.images.open_image(db, "t", "data", 1)
    db.execute("UPDATE t SET data = zcompress(?)", (file.getvalue()[:-1] + b"\x07",))
    with pytest.raises(zb.ChangedValueError):
        image[0]


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the system does not count the bytes of read calls")
def test_by_path_the_pages_before_a_slice_are_not_read(path: str) -> None:
    """Without auto_vacuum, SQLite walks the chain of a value's pages: it looks at them in the mapped file."""
    array = np.random.default_rng(4).integers(0, 1 << 9, (40, 512, 512), dtype="u2")
    connection = open_apsw(path)
    connection.execute("CREATE TABLE t(v BLOB)")
    connection.execute("INSERT INTO t VALUES (?)", (zb.compress(pickle.dumps(array)),))
    connection.close()
    with zb.images.open_image(path, "t", "v", 1) as image:
        before = bytes_read()
        assert np.array_equal(image[20], array[20])
        assert bytes_read() - before < 1 << 20


def bytes_read() -> int:
    return int(Path("/proc/self/io").read_text().split()[1])
