"""Compress values of a column, and estimate from them what the column would become.

Every value is compressed as a whole at the default level, which is as quick as migrating it, so that the column's ratio
is known once all have been. The other settings are tried on pieces of some values, beside the default level on the same
pieces: how many times larger or slower they are hardly differs between values. Knows no schema.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import exp, hypot, inf, prod
from statistics import NormalDist
from typing import Any, NamedTuple

from ..codec import DEFAULT_LEVEL, FrameInfo, Hint, compress, decompress, fits, info, is_frame, is_plain_pickle
from ..errors import DamagedFrameError, ZblobError
from .recognize import Kind, recognize

LEVELS = tuple(range(1, 10))
ZSTD_LEVELS = (1, 3, 5, 7, 9)

# Codec and level. "zstd" stands for what would be if there were no codecs for images.
Setting = tuple[str, int]
SETTINGS: tuple[Setting, ...] = tuple(("auto", n) for n in LEVELS) + tuple(("zstd", n) for n in ZSTD_LEVELS)

BASE: Setting = ("auto", DEFAULT_LEVEL)
OTHERS: tuple[Setting, ...] = tuple(setting for setting in SETTINGS if setting != BASE)

FEW_VALUES = 3  # values that are tried in any case, unless they take five times as long as was allowed
LEAST_TRIALS = 2  # of a setting
OTHERS_SHARE = 0.4  # of the time is for the other settings
# Bytes. Of larger values only a piece is compressed with other settings.
IMAGE_PIECE = 2 << 20
GENERAL_PIECE = 1 << 20  # where there are no images, since zstd's high levels are slow
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


class Pair(NamedTuple):
    """One piece of a value, with a setting and with the default level."""

    weight: float
    trial: Trial
    base: Trial


@dataclass
class Outcome:
    """What was found out about one value."""

    kind: Kind
    size: int
    is_pickle: bool
    base: Trial
    trials: dict[Setting, tuple[Trial, Trial]]  # on a piece: with the setting, and with the default level
    spent: dict[Setting, float]  # CPU seconds


class Trials:
    """All trials of one column."""

    def __init__(
        self, is_complete: bool, is_census: bool, size: float, *, min_size: int, seconds: float, seed: int
    ) -> None:
        """Begin.

        :param is_complete: each value is added once, in random order. False: values are drawn with a probability that
            is proportional to their size, and may be drawn again.
        :param is_census: all of them are tried, as a whole, with every setting.
        :param size: bytes of all values of the column.
        """
        self.is_complete, self.is_census, self.size = is_complete, is_census, size
        self.min_size = min_size  # smaller values stay as they are
        self.kinds: list[tuple[Kind, float]] = []  # the kind of each value, and its weight
        self.plain_count = 0  # values that are no frames
        self.smaller_count = 0  # plain values that compression makes smaller
        self.smaller_pickles = 0  # pickles among these
        self.are_pickles = True  # all plain values are pickles
        self.has_all = False  # no value of the column was left out
        self._seen = 0.0  # bytes
        self._base: list[tuple[float, Trial]] = []
        self._pairs: dict[Setting, list[Pair]] = {setting: [] for setting in OTHERS}
        self._asked = dict.fromkeys(OTHERS, 0)
        self._spent = dict.fromkeys(OTHERS, 0.0)
        self._seconds, self._share = seconds, seconds * OTHERS_SHARE / len(OTHERS)
        self._deadline = time.monotonic() + seconds
        self._rng = random.Random(seed)

    @property
    def is_done(self) -> bool:
        """Is the time over, and are there enough values?"""
        late, count = time.monotonic() - self._deadline, len(self._base)
        return not self.is_census and late >= 0 and (count >= FEW_VALUES or (count > 0 and late > 4 * self._seconds))

    def count(self, setting: Setting) -> int:
        return len(self._base if setting == BASE else self._pairs[setting])

    def prepare(self) -> Callable[[bytes, Hint | None], Outcome]:
        """What is to be tried with the next value, given what its row says of it: a function that does it, in any
        thread."""
        wanted = [
            each
            for each in OTHERS
            if self.is_census or self._asked[each] < LEAST_TRIALS or self._spent[each] < self._share
        ]
        for each in wanted:
            self._asked[each] += 1
        rng = random.Random(self._rng.random())
        return lambda value, hint: self._try(value, hint, wanted, rng)

    def add(self, found: Outcome) -> None:
        """Count a value's outcome: once more, if it was drawn again."""
        weight = float(found.size) if self.is_complete else 1.0
        self.kinds.append((found.kind, weight))
        self._base.append((weight, found.base))
        self._seen += found.size
        for setting, (trial, base) in found.trials.items():
            self._pairs[setting].append(Pair(weight, trial, base))

    def add_first(self, found: Outcome) -> None:
        """Count a value that was not drawn before."""
        self.add(found)
        for setting, seconds in found.spent.items():
            self._spent[setting] += seconds
        if found.kind is not FRAME:
            self.plain_count += 1
            self.are_pickles = self.are_pickles and found.is_pickle
            is_smaller = found.base.fraction < 1
            self.smaller_count += is_smaller
            self.smaller_pickles += is_smaller and found.is_pickle

    def _try(self, value: bytes, hint: Hint | None, wanted: list[Setting], rng: random.Random) -> Outcome:
        untouched = dict.fromkeys(OTHERS, (UNTOUCHED, UNTOUCHED))
        if is_frame(value):
            return Outcome(FRAME, len(value), False, UNTOUCHED, untouched, {})
        try:
            about = _describe(value, hint)
        except DamagedFrameError:
            return Outcome(DAMAGED, len(value), False, UNTOUCHED, untouched, {})
        kind, is_pickle = recognize(value, about), is_plain_pickle(value)
        if len(value) < max(1, self.min_size):
            return Outcome(kind, len(value), is_pickle, UNTOUCHED, untouched, {})
        found = Outcome(kind, len(value), is_pickle, _measure(BASE, value, {"hint": hint}), {}, {})
        if wanted:
            piece, options = (value, {}) if self.is_census else _piece_of(value, about, rng)
            self._try_others(
                piece, options or {"hint": hint}, bool(about.images), rng.sample(wanted, len(wanted)), found
            )
        return found

    def _try_others(
        self, piece: bytes, options: dict[str, Any], is_image: bool, wanted: list[Setting], found: Outcome
    ) -> None:
        """In random order, as the first one finds cold caches."""
        base = found.base if len(piece) == found.size else _measure(BASE, piece, options)
        for setting in wanted:
            if is_image or setting[0] == "auto":
                trial = _measure(setting, piece, options if setting[0] == "auto" else {})
                found.trials[setting] = (trial, base)
                found.spent[setting] = (trial.compress + trial.decompress) * len(piece)
        for setting in wanted:
            auto = ("auto", setting[1])
            if not is_image and setting[0] == "zstd" and (auto in found.trials or auto == BASE):
                found.trials[setting] = found.trials.get(auto, (base, base))

    # ---- What they say of the column -----------------------------------------------------------------------

    def fraction(self, setting: Setting) -> Estimate:
        """Bytes after / bytes before.

        Unless each value was tried, the range leaves room for a kind of value that was not. It may hold as many bytes
        as one of twenty samples would miss, and may become nothing, or stay as large as it is.
        """
        mean = self._estimate(setting, lambda trial: trial.fraction, most=1.0)
        if mean.low is None or mean.high is None or self.has_all:
            return mean
        room = 1 - 0.05 ** (1 / len(self._base))
        room *= 1 - self._share_seen()
        low, high = mean.value * (1 - room), mean.value + max(0.0, 1 - mean.value) * room
        return Estimate(mean.value, min(mean.low, low), max(mean.high, high))

    def seconds(self, setting: Setting) -> Estimate:
        """Seconds per byte to compress and to verify, with one thread."""
        return self._estimate(setting, lambda trial: trial.compress + trial.decompress)

    def rates(self, setting: Setting) -> tuple[float, float]:
        """Bytes per second, compressing and decompressing, over values that were no frames; 0 if there were none."""
        tried = [(weight, trial) for weight, trial in self._base if trial.compress]
        if not tried:
            return 0.0, 0.0
        figures: tuple[Callable[[Trial], float], ...] = (lambda each: each.compress, lambda each: each.decompress)
        compressing, decompressing = (
            1 / max(1e-12, _mean(tried, figure) * self._factor(setting, figure)[0]) for figure in figures
        )
        return compressing, decompressing

    def compare(self, setting: Setting, other: Setting) -> tuple[float, float]:
        """Size and time with one setting, divided by those with the other."""
        figures: tuple[Callable[[Trial], float], ...] = (lambda each: each.fraction, lambda each: each.compress)
        size, seconds = (
            self._factor(setting, figure)[0] / max(1e-12, self._factor(other, figure)[0]) for figure in figures
        )
        return size, seconds

    def _share_seen(self) -> float:
        """The share of the column's bytes in the values that were tried, where none of them comes twice."""
        return min(1.0, self._seen / self.size) if self.is_complete and self.size else 0.0

    def _factor(self, setting: Setting, figure: Callable[[Trial], float]) -> tuple[float, float | None]:
        """By how much a figure is larger than at the default level, and the relative standard error of that."""
        if setting == BASE:
            return 1.0, 0.0
        pairs = self._pairs[setting]
        if not pairs:
            raise ZblobError(f"no value was tried with {setting}")
        here = sum(each.weight * figure(each.trial) for each in pairs)
        there = sum(each.weight * figure(each.base) for each in pairs)
        if there == 0:
            return 1.0, 0.0
        factor = here / there
        if len(pairs) == 1 or here == 0:
            return factor, None if here else 0.0
        off = sum((each.weight * (figure(each.trial) - factor * figure(each.base))) ** 2 for each in pairs)
        return factor, (off * len(pairs) / (len(pairs) - 1)) ** 0.5 / here

    def _estimate(self, setting: Setting, figure: Callable[[Trial], float], most: float = inf) -> Estimate:
        """The mean, with a range by Student's t on the logarithm, so that it stays positive."""
        if not self._base:
            raise ZblobError("no value was tried")
        factor, factor_error = self._factor(setting, figure)
        value = _mean(self._base, figure) * factor
        if value == 0.0:
            return Estimate(value, 0.0, 0.0)
        is_size = most == 1.0  # times of the same work differ, sizes do not
        base_error = 0.0 if self.has_all and is_size else self._relative_error(figure)
        factor_error = 0.0 if self.is_census and is_size else factor_error
        if base_error is None or factor_error is None:
            return Estimate(value, None, None)
        counts = [len(self._base)] * (base_error > 0) + [self.count(setting)] * (factor_error > 0)
        range_ = exp(min(50.0, t_quantile(min(counts) - 1) * hypot(base_error, factor_error))) if counts else 1.0
        return Estimate(value, value / range_, min(max(value, most), value * range_))

    def _relative_error(self, figure: Callable[[Trial], float]) -> float | None:
        """The relative standard error of the mean at the default level. None: there is one value."""
        count, mean = len(self._base), _mean(self._base, figure)
        if count == 1:
            return None
        whole = sum(weight for weight, _ in self._base)
        off = sum((weight * (figure(trial) - mean)) ** 2 for weight, trial in self._base)
        error = (off * count / (count - 1)) ** 0.5 / whole
        return error / mean * (1 - self._share_seen()) ** 0.5 if mean else 0.0


