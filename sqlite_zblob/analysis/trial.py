"""Compress random values of a column with every setting, and estimate from them what the column would become.

The values are drawn with probabilities proportional to their sizes (sampling.py), so that a mean over them estimates
the mean over the column's bytes. Knows no schema.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import exp, hypot, inf, prod
from statistics import NormalDist, fmean, stdev
from typing import Any, NamedTuple

from ..codec import FrameInfo, compress, decompress, info, is_frame, is_plain_pickle
from ..errors import DamagedFrameError, ZblobError
from .recognize import Kind, recognize

LEVELS = tuple(range(1, 10))
ZSTD_LEVELS = (1, 3, 5, 7, 9)

# Codec and level. "zstd" stands for what would be if there were no codecs for images.
Setting = tuple[str, int]
SETTINGS: tuple[Setting, ...] = tuple(("auto", n) for n in LEVELS) + tuple(("zstd", n) for n in ZSTD_LEVELS)

FEW_DRAWS = 3  # values that are tried in any case, unless they take five times as long as was allowed
LEAST_DRAWS = 12  # values that are tried if that takes no longer than twice the time that was allowed
LEAST_TRIALS = 2  # of a slow setting
# Bytes. Of larger values only a piece is compressed, and of those that hold no images a smaller one, since zstd's high
# levels are slow.
IMAGE_PIECE = 16 << 20
GENERAL_PIECE = 4 << 20
STRIPES = 8

FRAME = Kind("frame", True)
DAMAGED = Kind("damaged frame", True)


class Trial(NamedTuple):
    """One value, or a piece of it, with one setting."""

    fraction: float  # bytes after / bytes before
    compress: float  # seconds per byte, one thread
    decompress: float  # the same


UNTOUCHED = Trial(1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Estimate:
    """A figure, and the range that contains the true one with 95 % confidence. None: a single value has no range."""

    value: float
    low: float | None
    high: float | None

    def scaled(self, factor: float, offset: float = 0.0, error: float = 0.0) -> Estimate:
        """`offset + factor * self`. `error` is half the width of another range, which is independent of this one."""
        value = offset + factor * self.value
        if self.low is None or self.high is None:
            return Estimate(value, None, None)
        below, above = (hypot(factor * (each - self.value), error) for each in (self.low, self.high))
        return Estimate(value, max(0.0, value - below), value + above)

    def inverse(self) -> Estimate:
        low = None if self.high is None else 1 / max(self.high, 1e-12)
        high = None if self.low is None else 1 / max(self.low, 1e-12)
        return Estimate(1 / max(self.value, 1e-12), low, high)


class Trials:
    """All trials of one column."""

    def __init__(self, *, is_census: bool, min_size: int, seconds: float, seed: int) -> None:
        self.is_census = is_census  # every value is tried once: nothing is left to estimate
        self.min_size = min_size  # smaller values stay as they are
        self.kinds: list[tuple[Kind, float]] = []  # the kind of each value, and its weight
        self.plain_count = 0  # values that are no frames
        self.smaller_count = 0  # plain values that compression makes smaller
        self.smaller_pickles = 0  # pickles among these
        self.are_pickles = True  # all plain values are pickles
        self.has_all = is_census  # no value of the column was left out
        self._trials: dict[Setting, list[tuple[float, Trial]]] = {setting: [] for setting in SETTINGS}
        self._spent = dict.fromkeys(SETTINGS, 0.0)
        self._seconds, self._share = seconds, seconds / len(SETTINGS)
        self._deadline = time.monotonic() + seconds
        self._rng = random.Random(seed)

    @property
    def is_done(self) -> bool:
        """Is the time over, and are there enough values?"""
        late, count = time.monotonic() - self._deadline, len(self.kinds)
        if self.is_census or late < 0:
            return False
        if late < self._seconds:
            return count >= LEAST_DRAWS
        return count >= FEW_DRAWS or (count > 0 and late > 4 * self._seconds)

    def count(self, setting: Setting) -> int:
        return len(self._trials[setting])

    def add(self, value: bytes) -> Callable[[], None]:
        """Try a value. Returns a function that counts it once more, for when it is drawn again."""
        kind, trials, is_pickle = self._try(value)
        weight = float(len(value)) if self.is_census else 1.0

        def again() -> None:
            self.kinds.append((kind, weight))
            for setting, trial in trials.items():
                self._trials[setting].append((weight, trial))

        if kind is not FRAME:
            self.plain_count += 1
            self.are_pickles = self.are_pickles and is_pickle
            is_smaller = any(trial.fraction < 1 for trial in trials.values())
            self.smaller_count += is_smaller
            self.smaller_pickles += is_smaller and is_pickle
        again()
        return again

    def _try(self, value: bytes) -> tuple[Kind, dict[Setting, Trial], bool]:
        if is_frame(value):
            return FRAME, dict.fromkeys(SETTINGS, UNTOUCHED), False
        try:
            about = info(value)
        except DamagedFrameError:
            return DAMAGED, dict.fromkeys(SETTINGS, UNTOUCHED), False
        if len(value) < self.min_size:
            return recognize(value, about), dict.fromkeys(SETTINGS, UNTOUCHED), is_plain_pickle(value)
        piece, options = self._planes(value, about)
        general = self._bytes(value)
        trials: dict[Setting, Trial] = {}
        for setting in self._rng.sample(SETTINGS, len(SETTINGS)):  # the first one finds cold caches
            if setting[0] == "zstd" and not about.images:
                continue
            if self.count(setting) < LEAST_TRIALS or self._spent[setting] < self._share:
                is_image = setting[0] == "auto" and about.images
                trials[setting] = self._time(setting, piece, options) if is_image else self._time(setting, general, {})
        if not about.images:
            trials |= {("zstd", n): trials["auto", n] for n in ZSTD_LEVELS if ("auto", n) in trials}
        return recognize(value, about), trials, is_plain_pickle(value)

    def _time(self, setting: Setting, piece: bytes, options: dict[str, Any]) -> Trial:
        """Measure in CPU time, so that other work of the machine does not count."""
        codec, level = setting
        start = time.thread_time()
        frame = compress(piece, level, codec=codec, threads=1, **options)
        middle = time.thread_time()
        decompress(frame, threads=1)
        end = time.thread_time()
        self._spent[setting] += end - start
        return Trial(len(frame) / len(piece), (middle - start) / len(piece), (end - middle) / len(piece))

    def _bytes(self, value: bytes) -> bytes:
        """The whole value, or stripes from all parts of it."""
        if len(value) <= GENERAL_PIECE:
            return value
        width, distance = GENERAL_PIECE // STRIPES, len(value) // STRIPES
        first = self._rng.randrange(distance - width + 1)
        return b"".join(value[first + i * distance :][:width] for i in range(STRIPES))

    def _planes(self, value: bytes, about: FrameInfo) -> tuple[bytes, dict[str, Any]]:
        """The whole value, or some neighbouring planes of its largest image with the options that describe them."""
        if len(value) <= IMAGE_PIECE or not about.images:
            return value, {}
        image = max(about.images, key=lambda image: prod(image.size) * image.components)
        if image.order == "F" or image.pixel_type.startswith(("complex", "bool")):
            return self._bytes(value), {}
        width = int(image.pixel_type.lstrip("uintfloa")) // 8
        plane = prod(image.size[:-1]) * image.components * width
        count = max(1, min(image.size[-1], IMAGE_PIECE // max(1, plane)))
        start = image.value_offset + self._rng.randrange(image.size[-1] - count + 1) * plane
        components = (image.components,) if image.components > 1 else ()
        dtype = f"{'>' if image.byte_order == 'big' else '<'}{image.pixel_type[0]}{width}"
        shape = (count, *image.size[-2::-1], *components)
        return value[start : start + count * plane], {"dtype": dtype, "shape": shape}

    # ---- What they say of the column -----------------------------------------------------------------------

    def fraction(self, setting: Setting) -> Estimate:
        """Bytes after / bytes before.

        The range leaves room for a kind of value that was not drawn. It may hold as many bytes as one of twenty samples
        would miss, and may become nothing, or stay as large as it is.
        """
        mean = self._mean(setting, lambda trial: trial.fraction, most=1.0)
        if mean.low is None or mean.high is None or self.has_all:
            return mean
        room = 1 - 0.05 ** (1 / self.count(setting))
        low, high = mean.value * (1 - room), mean.value + max(0.0, 1 - mean.value) * room
        return Estimate(mean.value, min(mean.low, low), max(mean.high, high))

    def seconds(self, setting: Setting) -> Estimate:
        """Seconds per byte to compress and to verify, with one thread."""
        return self._mean(setting, lambda trial: trial.compress + trial.decompress)

    def rates(self, setting: Setting) -> tuple[float, float]:
        """Bytes per second, compressing and decompressing, over values that were no frames; 0 if there were none."""
        tried = [trial for _, trial in self._trials[setting] if trial.compress]
        if not tried:
            return 0.0, 0.0
        return 1 / fmean(each.compress for each in tried), 1 / max(1e-12, fmean(each.decompress for each in tried))

    def compare(self, setting: Setting, other: Setting) -> tuple[float, float]:
        """Size and time with one setting, divided by those with the other, over the values tried with both."""
        pairs = list(zip(self._trials[setting], self._trials[other], strict=False))
        sizes = [sum(pair[i][0] * pair[i][1].fraction for pair in pairs) for i in (0, 1)]
        times = [sum(pair[i][0] * pair[i][1].compress for pair in pairs) for i in (0, 1)]
        return sizes[0] / max(sizes[1], 1e-12), times[0] / max(times[1], 1e-12)

    def _mean(self, setting: Setting, figure: Callable[[Trial], float], most: float = inf) -> Estimate:
        """The mean, with a range by Student's t on the logarithm, so that it stays positive."""
        weighted = [(weight, figure(trial)) for weight, trial in self._trials[setting]]
        if not weighted:
            raise ZblobError(f"no value was tried with {setting}")
        whole = sum(weight for weight, _ in weighted)
        value = sum(weight * each for weight, each in weighted) / whole if whole else 1.0
        if self.is_census:
            return Estimate(value, value, value)
        if len(weighted) == 1:
            return Estimate(value, None, None)
        if value == 0.0:
            return Estimate(value, 0.0, 0.0)
        error = stdev(each for _, each in weighted) / len(weighted) ** 0.5
        factor = exp(min(50.0, t_quantile(len(weighted) - 1) * error / value))
        return Estimate(value, value / factor, min(max(value, most), value * factor))


_T_QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


def t_quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's distribution, to within 0.001."""
    if freedom <= len(_T_QUANTILES):
        return _T_QUANTILES[freedom - 1]
    z = NormalDist().inv_cdf(0.975)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
