"""What migrate and restore have in common: the column, its record, the workers and the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import apsw

from ..bars import callback_of
from ..column.storage import ColumnStatus
from ..log import log
from .batches import Rewriter, Way
from .ending import Ending
from .meter import Meter
from .record import Counts, Record, Settings
from .reports import Failure, OtherSettings, Report
from .space import check_vacuum, file_bytes, free_bytes, require_space, vacuum_database
from .spared import Spared
from .survey import Survey
from .target import Target
from .texts import mend_texts
from .values import Key, describe_key
from .work import Work


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

    shown: str | None = None  # the name that progress has, where it is not the operation's

    def __init__(self, connection: apsw.Connection, request: Request) -> None:
        self.connection, self.request = connection, request
        self.name, self.work = request.operation, request.work
        check_vacuum(connection, self.work.vacuum)
        self.target = Target(connection, request.database, request.table, request.column)
        names = (self.shown or self.name, self.target.table, self.target.column)
        self.meter = Meter(callback_of(self.work.progress), *names)
        self.growth = 0
        self.rewriter: Rewriter | None = None
        self.look()

    def look(self) -> None:
        """What the database says of the column. In a transaction, it stays true until its end."""
        self.target.follow()
        self.current: ColumnStatus | None = self.target.current
        self.record: Record | None = self.target.find_record()
        self.stale = self.record if self._is_stale() else None
        self.record = None if self.stale else self.record
        self.resumed = (
            self.record is not None and self.record.is_running and self.record.operation == self.request.operation
        )

    def _is_stale(self) -> bool:
        """Is the record left over? `disable` decompresses all of a virtual table, and does not know the record."""
        if self.record is None or self.record.settings.mode != "table" or self.current is not None:
            return False
        return not (self.record.operation == "migrate" and self.record.is_running)

    @property
    def recorded(self) -> Settings | None:
        known = self.record or self.stale
        return None if known is None else known.settings

    def mend_texts(self, *, all_frames: bool) -> None:
        """What a CAST has made a text is a frame again before any row is looked at."""
        target = self.target
        if target.is_virtual or self.work.dry_run:
            return
        if mended := mend_texts(self.connection, target.place, all_frames=all_frames):
            log.warning(
                "%s of %s.%s: a CAST had made texts of %d frames, which are frames again", *self._names(), mended
            )

    def require_space(self) -> None:
        if self.work.force:
            return
        place = f"{self.name} of {self.target.table}.{self.target.column}"
        remedy = (
            "free some; a smaller batch_size (--batch-size) may need less; force=True (--force) goes on without this "
            "check, and nothing is lost where the disk is full"
        )
        require_space(self.connection, self.growth, place, remedy)

    def own(self, record: Record) -> None:
        """From now on this run works on the column. In a write transaction."""
        self.record = self.target.record = record
        if not record.is_anchored:
            record.anchor(self.connection, self.target.rows.name)
            self.target.note_own_change()
        self.spared = Spared(self.connection, record.id)

    def rewrite(self, way: Way, finish: Callable[[Ending, Callable[[], None]], None]) -> Ending:
        """Have all rows looked at, and replaced, until none is left; then have the final transaction made."""
        assert self.record is not None
        counts, meter = self.record.counts, self.meter
        meter.rows_total, meter.bytes_total = counts.rows_total, counts.bytes_total
        meter.failures = len(self.spared.failures())
        meter.enter("rows")
        log.info(
            "%s of %s.%s in %s %s: %d rows, %d bytes before compression",
            *(*self._names(), self.request.database),
            "goes on" if self.resumed else "begins",
            *(counts.rows_total, counts.bytes_total),
        )
        rewriter = self.rewriter = Rewriter(self.target, self.record, self.spared, self.work, meter, way)
        ending = Ending(rewriter)
        ending.complete(lambda look: finish(ending, look))
        rewriter.show()
        log.info("%s of %s.%s: %d rows done in %.1f s", *self._names(), counts.rows, meter.seconds)
        return ending

    def _names(self) -> tuple[str, str, str]:
        return self.name, self.target.table, self.target.column

    def give_space_back(self) -> None:
        if self.work.vacuum != "none":
            self.meter.enter("vacuum")
            log.info("vacuum of %s: %s", self.request.database, self.work.vacuum)
            vacuum_database(
                self.connection, self.work.vacuum, self.work.pace, self.meter.show, checks_space=not self.work.force
            )

    # ---- Reports ----

    def failures(self) -> tuple[Failure, ...]:
        return tuple(Failure(self.describe_key(key), reason) for key, reason in self.spared.failures())

    def describe_key(self, key: Key) -> dict[str, object]:
        return describe_key(self.connection, self.target.place, self.target.rows, key)

    def report(self, settings: Settings, failures: tuple[Failure, ...], kept: list[Key], *, finished: bool) -> Report:
        assert self.record is not None
        if failures:
            first, count = failures[0], len(failures)
            rows = f"row {first.key} as it is" if count == 1 else f"{count} rows as they are, for instance {first.key}"
            log.warning("%s of %s.%s leaves %s: %s", *self._names(), rows, first.reason)
        report = self._report(self.record.counts, failures, settings, finished=finished, dry_run=False)
        return replace(report, kept=tuple(map(self.describe_key, kept)))

    def empty_report(self, settings: Settings, *, dry_run: bool) -> Report:
        return self._report(Counts(), (), settings, finished=not dry_run, dry_run=dry_run)

    def dry_report(self, survey: Survey, settings: Settings) -> Report:
        totals = survey.totals
        others = dict(survey.settings)
        others.pop(f"{settings.envelope} {settings.level}", None)
        counts = Counts(
            rows=totals.rows_total,
            raw_bytes=totals.bytes_total,
            stored_bytes=survey.stored_bytes,
            others=others if self.name == "migrate" else {},
        )
        return self._report(counts, (), settings, finished=False, dry_run=True)

    def _report(
        self, counts: Counts, failures: tuple[Failure, ...], settings: Settings, *, finished: bool, dry_run: bool
    ) -> Report:
        others = [(name.split(), rows) for name, rows in sorted(counts.others.items())]
        return Report(
            self.name,
            self.target.table,
            self.target.column,
            settings.mode,
            settings.envelope,
            rows=counts.rows,
            changed_rows=counts.changed,
            raw_bytes=counts.raw_bytes,
            stored_bytes=counts.stored_bytes,
            failures=failures,
            missed_rows=counts.missed,
            kept_rows=counts.kept,
            kept=(),
            others=tuple(OtherSettings(envelope, int(level), rows) for (envelope, level), rows in others),
            seconds=self.meter.seconds,
            resumed=self.resumed,
            finished=finished,
            dry_run=dry_run,
            growth_bytes=self.growth,
            file_bytes=file_bytes(self.connection),
            free_bytes=free_bytes(self.connection),
        )

    def end(self, report: Report) -> Report:
        """Give space back, and say what the file has then."""
        self.give_space_back()
        size, free = file_bytes(self.connection), free_bytes(self.connection)
        return replace(report, seconds=self.meter.seconds, file_bytes=size, free_bytes=free)
