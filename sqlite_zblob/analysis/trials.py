"""Look at pieces of a column's values, compress some as a whole, and estimate from both what the column would become.

Where time allows, a piece of every value is looked at first: it says what the value is and about how far it can be
compressed. Then whole values are compressed with the default level, the same share of each stratum, and their pieces
with the other settings. Time that is too short for a look at every value goes evenly to values of all sizes. What the
pieces of all values say is corrected, stratum by stratum, by what whole values were found to become. Knows no schema.
"""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from math import inf
from typing import Any

from ..codec import Hint
from ..errors import ZblobError
from ..migration.values import Key
from .strata import NO_ERROR, Error, Estimate, Member, Projection, evenly, project
from .trial import (
    BASE,
    FRAME,
    OTHERS,
    PIECE_SIZE,
    WHOLE_SIZE,
    Look,
    Setting,
    Trial,
    look,
    try_all,
    try_others,
    try_whole,
)

THREADS = 4  # at most, that compress values
LARGEST = 256 << 20  # bytes; larger values are not read, nor are values together while others are compressed
CENSUS_BYTES = 4 << 20  # a column of at most this many bytes is compressed as a whole with every setting

FEW_VALUES = 3  # that are looked at, and compressed as a whole, unless half as much time again has gone by
LOOK_SHARE = 0.4  # of the time
OTHERS_SHARE = 0.4  # of the CPU time of whole values and other settings together, for the latter
ENOUGH_TRIALS = 12  # of another setting; more are made only beside whole values
PIECES_ALONE = Error(0.15, inf)  # what pieces say, where no whole value was tried
UNSEEN_WHOLE = 0.3  # by how much, about, whole values may differ from what pieces say, where none was tried
UNSEEN_SPREAD = 0.5  # by how much, at most, another setting may change what no value was tried of
# Parts are off to one side for all values alike: models are trained on fewer samples, and headers weigh more. On five
# stores the default level was up to 1.5 % off where planes stood for large images, other levels up to 5.1 %.
PLANES_LEAN = 0.01  # standard error of what planes say of the whole values that they stand for
PIECES_LEAN = 0.025  # of what pieces say of another setting

# What a value holds, and what its row says of that; None: it cannot be read.
Read = Callable[[Key], tuple[bytes, Hint | None] | None]
Figure = Callable[[Trial], float]


class Pace:
    """How long to go on, by the clock."""

    def __init__(self, seconds: float) -> None:
        self._began, self._seconds = time.monotonic(), seconds

    def may_look(self, count: int) -> bool:
        """May one more value be looked at, after so many? The first one may in any case."""
        return count == 0 or self._goes_on(LOOK_SHARE, count)

    def may_try(self, count: int, cost: float) -> bool:
        """May one more be compressed as a whole, which will take so many seconds?"""
        return self._goes_on(1.0, count, cost)

    def is_over(self) -> bool:
        return time.monotonic() >= self._began + self._seconds

    def _goes_on(self, share: float, count: int, cost: float = 0.0) -> bool:
        spent = time.monotonic() - self._began + cost
        return spent < share * self._seconds or (count < FEW_VALUES and spent < (0.5 + share) * self._seconds)


