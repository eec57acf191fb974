"""Rewrite the values of a column while others use it: walk over the rows, give them to workers, commit in batches.

With a write-ahead log, a batch holds the values of one job, and the run checkpoints the log before other connections
would have to do so in their commits. Without one, a batch has `batch_size` bytes, since each commit waits for the disk.

This module does not know whether values are compressed or restored: the task decides what a value becomes, and the
caller which values are candidates. A row is replaced only if it still holds what the worker has read. Each commit also
records what it changes, so that a run that was ended in any way continues after its last commit. Rows that others move
to where the walk has been are left for the next walk (ending.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import apsw

from ..codec import Hint, has_magic
from ..column.dictionaries import dictionary_of, has_dictionary
from ..column.hint import ask_row
from ..column.virtual import ChangedError
from ..connect.database import atomic, pragma, snapshot
from ..connect.opening import CACHE_KIB
from ..parts.pieces import is_mapped
from .bulk import Found, find_frames, restore_frames, suits_bulk
from .large import here, read_or_map
from .meter import Meter
from .pipeline import Load, Pipeline, Task
from .record import Record, Tally
from .space import LOG_BYTES, LOG_PAGES, NEW_SHARE, checkpoint
from .spared import Spared
from .target import Target
from .values import (
    PAGE_ROWS,
    Entry,
    Key,
    Place,
    Span,
    is_unchanged,
    mark_of_value,
    page,
    read_value,
    replace_value,
    touch_value,
)
from .work import BUNDLE_SIZE, Work
from .workers import Item, Job, Outcome, attach_dictionaries, attach_values

# The next checkpoint waits for as long as the last one took, but at most this many seconds, and only until the log has
# grown by LOG_BYTES, so that a slow disk does not hold up the workers.
CHECKPOINT_SECONDS = 0.25

# Sizes, in bytes, of the values whose pages are brought into the page cache before the write lock is taken: they have
# many pages, and these fit.
TOUCHED_SIZES = range(64 << 10, CACHE_KIB << 9)

# A batch that is not full is committed after this many seconds, so that little is lost if the run is killed.
BATCH_SECONDS = 5.0

# How many values that did not become smaller are remembered, so that the next walk does not try them again.
MOST_EXAMINED = 1 << 20

# How many of the frames that were there before the migration a report names.
MOST_NAMED = 100


@dataclass(frozen=True)
class Way:
    """What an operation does to a value."""

    task: Task
    wants: Callable[[Entry], bool]  # is the task to look at this entry?
    is_foreign: Callable[[Place, Entry], bool]  # is this a frame that was not made by us, and must stay as it is?
    # What to do with a restored value that itself looks like a frame: "nested" writes it and records that it must be
    # left alone; "later" leaves it to the final transaction, since a reader might take it for a frame.
    nested: str | None = None
    parses: bool = True  # does `wants` ask for more than whether an entry looks like a frame?
    takes_hints: bool = False  # does the task make use of what rows say of their values?
    in_bulk: bool = False  # does it restore, so that small values can be rewritten in SQL?
    all_frames: bool = False  # in bulk: those, too, that the program has made itself
    shrinks: bool = True  # new values are smaller, and the bytes that one transaction adds have a bound of their own


@dataclass
class _Stretch:
    """The rows from the first one of a job up to the next job: the job's own rows, and sums over the others."""

    entries: list[Entry]
    after: Key | None  # the row before the first one
    position: Key
    data_version: int
    place: Place
    seen: Tally
    in_bulk: bool = False  # its rows are to be rewritten in SQL, and there is no job
    found: Found | None = None  # in bulk: as it was before the write lock was taken

    @property
    def span(self) -> Span:
        return Span(self.after, self.position)

    @property
    def raw_size(self) -> int:
        return sum(entry.raw_size for entry in self.entries)

    def pass_over(self, entry: Entry) -> None:
        self.position = entry.key
        count(self.seen, entry, entry.raw_size, entry.size)


Batch = list[tuple[_Stretch, tuple[Outcome, ...]]]


def count(tally: Tally, entry: Entry, raw_size: int, stored_size: int) -> None:
    tally.rows += 1
    tally.raw_bytes += raw_size
    tally.stored_bytes += stored_size


