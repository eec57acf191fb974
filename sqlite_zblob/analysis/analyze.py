"""Estimate from random values what compression would bring to a database: ratio, time and size. Changes nothing.

sampling.py measures sizes, recognize.py finds formats, trials.py compresses values, and column/recommend.py decides on
the mode. This module makes a recommendation of all that for each column.
"""

from __future__ import annotations

import random
import shlex
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..bars import Bar, callback_of, show_step, takes_bar
from ..choices import Codec
from ..codec import DEFAULT_LEVEL, Hint, compress, has_magic
from ..column.hint import NO_HINT, HintFrom, ask_row, refuse_hint
from ..column.recommend import Seen, decide
from ..column.schema import Column, Table, look_at_table, master_of
from ..column.storage import ColumnStatus, status
from ..column.virtual import DEFAULT_MIN_SIZE, MIN_SIZE_WITH_DICTIONARY, find_rows
from ..connect.database import fold, pragma, run
from ..connect.loader import Connection
from ..connect.opening import Database, name_of, reading
from ..errors import OptionError
from ..migration.pipeline import cpu_count
from ..migration.values import Key, Place, place_of, select_value
from .beside import MOST_ROWS, propose_hint
from .describe import AUTO_VACUUM
from .dictionary import DictionaryGain, try_dictionary
from .sampling import ColumnSizes, SizeClass, TableSizes, measure_sizes
from .strata import Estimate, t_quantile
from .trial import LEVELS, SETTINGS, Setting
from .trials import CENSUS_BYTES, LARGEST, THREADS, Pace, Trials

MOST_DRAWS = 5000
MOST_DETAILS = 5  # of a kind
LEAST_TIME = 0.02  # of the time that is left, for the smallest of columns
SMALL_TIME = 0.15  # of all the time, for the columns that are compressed as a whole
HINT_SHARE = 0.1  # of a column's time, for what its rows say of its values
LEAST_COLUMN = 1 << 14  # bytes; smaller columns are left out

# A lower level is recommended if the column becomes larger by less than NEGLIGIBLE (a share of its size), in less than
# FASTER (a share of the time).
NEGLIGIBLE = 0.03
FASTER = 0.67
LEAST_SAVING = 0.1  # small values are worth compressing if that saves at least this share of their bytes
SAME_RATIO = 0.002  # ratios that differ by a smaller share are shown as one
LEAST_SHARE = 0.01  # small values that hold less than this share of a column's bytes do not change min_size


@dataclass(frozen=True)
class SettingEstimate:
    """What a column would become with one codec and level."""

    codec: Codec  # "auto": the best for each chunk; "zstd": as if there were no codecs for images
    level: int  # 1 .. 9
    sampled_count: int
    ratio: Estimate  # bytes now / bytes after compression
    size: Estimate  # bytes of the column's values after compression
    file_size: Estimate  # bytes of the whole file after compression and VACUUM
    seconds: Estimate  # to compress and verify all values with `workers` threads, without waiting for disks
    compress_rate: float  # bytes per second, one thread; 0: nothing was left to compress
    decompress_rate: float  # the same

    def is_like(self, other: SettingEstimate) -> bool:
        """Do both settings make the column equally small, as far as anybody cares?"""
        return abs(self.ratio.value / other.ratio.value - 1) < SAME_RATIO


@dataclass(frozen=True)
class KindShare:
    """One kind of value in a column."""

    kind: str  # "SimpleITK pickle", "JSON", "JPEG", "frame" (compressed by this library already), "other" ...
    share: float  # of the column's bytes
    sampled_count: int
    is_compressed: bool  # the format has a compression of its own
    details: tuple[str, ...]  # for images: pixel types and sizes, those of most bytes first


@dataclass(frozen=True)
class SizeRange:
    """The values of `low` <= bytes < `high`."""

    low: int
    high: int
    rows: int
    bytes: int


