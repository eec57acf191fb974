"""Keep compressed columns in good shape: train a dictionary when many rows came, recompress the rows that gain by it.

What pays is found out on a random sample. Rows are then rewritten by the machinery of migrate: in short transactions,
each with a record of how far it is, so that a run may end at any moment and the next one goes on.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import apsw

from ..bars import takes_bar
from ..column.dictionaries import renew_guards
from ..column.storage import ColumnStatus, status
from ..connect.database import pragma, until
from ..connect.opening import Database, patience, rewriting
from ..errors import DatabaseError, DiskSpaceError, OptionError, WorkerError, ZblobError
from ..log import log
from .batches import Way
from .gain import MIN_GAIN, SMALL_VALUE, Sample, choose_dictionary, expected_gain, take_sample
from .migrate import Migration
from .operation import Request
from .reports import MOST_NAMED, ColumnMaintenance, Failure, MaintenanceReport, ProgressOption
from .settings import Wanted
from .shown import show_rows
from .survey import Survey
from .values import Entry
from .work import BATCH_SIZE, OutOfTimeError, Work
from .workers import gain_task

DEFAULT_LOAD = 0.25

LEAST_BATCH = 128 << 10
BATCH_BYTES_PER_SECOND = 256 << 10  # which compressing takes a tenth of a second for, or less


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
    :param seconds: end after about this time, in between two transactions; the next call goes on. Training takes some
        seconds of it, and begins anew where they are over before. None: no limit.
    :param load: the share of time, above 0 and at most 1, for which the write lock may be held.
    :param workers: how many rows are compressed at once; 0: as many as the process has CPUs.
    :param progress: as for `migrate`.
    :raises OptionError: no column is enabled, or an argument is not allowed. All other errors are those of `migrate`,
        except those of a single column, which the report names as skipped.
    """
    if seconds is not None and not 0 < seconds <= threading.TIMEOUT_MAX:
        raise OptionError(f"seconds must be a positive number, or None for no limit, not {seconds}")
    if not 0 < load <= 1:
        raise OptionError(f"load must be above 0 and at most 1, not {load}")
    begun = time.monotonic()
    work = Work(workers=workers, pace=load, progress=progress)
    if seconds is not None:
        # The last transaction is to be short beside the time that there is.
        batch_size = max(LEAST_BATCH, min(BATCH_SIZE, int(seconds * BATCH_BYTES_PER_SECOND)))
        work = replace(work, deadline=begun + seconds, batch_size=batch_size)
    done = []
    with rewriting(database) as (connection, location):
        if seconds is not None:  # else it waits for five minutes for a lock
            wait = patience(seconds)
            connection.set_busy_handler(lambda attempts: wait(attempts) and not work.is_over)
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
    maintenance: Maintenance | None = None
    try:
        maintenance = Maintenance(connection, Request(target, "migrate", column.table, column.column, work), report)
        return maintenance.maintain()
    except (OutOfTimeError, apsw.InterruptError, apsw.BusyError):
        if not work.is_over:
            raise
        return replace(maintenance.result() if maintenance else report, finished=False)
    except (DatabaseError, DiskSpaceError, WorkerError):
        raise
    except (ZblobError, apsw.SQLError, apsw.CorruptError, apsw.ConstraintError) as error:
        # It is this column's: there are others.
        reason = str(error) if isinstance(error, ZblobError) else f"SQLite refuses it: {error}"
        result = maintenance.result() if maintenance else report
        return replace(result, finished=not result.changed_rows, skipped=reason)


class Maintenance(Migration):
    shown = "maintain"

    def __init__(self, connection: apsw.Connection, request: Request, about: ColumnMaintenance) -> None:
        super().__init__(connection, request)
        self.about = about
        self.wanted, self.pays = Wanted(), False
        self.sample = Sample(0, 0, 0)
        self._decide()

    def maintain(self) -> ColumnMaintenance:
        self.work.check_time()
        if not self.resumed:
            with until(self.connection, self.work.deadline):
                self._look()
            if not self.pays:
                return self.about
            self.growth = self._survey().growth_of_steps(self.connection, self.work.batch_size)
            self.require_space()
            self._begin(self._survey())
        else:
            self.about = replace(self.about, resumed=True)
            self._go_on()
        self.target.on_change = self._require_enabled
        self.is_finished = False
        self.rewrite(Way(gain_task, self._may_gain, self._is_foreign), self._finish)
        return replace(self.result(), finished=self.is_finished)

    def _look(self) -> None:
        """At a sample, by which a dictionary is trained."""
        self.sample = take_sample(self.connection, self.target.place, self.work.deadline)
        unreadable = self.sample.unreadable
        named = tuple(Failure(self.describe_key(key), reason) for key, reason in unreadable[:MOST_NAMED])
        self.about = replace(self.about, unreadable_rows=len(unreadable), unreadable=named)
        trained = choose_dictionary(self.connection, self.status, self.sample, self.work)
        self.about = replace(self.about, trained=trained)
        self.pays = expected_gain(self.connection, self.status, self.sample, self.work) >= MIN_GAIN

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
            is_alike
            and entry.raw_size <= SMALL_VALUE
            and entry.dictionary != self.rewriter.dictionary_of(self.target.place)
        )

    def _survey(self) -> Survey:
        """Without a look at every row: only small values are rewritten."""
        version = pragma(self.connection, "data_version")  # so that nobody takes another look while others write
        survey = Survey(data_version=version, stored_bytes=self.sample.stored_bytes, largest_stored=SMALL_VALUE)
        survey.totals.rows_total, survey.totals.bytes_total = self.sample.all_rows, self.sample.stored_bytes
        return survey
