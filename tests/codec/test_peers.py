"""Size and speed beside JPEG-LS on real images, so that a drift is seen.

Times are those of the process, in one thread, and the least of several in turns, since a busy machine slows both codecs
down. Sizes may be 2 % larger than measured, and speeds a quarter slower where the CPU is of the kind on which they were
measured. benchmarks/codec.py has more volumes and rivals.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import sqlite_zblob as zb
from sqlite_zblob.bench import codecs
from sqlite_zblob.bench.inputs import central
from sqlite_zblob.bench.samples import shipped_samples

pytest.importorskip("imagecodecs")

ROUNDS = 7
CPU = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
SLOWER = 0.75 if "avx512_vbmi2" in CPU else 0.3  # of the speeds measured; with fewer instructions ours loses more
BYTES = 2_000_000  # of a volume, from its middle


class Ratios(NamedTuple):
    """JPEG-LS's bytes, and its seconds, divided by ours."""

    size: float
    encode: float
    decode: float


MEASURED = {
    ("MR T1 (MNI152)", 1): Ratios(0.861, 4.2, 7.6),
    ("MR T1 (MNI152)", 5): Ratios(1.321, 1.50, 3.6),
    ("MR T1 (MNI152)", 9): Ratios(1.371, 0.60, 2.4),
    ("white matter map (MNI152)", 1): Ratios(0.910, 5.2, 8.4),
    ("white matter map (MNI152)", 5): Ratios(1.358, 1.58, 3.7),
}


@functools.cache
def image_of(name: str) -> np.ndarray:
    values = {sample.name: sample.value for sample in shipped_samples()}
    if name not in values:
        pytest.skip(f"no installed package has the image {name}")
    array: np.ndarray = central(zb.images.read_array(values[name]), BYTES)
    return array


def seconds(action: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.process_time()
    result = action()
    return time.process_time() - begun, result


def figures(name: str, array: np.ndarray) -> tuple[int, float, float]:
    """Bytes, and the seconds to encode and to decode them."""
    codec = codecs.get(name)
    subjects = codec.subjects(array)
    assert subjects is not None
    there, coded = seconds(lambda: codec.encode_all(subjects))
    back, _ = seconds(lambda: codec.decode_all(coded))
    return sum(map(len, coded)), there, back


@pytest.mark.parametrize(("name", "level"), MEASURED)
def test_size_and_speed_are_those_measured(name: str, level: int) -> None:
    array, measured = image_of(name), MEASURED[name, level]
    rounds = [[figures(codec, array) for codec in (f"sqlite_zblob {level}", "JPEG-LS")] for _ in range(ROUNDS)]
    ours, theirs = (np.min(each, axis=0) for each in zip(*rounds, strict=True))
    size, encode, decode = theirs / ours
    assert size > 0.98 * measured.size
    assert encode > SLOWER * measured.encode
    assert decode > SLOWER * measured.decode
