"""Small images of intensities are coded sample by sample; nothing else is."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import sqlite_zblob as zb

from ...compat.decoder import decode
from ...samples.frame_parts import MODEL, Parts
from ...samples.values import coloured, phantom
from .coding import frame_of
from .damage import ENDS, flip, require_damage

KINDS = ("u1", "i1", "<u2", ">u2", "<i2", ">i2")


def image_of(kind: str, shape: tuple[int, int] = (48, 60), step: int = 1) -> np.ndarray:
    """Edges and noise, over most of the range of 8 bits; of `step`, one value is in use."""
    lowest = -100 if kind[-2] == "i" else 0
    noise = np.random.RandomState(3).normal(0, 2, shape)
    wave = 90 + 60 * np.sin(np.arange(shape[1]) / 9) + 40 * (np.arange(shape[0])[:, None] > shape[0] // 2)
    image: np.ndarray = ((np.clip(wave + noise, 0, 220).astype(int) + lowest) * step).astype(kind)
    return image


def model_of(frame: bytes) -> bytes:
    """Of a frame with one (docs/voxel-format.md, section 4); without one, nothing."""
    models = [section.body[4:] for section in Parts.of(frame).sections if section.type == MODEL]
    return models[0] if models else b"\0\0"


def is_predicted(frame: bytes) -> bool:
    return bool(model_of(frame)[1] & 16)


@pytest.mark.parametrize("kind", KINDS)
def test_small_images_are_predicted(kind: str) -> None:
    image = image_of(kind, (60, 60))
    for level in (5, 9):
        frame = frame_of(image, level)
        assert is_predicted(frame)
        assert decode(frame) == pickle.dumps(image)


def test_values_with_gaps_have_ranks() -> None:
    frames = [frame_of(image_of("<i2", step=step)) for step in (1, 37)]
    assert [model_of(frame)[0] & 8 for frame in frames] == [0, 8]
    assert len(frames[1]) < len(frames[0]) + 300
    assert decode(frames[1]) == pickle.dumps(image_of("<i2", step=37))


def test_samples_far_from_all_others_come_back() -> None:
    image = image_of("<u2", (50, 70)) * 16
    places = np.random.RandomState(5).randint(0, 50 * 70, 40)
    image.ravel()[places] = np.random.RandomState(6).randint(0, 65536, 40)
    frame = frame_of(image, 9)
    assert is_predicted(frame)
    assert decode(frame) == pickle.dumps(image)


@pytest.mark.parametrize(
    "image",
    [image_of("u1", (300, 260)), coloured(3)[:40], np.stack([image_of("u1")] * 3), phantom("<f4", (60, 60))],
    ids=["large", "colour", "slices", "floats"],
)
def test_others_are_not(image: np.ndarray) -> None:
    assert not is_predicted(frame_of(np.ascontiguousarray(image), 9))


def test_quicker_levels_never_take_the_time() -> None:
    assert not any(is_predicted(frame_of(image_of("<i2"), level)) for level in (1, 2, 4))
    assert not is_predicted(frame_of(image_of("<i2", (128, 128)), 5))
    assert is_predicted(frame_of(image_of("<i2", (128, 128)), 6))


def test_small_images_take_little() -> None:
    """2,103 bytes as planes; JPEG XL at effort 7 makes 1,886, without checksums."""
    assert len(zb.compress(image_of("u1", (64, 64)))) < 1_950


@pytest.mark.parametrize("change", ENDS)
def test_a_chunk_that_ends_elsewhere_is_damaged(change: str) -> None:
    require_damage(frame_of(image_of("<i2"), 9), ENDS[change])


@pytest.mark.parametrize("step", [1, 37])
def test_damage_is_seen(step: int) -> None:
    frame = frame_of(image_of("<i2", step=step), 9)
    for seed in range(60):
        require_damage(frame, flip(seed))


@pytest.mark.parametrize("at, bits", [(0, 1), (0, 2), (0, 16), (1, 8), (2, 255), (5, 255)])
def test_models_that_contradict_themselves_are_damaged(at: int, bits: int) -> None:
    """Other flags, and a range that is none of ranks."""
    parts = Parts.of(frame_of(image_of("<i2", step=37), 9))
    model = next(section for section in parts.sections if section.type == MODEL)
    body = bytearray(model.body)
    body[4 + at] ^= bits
    model.body = bytes(body)
    with pytest.raises(zb.DamagedFrameError):
        zb.decompress(parts.pack())
