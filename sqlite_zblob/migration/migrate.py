"""Existing rows into compressed ones and back: migrate, restore, and migrate for all columns of a database."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace

from ..codec import DEFAULT_LEVEL
from ..column.storage import DEFAULT_MIN_SIZE, ColumnStatus, check_enable, enable, status
from ..connect.database import atomic
from ..errors import OptionError
from .batches import Settings
from .operation import Operation, Request, pragma, settings_of
from .record import make_record
from .reports import ProgressCallback, Report
from .restore import Restoration
from .space import check_vacuum, opened
from .survey import Survey, survey_column
from .values import Entry, describe_key, find_place
from .workers import compress_task

BATCH_SIZE = 64 << 20


def migrate(
    database: str | os.PathLike[str],
    table: str,
    column: str,
    *,
    mode: str = "in-place",
    envelope: str = "frame",
    level: int = DEFAULT_LEVEL,
    min_size: int = DEFAULT_MIN_SIZE,
    executor: Executor | Callable[[], Executor] | None = None,
    workers: int = 0,
    vacuum: str = "none",
    pace: float = 1.0,
    batch_size: int = BATCH_SIZE,
    dry_run: bool = False,
    progress: ProgressCallback | None = None,
) -> Report:
    """Enable a column's compression and compress the rows that are there, while others read and write.

    A run that was interrupted, however, is continued by calling it again; nothing is lost in between.

    :param database: a path, or a `file:` URI.
    :param mode: as for `enable`, and so `envelope`, `level` and `min_size`.
    :param executor: where values are compressed and verified: any `concurrent.futures.Executor`, or a function that
        makes one, which is called again when a value kills its worker process. Threads, if None.
    :param workers: how many tasks run at once. 0: the executor's own number, or as many as the process has CPUs.
    :param vacuum: afterwards: "none", "full" (VACUUM, which locks the database), or "incremental" (in steps; needs
        PRAGMA auto_vacuum = INCREMENTAL).
    :param pace: the share of time, 0 to 1, for which the write lock may be held.
    :param batch_size: bytes before compression that one transaction replaces at most, unless one value has more.
    :param dry_run: only look, and say what there is to do.
    :param progress: called at least after every batch, in the calling thread.
    :raises OptionError: the column cannot be compressed so; every reason is named.
    :raises DiskSpaceError: there is not enough free space; nothing has been changed, or nothing since the last batch.
    :raises MetadataError: a newer version of sqlite_zblob has worked on this database.
    :raises WorkerError: the workers carry another version of the codec.
    """
    wanted = ColumnStatus("main", table, column, mode, envelope, level, min_size, is_intact=True)
    settings = Settings(executor, workers, pace, batch_size)
    request = Request(os.fspath(database), "migrate", table, column, settings, vacuum, progress)
    with opened(database) as connection:
        return _Migration(connection, request).run(wanted, dry_run=dry_run)


def restore(
    database: str | os.PathLike[str],
    table: str,
    column: str,
    *,
    executor: Executor | Callable[[], Executor] | None = None,
    workers: int = 0,
    vacuum: str = "none",
    pace: float = 1.0,
    batch_size: int = BATCH_SIZE,
    dry_run: bool = False,
    progress: ProgressCallback | None = None,
) -> Report:
    """Switch a column's compression off and give back every value: the inverse of `migrate`.

    To restore a column that was enabled, not migrated, and disabled again, enable it first.

    Values and schema are those of before, but that mode "table" leaves the table's name quoted in the schema. A value
    that is damaged stays as it is and is reported; in mode "table" the table then stays a virtual one, so that
    reading that value is still an error. Parameters and errors are those of `migrate`.

    :raises NotCompressedError: the column is neither enabled nor was it migrated, or it was restored already; nothing
        was changed.
    """
    settings = Settings(executor, workers, pace, batch_size)
    request = Request(os.fspath(database), "restore", table, column, settings, vacuum, progress)
    with opened(database) as connection:
        return Restoration(connection, request).run(dry_run=dry_run)


def compress_store(
    database: str | os.PathLike[str],
    *,
    executor: Executor | Callable[[], Executor] | None = None,
    workers: int = 0,
    vacuum: str = "none",
    pace: float = 1.0,
    batch_size: int = BATCH_SIZE,
    dry_run: bool = False,
    progress: ProgressCallback | None = None,
) -> list[Report]:
    """`migrate` every enabled column of a database, with the settings that it has. Vacuums once, at the end."""
    with opened(database, read_only=True) as connection:
        check_vacuum(connection, vacuum)
        columns = status(connection, schema="main")
    if not columns:
        raise OptionError(f"no column of {os.fspath(database)} is enabled: migrate the one that you mean")
    reports = []
    for number, each in enumerate(columns, 1):
        report = migrate(
            database,
            each.table,
            each.column,
            mode=each.mode,
            envelope=each.envelope,
            level=each.level,
            min_size=each.min_size,
            executor=executor,
            workers=workers,
            vacuum=vacuum if number == len(columns) else "none",
            pace=pace,
            batch_size=batch_size,
            dry_run=dry_run,
            progress=progress,
        )
        reports.append(report)
    return reports


class _Migration(Operation):
    def run(self, wanted: ColumnStatus, *, dry_run: bool) -> Report:
        current = self.current
        is_new = current is None or not current.is_intact
        check_enable(self.connection, wanted)
        if dry_run or not self.resumed or (is_new and wanted.mode == "table"):
            with_frames = is_new and (self.record is None or wanted.mode == "table")
            survey = survey_column(self.connection, self.place, self.meter, with_frames=with_frames)
            if is_new and wanted.mode == "table":
                self._refuse_frames(survey)
            self.growth = survey.growth_of_batches(self.settings.batch_size)
            if dry_run:
                return self.dry_report(survey, wanted.mode, wanted.envelope)
            self.require_space()
            if not self.resumed:
                self._begin(wanted, survey, is_new=is_new)
        assert self.record is not None
        self._enable(wanted)
        self.place, self.rows = find_place(self.connection, self.table, self.column)
        self.record.settings = settings_of(wanted)
        self.rewrite(compress_task, lambda entry: _wants(entry, wanted), nested=None)
        with atomic(self.connection):
            self.record.state = "done"
            self.record.save(self.connection)
        report = self.report(wanted.mode, wanted.envelope, self.failures(), finished=True)
        self.give_space_back()
        return replace(report, seconds=self.meter.seconds)

    def _begin(self, wanted: ColumnStatus, survey: Survey, *, is_new: bool) -> None:
        """Record what is about to happen; in place, together with it."""
        with atomic(self.connection):
            if is_new and self.record is None and survey.data_version != pragma(self.connection, "data_version"):
                survey = survey_column(self.connection, self.place, self.meter, with_frames=True)
            settings = settings_of(wanted)
            is_first = self.record is None
            self.record = self.record or make_record(self.connection, self.table, self.column, self.name, settings)
            self.record.begin(self.connection, self.name, settings, survey.plan)
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
        """A virtual table takes every frame among its rows for its own."""
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
