"""export and import: rows of a column to a folder or to object storage, and back.

Rows are independent jobs of one executor. What a row becomes is written before what says that it is complete, so that
a run that is interrupted goes on where it stands when it is called again.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import apsw

from ..bars import Bar, callback_of, show_step, takes_bar
from ..codec import DEFAULT_LEVEL, checksum, is_frame, make_options
from ..column.schema import master_of
from ..column.virtual import find_rows, virtual_columns
from ..connect.database import atomic, fold, quote, run
from ..connect.dictionaries import with_dictionaries
from ..connect.loader import Connection, load
from ..connect.opening import Database, connected, errors_of, opened
from ..errors import DamagedFrameError, DatabaseError, DiskSpaceError, OptionError, StorageError, ZblobError, one_line
from ..migration.pipeline import cpu_count
from ..migration.reports import Failure
from ..shards.layout import Databases, is_pattern, paths_of
from ..shards.store import open as open_store
from . import file_rows, zarr_rows
from .names import MARKS, Key, name_of
from .objects import PATIENCE, Objects
from .rows import RowResult, Stored, Target, require_whole

KINDS = ("zarr", "frames", "nifti", "nrrd", "raw")
CODECS = ("zblob", "zstd")
UNFINISHED = f"{MARKS}/unfinished"  # an object for each export that is going on, or was interrupted
IN_FLIGHT = 16  # jobs, where the executor does not say how many it runs

ProgressCallback = Callable[[str, int, int], None]  # "export" or "import", rows done, rows in all


@dataclass(frozen=True)
class ExchangeReport:
    """What export or import did."""

    operation: str  # "export" or "import"
    url: str
    rows: int  # that were looked at
    done_rows: int  # that were written by this run
    skipped_rows: int  # that were there already
    failures: tuple[Failure, ...]  # rows that were left out
    raw_bytes: int  # of the rows that were done, before compression
    moved_bytes: int  # sent to or received from the storage
    requests: int
    copied_chunks: int  # as they were stored, without decoding
    coded_chunks: int  # decoded and coded again
    unfinished: tuple[str, ...]  # import: what exports to this place have not come to their end, so that rows may lack
    seconds: float

    @property
    def ok(self) -> bool:
        return not self.failures and not self.unfinished


class _Job(NamedTuple):
    """A row to be exported."""

    path: str
    table: str
    column: str
    rowid: Any
    key: Key
    target: Target


def parse(place: str) -> tuple[str, str]:
    """Take `zarr:s3://bucket/prefix` apart.

    :raises OptionError: it does not begin with one of the kinds.
    """
    kind, colon, url = place.partition(":")
    if kind not in KINDS or not colon or not url:
        raise OptionError(f"a place is KIND:URL, such as zarr:s3://bucket/study or nifti:folder, not {place!r}")
    return kind, url


@takes_bar(show_step)
def export_rows(
    databases: Databases,
    table: str,
    column: str,
    to: str,
    *,
    codec: str = "zblob",
    level: int = DEFAULT_LEVEL,
    verify: bool = True,
    executor: Executor | None = None,
    workers: int = 0,
    patience: float = PATIENCE,
    progress: ProgressCallback | Bar | None = None,
) -> ExchangeReport:
    """Write all rows of a column to a folder or to object storage. Nothing is changed in the database.

    :param databases: a path, a pattern such as "store-*.db", or paths; an open APSW connection stands for its file.
    :param to: KIND:URL. `zarr`: an array of Zarr v3 for each row, from which every value comes back byte for byte.
        `frames`: values as they are stored. `nifti`, `nrrd`, `raw` (with JSON): images for other programs.
    :param codec: of Zarr arrays: "zblob", whose chunks are taken from the stored frames without decoding where these
        allow; or "zstd", for readers without this package.
    :param level: for what is coded anew.
    :param verify: read back what was written, and decode the frames that are copied.
    :param executor: threads, processes, or a Dask cluster (`DaskExecutor`) whose workers see the files. None: threads.
    :param patience: seconds to wait for a server that is away.
    :param progress: called with "export", the rows that are done, and all rows; or "bar".
    :raises OptionError: an argument is not allowed, or there is no such column.
    :raises StorageError: the server refuses, or has been away for too long. What was written stays; the next run goes
        on from there.
    """
    kind, url = parse(to)
    if codec not in CODECS:
        raise OptionError(f"codec is one of {', '.join(CODECS)}, not {codec!r}")
    make_options(level=level)
    target = Target(kind, _absolute(url), codec, level, verify, patience)
    objects = Objects(target.url, patience=patience, creates=True)
    paths = paths_of(databases)
    jobs = list(_jobs(paths, table, column, target))
    _refuse_twice(jobs)
    if kind == "zarr":
        zarr_rows.write_group(objects)
    totals = _Totals("export", url, len(jobs), callback_of(progress))
    begun = _begin(objects, kind, paths, table, column)
    for result in _through(executor, workers, export_row, jobs):
        totals.add(result)
    objects.delete(begun)
    return totals.report()


def _begin(objects: Objects, kind: str, paths: list[str], table: str, column: str) -> str:
    """Say that an export is going on, for an import that meets what an interrupted one has left. The object's name."""
    about = json.dumps({"databases": paths, "table": table, "column": column}, indent=1).encode()
    name = f"{UNFINISHED}/{kind}-{checksum(about):016x}"
    objects.put(name, about)
    return name


