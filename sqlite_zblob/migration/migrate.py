"""Compress existing rows, and decompress them again: migrate, restore, and compress_store for a whole database."""

from __future__ import annotations

from dataclasses import replace

from ..codec import DEFAULT_LEVEL
from ..column.storage import DEFAULT_MIN_SIZE, ColumnStatus, check_enable, enable, status
from ..connect.database import atomic, pragma
from ..connect.opening import Database, name_of, rewriting
from ..errors import OptionError
from .operation import Operation, Request
from .record import Settings, make_record
from .reports import Report
from .restore import Restoration
from .space import check_vacuum
from .survey import Survey, survey_column
from .values import Entry, describe_key, find_place
from .work import Unpack, Work, WorkOptions
from .workers import compress_task


def migrate(
    database: Database,
    table: str,
    column: str,
    *,
    mode: str = "in-place",
    envelope: str = "frame",
    level: int = DEFAULT_LEVEL,
    min_size: int = DEFAULT_MIN_SIZE,
    **options: Unpack[WorkOptions],
) -> Report:
    """Enable a column's compression and compress the rows that are there, while others read and write.

    A run that was interrupted, in whatever way, is continued by calling it again; nothing is lost in between.

    :param database: a path, a `file:` URI, or an open APSW connection, whose file is then opened once more.
    :param mode: as for `enable`, and so `envelope`, `level` and `min_size`.
    :param executor: where values are compressed and verified: any `concurrent.futures.Executor`, or a function that
        makes one, which is called again when a value kills its worker process. Threads, if None.
    :param workers: how many tasks run at once; 0, the default: as many as the process has CPUs.
    :param vacuum: what to do afterwards: "none", the default; "full" (VACUUM, which locks the database); or
        "incremental" (in steps; needs PRAGMA auto_vacuum = INCREMENTAL).
    :param pace: the share of time, above 0 and at most 1, the default, for which the write lock may be held.
    :param batch_size: bytes before compression that one transaction replaces at most, unless one value has more; 64 MiB
        by default.
    :param dry_run: only look, and report what there is to do.
    :param progress: called with a `Progress` at least after every batch, in the calling thread.
    :raises OSError: there is no such file, it is a directory, or it may not be read or written.
    :raises DatabaseError: it is no database, or SQLite cannot use it.
    :raises OptionError: the column cannot be compressed in this way (every reason is named), an argument is not
        allowed, or this process has the file open through the sqlite3 module, whose locks would be undone.
    :raises DiskSpaceError: there is not enough free space; nothing has been changed, or nothing since the last batch.
    :raises MetadataError: a newer version of sqlite_zblob has worked on this database.
    :raises WorkerError: the workers carry another version of the codec.
    """
    wanted = ColumnStatus("main", table, column, mode, envelope, level, min_size, is_intact=True)
    return _migrate(database, wanted, Work(**options))


def _migrate(database: Database, wanted: ColumnStatus, work: Work) -> Report:
    with rewriting(database, writes=not work.dry_run) as (connection, location):
        request = Request(location.target, "migrate", wanted.table, wanted.column, work)
        return _Migration(connection, request).run(wanted)


def restore(database: Database, table: str, column: str, **options: Unpack[WorkOptions]) -> Report:
    """Switch a column's compression off and give back every value: the inverse of `migrate`.

    To restore a column that was enabled, never migrated, and then disabled, enable it first.

    Values and schema become what they were before, except that mode "table" leaves the table's name quoted in the
    schema. A damaged value stays as it is and is reported. In mode "table" the table then stays a virtual one, so that
    reading that value is still an error. Parameters and errors are those of `migrate`.

    :raises NotCompressedError: the column is not enabled and was not migrated, or it was restored already; nothing was
        changed.
    """
    work = Work(**options)
    with rewriting(database, writes=not work.dry_run) as (connection, location):
        return Restoration(connection, Request(location.target, "restore", table, column, work)).run()


