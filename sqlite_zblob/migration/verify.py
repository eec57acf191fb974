"""Read every value of a column, decode every chunk, and report everything that is damaged."""

from __future__ import annotations

import time
from collections.abc import Iterator

import apsw

from ..bars import callback_of, takes_bar
from ..column.dictionaries import has_table, moved_dictionaries, why_not_found
from ..column.schema import Table, check_metadata
from ..column.virtual import find_rows
from ..connect.database import fold, run, snapshot
from ..connect.dictionaries import TABLE
from ..connect.loader import load
from ..connect.opening import Database, rewriting
from ..errors import OptionError
from .meter import Meter
from .pipeline import Load, Pipeline
from .record import compressed_columns
from .reports import Damage, ProgressCallback, ProgressOption, VerifyReport
from .scan import SCAN_SIZE, Scan
from .shown import show_rows
from .texts import damage_of, find_texts
from .values import PAGE_ROWS, Entry, Key, Place, Span, describe_key, find_place, large_entries, next_span, page
from .work import BUNDLE_SIZE, ExecutorSource
from .workers import Item, Job, Outcome, Source, attach_values, source_of, verify_task

# Rows whose small values a worker checks in one statement.
SPAN_ROWS = 4000

# Bytes of the values that workers have at any time. A larger value is checked alone.
IN_FLIGHT = 64 << 20


@takes_bar(show_rows)
def verify(
    database: Database,
    table: str | None = None,
    column: str | None = None,
    *,
    executor: ExecutorSource = None,
    workers: int = 0,
    progress: ProgressOption = None,
) -> VerifyReport:
    """Decode every compressed value, and name each that is damaged: its row, its chunk, and the reason.

    :param database: a path, a `file:` URI, or an open APSW connection, whose file is then opened once more.
    :param table: if None, all columns of the database that are enabled or were migrated.
    :param column: if None, all such columns of the table; otherwise this one, enabled or not.
    :param executor: as for `migrate`, and so `workers` and `progress`.
    :raises OSError: there is no such file, it is a directory, or it may not be read.
    :raises DatabaseError: it is no database, or SQLite cannot read it.
    :raises OptionError: there is no such column, nothing is enabled, or this process has the file open through the
        sqlite3 module.
    :raises MetadataError: a newer version of sqlite_zblob has worked on this database.
    :raises WorkerError: the workers carry another version of the codec.
    """
    with rewriting(database, writes=False) as (connection, location):
        check_metadata(connection, "main")
        columns = _columns(connection, table, column)
        check = _Check(connection, location.target, executor, workers)
        check.damages += _damaged_dictionaries(connection)
        for name, data in columns:
            try:
                check.run(name, data, callback_of(progress))
            except apsw.SQLError as error:  # such as a key in an order that only the program's own connections have
                reason = f"SQLite cannot read the table here: {error}"
                check.damages.append(Damage(name, data, {}, None, reason))
    return VerifyReport(
        tuple(columns),
        rows=check.rows,
        compressed_rows=check.compressed_rows,
        raw_bytes=check.raw_bytes,
        stored_bytes=check.stored_bytes,
        damages=tuple(check.damages),
        seconds=time.monotonic() - check.begun,
    )


def _damaged_dictionaries(connection: apsw.Connection) -> list[Damage]:
    """Of a moved one: readers find it nevertheless, but whoever writes does so without it."""
    load(connection)
    if (reason := why_not_found(connection, "main")) is not None:
        return [Damage(TABLE, "dictionary", {}, None, reason)]
    return [
        Damage(
            TABLE,
            "dictionary",
            {"id": id},
            None,
            f"these bytes are those of dictionary {hashed}, whose row was given another id: "
            f"zb.drop_dictionaries(connection) gives it back, and deletes no dictionary that a value needs",
        )
        for id, hashed in (moved_dictionaries(connection, "main") if has_table(connection, "main") else [])
    ]


def _columns(connection: apsw.Connection, table: str | None, column: str | None) -> list[tuple[str, str]]:
    if table is not None and column is not None:
        return [(table, column)]
    found = [
        (name, data)
        for name, data in compressed_columns(connection)
        if (table is None or fold(name) == fold(table)) and (column is None or fold(data) == fold(column))
    ]
    if not found and table is not None:
        find_rows(connection, table)  # raises where there is no such table
        raise OptionError(f"no column of table {table} is enabled or was migrated: name the column")
    if not found:
        raise OptionError("no column is enabled or was migrated: name the table and the column")
    return found


