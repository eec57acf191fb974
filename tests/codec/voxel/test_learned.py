"""The slowest levels learn weights while they code a still; nothing else does."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import sqlite_zblob as zb

from ...compat.decoder import decode
from ...samples.frame_parts import MODEL, VOXEL, Parts
from ...samples.values import edges, phantom
from .coding import frame_of, model_flags

LEARNED = 16384


def colour_of(kind: str = "u1", components: int = 3, shape: tuple[int, int] = (62, 68)) -> np.ndarray:
    """Grey with a little colour, most of which is cut off at the highest value."""
    grey = edges("i2", shape).astype(float)
    noise = np.random.RandomState(4).normal(0, 2, (*shape, components)).cumsum(axis=-1)
    parts = [np.clip(grey * (1 + 0.3 * c) - 10 * c + noise[..., c], 0, 200).round() for c in range(components)]
    return (np.stack(parts, axis=-1) - (100 if kind == "i1" else 0)).astype(kind)


def is_learned(frame: bytes) -> bool:
    return bool(model_flags(frame) & LEARNED)


@pytest.mark.parametrize("components, kind", [(2, "u1"), (3, "i1"), (4, "u1")])
def test_colour_is_learned(components: int, kind: str) -> None:
    image = colour_of(kind, components)
    frame = frame_of(image, 9)
    assert is_learned(frame)
    assert decode(frame) == pickle.dumps(image)
    assert len(frame) < 0.97 * len(frame_of(image, 7))


@pytest.mark.parametrize("kind, step", [("<i2", 1), (">u2", 1), ("<i2", 5)])
def test_values_far_from_all_others_come_back(kind: str, step: int) -> None:
    """With gaps between values, they have ranks."""
    image = edges("<i2", (60, 70)) * 16
    image -= image.min()
    places = np.random.RandomState(5).randint(0, image.size, 700)
    image.ravel()[places] = np.random.RandomState(6).randint(0, 6000, 700)
    frame = frame_of((image * step).astype(kind), 9)
    assert is_learned(frame)
    assert decode(frame) == pickle.dumps((image * step).astype(kind))


def test_large_stills_have_several_chunks() -> None:
    frame = frame_of(colour_of(shape=(1100, 1300)), 8)
    assert is_learned(frame)
    assert sum(chunk.codec == VOXEL for chunk in Parts.of(frame).chunks) > 1


@pytest.mark.parametrize(
    "image",
    [np.stack([colour_of()] * 3), phantom("<f4", (70, 70)), colour_of()[:1], colour_of("<u2"), colour_of() // 64 * 64],
    ids=["slices", "floats", "one row", "16 bits", "few colours"],
)
def test_others_are_not(image: np.ndarray) -> None:
    assert not is_learned(frame_of(np.ascontiguousarray(image), 9))


def test_quicker_levels_never_take_the_time() -> None:
    assert [is_learned(frame_of(colour_of(), level)) for level in (1, 5, 7, 8)] == [False, False, False, True]


@pytest.mark.parametrize("change", ["cut off", "longer", "empty", "ones"])
def test_a_chunk_that_ends_elsewhere_is_damaged(change: str) -> None:
    parts = Parts.of(frame_of(colour_of(), 9))
    (chunk,) = (chunk for chunk in parts.chunks if chunk.codec == VOXEL)
    stored = chunk.stored
    changed = {"cut off": stored[:-1], "longer": stored + b"\0", "empty": b"\1", "ones": b"\xff" * len(stored)}
    chunk.stored = changed[change]
    with pytest.raises(zb.DamagedFrameError):
        zb.decompress(parts.pack())


@pytest.mark.parametrize("flag", [1, 2, 8, 64, 128, 2048, 4096, 8192])
def test_no_other_flag_goes_with_it(flag: int) -> None:
    parts = Parts.of(frame_of(colour_of(), 9))
    model = next(section for section in parts.sections if section.type == MODEL)
    flags = int.from_bytes(model.body[4:6], "little") | flag
    model.body = model.body[:4] + flags.to_bytes(2, "little") + model.body[6:]
    with pytest.raises(zb.DamagedFrameError):
        zb.decompress(parts.pack())