class Trials:
    """All trials of one column."""

    def __init__(
        self,
        keys: Sequence[Key],
        sizes: Sequence[int] | None,
        read: Read,
        *,
        min_size: int,
        pace: Pace,
        seed: int,
        threads: int = THREADS,
        piece_size: int = PIECE_SIZE,
    ) -> None:
        """Begin.

        :param keys: of all values of the column; or, without sizes, of values that were drawn with a probability
            proportional to their size, which may come more than once.
        :param sizes: of all values, in bytes.
        :param min_size: smaller values stay as they are.
        :param piece_size: bytes; of a larger value, a piece is looked at.
        """
        self.min_size, self.is_complete = min_size, sizes is not None
        self.skipped_count = 0  # values that could not be read
        self._read, self._pace, self._threads = read, pace, threads
        self._rng = random.Random(seed)
        times = Counter(keys)
        self._weights = dict(zip(keys, map(float, sizes), strict=True)) if sizes is not None else dict(times)
        self._looks: dict[Key, Look] = {}
        self._is_census = sizes is not None and sum(sizes) <= CENSUS_BYTES
        self._piece_size = CENSUS_BYTES if self._is_census else piece_size
        self._spent: defaultdict[Setting, float] = defaultdict(float)  # CPU seconds
        self._tried: Counter[Setting] = Counter()  # pieces; of BASE, whole values

    # ---- Trying --------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Try until the time is over, or all is known."""
        keys = self._rng.sample(list(self._weights), len(self._weights))
        order = evenly(
            [self._outer_stratum(key) for key in keys], [self._weights[key] for key in keys], [1] * len(keys)
        )
        self._run_each([keys[i] for i in order], self._look_task)
        keys = self._rng.sample(list(self._looks), len(self._looks))
        looks = [self._looks[key] for key in keys]
        sizes = [each.size for each in looks]
        order = evenly([each.stratum for each in looks], [self._weights[key] for key in keys], sizes)
        self._run_each([keys[i] for i in order], self._try_task)
        self._run_each([keys[i] for i in order], self._others_task)
        self._run_each([keys[i] for i in order], self._all_task)

    def _run_each(self, keys: Sequence[Key], task_of: Callable[[Key], Any]) -> None:
        """Read values here, and do something with them in threads.

        :param task_of: gives what is to be done with the value of a key; None: nothing; False: the time is over.
        """
        running: list[tuple[int, Future[None]]] = []
        with ThreadPoolExecutor(self._threads) as threads:
            for key in keys:
                task = task_of(key)
                if task is False:
                    break
                found = self._read(key) if task else None
                if found is None:
                    self.skipped_count += bool(task) and key not in self._looks
                    continue
                while running and len(found[0]) + sum(size for size, _ in running) > LARGEST:
                    running.pop(0)[1].result()
                running.append((len(found[0]), threads.submit(task, found[0], found[1])))
                if len(running) > self._threads:
                    running.pop(0)[1].result()
            for _, future in running:
                future.result()

    def _look_task(self, key: Key) -> Any:
        if not self._pace.may_look(len(self._looks)) and not (self._is_census and not self._pace.is_over()):
            return False
        seed = self._rng.getrandbits(32)

        def task(value: bytes, hint: Hint | None) -> None:
            seen = look(value, hint, min_size=self.min_size, piece_size=self._piece_size, seed=seed)
            self._looks[key] = seen
            self._tried[BASE] += seen.whole is not None and seen.is_touched

        return task

    def _try_task(self, key: Key) -> Any:
        known = self._looks[key]
        cost = 0.0 if known.whole else 2 * known.pace * _tried_size(known)  # another may be before it
        if not self._pace.may_try(self._tried[BASE], cost):
            return False if self._pace.is_over() else None
        share = OTHERS_SHARE / len(OTHERS) * sum(self._spent.values())
        wanted = [each for each in self._wanted(known) if self._is_census or self._spent[each] <= share]
        if known.whole is not None and not wanted:
            return None

        def task(value: bytes, hint: Hint | None) -> None:
            if len(value) != known.size:
                return  # another one was stored meanwhile
            if known.whole is None:
                known.whole, known.is_in_part = try_whole(value, hint, known.seed)
                self._tried[BASE] += known.is_touched
                self._spent[BASE] += (known.whole.compress + known.whole.decompress) * _tried_size(known)
            self._try_others(value, hint, known, wanted)

        return task

    def _others_task(self, key: Key) -> Any:
        """Where time is left, settings that were tried with few values are tried with more."""
        if self._pace.is_over():
            return False
        known = self._looks[key]
        wanted = [each for each in self._wanted(known) if self._is_census or self._tried[each] < ENOUGH_TRIALS]
        return (lambda value, hint: self._try_others(value, hint, known, wanted)) if wanted else None

    def _all_task(self, key: Key) -> Any:
        """Where time is left then, large images that planes stood for are compressed as a whole."""
        if self._pace.is_over():
            return False
        known = self._looks[key]
        if not known.is_in_part or not self._pace.may_try(FEW_VALUES, 2 * known.pace * known.size):
            return None

        def task(value: bytes, hint: Hint | None) -> None:
            if len(value) == known.size:
                known.whole, known.is_in_part = try_all(value, hint), False

        return task

    def _wanted(self, known: Look) -> list[Setting]:
        """The other settings that the piece may be compressed with: those that are behind come first."""
        left = [each for each in OTHERS if known.other(each) is None]
        return sorted(left, key=lambda each: (self._spent[each], self._rng.random()))

    def _try_others(self, value: bytes, hint: Hint | None, known: Look, wanted: Sequence[Setting]) -> None:
        if len(value) != known.size:
            return
        found = try_others(value, hint, known, wanted, piece_size=self._piece_size, is_over=self._pace.is_over)
        known.others.update(found)
        self._tried.update(found.keys())
        for setting, trial in found.items():
            self._spent[setting] += (trial.compress + trial.decompress) * min(len(value), self._piece_size)

    # ---- What was found ------------------------------------------------------------------------------------

    @property
    def looks(self) -> list[Look]:
        return list(self._looks.values())

    @property
    def count(self) -> int:
        """Of values that were looked at."""
        return len(self._looks)

    @property
    def has_all(self) -> bool:
        """Was every value of the column looked at?"""
        return self.is_complete and len(self._looks) == len(self._weights)

    def _has_whole(self) -> bool:
        """Was any value that does not stay as it is compressed as a whole, or need none be?"""
        touched = [each for each in self._looks.values() if each.is_touched]
        return not touched or any(each.whole for each in touched)

    def trial_count(self, setting: Setting) -> int:
        """Of values that were tried with a setting, or need not be: these alone say nothing of others."""
        if setting == BASE:
            return len(self._looks)
        tried = [each for each in self._looks.values() if each.other(setting) is not None]
        is_known = any(each.is_touched for each in tried) or len(tried) == len(self._looks)
        return len(tried) if is_known else 0

    @property
    def plain(self) -> list[Look]:
        """Values that are no frames."""
        return [each for each in self._looks.values() if each.kind is not FRAME]

    def weights(self) -> list[float]:
        """For each value that was looked at: the share of the column's bytes that it stands for."""
        strata: defaultdict[Any, float] = defaultdict(float)
        looked: defaultdict[Any, float] = defaultdict(float)
        for key, weight in self._weights.items():
            strata[self._outer_stratum(key)] += weight
        for key in self._looks:
            looked[self._outer_stratum(key)] += self._weights[key]
        met = sum(each for name, each in strata.items() if looked[name])
        return [
            self._weights[key] / looked[name] * strata[name] / met if met and looked[name] else 0.0
            for key, name in ((key, self._outer_stratum(key)) for key in self._looks)
        ]

    def _outer_stratum(self, key: Key) -> tuple[int]:
        """Of values whose sizes are all that is known."""
        return (int(self._weights[key]).bit_length() if self.is_complete else 0,)

    def fraction(self, setting: Setting) -> Estimate:
        """Bytes after / bytes before.

        Unless each value was looked at, the range leaves room for a kind of value that was not. It may hold as many
        bytes as one of twenty samples would miss, and may become nothing, or stay as large as it is.
        """
        mean = self._estimate(setting, lambda trial: trial.fraction, repeats=True)
        mean = replace(mean, value=min(1.0, mean.value))  # a value that would grow is stored as it is
        if mean.low is None or mean.high is None:
            return mean
        low, high = min(mean.low, mean.value), min(1.0, mean.high)
        if not self.has_all:
            seen = sum(each.size for each in self._looks.values()) / sum(self._weights.values())
            room = (1 - 0.05 ** (1 / self.count)) * (1 - (min(1.0, seen) if self.is_complete else 0.0))
            low = min(low, mean.value * (1 - room))
            high = max(high, mean.value + max(0.0, 1 - mean.value) * room)
        return Estimate(mean.value, low, high)

    def seconds(self, setting: Setting) -> Estimate:
        """Seconds per byte to compress and to verify, with one thread."""
        return self._estimate(setting, lambda trial: trial.compress + trial.decompress, repeats=False)

    def rates(self, setting: Setting) -> tuple[float, float]:
        """Bytes per second, compressing and decompressing, over values that were no frames; 0 if there were none."""
        weights = [weight for weight, each in zip(self.weights(), self.looks, strict=True) if each.is_touched]
        if not sum(weights):
            return 0.0, 0.0
        figures: tuple[Figure, ...] = (lambda each: each.compress, lambda each: each.decompress)
        compressing, decompressing = (
            sum(weights) / max(1e-12, self._project(setting, figure, repeats=False)[-1].total) for figure in figures
        )
        return compressing, decompressing

    def compare(self, setting: Setting, other: Setting) -> tuple[float, float]:
        """Size and time with one setting, divided by those with the other."""
        figures: tuple[Figure, ...] = (lambda each: each.fraction, lambda each: each.compress)
        size, seconds = (
            self._project(setting, figure, repeats=True)[-1].total
            / max(1e-12, self._project(other, figure, repeats=True)[-1].total)
            for figure in figures
        )
        return size, seconds

    def _project(self, setting: Setting, figure: Figure, *, repeats: bool) -> list[Projection]:
        """From pieces of all values that were looked at to these values; and from there to another setting."""
        if not self._looks:
            raise ZblobError("no value was tried")
        weighted = list(zip(self.weights(), self.looks, strict=True))
        has_whole, members = self._has_whole(), []
        for weight, each in weighted:
            whole = each.whole if has_whole else each.piece
            wanted = None if whole is None else weight * figure(whole)
            members.append(Member(each.stratum, weight * figure(each.piece), wanted, not each.is_touched))
        steps = [project(members, repeats=repeats)]
        if setting != BASE:
            members = []
            for (_, each), known in zip(weighted, steps[0].predicted, strict=True):
                trial, base = each.other(setting), figure(each.piece)
                wanted = None if trial is None else known * figure(trial) / base if base else 0.0
                members.append(Member(each.stratum, known, wanted, not each.is_touched))
            if not self.trial_count(setting):
                raise ZblobError(f"no value was tried with {setting}")
            steps.append(project(members, repeats=repeats))
        return steps

    def _estimate(self, setting: Setting, figure: Figure, *, repeats: bool) -> Estimate:
        steps = self._project(setting, figure, repeats=repeats)
        value = steps[-1].total
        errors = [each.error for each in steps] + [self._outer_error(steps[-1].predicted)]
        if repeats:
            errors += self._leaning(setting, steps[-1])
        if not self._has_whole():
            errors.append(PIECES_ALONE)
        joined: Error | None = NO_ERROR
        for each in errors:
            joined = joined.joined(each) if joined is not None and each is not None else None
        if joined is None:
            return Estimate(value, None, None)
        found = joined.range_of(value)
        assert found.low is not None and found.high is not None
        spreads = (UNSEEN_WHOLE, *[UNSEEN_SPREAD] * len(steps[1:]))
        unseen = sum(spread * each.unseen for spread, each in zip(spreads, steps, strict=True)) if repeats else 0.0
        return Estimate(value, found.low * (1 - unseen), found.high * (1 + unseen))

    def _leaning(self, setting: Setting, last: Projection) -> list[Error]:
        """How far parts may be from the values that they are of, where these are not small."""
        known = list(zip(self.looks, last.predicted, strict=True))
        planes = sum(part for each, part in known if each.is_in_part)
        pieces = sum(part for each, part in known if each.is_touched and each.size > self._piece_size)
        found = [Error(PLANES_LEAN * planes / max(1e-12, last.total), inf)]
        if setting != BASE:
            found.append(Error(PIECES_LEAN * pieces / max(1e-12, last.total), inf))
        return found

    def _outer_error(self, predicted: Sequence[float]) -> Error | None:
        """How far the values that were not looked at may be from those that were.

        :param predicted: of each that was: its part of the whole.
        """
        if self.has_all:
            return NO_ERROR
        shares = dict(zip(self._looks, zip(self.weights(), predicted, strict=True), strict=True))
        members = []
        for key, known in self._weights.items():
            weight, part = shares.get(key, (0.0, 0.0))
            members.append(Member(self._outer_stratum(key), known, known * part / weight if weight else None))
        return project(members, repeats=self.is_complete).error


def _tried_size(known: Look) -> int:
    """About how many bytes are compressed for a trial of the whole value."""
    return min(known.size, WHOLE_SIZE) if known.kind.detail else known.size
