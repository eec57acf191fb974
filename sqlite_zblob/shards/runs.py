"""migrate, restore, verify, analyze and stats on several databases side by side: one progress, one report.

Each database is worked on by a thread of its own, which alone writes to it. Values are computed in threads, or in the
one executor that all share: processes, or the workers of a Dask cluster.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..analysis.analyze import Analysis
from ..analysis.analyze import analyze as analyze_one
from ..analysis.stats import TableStats
from ..analysis.stats import stats as stats_one
from ..bars import Bar, callback_of, show_step, takes_bar
from ..connect.database import run
from ..connect.opening import errors_of, opened, path_of
from ..errors import OptionError, ZblobError, one_line
from ..migration.migrate import migrate as migrate_one
from ..migration.migrate import restore as restore_one
from ..migration.pipeline import cpu_count
from ..migration.record import compressed_columns
from ..migration.reports import Progress, ProgressCallback, ProgressOption, Report, VerifyReport
from ..migration.shown import show_rows
from ..migration.verify import verify as verify_one
from .layout import TABLE as CATALOGUE
from .layout import Databases, each_of, matching, read_layout

StepsProgress = Callable[[str, int, int], None]  # the operation, the databases that are done, and all of them
PieceReport = Report | VerifyReport | Analysis | tuple[TableStats, ...]

_HAS_CATALOGUE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
TICK_SECONDS = 0.25
LEAST_SECONDS = 0.1  # that analyze takes for each database


@dataclass(frozen=True)
class DatabaseResult:
    """What became of one database."""

    database: str
    report: Report | VerifyReport | Analysis | tuple[TableStats, ...] | None  # as of the database alone; None: an error
    error: str | None  # why it was not done; the others were
    error_kind: str | None  # the class of that error
    rows: int  # as in the sums, and so the next three
    changed_rows: int
    raw_bytes: int
    stored_bytes: int
    problems: int


@dataclass(frozen=True)
class DatabasesReport:
    """One operation on several databases, with sums."""

    operation: str  # "migrate", "restore", "verify", "analyze" or "stats"
    databases: tuple[DatabaseResult, ...]  # by name
    rows: int  # values that were looked at
    changed_rows: int  # migrate and restore: values that were replaced; verify and stats: compressed values
    raw_bytes: int  # before compression; analyze: as stored now
    stored_bytes: int  # as stored in the end; analyze: estimated, with what it recommends
    problems: int  # databases with an error, values that failed, damages
    seconds: float

    @property
    def ok(self) -> bool:
        """Was everything done, and is nothing damaged?"""
        return self.problems == 0

    @property
    def ratio(self) -> float | None:
        return self.raw_bytes / self.stored_bytes if self.stored_bytes else None


class _Stopped(BaseException):
    """Ends the thread of a database, from its progress callback, after Ctrl-C."""


class _Sum:
    """The progress of all databases as that of one."""

    def __init__(self, callback: ProgressCallback | None, count: int) -> None:
        self.callback, self.count = callback, count
        self.parts: dict[int, Progress] = {}
        self.ended: set[int] = set()
        self.is_stopped = False
        self.begun = time.monotonic()
        self._lock = threading.Lock()
        self._changed = False

    def of(self, number: int) -> ProgressCallback:
        def take(progress: Progress) -> None:
            if self.is_stopped:
                raise _Stopped
            with self._lock:
                self.parts[number] = progress
                self._changed = True

        return take

    def show(self) -> None:
        """In the caller's thread."""
        with self._lock:
            parts, changed, self._changed = list(self.parts.items()), self._changed, False
        if not parts or not changed or self.callback is None:
            return
        each = [progress for _, progress in parts]
        # Databases that have not begun are taken to be like the others.
        scale = self.count / len(each)
        done, total = (sum(getattr(p, f"bytes_{word}") for p in each) for word in ("done", "total"))
        rate = sum(p.rate for number, p in parts if number not in self.ended)
        left = total * scale - done
        self.callback(
            Progress(
                operation=each[0].operation,
                table=each[0].table,
                column=each[0].column,
                phase=min(each, key=lambda p: ("scan", "rows", "finish", "vacuum").index(p.phase)).phase,
                rows_done=sum(p.rows_done for p in each),
                rows_total=round(sum(p.rows_total for p in each) * scale),
                bytes_done=done,
                bytes_total=round(total * scale),
                stored_bytes=sum(p.stored_bytes for p in each),
                seconds=time.monotonic() - self.begun,
                failures=sum(p.failures for p in each),
                rate=rate,
                eta=left / rate if rate > 0 else None,
            )
        )


