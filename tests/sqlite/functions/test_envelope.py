"""The pickle envelope: what is wrapped, that every reader sees through it, and that damage is an error."""

from __future__ import annotations

import io
import pickle
import pickletools
import tracemalloc
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

import sqlite_zblob as zb

from ...conftest import one

NUMBERS = list(range(1000))
PICKLE = pickle.dumps(NUMBERS)
ENVELOPE = zb.compress_pickle(PICKLE)


class Referring(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return "shared" if obj is NUMBERS else None


def with_persistent_id() -> bytes:
    file = io.BytesIO()
    Referring(file, protocol=4).dump([NUMBERS, b"x" * 1000])
    return file.getvalue()


PLAIN = {
    "empty": b"",
    "no pickle": b"x" * 1000,
    "protocol 0": pickle.dumps(NUMBERS, protocol=0),
    "protocol 1": pickle.dumps(NUMBERS, protocol=1),
    "bytes behind it": PICKLE + b"\x00",
    "two pickles": PICKLE + PICKLE,
    "cut off": PICKLE[:-1],
    "persistent ids": with_persistent_id(),
    "out-of-band buffers": pickle.dumps(np.zeros(500), protocol=5, buffer_callback=lambda buffer: False),
    "a frame": zb.compress(PICKLE),
    "an envelope": ENVELOPE,
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_it_is_a_pickle_of_the_same_object(db: Any, protocol: int) -> None:
    value = pickle.dumps(NUMBERS, protocol=protocol)
    for envelope in (one(db, "SELECT zpickle(?)", value), zb.compress_pickle(value)):
        assert len(envelope) < len(value)
        assert pickle.loads(envelope) == NUMBERS
        assert pickle.load(io.BytesIO(envelope)) == NUMBERS
        assert zb.decompress(envelope) == value


def test_every_protocol_4_reader_reads_it() -> None:
    protocols = {opcode.proto for opcode, _, _ in pickletools.genops(ENVELOPE)}
    assert max(protocols) == 4
    assert vars(pickle)["_loads"](ENVELOPE) == NUMBERS  # the one that is written in Python


@pytest.mark.parametrize("name", PLAIN)
def test_all_else_stays_as_it_is(db: Any, name: str) -> None:
    assert one(db, "SELECT zpickle(?)", PLAIN[name]) == PLAIN[name]
    assert one(db, "SELECT zis_pickle(?)", PLAIN[name]) == 0
    assert zb.compress_pickle(PLAIN[name]) == PLAIN[name]


def test_other_types_stay_as_they_are(db: Any) -> None:
    for value in (None, 5, 2.5, "text", PICKLE.decode("latin-1")):
        assert one(db, "SELECT zpickle(?)", value) == value
        assert one(db, "SELECT zis_pickle(?)", value) == 0


def test_every_reader_sees_through_it(db: Any) -> None:
    assert one(db, "SELECT zpickle(?)", PICKLE) == ENVELOPE
    assert one(db, "SELECT zdecompress(?)", ENVELOPE) == PICKLE
    assert one(db, "SELECT zlength(?)", ENVELOPE) == len(PICKLE)
    assert one(db, "SELECT zverify(?)", ENVELOPE) == "ok"
    assert one(db, "SELECT zis_frame(?)", ENVELOPE) == 1
    assert one(db, "SELECT zsubstr(?, 100, 50)", ENVELOPE) == PICKLE[99:149]
    assert one(db, "SELECT json_extract(zinfo(?), '$.envelope')", ENVELOPE) == "pickle"
    info = zb.info(ENVELOPE)
    assert (info.frame, info.envelope, info.raw_size) == (True, "pickle", len(PICKLE))
    assert info.frame_size < len(ENVELOPE) <= info.frame_size + 47
    assert zb.is_frame(ENVELOPE)
    target = bytearray(len(PICKLE))
    zb.decompress(ENVELOPE, out=target)
    assert target == PICKLE


def test_compressing_it_again_changes_nothing(db: Any) -> None:
    assert one(db, "SELECT zcompress(?)", ENVELOPE) == ENVELOPE
    assert one(db, "SELECT zpickle(zpickle(zpickle(?)))", PICKLE) == ENVELOPE


def test_options(db: Any) -> None:
    assert zb.info(one(db, "SELECT zpickle(?, 9)", PICKLE)).level == 9
    assert one(db, 'SELECT zpickle(?, \'{"level": 1, "min_size": 9999}\')', PICKLE) == PICKLE
    assert zb.compress_pickle(PICKLE, min_size=9999) == PICKLE
    with pytest.raises(zb.OptionError, match="level"):
        zb.compress_pickle(PICKLE, level=10)


def test_incompressible_pickles_are_wrapped_within_the_bound(db: Any) -> None:
    value = pickle.dumps(np.random.default_rng(0).bytes(100_000))
    envelope = one(db, "SELECT zpickle(?)", value)
    assert len(envelope) <= len(value) + 64 + 47
    assert pickle.loads(envelope) == pickle.loads(value)


DAMAGED = {
    "cut off by one byte": ENVELOPE[:-1],
    "cut off by the closing": ENVELOPE[:-3],
    "cut off in the frame": ENVELOPE[: len(ENVELOPE) // 2],
    "cut off at the prefix": ENVELOPE[:44],
    "a byte behind it": ENVELOPE + b".",
    "another closing": ENVELOPE[:-3] + b"\x86R.",
    "no frame in it": ENVELOPE[:44] + b"x" + ENVELOPE[45:],
    "a damaged header": ENVELOPE[:70] + bytes([ENVELOPE[70] ^ 1]) + ENVELOPE[71:],
    "a damaged chunk": ENVELOPE[:-9] + bytes([ENVELOPE[-9] ^ 1]) + ENVELOPE[-8:],
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_an_error(db: Any, name: str) -> None:
    value = DAMAGED[name]
    with pytest.raises(Exception, match=r"damaged|chunk|checksum"):
        one(db, "SELECT zdecompress(?)", value)
    with pytest.raises(zb.DamagedFrameError):
        zb.decompress(value)
    assert one(db, "SELECT zverify(?)", value) != "ok"
    assert one(db, "SELECT zis_frame(?)", value) == (name == "a damaged chunk")
    if value[-3:] != ENVELOPE[-3:]:
        return  # pickle itself may stop before our loader is called
    with pytest.raises((zb.DamagedFrameError, pickle.UnpicklingError, EOFError)):
        pickle.loads(value)


def test_any_flipped_byte_of_an_image_is_noticed(brain_pickle: bytes) -> None:
    envelope = zb.compress_pickle(brain_pickle)
    for at in np.linspace(44, len(envelope) - 4, 60).astype(int):
        damaged = bytearray(envelope)
        damaged[at] ^= 0x10
        with pytest.raises((zb.DamagedFrameError, zb.UnsupportedFrameError)):
            pickle.loads(damaged)


def test_restricted_unpicklers_refuse_it() -> None:
    class Restricted(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            raise pickle.UnpicklingError(f"{module}.{name} is forbidden")

    with pytest.raises(pickle.UnpicklingError, match=r"sqlite_zblob\.unpickle\.load_v1 is forbidden"):
        Restricted(io.BytesIO(ENVELOPE)).load()


def test_an_image_comes_back_with_one_extra_copy_at_most(brain: sitk.Image, brain_pickle: bytes) -> None:
    envelope = zb.compress_pickle(brain_pickle)
    assert zb.info(envelope).images[0].size == brain.GetSize()

    def peak(stored: bytes) -> int:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        assert pickle.loads(stored).GetSize() == brain.GetSize()
        return tracemalloc.get_traced_memory()[1] - before

    tracemalloc.start()
    try:
        extra = peak(envelope) - peak(brain_pickle)
    finally:
        tracemalloc.stop()
    assert extra <= len(brain_pickle) + len(envelope) + 100_000
    assert np.array_equal(sitk.GetArrayFromImage(pickle.loads(envelope)), sitk.GetArrayFromImage(brain))
