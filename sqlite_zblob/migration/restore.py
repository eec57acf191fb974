"""The inverse of a migration: every value becomes what it was, and so does the schema.

In place, the triggers are dropped first, and then the values are decompressed in batches. In mode "table", the values
are decompressed in the table behind the virtual one, which reads compressed and plain values alike. A value that looks
like a frame even when it is decompressed must not be seen there; it is restored in the one transaction that makes the
table an ordinary one again.
"""

from __future__ import annotations

from collections.abc import Callable

import apsw

from ..codec import DEFAULT_LEVEL
from ..column.storage import disable
from ..column.virtual import TableSettings, change_virtual, give_up_column
from ..connect.database import atomic, snapshot
from ..errors import NotCompressedError, OptionError
from .batches import Way
from .ending import AgainError, Ending
from .operation import Operation, Request
from .record import Settings, compressed_columns, make_record
from .reports import Report
from .survey import Survey, survey_column
from .values import PAGE_ROWS, Entry, Key, Place, page
from .workers import restore_task

# The min_size of a virtual table that is being restored: whatever is written meanwhile is stored as it comes.
NEVER = 1 << 62


class Restoration(Operation):
    def __init__(self, connection: apsw.Connection, request: Request, *, all_frames: bool) -> None:
        """:param all_frames: those, too, that the program has made itself."""
        super().__init__(connection, request)
        self.all_frames = all_frames

    def run(self) -> Report:
        dry_run = self.work.dry_run
        is_known = self.current is not None or self.record is not None
        self.mend_texts(all_frames=is_known or self.all_frames)
        self._refuse_nothing()
        settings = self._settings()
        if self._has_nothing_left():
            if not dry_run:
                self._forget_stale()
                self.give_space_back()
            return self.empty_report(settings, dry_run=dry_run)
        if dry_run or not self.resumed:
            survey = survey_column(self.target, self.meter, with_frames=False)
            self.growth = survey.growth_of_restore(self.connection, self.work.batch_size)
            if dry_run:
                return self.dry_report(survey, settings)
            self.require_space()
            self._begin(survey)
        else:
            self._go_on()
        if self._has_nothing_left():  # another run has done it meanwhile
            return self.empty_report(settings, dry_run=False)
        assert self.record is not None
        return self._restore(self.record.settings)

    def _restore(self, settings: Settings) -> Report:
        current = self.target.current
        is_table = current is not None and current.mode == "table"
        settings = settings._replace(mode="table" if is_table else "in-place")
        if current is not None and is_table and current.min_size != NEVER:
            table, column = self.target.table, self.target.column
            change_virtual(
                self.connection,
                table,
                column,
                "main",
                TableSettings(current.level, NEVER, current.hint, current.dictionary),
            )
            self.target.note_own_change()
        # This includes damaged frames, of which the worker reports what is wrong.
        way = Way(
            restore_task,
            lambda entry: entry.has_magic,
            self._is_foreign,
            nested="later" if is_table else "nested",
            in_bulk=True,
            all_frames=self.all_frames,
            shrinks=False,
        )
        self.is_finished = False
        ending = self.rewrite(way, self._become_ordinary if is_table else self._finish)
        if not self.is_finished:
            self._begin_again_next_time()
        failures = () if self.is_finished else self.failures()
        report = self.report(settings, failures, ending.rewriter.kept, finished=self.is_finished)
        return self.end(report)

    def _is_foreign(self, place: Place, entry: Entry) -> bool:
        return (entry.is_own_frame and not self.all_frames) or self.spared.is_nested(place, entry)

    # ---- Is there anything to restore? ----

    def _refuse_nothing(self) -> None:
        """:raises NotCompressedError: it is neither enabled nor was it migrated, and holds no frame of a column."""
        is_unknown = self.record is None and self.stale is None and not self.all_frames
        if is_unknown and self.current is None and not self.target.is_virtual and self._holds_frames_of_columns():
            return
        moved_to = self.target.moved_to
        if moved_to is not None and is_unknown:
            raise NotCompressedError(
                f"the compression of {self.target.table}.{self.target.column} has gone with the table that is now "
                f"{moved_to}, which can be restored; this table was made anew, so that frames in it are none of ours. "
                "(If they were copied into it: all_frames=True or --all-frames decompresses them.)"
            )
        if self.current is not None or not (self.target.is_virtual or is_unknown):
            return
        with snapshot(self.connection):
            others = ", ".join(f"{table}.{column}" for table, column in compressed_columns(self.connection))
        raise NotCompressedError(
            f"there is nothing to restore: column {self.target.column} of table {self.target.table} is neither enabled "
            "nor was it migrated, or it was restored already. (Frames that the program has made itself stay frames: "
            f"all_frames=True or --all-frames decompresses them.) Columns that can be restored: {others or 'none'}"
        )

    def _has_nothing_left(self) -> bool:
        """`disable` has decompressed the whole table: what still looks like a frame was not made by us."""
        is_nothing_known = self.current is None and self.record is None and not self.all_frames
        return is_nothing_known and not self._holds_frames_of_columns()

    def _holds_frames_of_columns(self) -> bool:
        """Are there frames that a compressed column has made, and nobody remembers, as `disable` leaves them?"""
        place = self.target.place
        after: Key | None = None
        while True:
            with snapshot(self.connection):
                entries = page(self.connection, place, after, PAGE_ROWS, parses=False)
            if any(entry.is_frame and entry.for_column for entry in entries):
                return True
            if not entries:
                return False
            after = entries[-1].key

    def _forget_stale(self) -> None:
        with atomic(self.connection):
            self.look()
            if self.stale is not None and self.current is None:
                self.stale.remove(self.connection)

    def _settings(self) -> Settings:
        """The settings that the column had."""
        if self.record is not None and (self.resumed or self.current is None):
            return self.record.settings
        return Settings.of(self.current) if self.current else Settings("in-place", "frame", DEFAULT_LEVEL, 0)

    # ---- The beginning ----

    def _begin(self, survey: Survey) -> None:
        """Record what is about to happen; in place, disable the column in the same transaction."""
        with atomic(self.connection):
            self.look()
            if self.resumed:
                return self._go_on()
            self._refuse_nothing()
            if self._has_nothing_left():
                return None
            settings, target = self._settings(), self.target
            record = self.record or make_record(self.connection, target.table, target.column, self.name, settings)
            record.begin(self.connection, self.name, settings, survey.totals)
            self.own(record)
            self._switch_off()
        return None

    def _go_on(self) -> None:
        with atomic(self.connection):
            self.look()
            self._refuse_nothing()
            if self.record is None:
                return
            self.record.take_over(self.connection)
            self.own(self.record)
            self._switch_off()

    def _switch_off(self) -> None:
        """In place. Somebody may have switched it on again."""
        current = self.target.current
        if current is not None and current.mode == "in-place":
            disable(self.connection, current.table, current.column)
            self.target.note_own_change()

    # ---- The end ----

    def _finish(self, ending: Ending, look: Callable[[], None]) -> None:
        """In place."""
        assert self.record is not None
        with atomic(self.connection):
            ending.rewriter.follow()
            self._switch_off()
            look()
            self.is_finished = not self.spared.failures() and not self.record.counts.missed
            if self.is_finished:
                self.record.remove(self.connection)

    def _become_ordinary(self, ending: Ending, look: Callable[[], None]) -> None:
        """If a value cannot be restored, the table stays a virtual one, so that reading it is an error."""
        record, connection, target = self.record, self.connection, self.target
        assert record is not None
        if self.spared.failures():
            return
        with snapshot(connection):
            ending.rewriter.follow()
        table = target.table

        def restore_the_rest() -> int:
            look()
            if target.table != table:
                raise AgainError
            if ending.failed:
                raise _StaysVirtualError
            record.remove(connection)
            return record.settings.min_size

        try:
            give_up_column(connection, table, target.column, "main", restore_the_rest)
        except _StaysVirtualError:
            with atomic(connection):
                for key, reason in ending.failed:
                    self.spared.add("failed", key, reason)
            return
        except (OptionError, ValueError) as error:
            with snapshot(connection):
                ending.rewriter.follow()
            if target.table == table:
                raise
            raise AgainError from error  # it was renamed a moment ago
        with snapshot(connection):
            target.note_own_change()  # the rows that are reported are in the ordinary table now
        self.is_finished = True

    def _begin_again_next_time(self) -> None:
        """Let the next run look at all rows: values that could not be restored may have been repaired by then."""
        assert self.record is not None
        with atomic(self.connection):
            self.record.position = None
            self.record.save(self.connection)


class _StaysVirtualError(Exception):
    """A value cannot be restored: the final transaction is rolled back."""
