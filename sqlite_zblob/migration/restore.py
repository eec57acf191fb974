"""The inverse of a migration: every value becomes what it was, and so does the schema.

In place, the triggers are dropped first, and then the values are decompressed in batches. In mode "table", the values
are decompressed in the table behind the virtual one, which reads compressed and plain values alike. A value that looks
like a frame even when it is decompressed must not be seen there; it is restored in the one transaction that makes the
table an ordinary one again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..codec import DEFAULT_LEVEL
from ..column.storage import ColumnStatus, disable
from ..column.virtual import change_virtual, give_up_column
from ..connect.database import atomic, pragma, snapshot
from ..errors import NotCompressedError
from .operation import Operation
from .record import Settings, compressed_columns, make_record
from .reports import Report
from .survey import Survey, survey_column
from .values import Entry, Key, page, read_value, replace_value
from .workers import Item, Job, restore_task

# The min_size of a virtual table that is being restored: whatever is written meanwhile is stored as it comes.
NEVER = 1 << 62

PAGE_ROWS = 2000


class Restoration(Operation):
    def run(self) -> Report:
        current, dry_run = self.current, self.work.dry_run
        if current is None and (self.is_virtual or (self.record is None and self.stale is None)):
            raise NotCompressedError(self._why_not())
        mode = current.mode if current else "in-place"
        settings = self._settings(current)
        if current is None and self.record is None:
            # `disable` has decompressed the whole table: what still looks like a frame was not made by us.
            if self.stale is not None and not dry_run:
                with atomic(self.connection):
                    self.stale.remove(self.connection)
                self.give_space_back()
            return self.empty_report(mode, settings.envelope, dry_run=dry_run)
        if dry_run or not self.resumed:
            survey = survey_column(self.connection, self.place, self.meter, with_frames=False)
            self.growth = survey.growth_of_restore(self.connection, self.work.batch_size)
            if dry_run:
                return self.dry_report(survey, mode, settings.envelope)
            self.require_space()
            self._begin(settings, survey, current)
        if current is not None and mode == "table" and current.min_size != NEVER:
            change_virtual(self.connection, self.table, self.column, "main", level=current.level, min_size=NEVER)
        # This includes damaged frames, of which the worker reports what is wrong.
        self.rewrite(restore_task, lambda entry: entry.has_magic, nested="later" if mode == "table" else "kept")
        finished = not self.failures() and (self._become_ordinary() if mode == "table" else self._forget())
        if not finished:
            self._begin_again_next_time()
        report = self.report(mode, settings.envelope, () if finished else self.failures(), finished=finished)
        self.give_space_back()
        return replace(report, seconds=self.meter.seconds)

    def _why_not(self) -> str:
        others = ", ".join(f"{table}.{column}" for table, column in compressed_columns(self.connection))
        return (
            f"there is nothing to restore: column {self.column} of table {self.table} is neither enabled nor was it "
            f"migrated, or it was restored already. Columns that can be restored: {others or 'none'}"
        )

    def _settings(self, current: ColumnStatus | None) -> Settings:
        """The settings that the column had."""
        if self.record is not None and (self.resumed or current is None):
            return self.record.settings
        return Settings.of(current) if current else Settings("in-place", "frame", DEFAULT_LEVEL, 0)

    def _begin(self, settings: Settings, survey: Survey, current: ColumnStatus | None) -> None:
        """Record what is about to happen; in place, disable the column in the same transaction."""
        with atomic(self.connection):
            self.record = self.record or make_record(self.connection, self.table, self.column, self.name, settings)
            self.record.begin(self.connection, self.name, settings, survey.totals)
            if current is not None and current.mode == "in-place":
                disable(self.connection, self.table, self.column)

    def _forget(self) -> bool:
        assert self.record is not None
        with atomic(self.connection):
            self.record.remove(self.connection)
        return True

    def _begin_again_next_time(self) -> None:
        """Let the next run look at all rows: values that could not be restored may have been repaired by then."""
        assert self.record is not None
        with atomic(self.connection):
            self.record.position = None
            self.record.save(self.connection)

    # ---- Mode "table" ----

    def _become_ordinary(self) -> bool:
        """False: a value cannot be restored, and the table stays a virtual one, so that reading it is an error."""
        record, connection = self.record, self.connection
        assert record is not None
        with snapshot(connection):
            data_version = pragma(connection, "data_version")
            left = list(self._frames_left())

        def restore_the_rest() -> int:
            is_quiet = pragma(connection, "data_version") == data_version
            for entry in left if is_quiet else self._frames_left():
                self._restore_now(entry)
            record.remove(connection)
            return record.settings.min_size

        try:
            give_up_column(connection, self.table, self.column, "main", restore_the_rest)
        except _RestoreError as problem:
            with atomic(connection):
                record.add(connection, "failed", problem.key, problem.reason)
            return False
        return True

    def _frames_left(self) -> Iterator[Entry]:
        """Values that look like a frame when they are restored, and those that were written after the walk."""
        after: Key | None = None
        while entries := page(self.connection, self.place, after, PAGE_ROWS):
            yield from (entry for entry in entries if entry.has_magic)
            after = entries[-1].key

    def _restore_now(self, entry: Entry) -> None:
        value = read_value(self.connection, self.place, entry.key, entry.size)
        assert value is not None  # this is the transaction that the entry was read in
        item = Item(entry.key, entry.value_type, entry.size, bytes(value))
        (outcome,) = restore_task(Job(self.source(), (item,), has_values=True)).outcomes
        if outcome.kind != "replace" or outcome.value is None:
            raise _RestoreError(entry.key, outcome.reason)
        replace_value(self.connection, self.place, entry.key, outcome.value_type, outcome.value)


class _RestoreError(Exception):
    def __init__(self, key: Key, reason: str) -> None:
        self.key, self.reason = key, reason