def _mean(weighted: list[tuple[float, Trial]], figure: Callable[[Trial], float]) -> float:
    whole = sum(weight for weight, _ in weighted)
    return sum(weight * figure(trial) for weight, trial in weighted) / whole if whole else 1.0


def _describe(value: bytes, hint: Hint | None) -> FrameInfo:
    """What a plain value is, and with which image if its row describes one."""
    about = info(value)
    if about.images or not fits(hint, len(value)):
        return about
    return replace(about, images=info(compress(value, 1, threads=1, hint=hint)).images)


def _measure(setting: Setting, piece: bytes, options: dict[str, Any]) -> Trial:
    """Measure in CPU time, so that other work of the machine does not count."""
    codec, level = setting
    start = time.thread_time()
    frame = compress(piece, level, codec=codec, threads=1, **options)
    middle = time.thread_time()
    decompress(frame, threads=1)
    end = time.thread_time()
    return Trial(len(frame) / len(piece), (middle - start) / len(piece), (end - middle) / len(piece))


def _stripes(value: bytes, rng: random.Random) -> bytes:
    """The whole value, or stripes from all parts of it."""
    if len(value) <= GENERAL_PIECE:
        return value
    width, distance = GENERAL_PIECE // STRIPES, len(value) // STRIPES
    first = rng.randrange(distance - width + 1)
    return b"".join(value[first + i * distance :][:width] for i in range(STRIPES))