def _unfinished(objects: Objects, kind: str) -> tuple[str, ...]:
    """Exports of this kind that have begun and not ended."""
    names = sorted(name for name in objects.sizes(f"{UNFINISHED}/") if name.startswith(f"{UNFINISHED}/{kind}-"))
    return tuple(f"{objects.url}/{name}" for name in names)


def _absolute(url: str) -> str:
    return url if "://" in url else os.path.abspath(url)  # noqa: PTH100 - for workers in other folders


def _refuse_twice(jobs: list[_Job]) -> None:
    if len({name_or_none(job.key) for job in jobs}) != len(jobs):
        raise OptionError("several databases have the same keys: export them to different places")


def name_or_none(key: Key) -> Any:
    """Keys without a name fail later, one by one."""
    try:
        return name_of(key)
    except OptionError:
        return object()


def _jobs(paths: list[str], table: str, column: str, target: Target) -> Iterator[_Job]:
    for path in paths:
        with closing(opened(path, writes=False, is_job=True)) as connection, errors_of(path):
            found = find_rows(connection, table)
            name = found.column(column).name
            if len(found.primary_key) > 1 or not (found.rowid_name or found.primary_key):
                raise OptionError(f"table {table} has {len(found.primary_key)} columns in its primary key, not one")
            key = quote(found.primary_key[0].name) if found.primary_key else str(found.rowid_name)
            rowid = found.rowid_name or key
            for row in run(connection, f"SELECT {key}, {rowid} FROM {found.address} ORDER BY {rowid}"):
                yield _Job(path, found.name, name, row[1], row[0], target)


@lru_cache(maxsize=4)
def _objects_of(process: int, url: str, patience: float, creates: bool) -> Objects:
    return Objects(url, patience=patience, creates=creates)


def _client(target: Target, *, creates: bool) -> Objects:
    """For one job: counts of its own, and the connections of the process."""
    shared = _objects_of(os.getpid(), target.url, target.patience, creates)
    own: Objects = object.__new__(Objects)
    vars(own).update(vars(shared), requests=0, received=0, sent=0)
    return own


def export_row(job: _Job) -> RowResult:
    """In a worker."""
    objects = _client(job.target, creates=True)
    write = zarr_rows.write_row if job.target.kind == "zarr" else file_rows.write_row
    try:
        with closing(opened(job.path, writes=False, is_job=True)) as connection, errors_of(job.path):
            found = find_rows(connection, job.table) if not job.table.endswith("_rows") else None
            address = found.address if found else f"main.{quote(job.table)}"
            rowid = (found.rowid_name or quote(found.primary_key[0].name)) if found else "rowid"
            rows = run(connection, f"SELECT {quote(job.column)} FROM {address} WHERE {rowid} = ?", (job.rowid,))
            if not rows:
                return RowResult(job.key, error="the row was deleted meanwhile")
            with with_dictionaries(connection):
                return write(objects, job.key, rows[0][0], job.target)
    except (StorageError, DiskSpaceError):
        raise
    except (ZblobError, OSError) as error:
        return RowResult(job.key, error=one_line(error), requests=objects.requests)


# ---- Import ------------------------------------------------------------------------------------------------


