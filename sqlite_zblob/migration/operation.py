"""What migrate and restore have in common: the column, its record, the workers and the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import apsw

from ..column.storage import ColumnStatus, status
from ..connect.database import fold
from .batches import Rewriter
from .meter import Meter
from .pipeline import Task
from .record import Counts, find_record
from .reports import Failure, Report
from .space import check_vacuum, require_space, vacuum_database
from .survey import Survey
from .values import Entry, describe_key, find_place
from .work import Work
from .workers import Source, source_of


@dataclass(frozen=True)
class Request:
    """What the caller wants."""

    database: str  # what `open_again` opens
    operation: str  # "migrate" or "restore"
    table: str
    column: str
    work: Work


class Operation:
    """One call of migrate or restore.

    :raises OptionError: there is no such table or column, or it cannot be vacuumed in this way.
    """

    def __init__(self, connection: apsw.Connection, request: Request) -> None:
        self.connection, self.request = connection, request
        self.name, self.work = request.operation, request.work
        check_vacuum(connection, self.work.vacuum)
        self.place, self.rows = find_place(connection, request.table, request.column)
        self.is_virtual = fold(self.rows.name) != fold(request.table)
        self.table = self.rows.name.removesuffix("_rows") if self.is_virtual else self.rows.name
        self.column = self.place.column
        self.record = find_record(connection, self.table, self.column)
        self.stale = self.record if self._is_stale() else None
        self.record = None if self.stale else self.record
        self.resumed = self.record is not None and (self.record.operation, self.record.state) == (self.name, "running")
        self.meter = Meter(self.work.progress, self.name, self.table, self.column)
        self.growth = 0

    @property
    def current(self) -> ColumnStatus | None:
        """The column's status; None: it is not enabled."""
        found = status(self.connection, schema="main")
        return next((each for each in found if each.is_column(self.request.table, self.column)), None)

    def _is_stale(self) -> bool:
        """Is the record left over? `disable` decompresses all of a virtual table, and does not know the record."""
        if self.record is None or self.record.settings.mode != "table" or self.current is not None:
            return False
        return (self.record.operation, self.record.state) != ("migrate", "running")

    def require_space(self) -> None:
        require_space(self.connection, self.growth, f"{self.name} of {self.table}.{self.column}")

    def rewrite(self, task: Task, wants: Callable[[Entry], bool], *, nested: str | None) -> None:
        """Have the task look at all rows that are candidates, and replace them by what it makes of them."""
        assert self.record is not None
        counts = self.record.counts
        self.meter.rows_total, self.meter.bytes_total = counts.rows_total, counts.bytes_total
        self.meter.failures = len(self.record.failures(self.connection))
        self.meter.enter("rows")
        rewriter = Rewriter(
            *(self.connection, self.source(), self.record, self.work, self.meter),
            task=task,
            wants=wants,
            nested=nested,
        )
        rewriter.run()
        self.meter.enter("finish")

    def source(self) -> Source:
        return source_of(self.connection, self.request.database, self.place)

    def give_space_back(self) -> None:
        if self.work.vacuum != "none":
            self.meter.enter("vacuum")
            vacuum_database(self.connection, self.work.vacuum, self.work.pace, self.meter.show)

    # ---- Reports ----

    def failures(self) -> tuple[Failure, ...]:
        assert self.record is not None
        found = self.record.failures(self.connection)
        return tuple(
            Failure(describe_key(self.connection, self.place, self.rows, key), reason) for key, reason in found
        )

    def report(self, mode: str, envelope: str, failures: tuple[Failure, ...], *, finished: bool) -> Report:
        assert self.record is not None
        return self._report(self.record.counts, failures, mode, envelope, finished=finished, dry_run=False)

    def empty_report(self, mode: str, envelope: str, *, dry_run: bool) -> Report:
        return self._report(Counts(), (), mode, envelope, finished=not dry_run, dry_run=dry_run)

    def dry_report(self, survey: Survey, mode: str, envelope: str) -> Report:
        totals = survey.totals
        counts = Counts(rows=totals.rows_total, raw_bytes=totals.bytes_total, stored_bytes=survey.stored_bytes)
        return self._report(counts, (), mode, envelope, finished=False, dry_run=True)

    def _report(
        self, counts: Counts, failures: tuple[Failure, ...], mode: str, envelope: str, *, finished: bool, dry_run: bool
    ) -> Report:
        return Report(
            self.name,
            self.table,
            self.column,
            mode,
            envelope,
            rows=counts.rows,
            changed_rows=counts.changed,
            raw_bytes=counts.raw_bytes,
            stored_bytes=counts.stored_bytes,
            failures=failures,
            missed_rows=counts.missed,
            seconds=self.meter.seconds,
            resumed=self.resumed,
            finished=finished,
            dry_run=dry_run,
            growth_bytes=self.growth,
        )
