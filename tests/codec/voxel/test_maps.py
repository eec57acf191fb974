"""Maps of values by slice: images of which each slice was scaled on its own cost little more than the scan itself."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest

import sqlite_zblob as zb

from ...conftest import one, open_apsw
from ...samples.values import phantom
from .coding import frame_of

SHAPE = (12, 96, 104)
SCAN = phantom("<i2", SHAPE, 3000.0)
SLOPES = np.random.RandomState(5).uniform(0.3, 3, (SHAPE[0], 1, 1))
MEAN, DEVIATION = SCAN.mean(axis=(1, 2), keepdims=True), SCAN.std(axis=(1, 2), keepdims=True)


def counts() -> np.ndarray:
    """As PET scanners store slices: the largest value of each becomes 32767."""
    activity = (SCAN - SCAN.min()) * SLOPES
    result: np.ndarray = np.round(activity / activity.max(axis=(1, 2), keepdims=True) * 32767)
    return result


def ladders(dtype: str, rungs: int) -> np.ndarray:
    """Frames of which each has a set of values of its own."""
    random = np.random.RandomState(7)
    level = (SCAN - SCAN.min()) * rungs // (np.ptp(SCAN) + 1)
    sets = [np.sort(random.choice(np.iinfo(dtype).max, rungs, replace=False)) for _ in SCAN]
    return np.stack([values[slice_] for values, slice_ in zip(sets, level, strict=True)]).astype(dtype)


INSIDE: np.ndarray = np.greater(SCAN, np.median(SCAN))


def masked() -> np.ndarray:
    result: np.ndarray = ((SCAN - MEAN) / DEVIATION).astype("<f4")
    result[~INSIDE] = 0
    return result


CASES: dict[str, tuple[Callable[[], np.ndarray], Callable[[], np.ndarray], float]] = {
    "slopes in single": (lambda: SCAN.astype("<f4") * SLOPES.astype("<f4"), lambda: SCAN, 1.01),
    "slopes in double, cast": (lambda: (SCAN * SLOPES).astype("<f4"), lambda: SCAN, 1.01),
    "slopes in double": (lambda: SCAN * SLOPES, lambda: SCAN, 1.01),
    "slopes, big-endian": (lambda: (SCAN * SLOPES).astype(">f8"), lambda: SCAN, 1.01),
    "slopes and intercepts": (lambda: (SCAN * SLOPES + 7 * SLOPES**2).astype("<f4"), lambda: SCAN, 1.03),
    "z-scores": (lambda: (SCAN - MEAN) / DEVIATION, lambda: SCAN, 1.06),
    "z-scores in single": (lambda: (SCAN - MEAN.astype("f4")) / DEVIATION.astype("f4"), lambda: SCAN, 1.06),
    "z-scores within a mask": (masked, lambda: np.where(INSIDE, SCAN, 0), 1.12),
    "one slope for some slices": (
        lambda: SCAN * SLOPES[::4].repeat(4, axis=0).astype("<f4"),
        lambda: SCAN,
        1.01,
    ),
    "counts of PET": (lambda: (counts() * SLOPES).astype("<f4"), lambda: SCAN, 1.08),
    "integer slopes": (lambda: SCAN.astype("<i8") * np.arange(1001, 1013).reshape(-1, 1, 1), lambda: SCAN, 1.01),
    "rescaled shorts": (lambda: (SCAN * (2 + SLOPES)).round().astype("<i2"), lambda: SCAN, 1.08),
    "ladders of shorts": (lambda: ladders("<u2", 200), lambda: (SCAN - SCAN.min()) * 200 // np.ptp(SCAN), 1.2),
    "ladders of bytes": (lambda: ladders("u1", 40), lambda: (SCAN - SCAN.min()) * 40 // np.ptp(SCAN), 1.1),
}


@pytest.mark.parametrize("name", CASES)
def test_scaling_by_slice_costs_next_to_nothing(name: str) -> None:
    scaled, plain, factor = CASES[name]
    for level in (1, 5, 9):
        frame = frame_of(np.ascontiguousarray(scaled()), level)
        assert zb.info(frame).codec == "voxel"
        assert len(frame) < len(frame_of(plain().astype("<i2"), level)) * factor + 400


def test_other_frames_do_not_grow() -> None:
    """Slices that share their values have no maps."""
    for dtype in ("<i2", "<f4", "<f8"):
        assert len(frame_of(SCAN.astype(dtype))) < len(frame_of(SCAN)) * 1.001 + 600


def test_a_slice_is_read_alone() -> None:
    array = (np.tile(SCAN, (8, 4, 3)) * np.tile(SLOPES, (8, 1, 1))).astype("<f4")
    frame = frame_of(array)
    assert zb.info(frame).chunk_count > 2
    size = array[0].nbytes
    start = pickle.dumps(array).index(array.tobytes())
    for z in (0, 17, 95):
        part = one(open_apsw(), "SELECT zsubstr(?, ?, ?)", frame, start + z * size + 1, size)
        assert part == array[z].tobytes()