@takes_bar(show_step)
def import_rows(
    database: Database,
    table: str,
    column: str,
    source: str,
    *,
    level: int = DEFAULT_LEVEL,
    overwrite: bool = False,
    verify: bool = True,
    executor: Executor | None = None,
    workers: int = 0,
    patience: float = PATIENCE,
    progress: ProgressCallback | Bar | None = None,
) -> ExchangeReport:
    """Store in a column what `export_rows` or other programs have written; the inverse of `export_rows`.

    A table that is not there is made, with the columns `key` and `column`. Keys are made of the names.

    :param database: a path, an open connection, or the pattern of a sharded store.
    :param source: KIND:URL. `zarr`: the arrays of one group; those of other programs become `.npy` values. `nifti`,
        `nrrd`, `raw`: image files become values that are recognised as such. Where an export was interrupted, what it
        has written is imported, and `unfinished` of the report is not empty.
    :param overwrite: replace rows that are there. Otherwise their keys are left out, so that a run goes on.
    :param verify: decode every frame before it is stored.
    :raises OptionError: as `export_rows`; or what is there is not of this kind.
    :raises StorageError: as `export_rows`.
    :raises DatabaseError: as `export_rows`.
    """
    kind, url = parse(source)
    make_options(level=level)
    target = Target(kind, _absolute(url), "zblob", level, verify, patience)
    objects = Objects(target.url, patience=patience)
    names = _names_of_rows(objects, kind)
    unfinished = _unfinished(objects, kind)
    with ExitStack() as stack:
        put, has = _writer(stack, database, table, column, level)
        totals = _Totals("import", url, len(names), callback_of(progress))
        wanted: list[tuple[str, Target]] = []
        for name in names:
            key = _key_or_none(name)
            if key is not None and not overwrite and has(key):
                totals.add(RowResult(key, skipped=True))
            else:
                wanted.append((name, target))
        for result in _through(executor, workers, import_row, wanted):
            totals.add(result if result.error is not None else _put(put, result))
    return totals.report(unfinished)


def _names_of_rows(objects: Objects, kind: str) -> list[str]:
    """:raises OptionError: there are no rows of this kind, but something else."""
    names = objects.folders() if kind == "zarr" else file_rows.names_in(objects, kind)
    names = [name for name in names if name != MARKS]
    there = [] if names else [name for name in objects.sizes() if not name.startswith(f"{MARKS}/")]
    if not there or (kind == "zarr" and zarr_rows.GROUP in there):  # an export of no row
        return names
    ends = {"zarr": zarr_rows.GROUP, **file_rows.SUFFIXES}
    other = next((each for each in ends if any(name.endswith(ends[each]) and "/" not in name for name in there)), None)
    hint = f": give {other}:{objects.url}" if other else ", nor of another that import reads"
    raise OptionError(f"nothing in {objects.url} is of the kind {kind}{hint}")


def _key_or_none(name: str) -> Key | None:
    from .names import key_of

    try:
        return key_of(name)
    except OptionError:
        return None


def import_row(job: tuple[str, Target]) -> RowResult:
    """In a worker."""
    name, target = job
    read = zarr_rows.read_row if target.kind == "zarr" else file_rows.read_row
    try:
        return read(_client(target, creates=False), name, target)
    except (StorageError, DiskSpaceError):
        raise
    except (ZblobError, OSError) as error:
        return RowResult(name, error=one_line(error))


def _put(put: Callable[[Key, Stored, bool], None], result: RowResult) -> RowResult:
    """Store the value; what the table does not take is a failure of this row."""
    try:
        put(result.key, result.stored, result.is_checked)
    except DamagedFrameError as error:
        return RowResult(result.key, error=one_line(error), requests=result.requests)
    except (DatabaseError, apsw.ConstraintError) as error:
        reason = error if isinstance(error, apsw.ConstraintError) else error.__cause__
        if not isinstance(reason, apsw.ConstraintError):
            raise
        return RowResult(result.key, error=f"the table does not take it: {reason}", requests=result.requests)
    return result


