"""Stills of few colours are coded pixel by pixel; nothing else is."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import sqlite_zblob as zb

from ...compat.decoder import decode
from ...samples.frame_parts import MODEL, Parts
from ...samples.screens import stills, writing
from ...samples.values import coloured, phantom, screen
from .coding import frame_of
from .damage import ENDS, flip, require_damage


def is_raster(frame: bytes) -> bool:
    """Is the model that of pixels in raster order? (docs/voxel-format.md, section 4)"""
    models = [section.body for section in Parts.of(frame).sections if section.type == MODEL]
    return bool(models and models[0][5] & 8)


@pytest.mark.parametrize("name", stills())
def test_stills_of_few_colours_are_coded_pixel_by_pixel(name: str) -> None:
    still = stills()[name]
    frames = [frame_of(still, level) for level in (2, 5)]
    assert all(map(is_raster, frames))
    slow = frame_of(still, 9)  # mixed labels are as slow, and some stills are smaller as such
    assert len(slow) <= len(frames[1]) * (1 if is_raster(slow) else 0.98)
    assert decode(frames[1]) == pickle.dumps(still)


def test_glyphs_that_repeat_take_little() -> None:
    """JPEG XL at effort 7 makes 15,443 bytes of this page."""
    assert len(frame_of(writing(400, 600))) < 13_000


@pytest.mark.parametrize(
    "image",
    [
        phantom("u1", (120, 130), 200),
        phantom("<i2", (120, 130)),
        coloured(3),
        screen(),
        np.stack([writing(90, 110)] * 4),
    ],
    ids=["grey scan", "scan", "colour", "clip", "slices"],
)
def test_scans_and_volumes_are_not(image: np.ndarray) -> None:
    assert not is_raster(frame_of(image))


def test_the_quickest_level_never_takes_the_time() -> None:
    assert not is_raster(frame_of(writing(90, 110) * 23, 1))


def test_chunks_of_bands_are_decoded_alone() -> None:
    large = np.tile(writing(90, 110), (24, 20)) * 9  # more than 4 MiB
    large[::7, 5] = np.arange(len(large[::7])) % 256
    frame = frame_of(large, 2)
    assert is_raster(frame)
    assert zb.info(frame).chunk_count > 3


@pytest.mark.parametrize("change", ENDS)
def test_a_chunk_that_ends_elsewhere_is_damaged(change: str) -> None:
    require_damage(frame_of(stills()["colours"]), ENDS[change])


def test_damage_is_seen() -> None:
    frame = frame_of(stills()["soft colours"])
    for seed in range(60):
        require_damage(frame, flip(seed))


@pytest.mark.parametrize("shape", [(500, 90), (90, 500)])
def test_tall_and_wide_stills(shape: tuple[int, int]) -> None:
    """A model whose rows are the image's columns is compared over the same pixels."""
    page = writing(*shape) * 20
    ramps = np.clip(page + np.linspace(0, 40, shape[1]) + np.random.RandomState(1).normal(0, 2, shape), 0, 255)
    for still in (page, page.T.copy(), ramps.astype("u1"), ramps.T.astype("u1").copy()):
        for level in (2, 5, 9):
            frame_of(still, level)


def test_models_that_contradict_themselves_are_damaged() -> None:
    """Literals by value need samples of one byte, and a raster has no other flags."""
    for name, at, bits in (("big-endian", -1, 1), ("palette", 4, 1), ("palette", 4, 2)):
        parts = Parts.of(frame_of(stills()[name]))
        model = next(section for section in parts.sections if section.type == MODEL)
        body = bytearray(model.body)
        body[at] ^= bits
        model.body = bytes(body)
        with pytest.raises(zb.DamagedFrameError):
            zb.decompress(parts.pack())