def _piece_of(value: bytes, about: FrameInfo, rng: random.Random) -> tuple[bytes, dict[str, Any]]:
    """The whole value, or some neighbouring planes of its largest image with the options that describe them."""
    image = max(about.images, key=lambda image: prod(image.size) * image.components, default=None)
    if image and len(value) <= IMAGE_PIECE:
        return value, {}
    if image is None or image.text_size or image.order == "F" or image.pixel_type.startswith(("complex", "bool")):
        return _stripes(value, rng), {}
    width = int(image.pixel_type.lstrip("uintfloa")) // 8
    plane = prod(image.size[:-1]) * image.components * width
    count = max(1, min(image.size[-1], IMAGE_PIECE // max(1, plane)))
    start = image.value_offset + rng.randrange(image.size[-1] - count + 1) * plane
    components = (image.components,) if image.components > 1 else ()
    dtype = f"{'>' if image.byte_order == 'big' else '<'}{image.pixel_type[0]}{width}"
    shape = (count, *image.size[-2::-1], *components)
    return value[start : start + count * plane], {"dtype": dtype, "shape": shape}


_T_QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


def t_quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's distribution, to within 0.001."""
    if freedom <= len(_T_QUANTILES):
        return _T_QUANTILES[freedom - 1]
    z = NormalDist().inv_cdf(0.975)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
