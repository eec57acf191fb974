"""Rewrite the values of a column while others use it: walk over the rows, give them to workers, commit in batches.

With a write-ahead log, a batch holds the values of one job, and the run checkpoints the log before other connections
would have to do so in their commits. Without one, a batch has `batch_size` bytes, since each commit waits for the disk.

This module does not know whether values are compressed or restored: the task decides what a value becomes, and the
caller which values are candidates. A row is replaced only if it still holds what the worker has read. Each commit also
records what it changes, so that a run that was ended in any way continues after its last commit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import apsw

from ..codec import has_magic
from ..connect.database import atomic, pragma, snapshot
from ..connect.opening import CACHE_KIB
from .meter import Meter
from .pipeline import BUNDLE_SIZE, Load, Pipeline, Task
from .record import Record
from .space import checkpoint
from .values import PAGE_ROWS, Entry, Key, Place, fingerprint, is_unchanged, page, replace_value, touch_value
from .work import Work
from .workers import Item, Job, Outcome, Source, attach_values

# A log of this many pages is checkpointed. With twice as many, another connection does it, within a commit of its own.
LOG_PAGES = 500

# The next checkpoint waits for as long as the last one took, but at most this many seconds, so that a slow disk does
# not hold up the workers.
CHECKPOINT_SECONDS = 0.25

# Sizes, in bytes, of the values whose pages are brought into the page cache before the write lock is taken: they have
# many pages, and these fit.
TOUCHED_SIZES = range(64 << 10, CACHE_KIB << 9)

# A batch that is not full is committed after this many seconds, so that little is lost if the run is killed.
BATCH_SECONDS = 5.0


@dataclass
class _Stretch:
    """The rows from the first one of a job up to the next job: the job's own rows, and sums over the others."""

    entries: list[Entry]
    position: Key
    data_version: int
    rows: int = 0
    raw_bytes: int = 0
    stored_bytes: int = 0

    def pass_over(self, entry: Entry) -> None:
        self.rows += 1
        self.raw_bytes += entry.raw_size
        self.stored_bytes += entry.size
        self.position = entry.key


Batch = list[tuple[_Stretch, tuple[Outcome, ...]]]


