"""Keep compressed columns in good shape: train a dictionary when many rows came, recompress the rows that gain by it.

What pays is found out on a random sample. Rows are then rewritten by the machinery of migrate: in short transactions,
each with a record of how far it is, so that a run may end at any moment and the next one goes on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import apsw

from ..bars import takes_bar
from ..column.dictionaries import renew_guards
from ..column.storage import ColumnStatus, status
from ..connect.database import octet_length, run
from ..connect.opening import PROGRESS_STEPS, Database, rewriting
from ..errors import OptionError
from ..log import log
from .batches import Way
from .gain import MIN_GAIN, choose_dictionary, expected_gain, take_sample
from .migrate import Migration
from .operation import Request
from .reports import ColumnMaintenance, MaintenanceReport, ProgressOption
from .settings import Wanted
from .shown import show_rows
from .survey import Survey
from .values import Entry
from .work import OutOfTimeError, Work
from .workers import gain_task

DEFAULT_LOAD = 0.25


@takes_bar(show_rows)
def maintain(
    database: Database,
    *,
    seconds: float | None = None,
    load: float = DEFAULT_LOAD,
    workers: int = 1,
    progress: ProgressOption = None,
) -> MaintenanceReport:
    """Train dictionaries where enough new rows came, and recompress the small values that gain, in all enabled columns.

    A column whose dictionary is "auto" gets a new one when it has twice the rows that the last one was trained from,
    and if a sample of its rows gains by it what the dictionary costs and more. Rows that are not compressed yet, and
    those that were compressed with another dictionary, are compressed anew where a sample says that the column gains at
    least 2 %; a row that would become larger stays as it is. Envelopes and levels of rows are not changed.

    :param database: a path, a `file:` URI, or an open APSW connection, whose file is then opened once more.
    :param seconds: end after this time, in between two transactions; the next call goes on. None: no limit.
    :param load: the share of time, above 0 and at most 1, for which the write lock may be held.
    :param workers: how many rows are compressed at once; 0: as many as the process has CPUs.
    :param progress: as for `migrate`.
    :raises OptionError: no column is enabled, or an argument is not allowed. All other errors are those of `migrate`.
    """
    if seconds is not None and seconds <= 0:
        raise OptionError(f"seconds must be positive, not {seconds}")
    if not 0 < load <= 1:
        raise OptionError(f"load must be above 0 and at most 1, not {load}")
    begun = time.monotonic()
    deadline = None if seconds is None else begun + seconds
    work = Work(workers=workers, pace=load, progress=progress, deadline=deadline)
    done = []
    with rewriting(database) as (connection, location):
        renew_guards(connection, "main")
        columns = status(connection, schema="main")
        if not columns:
            raise OptionError(f"no column of {location.name} is enabled: migrate the one that you mean")
        for column in columns:
            done.append(report := _maintain_column(connection, location.target, column, work))
            place = (report.table, report.column)
            if report.skipped:
                log.info("maintain leaves %s.%s out: %s", *place, report.skipped)
            else:
                log.info("maintain of %s.%s: %d rows, %d bytes less", *place, report.changed_rows, report.gained_bytes)
    return MaintenanceReport(tuple(done), seconds=time.monotonic() - begun)


def _maintain_column(connection: apsw.Connection, target: str, column: ColumnStatus, work: Work) -> ColumnMaintenance:
    report = ColumnMaintenance(column.table, column.column)
    if not column.is_intact or column.envelope != "frame":
        why = "envelope pickle uses no dictionaries" if column.is_intact else "it is not intact: enable it again"
        return replace(report, skipped=why)
    maintenance = Maintenance(connection, Request(target, "migrate", column.table, column.column, work), report)
    try:
        return maintenance.maintain()
    except (OutOfTimeError, apsw.InterruptError):
        if not work.is_over:
            raise
        return replace(maintenance.result(), finished=False)


class Maintenance(Migration):
    def __init__(self, connection: apsw.Connection, request: Request, about: ColumnMaintenance) -> None:
        super().__init__(connection, request)
        self.about = about
        self.wanted = Wanted()
        self._decide()

    def maintain(self) -> ColumnMaintenance:
        self.work.check_time()
        column, resumed = self.target.place, self.resumed
        if not resumed:
            with self._until_deadline():
                sample = take_sample(self.connection, column)
                self.about = replace(self.about, trained=choose_dictionary(self.connection, self.status, sample))
            if expected_gain(self.connection, self.status, sample) < MIN_GAIN:
                return self.about
            survey = self._survey()
            self.growth = survey.growth_of_steps(self.connection, self.work.batch_size)
            self.require_space()
            self._begin(survey)
        else:
            self.about = replace(self.about, resumed=True)
            self._go_on()
        self.target.on_change = self._require_enabled
        self.is_finished = False
        self.rewrite(Way(gain_task, self._may_gain, self._is_foreign), self._finish)
        return replace(self.result(), finished=self.is_finished)

    @contextmanager
    def _until_deadline(self) -> Iterator[None]:
        """Statements that read the whole table end at the deadline."""
        self.connection.set_progress_handler(lambda: self.work.is_over, PROGRESS_STEPS, id="maintain")
        try:
            yield
        finally:
            self.connection.set_progress_handler(None, id="maintain")

    def result(self) -> ColumnMaintenance:
        """What was done so far."""
        if self.rewriter is None:
            return self.about
        rewriter = self.rewriter
        return replace(self.about, changed_rows=rewriter.changed_rows, gained_bytes=rewriter.gained_bytes)

    def _may_gain(self, entry: Entry) -> bool:
        assert self.rewriter is not None
        settings = self.settings
        if not entry.is_frame:
            return self._wants(entry, recompress=False)
        is_alike = (entry.envelope, entry.level) == (settings.envelope, settings.level)
        return (
            is_alike and entry.raw_size < 1 << 16 and entry.dictionary != self.rewriter.dictionary_of(self.target.place)
        )

    def _survey(self) -> Survey:
        """Without a look at every row: only small values are rewritten."""
        place, survey = self.target.place, Survey(data_version=-1)
        sizes = f"{octet_length(self.connection, place.data)}"
        sql = f"SELECT count(*), sum({sizes}), max({sizes}) FROM {place.address}"
        ((rows, stored, largest),) = run(self.connection, sql)
        survey.totals.rows_total, survey.totals.bytes_total = rows, stored or 0
        survey.stored_bytes, survey.largest_stored = stored or 0, largest or 0
        return survey
