"""What hostile frames cost: memory and time, measured in a process of their own.

Nothing takes more than eight times the time of an ordinary image by the byte, but what is coded sample by sample, which
has a bound in nanoseconds instead.
"""

from __future__ import annotations

import contextlib
import functools
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

import sqlite_zblob as zb
import sqlite_zblob.codec

from ...compat import decoder
from ...compat.bits import DamagedError
from ...conftest import one, open_apsw
from ...samples.frame_parts import STORE, ZSTD, Chunk, Parts, Section, image_body, xxh3
from . import hostile
from .costs import DECOMPRESS, costs, least, ordinary


def statement(call: str) -> str:
    return f"db.execute('SELECT {call}', (value,)).fetchone()[0] or b''"


READERS = [
    *map(statement, ("zinfo(?)", "zsubstr(?, 1, 1)", "zslice(?, 0, 0)", "zverify(?)")),
    "__import__('sqlite_zblob.codec').codec.find_damages(value)",
    DECOMPRESS,
]

SLOWEST = 8  # times an ordinary image, by the byte
SLOWEST_OF = {"predicted rows": 46, "raster rows": 110}  # what is coded sample by sample: about twice what was seen

FRAMES: dict[str, Callable[[], bytes]] = {
    "overlapping images": hostile.overlapping_images,
    "rank maps": hostile.rank_maps,
    "long lists": hostile.long_lists,
    "stored bytes": lambda: hostile.tiny_chunks(50_000, codec=STORE),
    "wrong bytes": lambda: hostile.tiny_chunks(50_000, codec=STORE, wrong=True),
    "Zstandard bytes": lambda: hostile.tiny_chunks(50_000, codec=ZSTD),
    "predicted rows": lambda: hostile.predicted_rows(1024, 256),
    "raster rows": lambda: hostile.raster_rows(1024, 256),
}


@functools.cache
def made(name: str) -> bytes:
    return FRAMES[name]()


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is Linux's to tell")
@pytest.mark.parametrize("name", FRAMES)
def test_memory_stays_within_what_is_stored_and_a_little_more(name: str, tmp_path: Path) -> None:
    frame = made(name)
    for reader, cost in zip(READERS, costs(frame, READERS, tmp_path), strict=True):
        assert cost.memory < len(frame) + (12 << 20), reader  # far within the bound of 64 MiB


@functools.cache
def usual_rate() -> float:
    """Seconds for each byte of frame and value together, to decode the most expensive of some ordinary images."""
    rates = []
    for array in ordinary():
        frame = zb.compress(pickle.dumps(array), 5)
        seconds = least(functools.partial(zb.decompress, frame, threads=1))
        rates.append(seconds / (len(frame) + zb.info(frame).raw_size))
    return max(rates)


def read_all(db: apsw.Connection, call: str, frame: bytes) -> None:
    with contextlib.suppress(apsw.Error):
        db.execute(f"SELECT {call}", (frame,)).fetchall()


@pytest.mark.parametrize("call", ["zdecompress(?)", "zverify(?)", "zinfo(?)", "zsubstr(?, 1, 1)", "zslice(?, 0, 0)"])
@pytest.mark.parametrize("name", FRAMES)
def test_no_frame_is_much_slower_to_read_than_an_image(name: str, call: str) -> None:
    frame, db = made(name), open_apsw()
    one(db, "SELECT zblob_config('threads', 1)")
    seconds = least(lambda: read_all(db, call, frame), 5)
    size = len(frame) + struct.unpack_from("<Q", frame, 16)[0]
    assert seconds < SLOWEST_OF.get(name, SLOWEST) * usual_rate() * size


# What is coded sample by sample: nanoseconds for each byte of the value, as measured (docs/reliability.md).
SAMPLE_BY_SAMPLE: dict[str, tuple[int, Callable[[], bytes]]] = {
    "predicted samples": (58, lambda: hostile.predicted_rows(256, 256)),
    "raster, literals by value": (165, lambda: hostile.raster_rows(256, 128, stored=0.01, by_value=True)),
    "raster, literals by difference": (320, lambda: hostile.raster_rows(256, 128, stored=2.5)),
    "mixed labels": (215, lambda: hostile.mixed_labels(32, 32)),
}