class Rewriter:
    """One operation on one column."""

    def __init__(
        self,
        connection: apsw.Connection,
        source: Source,
        record: Record,
        work: Work,
        meter: Meter,
        *,
        task: Task,
        wants: Callable[[Entry], bool],
        nested: str | None = None,
    ) -> None:
        """
        :param wants: whether the task is to look at this entry.
        :param nested: what to do with a restored value that itself looks like a frame: "kept" writes it and records
            that it must be left alone; "later" leaves it to the caller, since a reader might take it for a frame.
        """
        self.connection, self.source, self.record = connection, source, record
        self.place: Place = source.place
        self.work, self.meter = work, meter
        self.task, self.wants, self.nested = task, wants, nested
        # With a log, a commit costs next to nothing, and the shorter each one is, the less do writers wait.
        self.is_wal = pragma(connection, "journal_mode") == "wal"
        self.log_pages = 0  # as of the last commit
        connection.set_wal_hook(self._committed)
        self.not_before = self.next_checkpoint = 0.0
        self.reading: AbstractContextManager[object] = nullcontext()

    def run(self) -> None:
        """Rewrite all rows from the record's position on, until it is at the last one."""
        if self.record.position is None:
            with atomic(self.connection):
                self.record.restart(self.connection)
        work = self.work
        pipeline = Pipeline(
            self.task,
            work.executor,
            workers=work.workers,
            in_flight=work.batch_size,
            fetch=lambda job: attach_values(job, self.connection),
            tick=self.meter.show,
        )
        self.reading = pipeline.reading
        with pipeline:
            batch: Batch = []
            size, begun = 0, time.monotonic()
            for load, outcomes in pipeline.run(self._loads()):
                new = sum(outcome.raw_size for outcome in outcomes if outcome.kind == "replace")
                if batch and size + new > work.batch_size:
                    self._commit(batch)
                    batch, size, begun = [], 0, time.monotonic()
                batch.append((load.tag, outcomes))
                size += new
                if self.is_wal or size >= work.batch_size or time.monotonic() - begun > BATCH_SECONDS:
                    self._commit(batch)
                    batch, size, begun = [], 0, time.monotonic()
            if batch:
                self._commit(batch)
        self._checkpoint()

    # ---- The walk ----

    def _loads(self) -> Iterator[Load]:
        after, schema_version = self.record.position, pragma(self.connection, "schema_version")
        while True:
            with snapshot(self.connection):
                if pragma(self.connection, "schema_version") != schema_version:
                    # A VACUUM may have given the rows other rowids: begin again, and pass over what is done already.
                    after, schema_version = None, pragma(self.connection, "schema_version")
                data_version = pragma(self.connection, "data_version")
                entries = page(self.connection, self.place, after, PAGE_ROWS)
            if not entries:
                return
            yield from self._stretches(entries, data_version)
            after = entries[-1].key

    def _stretches(self, entries: list[Entry], data_version: int) -> Iterator[Load]:
        stretch = _Stretch([], entries[0].key, data_version)
        size, most = 0, min(BUNDLE_SIZE, self.work.batch_size)
        for entry in entries:
            weight = max(entry.size, entry.raw_size)
            if self.wants(entry) and stretch.entries and size + weight > most:
                yield self._load(stretch, size)
                stretch, size = _Stretch([], entry.key, data_version), 0
            if self.wants(entry):
                stretch.entries.append(entry)
                stretch.position = entry.key
                size += weight
            else:
                stretch.pass_over(entry)
        yield self._load(stretch, size)

    def _load(self, stretch: _Stretch, size: int) -> Load:
        if not stretch.entries:
            return Load(None, 0, stretch)
        items = tuple(Item(entry.key, entry.value_type, entry.size) for entry in stretch.entries)
        settings = self.record.settings
        return Load(Job(self.source, items, settings.level, settings.envelope), size, stretch)

    # ---- The commit ----

    def _commit(self, batch: Batch) -> None:
        time.sleep(max(0.0, self.not_before - time.monotonic()))
        batch = [(stretch, self._look_again(stretch, outcomes)) for stretch, outcomes in batch]
        with atomic(self.connection):
            begun = time.monotonic()
            data_version = pragma(self.connection, "data_version")
            for stretch, outcomes in batch:
                self._settle(stretch, outcomes, is_quiet=stretch.data_version == data_version)
            self.record.position = batch[-1][0].position
            self.record.save(self.connection)
        self.not_before = begun + (time.monotonic() - begun) / self.work.pace
        if self.log_pages >= LOG_PAGES and time.monotonic() >= self.next_checkpoint:
            self._checkpoint()
        self._show()

    def _look_again(self, stretch: _Stretch, outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
        """Do what can be done before the write lock is taken. Values that others have changed since become "gone"."""
        with snapshot(self.connection):
            data_version = pragma(self.connection, "data_version")
            is_quiet = data_version == stretch.data_version
            found = []
            for entry, outcome in zip(stretch.entries, outcomes, strict=True):
                found.append(outcome if is_quiet or self._is_unchanged(entry, outcome) else Outcome("gone"))
                if self.is_wal and found[-1].kind == "replace" and entry.size in TOUCHED_SIZES:
                    touch_value(self.connection, self.place, entry.key, entry.size)
        stretch.data_version = data_version
        return tuple(found)

    def _is_unchanged(self, entry: Entry, outcome: Outcome) -> bool:
        if outcome.kind != "replace":
            return True
        return is_unchanged(self.connection, self.place, entry.key, entry.value_type, entry.size, outcome.digest)

    def _checkpoint(self) -> None:
        """Keep the log from growing much beyond two batches."""
        most = 2 * max(self.work.batch_size, self.record.counts.largest)
        with self.reading:  # while a worker reads, the log cannot be begun anew
            begun = time.monotonic()
            checkpoint(self.connection, most, self.meter.show)
        ended = time.monotonic()
        self.next_checkpoint = ended + min(ended - begun, CHECKPOINT_SECONDS)

    def _committed(self, _connection: apsw.Connection, _schema: str, log_pages: int) -> int:
        self.log_pages = log_pages
        return apsw.SQLITE_OK

    def _settle(self, stretch: _Stretch, outcomes: tuple[Outcome, ...], *, is_quiet: bool) -> None:
        """:param is_quiet: nobody else has written since the values were read."""
        counts = self.record.counts
        for entry, outcome in zip(stretch.entries, outcomes, strict=True):
            counts.rows += 1
            stored = self._settle_one(entry, outcome, is_quiet)
            counts.raw_bytes += outcome.raw_size or entry.raw_size
            counts.stored_bytes += stored
        counts.rows += stretch.rows
        counts.raw_bytes += stretch.raw_bytes
        counts.stored_bytes += stretch.stored_bytes

    def _settle_one(self, entry: Entry, outcome: Outcome, is_quiet: bool) -> int:
        """Replace or leave one value, and return how many bytes it has in the database then."""
        counts, connection, key = self.record.counts, self.connection, entry.key
        if self.nested and outcome.digest and self.record.is_kept(connection, key, f"{outcome.digest:016x}"):
            return entry.size
        if outcome.kind == "failed":
            self._fail(key, outcome.reason)
        elif outcome.kind == "gone":
            counts.missed += 1
        elif outcome.kind == "replace":
            assert outcome.value is not None
            is_nested = self.nested is not None and outcome.value_type == "blob" and has_magic(outcome.value)
            if is_nested and self.nested == "later":
                return entry.size
            if not is_quiet and not self._is_unchanged(entry, outcome):
                counts.missed += 1
                return entry.size
            try:
                replace_value(connection, self.place, key, outcome.value_type, outcome.value)
            except (apsw.ConstraintError, apsw.TooBigError) as error:
                self._fail(key, str(error))
                return entry.size
            counts.changed += 1
            if is_nested:
                self.record.add(connection, "kept", key, f"{fingerprint(outcome.value):016x}")
            return len(outcome.value)
        return entry.size

    def _fail(self, key: Key, reason: str) -> None:
        self.record.add(self.connection, "failed", key, reason)
        self.meter.failures += 1

    # ---- Small things ----

    def _show(self) -> None:
        counts, meter = self.record.counts, self.meter
        meter.rows_done, meter.bytes_done, meter.stored_bytes = counts.rows, counts.raw_bytes, counts.stored_bytes
        meter.show(force=True)
