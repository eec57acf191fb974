"""Bad images cost neither more bytes than the general path nor much more time than usual ones."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import sqlite_zblob as zb
from benchmarks.bad_images import Figures, bad_images, measure, usual, waves

BAD = dict(bad_images())
# Nanoseconds that an image may take whatever its size, on a busy machine or under a sanitizer. On an idle machine, the
# worst is a strip of 128 KB, whose model is trained four times: it takes 5.6 ms where others of that size take 0.5.
FIXED = 6e6


@pytest.fixture(scope="module")
def usual_times() -> dict[int, Figures]:
    return {level: usual(level) for level in (1, 5)}


@pytest.mark.parametrize("level", [1, 5])
@pytest.mark.parametrize("name", BAD)
def test_size_and_time(name: str, level: int, usual_times: dict[int, Figures]) -> None:
    """The benchmark shows times within four times the usual; twice that here, for machines that are busy."""
    array, limit = BAD[name], usual_times[level]
    ours, general = measure(array, level), measure(array, level, "zstd")
    frame = zb.compress(array, level, dtype=array.dtype, shape=array.shape)
    assert ours.size <= general.size + zb.info(frame).header_size
    assert ours.encode <= 8 * limit.encode + FIXED / array.nbytes
    assert ours.decode <= 8 * limit.decode + FIXED / array.nbytes


@pytest.mark.parametrize("name", ["noise 16", "noise of three components", "X 5, two axes, noise"])
def test_the_deepest_level_gives_noise_up_at_once(name: str, usual_times: dict[int, Figures]) -> None:
    assert measure(BAD[name], 9).encode < 12 * usual_times[5].encode


def test_a_model_that_no_chunk_needs_is_left_out() -> None:
    array = BAD["short runs"]
    frame = zb.compress(array, dtype=array.dtype, shape=array.shape)
    assert zb.info(frame).codec == "zstd"
    assert len(frame) <= len(zb.compress(array, dtype=array.dtype, shape=array.shape, codec="zstd")) + 200


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">u2"])
@pytest.mark.parametrize("count", [16_384, 100_003, 700_001])
def test_one_row(count: int, dtype: str) -> None:
    """Signals, whose samples depend on those before."""
    rng = np.random.default_rng(count)
    signal = np.sin(np.arange(count) / 40) * 50 + 100 + np.cumsum(rng.normal(0, 0.05, count)) + rng.normal(0, 1, count)
    value = pickle.dumps(signal.astype(dtype))
    for level in (1, 5, 9):
        frame = zb.compress(value, level)
        assert zb.decompress(frame) == value
        assert zb.info(frame).codec == "voxel"
        if count > 100_000:
            assert len(frame) < len(zb.compress(value, level, codec="planes"))


def test_a_flattened_volume_gets_its_rows_back() -> None:
    volume = waves((20, 90, 130), 4, "i2")
    flat, deep = (len(zb.compress(pickle.dumps(array))) for array in (volume.ravel(), volume))
    assert flat < deep * 1.02