@pytest.mark.parametrize("name", SAMPLE_BY_SAMPLE)
def test_what_is_coded_sample_by_sample_takes_a_bounded_time(name: str) -> None:
    """By the byte and by the value. Other machines than the one that was measured get four times as long."""
    nanoseconds, make = SAMPLE_BY_SAMPLE[name]
    frame, db = make(), open_apsw()
    one(db, "SELECT zblob_config('threads', 1)")
    seconds = least(lambda: read_all(db, "zdecompress(?)", frame), 5)
    most = nanoseconds * 1e-9 * struct.unpack_from("<Q", frame, 16)[0]
    assert seconds < 4 * (100e-6 + most)
    assert seconds > most / 30  # a frame that is refused at once, as after a change of the format, says nothing


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is Linux's to tell")
def test_rows_of_predicted_samples_are_not_wider_than_their_memory_allows(tmp_path: Path) -> None:
    """Beside the value at most 64 MiB; each sample of a row takes 28 bytes."""
    wide = hostile.predicted_rows((1 << 20) + 1, 2)
    for decode in (zb.decompress, decoder.decode):
        with pytest.raises((zb.DamagedFrameError, DamagedError)):
            decode(wide)
    widest = hostile.predicted_rows(1 << 20, 2)
    assert zb.decompress(widest) == bytes(1 << 21)
    (cost,) = costs(widest, [DECOMPRESS], tmp_path)
    assert cost.memory < 32 << 20


def test_images_must_not_overlap_nor_be_out_of_order() -> None:
    def frame(*offsets: int) -> bytes:
        sections = [Section(1, image_body(offset, (24, 2))) for offset in offsets]
        return Parts(sections, [Chunk(200, STORE, bytes(200), xxh3(bytes(200)))]).pack()

    assert zb.decompress(frame(0, 48, 96)) == bytes(200)
    for offsets in ((0, 47), (48, 0), (0, 0)):
        with pytest.raises(zb.DamagedFrameError, match="image 1 begins before the end of the last"):
            zb.info(frame(*offsets))


def test_verifying_obeys_the_limits_on_sizes() -> None:
    frame, db = hostile.zeros(256), open_apsw()  # 4 GiB in 140 KB
    assert "SQLITE_LIMIT_LENGTH" in one(db, "SELECT zverify(?)", frame)
    one(db, "SELECT zblob_config('max_size', 1000)")
    assert "zblob_config('max_size')" in one(db, "SELECT zverify(?)", frame)
    assert sqlite_zblob.codec.find_damages(frame, max_size=1000) == [
        (None, "the value has 4294967296 bytes before compression, more than max_size=1000")
    ]


def test_the_first_of_very_many_damages_are_listed() -> None:
    damages = sqlite_zblob.codec.find_damages(hostile.tiny_chunks(5000, codec=STORE, wrong=True))
    assert damages[0] == (1, "damaged frame: chunk 1 of 5000 (store): wrong checksum")
    assert damages[999][0] == 1000
    assert damages[1000:] == [(None, "and 4000 more damaged chunks")]


def test_damage_is_the_first_chunks_whatever_the_threads() -> None:
    frame = hostile.tiny_chunks(5000, codec=STORE)
    parts = Parts.of(frame)
    for index in (4711, 2000, 4999):
        parts.chunks[index].checksum ^= 1
    for threads in (1, 2, 8):
        with pytest.raises(zb.DamagedFrameError, match="chunk 2001 of 5000"):
            zb.decompress(parts.pack(), threads=threads)
    with pytest.raises(apsw.Error, match="chunk 2001 of 5000"):
        one(open_apsw(), "SELECT zdecompress(?)", parts.pack())