@dataclass(frozen=True)
class ColumnAnalysis:
    """One column."""

    table: str
    column: str
    declared_type: str
    rows: int  # rows that hold a BLOB or TEXT
    bytes: int  # of these values, as they are stored now
    largest: int  # bytes
    is_exact: bool  # False: rows and bytes are estimated from some of the rows
    bytes_error: float  # relative standard error of `bytes`
    sizes: tuple[SizeRange, ...]
    kinds: tuple[KindShare, ...]  # largest share first
    skipped_count: int  # values drawn that were too large to be read, or had been deleted by then
    enabled: ColumnStatus | None  # None: compression is off
    settings: tuple[SettingEstimate, ...]
    mode: str | None  # recommended: "in-place", "table", or None: do not compress it
    envelope: str  # "frame" or "pickle"
    level: int
    min_size: int
    why: tuple[str, ...]
    command: str | None  # the command that does it; None: there is nothing to do
    # Of all values and the dictionary, in bytes, with the one that is recommended; None: none is.
    size_with_dictionary: int | None = None

    def setting(self, codec: str, level: int) -> SettingEstimate | None:
        return next((each for each in self.settings if (each.codec, each.level) == (codec, level)), None)

    @property
    def recommended(self) -> SettingEstimate | None:
        """The estimate for the recommended level."""
        return self.setting("auto", self.level)

    @property
    def saving(self) -> float:
        """Bytes that the recommended level saves, with the dictionary that is recommended."""
        if self.size_with_dictionary is not None:
            return float(self.bytes - self.size_with_dictionary)
        return self.bytes - self.recommended.size.value if self.recommended else 0.0


@dataclass(frozen=True)
class Skipped:
    table: str
    column: str | None  # None: the whole table
    why: str


@dataclass(frozen=True)
class Analysis:
    """One database."""

    database: str
    file_size: int  # bytes
    free_size: int  # bytes in it that are free now
    page_size: int
    journal_mode: str
    auto_vacuum: str  # "none", "full" or "incremental"
    workers: int  # number of threads that the times are estimated for
    seconds: float  # the analysis took
    columns: tuple[ColumnAnalysis, ...]  # largest saving first
    skipped: tuple[Skipped, ...]


@takes_bar(show_step)
def analyze(
    database: Database,
    table: str | None = None,
    column: str | None = None,
    *,
    dtype_from: str | None = None,
    shape_from: str | None = None,
    seconds: float = 20.0,
    workers: int = 0,
    seed: int | None = None,
    progress: Callable[[str], None] | Bar | None = None,
) -> Analysis:
    """Find the BLOB and TEXT columns that are worth compressing, and estimate what that would bring.

    Only reads, and of large stores only a sample. Statements take milliseconds, so that writers go on. Memory: a few
    times the largest value that is read; values above 256 MiB are not.

    :param database: a path, a `file:` URI, or an open connection of either kind, which is used as it is.
    :param table: analyze this one only.
    :param column: of that table: analyze this one only.
    :param dtype_from: as for `enable`, and so `shape_from`; only with a column. An enabled one's own are used anyway.
    :param seconds: about how long it may take. A few values of each column are looked at in any case.
    :param workers: the number of threads that the times are estimated for; 0: as many as this process has CPUs.
    :param seed: the same seed draws the same values.
    :param progress: called with a word on each step before it begins; or "bar".
    :raises OSError: there is no such file, it is a directory, or it may not be read.
    :raises DatabaseError: it is no database, or SQLite cannot read it.
    :raises OptionError: there is no such table or column, it cannot be analyzed, a column is given without its table,
        or this process has the file open through another SQLite library.
    """
    if column is not None and table is None:
        raise OptionError("a column needs its table")
    hint = HintFrom(dtype_from, shape_from).or_else(NO_HINT)
    if hint and column is None:
        raise OptionError("dtype_from and shape_from need their table and column")
    began = time.monotonic()
    with reading(database) as connection:
        analyzer = _Analyzer(connection, name_of(database), workers or cpu_count(), seconds, seed)
        analyzer.is_own = connection is not database
        analyzer.hint = hint
        columns = analyzer.analyze(table, column, callback_of(progress) or (lambda step: None))
        return Analysis(
            database=name_of(database),
            file_size=analyzer.file_size,
            free_size=analyzer.free_size,
            page_size=pragma(connection, "page_size"),
            journal_mode=pragma(connection, "journal_mode"),
            auto_vacuum=analyzer.auto_vacuum,
            workers=analyzer.workers,
            seconds=time.monotonic() - began,
            columns=tuple(columns),
            skipped=tuple(analyzer.skipped),
        )