class _Steps(_Sum):
    """Of what reports nothing by itself: how many databases are done."""

    def __init__(self, operation: str, callback: StepsProgress | None, count: int) -> None:
        super().__init__(None, count)
        self.operation, self.done = operation, callback

    def show(self) -> None:
        if self.done is not None:
            self.done(self.operation, len(self.ended), self.count)


def _names(databases: Databases) -> list[str]:
    if isinstance(databases, str | os.PathLike):
        return matching(os.fsdecode(databases))
    names = [path_of(each) for each in each_of(databases)]
    if not names or len({os.path.realpath(each) for each in names}) != len(names):
        raise OptionError("give at least one database, and each of them once")
    return names


def _run(
    operation: str,
    databases: Databases,
    call: Callable[[str, ProgressCallback, int], Any],
    summed: Callable[[int], _Sum],
    side_by_side: int,
) -> DatabasesReport:
    """:param call: is given a database, what to report progress to, and the number of workers.
    :param summed: given the number of databases, makes what shows their progress.
    """
    names = _names(databases)
    if side_by_side < 0:
        raise OptionError(f"side_by_side must not be negative, not {side_by_side}")
    at_once = min(len(names), side_by_side or cpu_count())
    workers = max(1, cpu_count() // at_once)
    sums, begun = summed(len(names)), time.monotonic()

    def one(number: int) -> DatabaseResult:
        try:
            if sums.is_stopped:
                raise _Stopped
            report = call(names[number], sums.of(number), workers)
            report = tuple(report) if isinstance(report, list) else report
            return DatabaseResult(names[number], report, None, None, *_figures(report))
        except (ZblobError, OSError) as error:
            return DatabaseResult(names[number], None, one_line(error), type(error).__name__, *_figures(None))
        finally:
            sums.ended.add(number)

    with ThreadPoolExecutor(at_once, thread_name_prefix="zblob-database") as pool:
        futures = [pool.submit(one, number) for number in range(len(names))]
        try:
            left = set(futures)
            while left:
                _, left = wait(left, TICK_SECONDS)
                sums.show()
        except BaseException:
            sums.is_stopped = True
            for future in futures:
                future.cancel()
            raise
        results = tuple(future.result() for future in futures)
    return DatabasesReport(operation, results, *_sums(results), seconds=time.monotonic() - begun)


def _run_on_column(
    operation: str,
    run_one: Callable[..., Any],
    databases: Databases,
    place: tuple[str | None, str | None],
    options: dict[str, Any],
    progress: ProgressOption,
    side_by_side: int,
) -> DatabasesReport:
    """:param run_one: the operation on one database.
    :param options: of `run_one`. Without `workers`, databases share the CPUs.
    """

    def call(name: str, show: ProgressCallback, share: int) -> Any:
        workers = options.get("workers") or share
        return run_one(name, *_named(name, *place), progress=show, **{**options, "workers": workers})

    return _run(operation, databases, call, partial(_Sum, callback_of(progress)), side_by_side)


def _named(name: str, table: str | None, column: str | None) -> tuple[str | None, str | None]:
    """Where no table was named and no column is compressed by the database: where a sharded store has its values."""
    if table is not None or column is not None:
        return table, column
    with closing(opened(name, writes=False)) as connection, errors_of(name):
        if compressed_columns(connection) or not run(connection, _HAS_CATALOGUE, (CATALOGUE,)):
            return None, None
        layout = read_layout(connection, name)
        return layout.table, layout.column


def _sums(results: tuple[DatabaseResult, ...]) -> tuple[int, int, int, int, int]:
    figures = [(each.rows, each.changed_rows, each.raw_bytes, each.stored_bytes, each.problems) for each in results]
    rows, changed, raw, stored, problems = (sum(column) for column in zip(*figures, strict=True))
    return rows, changed, raw, stored, problems


def _figures(report: PieceReport | None) -> tuple[int, int, int, int, int]:
    """rows, changed_rows, raw_bytes, stored_bytes, problems."""
    if report is None:
        return 0, 0, 0, 0, 1
    if isinstance(report, Report):
        problems = len(report.failures) + (not (report.finished or report.dry_run) and not report.failures)
        return report.rows, report.changed_rows, report.raw_bytes, report.stored_bytes, problems
    if isinstance(report, VerifyReport):
        return report.rows, report.compressed_rows, report.raw_bytes, report.stored_bytes, len(report.damages)
    if isinstance(report, Analysis):
        then = [each.recommended for each in report.columns if each.mode is not None]
        saved = sum(round(each.saving) for each in report.columns if each.mode is not None)
        total = sum(each.bytes for each in report.columns)
        return sum(each.rows for each in report.columns), len(then), total, total - saved, 0
    return (
        sum(each.rows for each in report),
        sum(each.compressed_rows for each in report),
        sum(each.raw_bytes for each in report),
        sum(each.stored_bytes for each in report),
        sum(each.damaged_rows for each in report),
    )


@takes_bar(show_rows)
def migrate(
    databases: Databases,
    table: str,
    column: str,
    *,
    side_by_side: int = 0,
    progress: ProgressOption = None,
    **options: Any,
) -> DatabasesReport:
    """`sqlite_zblob.migrate` of the same column of several databases.

    An error of one database is in the report, and the others go on.

    :param databases: a pattern such as "store-*.db", or paths; open APSW connections stand for their files.
    :param side_by_side: how many databases are worked on at once; 0: as many as there are CPUs.
    :param options: as for `sqlite_zblob.migrate`. `workers` counts for each database, and all share `executor`.
    :raises OptionError: no file matches.
    """
    return _run_on_column(
        "migrate", migrate_one, databases, (table, column), options, callback_of(progress), side_by_side
    )


@takes_bar(show_rows)
def restore(
    databases: Databases,
    table: str,
    column: str,
    *,
    side_by_side: int = 0,
    progress: ProgressOption = None,
    **options: Any,
) -> DatabasesReport:
    """`sqlite_zblob.restore` of the same column of several databases; otherwise as `migrate`."""
    return _run_on_column(
        "restore", restore_one, databases, (table, column), options, callback_of(progress), side_by_side
    )


@takes_bar(show_rows)
def verify(
    databases: Databases,
    table: str | None = None,
    column: str | None = None,
    *,
    side_by_side: int = 0,
    executor: Any = None,
    workers: int = 0,
    progress: ProgressOption = None,
) -> DatabasesReport:
    """`sqlite_zblob.verify` of several databases; otherwise as `migrate`."""
    options = {"executor": executor, "workers": workers}
    return _run_on_column(
        "verify", verify_one, databases, (table, column), options, callback_of(progress), side_by_side
    )


@takes_bar(show_step)
def analyze(
    databases: Databases,
    table: str | None = None,
    column: str | None = None,
    *,
    seconds: float = 20.0,
    side_by_side: int = 1,
    progress: StepsProgress | Bar | None = None,
    **options: Any,
) -> DatabasesReport:
    """`sqlite_zblob.analyze` of several databases, by default one after the other: it measures times.

    :param progress: called with "analyze", the databases that are done, and all of them; or "bar".
    :param seconds: for all of them together, but at least a tenth of a second for each.
    """
    names = _names(databases)
    share = max(LEAST_SECONDS, seconds * max(1, side_by_side) / len(names))

    def call(name: str, _: ProgressCallback, __: int) -> Analysis:
        return analyze_one(name, table, column, seconds=share, **options)

    return _run("analyze", names, call, partial(_Steps, "analyze", callback_of(progress)), side_by_side)


@takes_bar(show_step)
def stats(
    databases: Databases,
    table: str | None = None,
    column: str | None = None,
    *,
    side_by_side: int = 0,
    progress: StepsProgress | Bar | None = None,
) -> DatabasesReport:
    """`sqlite_zblob.stats` of several databases; otherwise as `migrate`.

    :param progress: called with "stats", the databases that are done, and all of them; or "bar".
    """

    def call(name: str, _: ProgressCallback, __: int) -> list[TableStats]:
        return stats_one(name, *_named(name, table, column))

    return _run("stats", databases, call, partial(_Steps, "stats", callback_of(progress)), side_by_side)