class _Check:
    """Sums over the columns of one call."""

    def __init__(self, connection: apsw.Connection, database: str, executor: ExecutorSource, workers: int) -> None:
        self.connection, self.database, self.executor, self.workers = connection, database, executor, workers
        self.rows = self.compressed_rows = self.raw_bytes = self.stored_bytes = 0
        self.damages: list[Damage] = []
        self.begun = time.monotonic()

    def run(self, table: str, column: str, progress: ProgressCallback | None) -> None:
        connection = self.connection
        place, rows = find_place(connection, table, column)
        source = source_of(connection, self.database, place)
        meter = Meter(progress, "verify", table, place.column)
        sums = f"SELECT count(*), sum(octet_length({place.data})) FROM {place.address}"
        meter.rows_total, stored_total = (total or 0 for total in run(connection, sums)[0])
        meter.enter("rows")
        pipeline = Pipeline(
            verify_task,
            self.executor,
            workers=self.workers,
            in_flight=IN_FLIGHT,
            fetch=lambda job: attach_values(job, connection),
            tick=meter.show,
        )
        with pipeline:
            for load, outcomes in pipeline.run(self._loads(source, table)):
                for entry, outcome in zip(load.tag, outcomes, strict=True):
                    if outcome.scan is not None:
                        self._add(outcome.scan, table, place, rows, meter)
                    elif entry is None:
                        self.damages.append(Damage(table, place.column, {}, None, outcome.reason))
                    else:
                        self._take(entry, outcome, table, place, rows)
                        meter.rows_done += 1
                        meter.bytes_done += outcome.raw_size or entry.raw_size
                        meter.stored_bytes += entry.size
                # The rest is taken to be like what is done.
                left = max(0, stored_total - meter.stored_bytes)
                meter.bytes_total = meter.bytes_done + round(left * meter.bytes_done / max(1, meter.stored_bytes))
                meter.failures = len(self.damages)
                meter.show()
        if fold(place.table) == fold(table):
            for key in find_texts(connection, place):
                name = describe_key(connection, place, rows, key)
                self.damages.append(Damage(table, place.column, name, None, damage_of(table, place.column)))
        meter.enter("finish")

    def _loads(self, source: Source, table: str) -> Iterator[Load]:
        """Small values by spans of rows, which our own threads check in SQL; other executors get every value."""
        after: Key | None = None
        while True:
            span: Span | None = None
            try:
                with snapshot(self.connection):
                    if self.executor is None:
                        span = next_span(self.connection, source.place, after, SPAN_ROWS)
                        entries = large_entries(self.connection, source.place, span, SCAN_SIZE + 1)
                    else:
                        entries = page(self.connection, source.place, after, PAGE_ROWS)
            except apsw.CorruptError as error:
                where = f"after row {after}" if after else "at its beginning"
                reason = f"SQLite cannot read the table {where}: {error}"
                self.damages.append(Damage(table, source.place.column, {}, None, reason))
                return
            if span is not None:
                yield Load(Job(source, (Item((), "blob", 0, span=span),)), SCAN_SIZE, [None])
            yield from _bundles(source, entries)
            after = span.last if span is not None else entries[-1].key if entries else None
            if after is None:
                return

    def _add(self, scan: Scan, table: str, place: Place, rows: Table, meter: Meter) -> None:
        self.rows += scan.rows
        self.compressed_rows += scan.compressed_rows
        self.raw_bytes += scan.raw_bytes
        self.stored_bytes += scan.stored_bytes
        meter.rows_done += scan.rows
        meter.bytes_done += scan.raw_bytes
        meter.stored_bytes += scan.stored_bytes
        for key, chunk, reason in scan.damages:
            name = describe_key(self.connection, place, rows, key)
            self.damages.append(Damage(table, place.column, name, chunk, reason))

    def _take(self, entry: Entry, outcome: Outcome, table: str, place: Place, rows: Table) -> None:
        self.rows += 1
        self.stored_bytes += entry.size
        self.raw_bytes += outcome.raw_size or entry.raw_size
        self.compressed_rows += outcome.kind == "verified" or entry.has_magic
        if outcome.kind not in ("failed", "unread"):
            return
        key = describe_key(self.connection, place, rows, entry.key)
        for chunk, reason in outcome.damages or ((None, outcome.reason),):
            self.damages.append(Damage(table, place.column, key, chunk, reason))


def _bundles(source: Source, entries: list[Entry]) -> Iterator[Load]:
    bundle: list[Entry] = []
    size = 0
    for entry in entries:
        if bundle and size + entry.size > BUNDLE_SIZE:
            yield _load(source, bundle, size)
            bundle, size = [], 0
        bundle.append(entry)
        size += entry.size
    if bundle:
        yield _load(source, bundle, size)


def _load(source: Source, bundle: list[Entry], size: int) -> Load:
    """Rows with numbers and NULL are in the job, too; a worker reports such values as gone."""
    items = tuple(Item(entry.key, entry.value_type, entry.size) for entry in bundle)
    return Load(Job(source, items), size, bundle)
