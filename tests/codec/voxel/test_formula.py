"""Means, gradient magnitudes and deviations of integers: floats that are coded as the integers they are made from."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest

import sqlite_zblob as zb

from ...conftest import one, open_apsw
from ...samples.values import phantom
from .coding import frame_of

SCAN = phantom("<i4", (14, 96, 104), 30_000.0)


def neighbours() -> list[np.ndarray]:
    """The scan moved by -1, 0 and 1 along each axis."""
    inside = slice(1, -1)
    ends = (slice(None, -2), inside, slice(2, None))
    return [SCAN[z, y, x] for z in ends for y in ends for x in ends]


def sums() -> np.ndarray:
    result: np.ndarray = np.sum(neighbours(), axis=0)
    return result


def squares() -> np.ndarray:
    """Four times the squared magnitude of the gradient, at a fifth of the scan's scale."""
    around = [each // 5 for each in neighbours()]
    result: np.ndarray = sum((around[13 + step] - around[13 - step]) ** 2 for step in (1, 3, 9))
    return result


def variances() -> np.ndarray:
    """The variance of each pixel's surroundings, times 27 * 26."""
    around = np.array(neighbours()) // 300
    result: np.ndarray = 27 * (around**2).sum(axis=0) - around.sum(axis=0) ** 2
    return result


def minus_where_odd(array: np.ndarray) -> np.ndarray:
    return array * np.where(np.indices(array.shape)[2] & 8, 1, -1)


CASES: dict[str, tuple[Callable[[], np.ndarray], Callable[[], np.ndarray]]] = {
    "means": (lambda: (sums() / 27).astype("<f4"), sums),
    "means in double": (lambda: sums() / 27, sums),
    "means with a slope": (lambda: (sums() * 0.0123).astype("<f4"), sums),
    "negative means, big-endian": (lambda: (-sums() / 27).astype(">f4"), lambda: -sums()),
    "gradient magnitudes": (lambda: np.sqrt(squares() / 4).astype("<f4"), squares),
    "gradient magnitudes in double": (lambda: np.sqrt(squares() / 4), squares),
    "gradient magnitudes with a spacing": (lambda: (np.sqrt(squares()) / (2 * 0.859375)).astype("<f4"), squares),
    "signed distances": (
        lambda: (np.sign(minus_where_odd(squares())) * np.sqrt(squares())).astype("<f4"),
        lambda: minus_where_odd(squares()),
    ),
    "variances": (lambda: (variances() / 702).astype("<f4"), variances),
    "deviations": (lambda: np.sqrt(variances() / 702).astype("<f4"), variances),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("level", [1, 5, 9])
def test_a_formula_costs_next_to_nothing(name: str, level: int) -> None:
    floats, integers = CASES[name]
    frame = frame_of(np.ascontiguousarray(floats()), level)
    assert len(frame) < len(frame_of(integers().astype("<i4"), level)) * 1.01 + 100


def test_one_other_value_and_there_is_no_formula() -> None:
    """It comes back exactly, as every value does; only the gain is gone."""
    means = (sums() / 27).astype("<f4")
    for strange in (np.float32(0.1), np.float32(-0.0), np.nan, np.inf, np.nextafter(means[3, 4, 5], np.float32(1e9))):
        other = means.copy()
        other[3, 4, 5] = strange
        assert len(frame_of(other)) > len(frame_of(means)) * 1.2


@pytest.mark.parametrize("dtype", ["<f4", ">f8"])
def test_all_magnitudes_come_back(dtype: str) -> None:
    """Integers up to the largest ones, divisors from the smallest to the largest ones, subnormal results among them."""
    random = np.random.RandomState(1)
    for divisor in (2.0**-70, 2.0**-64, 1e-5, 3.0, 702.0, 2.0**64, 2.0**70, 1e300):
        for limit in (5e4, 2**23, 2**31 - 1, 2**33):
            integers = np.sort(random.uniform(-limit, limit, (4, 64, 80)).astype("<i8"), axis=2)
            with np.errstate(all="ignore"):
                frame_of((integers / divisor).astype(dtype), 1)
                frame_of((np.sign(integers) * np.sqrt(np.abs(integers) / divisor)).astype(dtype), 1)


def test_a_slice_is_read_alone() -> None:
    array = np.tile((sums() / 27).astype("<f4"), (6, 4, 4))
    frame = frame_of(array)
    assert zb.info(frame).chunk_count > 2
    size = array[0].nbytes
    start = pickle.dumps(array).index(array.tobytes())
    for z in (0, 17, 71):
        assert one(open_apsw(), "SELECT zsubstr(?, ?, ?)", frame, start + z * size + 1, size) == array[z].tobytes()