def compress_store(database: Database, **options: Unpack[WorkOptions]) -> list[Report]:
    """`migrate` every enabled column of a database, each with its own settings. Vacuums once, at the end.

    Parameters and errors are those of `migrate`.

    :raises OptionError: no column is enabled.
    """
    work = Work(**options)
    with rewriting(database, writes=False) as (connection, _):
        check_vacuum(connection, work.vacuum)
        columns = status(connection, schema="main")
    if not columns:
        raise OptionError(f"no column of {name_of(database)} is enabled: migrate the one that you mean")
    unvacuumed = replace(work, vacuum="none")
    return [_migrate(database, each, work if each is columns[-1] else unvacuumed) for each in columns]


class _Migration(Operation):
    def run(self, wanted: ColumnStatus) -> Report:
        current, dry_run = self.current, self.work.dry_run
        is_new = current is None or not current.is_intact
        check_enable(self.connection, wanted)
        if dry_run or not self.resumed or (is_new and wanted.mode == "table"):
            with_frames = is_new and (self.record is None or wanted.mode == "table")
            survey = survey_column(self.connection, self.place, self.meter, with_frames=with_frames)
            if is_new and wanted.mode == "table":
                self._refuse_frames(survey)
            self.growth = survey.growth_of_batches(self.work.batch_size)
            if dry_run:
                return self.dry_report(survey, wanted.mode, wanted.envelope)
            self.require_space()
            if not self.resumed:
                self._begin(wanted, survey, is_new=is_new)
        assert self.record is not None
        self._enable(wanted)
        self.place, self.rows = find_place(self.connection, self.table, self.column)
        self.record.settings = Settings.of(wanted)
        self.rewrite(compress_task, lambda entry: _wants(entry, wanted), nested=None)
        with atomic(self.connection):
            self.record.state = "done"
            self.record.save(self.connection)
        report = self.report(wanted.mode, wanted.envelope, self.failures(), finished=True)
        self.give_space_back()
        return replace(report, seconds=self.meter.seconds)

    def _begin(self, wanted: ColumnStatus, survey: Survey, *, is_new: bool) -> None:
        """Record what is about to happen; in place, enable the column in the same transaction."""
        with atomic(self.connection):
            if is_new and self.record is None and survey.data_version != pragma(self.connection, "data_version"):
                survey = survey_column(self.connection, self.place, self.meter, with_frames=True)
            settings = Settings.of(wanted)
            is_first = self.record is None
            self.record = self.record or make_record(self.connection, self.table, self.column, self.name, settings)
            self.record.begin(self.connection, self.name, settings, survey.totals)
            for entry, digest in survey.frames if is_first else ():
                self.record.add(self.connection, "kept", entry.key, f"{digest:016x}")
            if wanted.mode == "in-place":
                self._enable(wanted)

    def _enable(self, wanted: ColumnStatus) -> None:
        enable(
            self.connection,
            self.table,
            self.column,
            mode=wanted.mode,
            envelope=wanted.envelope,
            level=wanted.level,
            min_size=wanted.min_size,
        )

    def _refuse_frames(self, survey: Survey) -> None:
        """Refuse frames of the user's own: a virtual table would decompress them for its readers."""
        if survey.frames:
            key = describe_key(self.connection, self.place, self.rows, survey.frames[0][0].key)
            raise OptionError(
                f"{len(survey.frames)} values of column {self.column} look like compressed ones before any is, for "
                f'instance that of row {key}, and mode "table" would take them for its own: decompress them first '
                f'(UPDATE {self.table} SET {self.column} = zdecompress({self.column})), or take mode "in-place"'
            )


def _wants(entry: Entry, wanted: ColumnStatus) -> bool:
    if entry.is_frame or entry.value_type not in ("blob", "text"):
        return False
    if entry.value_type == "text" and wanted.envelope == "pickle":
        return False
    return entry.size >= wanted.min_size or entry.has_magic