class _Analyzer:
    """One analysis."""

    def __init__(self, connection: Connection, path: str, workers: int, seconds: float, seed: int | None) -> None:
        self.connection, self.path, self.workers, self.seconds = connection, path, workers, seconds
        self.seed = random.randrange(1 << 32) if seed is None else seed
        self.began = time.monotonic()
        self.is_own = True  # False: it is the caller's connection
        self.hint = NO_HINT  # of the one column that is analyzed
        self.proposed: dict[Place, HintFrom] = {}
        self.skipped: list[Skipped] = []
        page_size = pragma(connection, "page_size")
        self.file_size: int = page_size * pragma(connection, "page_count")
        self.free_size: int = page_size * pragma(connection, "freelist_count")
        self.auto_vacuum = AUTO_VACUUM[pragma(connection, "auto_vacuum")]
        self.enabled = status(connection, schema="main")

    def analyze(self, table: str | None, column: str | None, progress: Callable[[str], None]) -> list[ColumnAnalysis]:
        tables = self._tables(table)
        found: list[tuple[TableSizes, ColumnSizes]] = []
        deadline = time.monotonic() + self.seconds / 4
        for left, each in zip(range(len(tables), 0, -1), tables, strict=True):
            progress(f"sizes of {each.name}")
            wanted = [each.column(column)] if column else _candidates(each)
            share = max(0.0, deadline - time.monotonic()) / left
            try:
                sizes = measure_sizes(
                    *(self.connection, each, wanted),
                    seconds=share,
                    draw_count=MOST_DRAWS,
                    seed=self.seed,
                    is_own=self.is_own,
                )
            except OptionError as reason:
                if table is not None:
                    raise
                self.skipped.append(Skipped(each.name, None, str(reason)))
                continue
            found += [(sizes, one) for one in sizes.columns if self._is_worth(each, one, column is not None)]
        self._limit_bytes(found)
        bytes_left = sum(one.bytes for _, one in found)
        small = sum(one.bytes for _, one in found if one.bytes <= CENSUS_BYTES)
        analyzed = []
        for sizes, one in sorted(found, key=lambda pair: pair[1].bytes):  # what small columns leave is for large ones
            progress(f"values of {sizes.table.name}.{one.column.name}")
            rest = max(0.0, self.began + self.seconds - time.monotonic())
            time_given = rest * max(one.bytes / max(one.bytes, bytes_left), LEAST_TIME)
            if one.bytes <= CENSUS_BYTES:  # every setting is tried with all of it
                time_given = max(time_given, min(rest, SMALL_TIME * self.seconds * one.bytes / small))
            trials = self._try(sizes, one, time_given)
            bytes_left -= one.bytes
            analyzed.append(self._conclude(sizes, one, trials))
        return sorted(analyzed, key=lambda each: -each.saving)

    def _tables(self, wanted: str | None) -> list[Table]:
        """Ordinary tables, and the backing tables of virtual ones."""
        if wanted is not None:
            return [find_rows(self.connection, wanted)]
        virtual = {fold(each.table) for each in self.enabled if each.mode == "table"}
        tables = []
        names = run(self.connection, f"SELECT name FROM {master_of('main')} WHERE type = 'table' ORDER BY name")
        for (name,) in names:
            if fold(name).startswith(("sqlite_", "zblob_")) or fold(name) in virtual:
                continue
            is_ours = fold(name).removesuffix("_rows") in virtual
            try:
                found = look_at_table(self.connection, name, allow_shadow=is_ours)
                place_of(found, found.columns[0])  # raises where rows cannot be found again
                tables.append(found)
            except OptionError as reason:
                self.skipped.append(Skipped(name, None, str(reason)))
        return tables

    def _is_worth(self, table: Table, one: ColumnSizes, is_asked_for: bool) -> bool:
        if one.bytes >= LEAST_COLUMN or (is_asked_for and one.bytes):
            return True
        if one.bytes or is_asked_for:
            self.skipped.append(Skipped(table.name, one.column.name, f"{one.bytes:.0f} bytes in all its values"))
        return False

    def _limit_bytes(self, found: Sequence[tuple[TableSizes, ColumnSizes]]) -> None:
        """Scale the estimates down if they add up to more than the file holds."""
        room = self.file_size - self.free_size - sum(one.bytes for sizes, one in found if sizes.is_exact)
        estimated = sum(one.bytes for sizes, one in found if not sizes.is_exact)
        for sizes, one in found:
            if not sizes.is_exact and estimated > room > 0:
                one.scale(room / estimated)

    def _try(self, sizes: TableSizes, one: ColumnSizes, seconds: float) -> Trials:
        """Look at values of the column, and compress some of them."""
        place = place_of(sizes.table, one.column)
        refuse_hint(self.connection, sizes.table, self.hint)
        pace = Pace(seconds)
        enabled = self._enabled(sizes.table, one.column)
        min_size = enabled.min_size if enabled else _min_size(self.connection, sizes.table, one)
        is_complete = sizes.is_exact and one.rows == len(one.all_keys)
        keys = one.all_keys if is_complete else one.draws()
        if not self.hint and not (enabled and enabled.hint):
            asked = random.Random(self.seed).sample(keys, min(MOST_ROWS, len(keys)))
            patience = HINT_SHARE * seconds
            self.proposed[place] = propose_hint(self.connection, place, sizes.table, asked, seconds=patience)
        hint = self._new_hint(place) or (enabled.hint if enabled else NO_HINT)

        def read(key: Key) -> tuple[bytes, Hint | None] | None:
            value = select_value(self.connection, place, key, LARGEST)
            if value is None:
                return None
            return value, ask_row(self.connection, place.address, place.condition, key, hint)

        trials = Trials(
            keys,
            one.all_sizes if is_complete else None,
            read,
            min_size=min_size,
            pace=pace,
            seed=self.seed,
            threads=min(THREADS, cpu_count()),
        )
        trials.run()
        return trials

    def _new_hint(self, place: Place) -> HintFrom:
        """What `migrate` should be given."""
        return self.hint or self.proposed.get(place, NO_HINT)

    def _conclude(self, sizes: TableSizes, one: ColumnSizes, trials: Trials) -> ColumnAnalysis:
        settings = tuple(self._setting(sizes, one, trials, each) for each in SETTINGS if trials.trial_count(each))
        table, column, kinds = self._name(sizes.table), one.column.name, _kind_shares(trials)
        enabled = self._enabled(sizes.table, one.column)
        level = enabled.level if enabled else _best_level(trials)
        gain = self._try_dictionary(sizes, one, trials, level, enabled)
        mode, envelope, why = self._decide(sizes, one, trials, enabled, level, gain)
        hint = self._new_hint(place_of(sizes.table, one.column)) if mode is not None else NO_HINT
        is_guessed = enabled is not None and bool(hint) and hint != enabled.hint
        is_new = is_guessed or gain is not None
        is_left = mode is not None and (enabled is None or is_new or self._rest(trials, enabled) > 0)
        if hint and not self.hint:
            why.append(f"rows say what their voxels are: dtype from {hint.dtype_from}, shape from {hint.shape_from}")
        envelope = "frame" if hint else envelope
        has_dictionary = gain is not None and mode is not None and envelope == "frame"
        if gain is not None and has_dictionary:
            why.append(gain.reason)
        min_size = MIN_SIZE_WITH_DICTIONARY if has_dictionary else trials.min_size
        command = self._command(table, column, mode, envelope, level, min_size, hint)
        command += " --dictionary=auto" if has_dictionary else ""
        command += " --recompress" if is_guessed or (has_dictionary and enabled) else ""
        return ColumnAnalysis(
            table=table,
            column=column,
            declared_type=one.column.declared,
            rows=round(one.rows),
            bytes=round(one.bytes),
            largest=one.largest,
            is_exact=sizes.is_exact,
            bytes_error=sizes.bytes_error,
            sizes=_size_ranges(one.classes),
            kinds=kinds,
            skipped_count=trials.skipped_count,
            enabled=enabled,
            settings=settings,
            mode=mode,
            envelope=envelope,
            level=level,
            min_size=min_size,
            why=(*why, *_compressed_already(kinds)),
            command=command if is_left and (trials.plain or has_dictionary or is_guessed or not trials.count) else None,
            size_with_dictionary=gain.size_then(one.bytes) if gain is not None and has_dictionary else None,
        )

    def _try_dictionary(
        self, sizes: TableSizes, one: ColumnSizes, trials: Trials, level: int, enabled: ColumnStatus | None
    ) -> DictionaryGain | None:
        """Of a column that has one, `maintain` takes care."""
        if enabled is not None and (enabled.dictionary or enabled.envelope != "frame"):
            return None
        settings = {"min_size": trials.min_size, "level": level, "seed": self.seed}
        place = place_of(sizes.table, one.column)
        return try_dictionary(self.connection, place, one, **settings, is_enabled=enabled is not None)

    def _enabled(self, table: Table, column: Column) -> ColumnStatus | None:
        return next((each for each in self.enabled if each.is_column(self._name(table), column.name)), None)

    def _name(self, table: Table) -> str:
        """The table's name; for a backing table, that of the virtual table."""
        virtual = (each.table for each in self.enabled if each.mode == "table")
        return next((name for name in virtual if fold(table.name) == f"{fold(name)}_rows"), table.name)

    def _setting(self, sizes: TableSizes, one: ColumnSizes, trials: Trials, setting: Setting) -> SettingEstimate:
        fraction, seconds = trials.fraction(setting), trials.seconds(setting)
        others = self.file_size - self.free_size - one.bytes
        error = one.bytes * sizes.bytes_error * t_quantile(MOST_DRAWS)
        rates = trials.rates(setting)
        return SettingEstimate(
            codec=setting[0],
            level=setting[1],
            sampled_count=trials.trial_count(setting),
            ratio=fraction.inverse(),
            size=fraction.scaled(one.bytes, 0.0, error * fraction.value),
            file_size=fraction.scaled(one.bytes, others, error * (1 - fraction.value)),
            seconds=seconds.scaled(one.bytes / self.workers, 0.0, error * seconds.value / self.workers),
            compress_rate=rates[0],
            decompress_rate=rates[1],
        )

    def _decide(
        self,
        sizes: TableSizes,
        one: ColumnSizes,
        trials: Trials,
        enabled: ColumnStatus | None,
        level: int,
        gain: DictionaryGain | None,
    ) -> tuple[str | None, str, list[str]]:
        if enabled is not None:
            rest = self._rest(trials, enabled)
            state = f"{rest} of {trials.count} sampled values are left to compress" if rest else "nothing is left to do"
            return enabled.mode, enabled.envelope, [f"compression is on in mode {enabled.mode}: {state}"]
        count, plain = trials.count, trials.plain
        if count and not plain and gain is None:
            return None, "frame", ["its values are frames already, though no setting of this database compresses them"]
        ratio = 1 / max(1e-12, trials.fraction(("auto", level)).value) if count else None
        if ratio is not None and gain is not None:
            ratio = max(ratio, 1 / gain.with_one)
        seen = Seen(count, bool(plain) and all(each.is_pickle for each in plain), ratio, one.bytes / max(1.0, one.rows))
        mode, envelope, why = decide(self.connection, sizes.table, one.column, seen)
        unread = f"no value was looked at, as those above {LARGEST >> 20} MiB are not read"
        return mode, envelope, [*why, unread] if trials.skipped_count and not count else why

    def _rest(self, trials: Trials, enabled: ColumnStatus) -> int:
        """How many of the sampled values migrate would still compress."""
        smaller = [each for each in trials.plain if (each.whole or each.piece).fraction < 1]
        return sum(each.is_pickle or enabled.envelope != "pickle" for each in smaller)

    def _command(
        self, table: str, column: str, mode: str | None, envelope: str, level: int, min_size: int, hint: HintFrom
    ) -> str:
        """What makes of the column, and of the file, what the figures say."""
        words = ["sqlite-zblob", "migrate", self.path, table, column, f"--mode={mode}", f"--envelope={envelope}"]
        words += [f"--level={level}", f"--min-size={min_size}"]
        words += [f"--dtype-from={hint.dtype_from}", f"--shape-from={hint.shape_from}"] if hint else []
        words += [f"--workers={self.workers}"] if self.workers != cpu_count() else []
        vacuum = {"none": ["--vacuum"], "incremental": ["--incremental-vacuum"], "full": []}
        return shlex.join(words + vacuum[self.auto_vacuum])


