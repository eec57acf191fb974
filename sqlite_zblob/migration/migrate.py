"""Compress existing rows, and decompress them again: migrate, restore, and compress_store for a whole database."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

from ..arguments import plain_integer
from ..bars import takes_bar
from ..choices import Envelope, Mode
from ..column.storage import ColumnStatus, check_enable, enable, status
from ..connect.database import atomic, pragma, snapshot
from ..connect.opening import Database, name_of, rewriting
from ..errors import OptionError, ZblobError, ZblobWarning
from .batches import Way
from .ending import Ending
from .operation import Operation, Request
from .record import make_record
from .reports import Report
from .restore import Restoration
from .settings import Wanted, holds_pickles, resolve
from .shown import show_rows
from .space import check_vacuum
from .survey import Survey, survey_column
from .values import Entry, Place
from .work import Unpack, Work, WorkOptions
from .workers import compress_task, recompress_task


@takes_bar(show_rows)
def migrate(
    database: Database,
    table: str,
    column: str,
    *,
    mode: Mode | None = None,
    envelope: Envelope | None = None,
    level: int | None = None,
    min_size: int | None = None,
    dtype_from: str | None = None,
    shape_from: str | None = None,
    dictionary: int | Literal["auto"] | None = None,
    recompress: bool = False,
    **options: Unpack[WorkOptions],
) -> Report:
    """Enable a column's compression and compress the rows that are there, while others read and write.

    A run that was interrupted, in whatever way, is continued by calling it again; nothing is lost in between.

    :param database: a path, a `file:` URI, or an open APSW connection, whose file is then opened once more.
    :param mode: as for `enable`, and so `envelope`, `level`, `min_size`, `dtype_from`, `shape_from` and
        `dictionary`. What is not given stays as it is or was recorded; of a column that nothing is known of, it is
        that of `enable`.
    :param recompress: rows, too, that are compressed already, but with another envelope or level. Otherwise these stay
        as they are, and the report counts them.
    :param executor: where values are compressed and verified: any `concurrent.futures.Executor`, or a function that
        makes one, which is called again when a value kills its worker process. Threads, if None.
    :param workers: how many tasks run at once; 0, the default: as many as the process has CPUs.
    :param vacuum: what to do afterwards: "none", the default; "full" (VACUUM, which locks the database); or
        "incremental" (in steps; needs PRAGMA auto_vacuum = INCREMENTAL).
    :param pace: the share of time, above 0 and at most 1, the default, for which the write lock may be held.
    :param batch_size: bytes before compression that one transaction replaces at most, unless one value has more; 64 MB
        by default.
    :param dry_run: only look, and report what there is to do.
    :param force: without the check for free space; and in mode "table" in spite of named indexes and of keys that the
        database makes.
    :param progress: called with a `Progress` at least after every batch, in the calling thread; or "bar", which
        shows one on a terminal or in a notebook.
    :raises OSError: there is no such file, it is a directory, or it may not be read or written.
    :raises DatabaseError: it is no database, or SQLite cannot use it.
    :raises OptionError: the column cannot be compressed in this way (every reason is named), an argument is not
        allowed, or this process has the file open through the sqlite3 module, whose locks would be undone.
    :raises DiskSpaceError: there is not enough free space; nothing has been changed, or nothing since the last batch.
    :raises MetadataError: a newer version of sqlite_zblob has worked on this database, or the column's record makes no
        sense.
    :raises SupersededError: another run has begun on the same column and goes on instead.
    :raises WorkerError: the workers carry another version of the codec.
    :warns ZblobWarning: the column holds pickles, and no envelope is given.
    """
    level, min_size, dictionary = map(plain_integer, (level, min_size, dictionary))
    wanted = Wanted(mode, envelope, level, min_size, dtype_from, shape_from, dictionary)
    return _migrate(database, table, column, wanted, Work.given_to("migrate", options), recompress=recompress)


def _migrate(
    database: Database, table: str, column: str, wanted: Wanted, work: Work, *, recompress: bool = False
) -> Report:
    with rewriting(database, writes=not work.dry_run) as (connection, location):
        request = Request(location.target, "migrate", table, column, work)
        return Migration(connection, request).run(wanted, recompress=recompress)


@takes_bar(show_rows)
def restore(
    database: Database, table: str, column: str, *, all_frames: bool = False, **options: Unpack[WorkOptions]
) -> Report:
    """Switch a column's compression off and give back every value: the inverse of `migrate`.

    Values and schema become what they were before, except that mode "table" leaves the table's name quoted in the
    schema. A damaged value stays as it is and is reported. In mode "table" the table then stays a virtual one, so that
    reading that value is still an error. Frames of the program's own stay as they are, and the report counts them.
    Parameters and errors are those of `migrate`.

    :param all_frames: decompress these frames, too, and do so even if the column is not enabled and was not migrated. A
        column that was enabled and disabled again still holds frames of ours, for example.
    :raises NotCompressedError: the column is not enabled and was not migrated, or it was restored already; nothing was
        changed.
    """
    work = Work.given_to("restore", options)
    with rewriting(database, writes=not work.dry_run) as (connection, location):
        request = Request(location.target, "restore", table, column, work)
        return Restoration(connection, request, all_frames=all_frames).run()


@takes_bar(show_rows)
def compress_store(database: Database, **options: Unpack[WorkOptions]) -> list[Report]:
    """`migrate` every enabled column of a database, each with its own settings. Vacuums once, at the end.

    Parameters and errors are those of `migrate`.

    :raises OptionError: no column is enabled; or one cannot be compressed, which is said after all others are done.
    """
    work = Work.given_to("compress_store", options)
    with rewriting(database, writes=False) as (connection, _):
        check_vacuum(connection, work.vacuum)
        columns = status(connection, schema="main")
    if not columns:
        raise OptionError(f"no column of {name_of(database)} is enabled: migrate the one that you mean")
    unvacuumed = replace(work, vacuum="none")
    reports, refusals = [], []
    for each in columns:
        chosen = work if each is columns[-1] else unvacuumed
        try:
            reports.append(_migrate(database, each.table, each.column, Wanted(), chosen))
        except OptionError as error:
            refusals.append(error)
    if refusals:
        raise refusals[0]
    return reports


class Migration(Operation):
    def run(self, wanted: Wanted, *, recompress: bool) -> Report:
        self.wanted, dry_run = wanted, self.work.dry_run
        self._decide()
        self._propose()
        if self.current is not None or self.record is not None:
            self.mend_texts(all_frames=True)
        if dry_run or not self.resumed or (self.is_new and self.settings.mode == "table"):
            survey = self._survey()
            if self.is_new and self.settings.mode == "table":
                self._refuse_frames(survey)
            self.growth = survey.growth_of_steps(self.connection, self.work.batch_size)
            if dry_run:
                return self.dry_report(survey, self.settings)
            self.require_space()
            self._begin(survey)
        else:
            self._go_on()
        self._enable()
        self.target.on_change = self._require_enabled
        self.is_finished = False
        task = recompress_task if recompress else compress_task
        wants = partial(self._wants, recompress=recompress)
        way = Way(task, wants, self._is_foreign, parses=recompress, takes_hints=True)
        ending = self.rewrite(way, self._finish)
        report = self.report(self.settings, self.failures(), ending.rewriter.kept, finished=self.is_finished)
        return self.end(report)

    # ---- What there is to do ----

    def _decide(self) -> None:
        """:raises OptionError: it cannot be done."""
        target = self.target
        self.is_new = self.current is None or not self.current.is_intact
        self.settings = resolve(self.wanted, self.current, self.recorded)
        self.status = ColumnStatus("main", target.table, target.column, **self.settings._asdict(), is_intact=True)
        if self.settings.mode == "table" and self.current is None and not self.work.force:
            self._refuse_indexes()
        check_enable(self.connection, self.status, force=self.work.force)

    def _refuse_indexes(self) -> None:
        """Programs that say CREATE INDEX IF NOT EXISTS at their start would not start any more."""
        named = [index.name for index in self.target.rows.indexes if index.origin == "c"]
        if named:
            raise OptionError(
                f'table {self.target.table} has index {", ".join(named)}, and in mode "table" a program that says '
                "CREATE INDEX [IF NOT EXISTS] at its start fails: SQLite has none on virtual tables. Take mode "
                '"in-place", or, if no program does that, force=True (--force)'
            )

    def _propose(self) -> None:
        if self.wanted.envelope is not None or self.settings.mode == "table" or self.current or self.recorded:
            return
        if holds_pickles(self.connection, self.target.place):
            warnings.warn(
                f"column {self.target.column} of table {self.target.table} holds complete pickles, and is compressed "
                'with envelope "frame": programs that call pickle.loads on what they read run unchanged with envelope '
                '"pickle" (--envelope=pickle)',
                ZblobWarning,
                stacklevel=5,
            )

    def _survey(self) -> Survey:
        return survey_column(self.target, self.meter, with_frames=self.is_new and self.settings.mode == "table")

    def _refuse_frames(self, survey: Survey) -> None:
        """Refuse frames of the user's own: a virtual table would decompress them for its readers."""
        if survey.own_frames:
            table, column = self.target.table, self.target.column
            raise OptionError(
                f"{len(survey.own_frames)} values of column {column} look like compressed ones before any is, for "
                f'instance that of row {self.describe_key(survey.own_frames[0])}, and mode "table" would take them for '
                f"its own: decompress them first (UPDATE {table} SET {column} = zdecompress({column})), or take mode "
                '"in-place"'
            )

    def _wants(self, entry: Entry, *, recompress: bool) -> bool:
        settings = self.settings
        if entry.is_frame:
            has_others = (entry.envelope, entry.level) != (settings.envelope, settings.level)
            has_dictionary = settings.dictionary is not None or self.wanted.dictionary is not None
            may_differ = bool(settings.hint) or has_dictionary  # which workers find out
            return recompress and (has_others or may_differ)
        if entry.value_type not in ("blob", "text"):
            return False
        if entry.value_type == "text" and settings.envelope == "pickle":
            return False
        return entry.size >= settings.min_size or entry.has_magic

    def _is_foreign(self, place: Place, entry: Entry) -> bool:
        return entry.is_frame and entry.is_own_frame

    # ---- The beginning ----

    def _begin(self, survey: Survey) -> None:
        """Record what is about to happen; in place, enable the column in the same transaction."""
        with atomic(self.connection):
            self.look()
            self._decide()
            if survey.data_version != pragma(self.connection, "data_version"):
                survey = self._survey()
            target = self.target
            record = self.record or make_record(self.connection, target.table, target.column, self.name, self.settings)
            record.begin(self.connection, self.name, self.settings, survey.totals)
            self.own(record)
            if self.settings.mode == "in-place":
                self._enable()

    def _go_on(self) -> None:
        with atomic(self.connection):
            self.look()
            if self.record is None:
                raise OptionError(
                    f"{self.target.table}.{self.target.column} was restored a moment ago: migrate it again"
                )
            self._decide()
            self.record.take_over(self.connection)
            self.record.operation, self.record.state, self.record.settings = self.name, "running", self.settings
            self.record.save(self.connection)
            self.own(self.record)

    def _enable(self) -> None:
        settings, target = self.settings, self.target
        wanted = self.wanted
        given = settings._replace(
            dtype_from=wanted.dtype_from, shape_from=wanted.shape_from, dictionary=wanted.dictionary
        )
        enable(self.connection, target.table, target.column, **given._asdict(), force=self.work.force)
        with snapshot(self.connection):
            target.note_own_change()

    def _require_enabled(self) -> None:
        """The schema has changed while rows were compressed."""
        assert self.record is not None
        self.record.require_own(self.connection)
        current = self.target.current
        if current is None or not current.is_intact:
            raise ZblobError(
                f"the compression of {self.target.table}.{self.target.column} was switched off while its rows were "
                "being compressed, or the table was made anew: migrate it again to go on, or restore it"
            )

    # ---- The end ----

    def _finish(self, ending: Ending, look: Callable[[], None]) -> None:
        assert self.record is not None
        with atomic(self.connection):
            look()
            self.is_finished = not self.record.counts.missed
            if self.is_finished:
                self.record.state = "done"
            else:
                self.record.position = None
            self.record.save(self.connection)