def _writer(
    stack: ExitStack, database: Database, table: str, column: str, level: int
) -> tuple[Callable[[Key, Stored, bool], None], Callable[[Key], bool]]:
    """What stores a row, after a check if nobody has checked it, and what looks whether there is one."""
    if is_pattern(database):
        store = stack.enter_context(open_store(database, level=level))
        place = (fold(store.layout.table), fold(store.layout.column))
        if place != (fold(table), fold(column)):
            raise OptionError(f"the store's values are in {store.layout.table}.{store.layout.column}")

        def put_frame(row: Key, stored: Stored, is_checked: bool) -> None:
            if not is_checked:
                require_whole(stored)
            store.put_frame(row, stored)  # type: ignore[arg-type]

        return put_frame, store.__contains__
    connection = stack.enter_context(connected(database, writes=True))
    load(connection)
    key = _key_column(connection, table, column)
    address, key_name, name = f"main.{quote(table)}", quote(key), quote(column)
    place = (fold(table), fold(column))
    is_virtual = place in {(fold(each.table), fold(each.column)) for each in virtual_columns(connection, "main")}

    def put(row: Key, stored: Stored, is_checked: bool) -> None:
        # A virtual table would put a second frame around this one, and its readers would get a frame for a value.
        is_unpacked = is_virtual and isinstance(stored, bytes) and is_frame(stored)
        if is_unpacked or not is_checked:
            with with_dictionaries(connection):
                require_whole(stored)
        value = "zdecompress(?1)" if is_unpacked else "?1"
        with atomic(connection):
            if has(row):
                run(connection, f"UPDATE {address} SET {name} = {value} WHERE {key_name} = ?2", (stored, row))
            else:
                run(connection, f"INSERT INTO {address}({name}, {key_name}) VALUES ({value}, ?2)", (stored, row))

    def has(row: Key) -> bool:
        return bool(run(connection, f"SELECT 1 FROM {address} WHERE {key_name} = ?", (row,)))

    return put, has


def _key_column(connection: Connection, table: str, column: str) -> str:
    names = run(connection, f"SELECT name FROM {master_of('main')} WHERE type = 'table'")
    if fold(table) not in [fold(name) for (name,) in names]:
        run(connection, f"CREATE TABLE {quote(table)}(key PRIMARY KEY NOT NULL, {quote(column)} BLOB)")
    found = find_rows(connection, table)
    found.column(column)
    if len(found.primary_key) != 1:
        raise OptionError(f"table {table} has {len(found.primary_key)} columns in its primary key, not one")
    return found.primary_key[0].name


# ---- Both --------------------------------------------------------------------------------------------------


def _through(
    executor: Executor | None, workers: int, function: Callable[[Any], RowResult], jobs: Iterable[Any]
) -> Iterator[RowResult]:
    """Results in the order of the jobs, of which a bounded number is in flight."""
    with ExitStack() as stack:
        if executor is None:
            count = workers or cpu_count()
            executor = stack.enter_context(ThreadPoolExecutor(count, thread_name_prefix="zblob-exchange"))
            bound = 2 * count
        else:
            bound = 2 * workers or IN_FLIGHT
        flying: deque[Future[RowResult]] = deque()
        try:
            for job in jobs:
                flying.append(executor.submit(function, job))
                if len(flying) >= bound:
                    yield flying.popleft().result()
            while flying:
                yield flying.popleft().result()
        finally:
            for future in flying:
                future.cancel()


class _Totals:
    def __init__(self, operation: str, url: str, rows: int, progress: ProgressCallback | None) -> None:
        self.operation, self.url, self.rows, self.progress = operation, url, rows, progress
        self.begun = time.monotonic()
        self.looked = self.done = self.skipped = self.raw = self.moved = 0
        self.requests = self.copied = self.coded = 0
        self.failures: list[Failure] = []

    def add(self, result: RowResult) -> None:
        self.looked += 1
        self.requests += result.requests
        if result.error is not None:
            self.failures.append(Failure({"key": result.key}, result.error))
        elif result.skipped:
            self.skipped += 1
        else:
            self.done += 1
            self.raw += result.raw_bytes
            self.moved += result.moved_bytes
            self.copied += result.copied_chunks
            self.coded += result.coded_chunks
        if self.progress:
            self.progress(self.operation, self.looked, self.rows)

    def report(self, unfinished: tuple[str, ...] = ()) -> ExchangeReport:
        return ExchangeReport(
            self.operation,
            self.url,
            self.rows,
            self.done,
            self.skipped,
            tuple(self.failures),
            self.raw,
            self.moved,
            self.requests,
            self.copied,
            self.coded,
            unfinished,
            time.monotonic() - self.begun,
        )