class Rewriter:
    """One operation on one column."""

    def __init__(self, target: Target, record: Record, spared: Spared, work: Work, meter: Meter, way: Way) -> None:
        self.connection, self.target, self.record, self.spared = target.connection, target, record, spared
        self.work, self.meter, self.way = work, meter, way
        # With a log, a commit costs next to nothing, and the shorter each one is, the less do writers wait.
        self.is_wal = pragma(self.connection, "journal_mode") == "wal"
        self.page_size: int = pragma(self.connection, "page_size")
        self.log_pages = self.checked_pages = 0  # as of the last commit, and of the last checkpoint
        self.connection.set_wal_hook(self._committed)
        self.not_before = self.next_checkpoint = 0.0
        self.reading: AbstractContextManager[object] = nullcontext()
        self.examined: dict[int, int] = {}  # values that stay as they are, by hash: the fingerprint
        # Other programs' executors are there to be used.
        self.goes_in_bulk = way.in_bulk and work.executor is None and pragma(self.connection, "encoding") == "UTF-8"
        self.walks = 0
        self.changed_rows = self.gained_bytes = 0  # by this run: rows, and bytes that they take less now
        self.dictionary: int | None = None  # not looked up yet
        self.is_final = False  # in the final transaction: nothing can be left for later
        # Of the last walk:
        self.tally: Tally = record.counts
        self.data_version = 0  # as it began
        self.is_complete = False  # from the first row to the last, and nobody has written or changed the schema
        self.replaced_bytes = 0
        self.later: list[Entry] = []  # what is left for the final transaction
        self.kept: list[Key] = []  # some of the frames that the program has made itself

    # ---- A walk ----

    def walk(self) -> None:
        """Look at all rows from the record's position on, until it is at the last one."""
        self._begin_walk()
        work = self.work
        pipeline = Pipeline(
            self.way.task,
            work.executor,
            workers=work.workers,
            in_flight=work.batch_size,
            fetch=lambda job: attach_values(job, self.connection),
            tick=self.meter.show,
        )
        self.reading = pipeline.reading
        most_new = work.batch_size // NEW_SHARE if self.way.shrinks else work.batch_size
        with pipeline:
            batch: Batch = []
            size, new_size, begun = 0, 0, time.monotonic()
            for load, outcomes in pipeline.run(self._loads()):
                raw, new = (load.tag.raw_size,) * 2 if load.tag.in_bulk else _sizes(outcomes)
                if batch and (size + raw > work.batch_size or new_size + new > most_new):
                    self._commit(batch)
                    batch, size, new_size, begun = [], 0, 0, time.monotonic()
                batch.append((load.tag, outcomes))
                size, new_size = size + raw, new_size + new
                is_time = work.is_over or time.monotonic() - begun > BATCH_SECONDS
                if self.is_wal or size >= work.batch_size or is_time:
                    self._commit(batch)
                    batch, size, new_size, begun = [], 0, 0, time.monotonic()
            if batch:
                self._commit(batch)
        self._checkpoint()

    def _begin_walk(self) -> None:
        self.walks += 1
        is_first = self.walks == 1
        if is_first and self.record.position is None:
            self.record.counts.take(Tally())
        if not is_first or self.record.position is None:
            self.record.position = None
            with atomic(self.connection):
                self.spared.forget("failed")
                self.record.save(self.connection)
            self.meter.failures = 0
        self.tally = self.record.counts if is_first else Tally()
        self.is_complete = self.record.position is None
        self.replaced_bytes, self.later, self.kept, self.dictionary = 0, [], [], None
        with snapshot(self.connection):
            self.data_version = pragma(self.connection, "data_version")

    @property
    def is_quiet(self) -> bool:
        """Is everything as this walk has left it? To be called in a transaction."""
        return self.is_complete and pragma(self.connection, "data_version") == self.data_version

    def _loads(self) -> Iterator[Load]:
        after, place = self.record.position, self.target.place
        while True:
            with snapshot(self.connection):
                self.follow()
                if self.target.place.key != place.key:  # the table was made anew
                    after = None
                place = self.target.place
                data_version = pragma(self.connection, "data_version")
                entries = page(self.connection, place, after, PAGE_ROWS)
                foreign = {entry.key for entry in entries if self.way.is_foreign(place, entry)}
            if not entries:
                return
            yield from self._stretches(after, entries, foreign, data_version)
            after = entries[-1].key

    def follow(self) -> None:
        """A VACUUM may have given the rows other rowids, and a rename the column another name. In a transaction."""
        if self.target.follow():
            self.is_complete = False

    def _stretches(
        self, after: Key | None, entries: list[Entry], foreign: set[Key], data_version: int
    ) -> Iterator[Load]:
        place = self.target.place
        in_bulk = self.goes_in_bulk and not foreign
        stretch = _Stretch([], after, entries[0].key, data_version, place, Tally(), in_bulk)
        size, most = 0, min(BUNDLE_SIZE, self.work.batch_size)
        for entry in entries:
            weight = max(entry.size, entry.raw_size)
            is_wanted = self.way.wants(entry) and entry.key not in foreign
            if is_wanted and stretch.entries and size + weight > most:
                yield self._load(stretch, size)
                after = stretch.position
                stretch, size = _Stretch([], after, entry.key, data_version, place, Tally(), in_bulk), 0
            if is_wanted:
                stretch.entries.append(entry)
                stretch.in_bulk = stretch.in_bulk and suits_bulk(entry)
                stretch.position = entry.key
                size += weight
            else:
                stretch.pass_over(entry)
                self.note(stretch.seen, entry, is_kept=entry.key in foreign)
        yield self._load(stretch, size)

    def note(self, tally: Tally, entry: Entry, *, is_kept: bool) -> None:
        """Of a frame that stays: why."""
        settings = self.record.settings
        if is_kept:
            tally.kept += 1
            self.kept += [entry.key] if len(self.kept) < MOST_NAMED else []
        elif entry.is_frame and (entry.envelope, entry.level) != (settings.envelope, settings.level):
            name = f"{entry.envelope} {entry.level}"
            tally.others[name] = tally.others.get(name, 0) + 1

    def _load(self, stretch: _Stretch, size: int) -> Load:
        if not stretch.entries or stretch.in_bulk:
            return Load(None, size, stretch)
        return Load(self._job_of(stretch), size, stretch)

    def _job_of(self, stretch: _Stretch) -> Job:
        items = tuple(self._item(entry, stretch.place) for entry in stretch.entries)
        return self.job(items, stretch.place)

    def _item(self, entry: Entry, place: Place) -> Item:
        known = self.examined.get(_hash_of(entry), 0)
        return Item(entry.key, entry.value_type, entry.size, known=known, hint=self.hint(entry, place))

    def hint(self, entry: Entry, place: Place) -> Hint | None:
        """What the row says of its voxels. Where the row has changed since the walk came by, its value has, too."""
        hint = self.record.settings.hint
        if not hint or not self.way.takes_hints or entry.value_type != "blob":
            return None
        return ask_row(self.connection, place.address, place.condition, entry.key, hint)

    def job(self, items: tuple[Item, ...], place: Place, *, has_values: bool = False) -> Job:
        settings = self.record.settings
        source = replace(self.target.source, place=place)
        job = Job(source, items, settings.level, settings.envelope, settings.min_size, has_values)
        return replace(job, dictionary=self.dictionary_of(place), home=here())

    def dictionary_of(self, place: Place) -> int:
        """The one that the column uses, as it was when this walk first asked for it."""
        if self.dictionary is None:
            is_frame = self.record.settings.envelope == "frame"
            self.dictionary = dictionary_of(self.connection, "main", place.table, place.column) if is_frame else 0
        return self.dictionary

    def require_dictionary(self) -> None:
        """:raises ChangedError: another connection has dropped it. In the transaction that writes."""
        if self.way.shrinks and self.dictionary and not has_dictionary(self.connection, "main", self.dictionary):
            raise ChangedError(
                f"another connection has dropped dictionary {self.dictionary}, by which values of column "
                f"{self.target.place.column} were being compressed: try again"
            )

    # ---- The commit ----

    def _commit(self, batch: Batch) -> None:
        time.sleep(max(0.0, self.not_before - time.monotonic()))
        batch = [(stretch, self._look_again(stretch, outcomes)) for stretch, outcomes in batch]
        with atomic(self.connection):
            begun = time.monotonic()
            self.follow()
            if not self.record.is_anchored:
                self.record.anchor(self.connection, self.target.rows.name)
                self.target.note_own_change()
            self.require_dictionary()
            data_version = pragma(self.connection, "data_version")
            for stretch, outcomes in batch:
                self._settle_stretch(stretch, outcomes, is_quiet=stretch.data_version == data_version)
            self.record.position = batch[-1][0].position
            self.record.save(self.connection)
        self.not_before = begun + (time.monotonic() - begun) / self.work.pace
        is_time = time.monotonic() >= self.next_checkpoint
        is_large = self.log_pages * self.page_size >= LOG_BYTES and self._grown_pages >= LOG_PAGES
        if is_large or (is_time and self.log_pages >= LOG_PAGES):
            self._checkpoint()
        self.show()
        self.work.check_time()

    def _look_again(self, stretch: _Stretch, outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
        """Do what can be done before the write lock is taken. Values that others have changed since become "gone"."""
        if stretch.in_bulk:
            with snapshot(self.connection):
                self.follow()
                stretch.found = self._find_frames(stretch)
            if stretch.found is not None:
                return outcomes
            stretch.in_bulk, stretch.data_version = False, -1
            # in no transaction of ours: a writer might wait for its end, and the task for the writer
            outcomes = self.way.task(self._job_of(stretch)).outcomes
        with snapshot(self.connection):
            self.follow()
            data_version = pragma(self.connection, "data_version")
            is_quiet = data_version == stretch.data_version
            found = []
            for entry, outcome in zip(stretch.entries, outcomes, strict=True):
                found.append(outcome if is_quiet else self._check(stretch, entry, outcome))
                if self.is_wal and found[-1].kind == "replace" and entry.size in TOUCHED_SIZES:
                    touch_value(self.connection, self.target.place, entry.key, entry.size)
        stretch.data_version = data_version
        return tuple(found)

    def _find_frames(self, stretch: _Stretch) -> Found | None:
        if stretch.place != self.target.place or "nested" in self.spared.kinds:
            return None
        return find_frames(self.connection, stretch.place, stretch.span, all_frames=self.way.all_frames)

    def _check(self, stretch: _Stretch, entry: Entry, outcome: Outcome) -> Outcome:
        """The outcome, or "gone" where the row does not hold any more what the worker has read."""
        if stretch.place != self.target.place:
            return Outcome("gone")
        try:
            return outcome if outcome.kind != "replace" or self._is_unchanged(entry, outcome) else Outcome("gone")
        except apsw.CorruptError as error:
            return Outcome("failed", reason=f"SQLite cannot read it: {error}")

    def _is_unchanged(self, entry: Entry, outcome: Outcome) -> bool:
        place = self.target.place
        return is_unchanged(self.connection, place, entry.key, entry.value_type, entry.size, outcome.digest)

    @property
    def _grown_pages(self) -> int:
        """Of the log, since the last checkpoint."""
        return self.log_pages - (self.checked_pages if self.log_pages >= self.checked_pages else 0)

    def _checkpoint(self) -> None:
        """Keep the log from growing much beyond two batches."""
        most = 2 * max(self.work.batch_size, self.record.counts.largest)
        with self.reading:  # while a worker reads, the log cannot be begun anew
            begun = time.monotonic()
            checkpoint(self.connection, most, self.meter.show)
        ended, self.checked_pages = time.monotonic(), self.log_pages
        self.next_checkpoint = ended + min(ended - begun, CHECKPOINT_SECONDS)

    def _committed(self, _connection: apsw.Connection, _schema: str, log_pages: int) -> int:
        self.log_pages = log_pages
        return apsw.SQLITE_OK

    # ---- One row ----

    def _settle_stretch(self, stretch: _Stretch, outcomes: tuple[Outcome, ...], *, is_quiet: bool) -> None:
        """:param is_quiet: nobody else has written since the values were read."""
        entries = stretch.entries
        if stretch.in_bulk and self._restore_bulk(stretch):
            outcomes, entries = (), []
        elif stretch.in_bulk and stretch.place != self.target.place:
            outcomes = (Outcome("gone"),) * len(entries)
        elif stretch.in_bulk:
            outcomes = tuple(map(self.do_now, entries))
        for entry, outcome in zip(entries, outcomes, strict=True):
            if not is_quiet and not stretch.in_bulk:
                outcome = self._check(stretch, entry, outcome)
            stored = self.settle(entry, outcome)
            count(self.tally, entry, outcome.raw_size or entry.raw_size, stored)
            if outcome.kind != "replace":
                self.note(self.tally, entry, is_kept=False)
        tally, seen = self.tally, stretch.seen
        tally.rows += seen.rows
        tally.raw_bytes += seen.raw_bytes
        tally.stored_bytes += seen.stored_bytes
        tally.kept += seen.kept
        for name, number in seen.others.items():
            tally.others[name] = tally.others.get(name, 0) + number

    def _restore_bulk(self, stretch: _Stretch) -> bool:
        found, place, all_frames = stretch.found, stretch.place, self.way.all_frames
        if place != self.target.place or found is None or found.data_version != pragma(self.connection, "data_version"):
            found = self._find_frames(stretch)
        if found is None or not restore_frames(
            self.connection, place, stretch.span, found.count, all_frames=all_frames
        ):
            return False
        self.tally.rows += found.count
        self.tally.raw_bytes += found.raw_size
        self.tally.stored_bytes += found.raw_size
        self.record.counts.changed += found.count
        self.replaced_bytes += found.raw_size
        return True

    def do_now(self, entry: Entry) -> Outcome:
        """What a worker would do, here and now: in a transaction of this connection."""
        place = self.target.place
        try:
            is_blob = entry.value_type == "blob"
            value = (read_or_map if is_blob else read_value)(self.connection, place, entry.key, entry.size)
        except apsw.CorruptError as error:
            return Outcome("failed", reason=f"SQLite cannot read it: {error}")
        hint = self.hint(entry, place)
        kept = value if value is None or is_mapped(value) else bytes(value)
        item = Item(entry.key, entry.value_type, entry.size, kept, hint=hint)
        job = attach_dictionaries(self.job((item,), place, has_values=True), self.connection)
        (outcome,) = self.way.task(job).outcomes
        return outcome

    def settle(self, entry: Entry, outcome: Outcome) -> int:
        """Replace or leave one value, and return how many bytes it has in the database then.

        To be called in a write transaction in which the row still holds what was read.
        """
        if outcome.kind == "replace":
            return self._replace(entry, outcome)
        if outcome.kind in ("failed", "unread"):
            self._fail(entry.key, outcome.reason)
        elif outcome.kind == "gone":
            self.is_complete = False
        else:
            self._remember(entry, outcome.digest)
        return entry.size

    def _replace(self, entry: Entry, outcome: Outcome) -> int:
        assert outcome.value is not None
        is_nested = self.way.nested is not None and outcome.value_type == "blob" and has_magic(outcome.value)
        if is_nested and self.way.nested == "later" and not self.is_final:
            self.later.append(entry)
            return entry.size
        reason = "SQLite would store another value than this one"
        try:
            is_done = replace_value(self.connection, self.target.place, entry.key, outcome.value_type, outcome.value)
        except apsw.ConstraintError as error:
            is_done, reason = False, str(error)
        except apsw.TooBigError:
            is_done, reason = False, self._too_large(len(outcome.value))
        if not is_done:
            self._fail(entry.key, reason)
            return entry.size
        self.record.counts.changed += 1
        self.replaced_bytes += entry.raw_size
        self.changed_rows += 1
        self.gained_bytes += entry.size - len(outcome.value)
        if is_nested:
            self.spared.add("nested", entry.key, mark_of_value(outcome.value))
        return len(outcome.value)

    def _too_large(self, size: int) -> str:
        most = self.connection.limit(apsw.SQLITE_LIMIT_LENGTH)
        return (
            f"its {size} bytes are more than SQLite takes here, {most}: use a library that was compiled with a larger "
            "SQLITE_MAX_LENGTH, or read it with open_blob"
        )

    def _remember(self, entry: Entry, digest: int) -> None:
        if digest and len(self.examined) < MOST_EXAMINED:
            self.examined[_hash_of(entry)] = digest

    def is_examined(self, entry: Entry) -> bool:
        """Was this value looked at, and stays as it is? Where there are too many of them, that is taken for granted."""
        return len(self.examined) >= MOST_EXAMINED or _hash_of(entry) in self.examined

    def _fail(self, key: Key, reason: str) -> None:
        self.spared.add("failed", key, reason)
        self.meter.failures += 1

    # ---- Small things ----

    def show(self) -> None:
        counts, meter = self.record.counts, self.meter
        meter.rows_done, meter.bytes_done, meter.stored_bytes = counts.rows, counts.raw_bytes, counts.stored_bytes
        meter.show(force=True)


def _sizes(outcomes: tuple[Outcome, ...]) -> tuple[int, int]:
    """Bytes before compression, and of the new values."""
    values = [outcome for outcome in outcomes if outcome.kind == "replace"]
    return sum(outcome.raw_size for outcome in values), sum(len(outcome.value or b"") for outcome in values)


def _hash_of(entry: Entry) -> int:
    return hash((entry.key, entry.value_type, entry.size))