def _candidates(table: Table) -> list[Column]:
    alias = table.rowid_alias
    return [each for each in table.columns if not each.is_generated and each != alias]


def _best_level(trials: Trials) -> int:
    """The default, or a lower level that is nearly as small and clearly faster, and about which no less is known."""
    default: Setting = ("auto", DEFAULT_LEVEL)
    for level in LEVELS[: LEVELS.index(DEFAULT_LEVEL)]:
        if trials.trial_count(("auto", level)) and trials.trial_count(default):
            if trials.fraction(("auto", level)).is_vague and not trials.fraction(default).is_vague:
                continue
            size, seconds = trials.compare(("auto", level), default)
            if size < 1 + NEGLIGIBLE and 0 < seconds < FASTER:
                return level
    return DEFAULT_LEVEL


def _min_size(connection: Connection, table: Table, one: ColumnSizes) -> int:
    """The smallest power of two from which on compressing values saves enough, judging by some small ones."""
    best = None
    for exponent in sorted(one.classes, reverse=True):
        group = one.classes[exponent]
        if not group.probes or group.bytes < LEAST_SHARE * one.bytes:
            continue
        values = [select_value(connection, place_of(table, one.column), key, LARGEST) for key in group.probes]
        plain = [value for value in values if value and not has_magic(value)]
        left = sum(len(compress(value, threads=1)) for value in plain)
        if left > (1 - LEAST_SAVING) * sum(map(len, plain)):
            return 1 << exponent
        best = 1 << max(0, exponent - 1)
    return DEFAULT_MIN_SIZE if best is None else min(best, DEFAULT_MIN_SIZE)


def _size_ranges(classes: dict[int, SizeClass]) -> tuple[SizeRange, ...]:
    return tuple(
        SizeRange(1 << exponent >> 1, 1 << exponent, round(each.rows), round(each.bytes))
        for exponent, each in sorted(classes.items())
    )


def _compressed_already(kinds: tuple[KindShare, ...]) -> Iterator[str]:
    """What is to be said about values whose format has a compression of its own."""
    for kind in kinds:
        if kind.is_compressed and kind.kind != "frame" and kind.share >= 0.01:
            yield (
                f"{kind.share:.0%} of the bytes are {kind.kind}, which is compressed already, so that they stay as they"
                " are; images that are stored uncompressed instead are coded by their voxels"
            )


def _kind_shares(trials: Trials) -> tuple[KindShare, ...]:
    weights: defaultdict[str, float] = defaultdict(float)
    counts: Counter[str] = Counter()
    details: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for look, weight in zip(trials.looks, trials.weights(), strict=True):
        kind = look.kind
        weights[kind.name] += weight
        counts[kind.name] += 1
        if kind.detail:
            details[kind.name][kind.detail] += weight
    compressed = {look.kind.name for look in trials.looks if look.kind.is_compressed}
    whole = sum(weights.values()) or 1.0
    return tuple(
        KindShare(
            kind=name,
            share=weight / whole,
            sampled_count=counts[name],
            is_compressed=name in compressed,
            details=tuple(sorted(details[name], key=details[name].__getitem__, reverse=True)[:MOST_DETAILS]),
        )
        for name, weight in sorted(weights.items(), key=lambda each: -each[1])
    )
