"""What is stored, and how: totals by table, by column and by codec, facts of databases and tables. Decodes nothing."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apsw

from ..codec import HEAD_PREFIX_SIZE, FrameInfo, head_size, info, info_of_head
from ..column.schema import Column, Table, column_obstacles, look_at_table, master_of
from ..column.storage import ColumnStatus, status
from ..connect.database import Rows, connect, fold, quote, run
from ..errors import DamagedFrameError, OptionError, UnsupportedFrameError
from ..migration.record import Record, records
from .sampling import key_columns, read_value, size_of, slices

PLAIN = "none"  # the codec of what is not compressed

Part = tuple[str | None, int, int, int]  # codec (None: damaged), how many values, their bytes before and after


@dataclass(frozen=True)
class CodecStats:
    """The values of a column or a table with one codec: the richest among their chunks."""

    codec: str  # "voxel", "planes", "zstd", "store"; "none": not compressed
    rows: int
    raw_bytes: int  # before compression
    stored_bytes: int
    ratio: float | None  # raw_bytes / stored_bytes; None: nothing is stored


@dataclass(frozen=True)
class ColumnStats:
    """The BLOB and TEXT values of a column."""

    table: str
    column: str
    enabled: ColumnStatus | None  # None: compression is off
    rows: int
    compressed_rows: int
    damaged_rows: int  # whose header cannot be read; they are in no other figure but `rows`
    raw_bytes: int
    stored_bytes: int
    ratio: float | None
    codecs: tuple[CodecStats, ...]  # most rows first


@dataclass(frozen=True)
class TableStats:
    """The sum of a table's columns: of those that were asked for."""

    table: str
    rows: int  # each counts once for every column that holds a value
    compressed_rows: int
    damaged_rows: int
    raw_bytes: int
    stored_bytes: int
    ratio: float | None
    codecs: tuple[CodecStats, ...]  # most rows first
    columns: tuple[ColumnStats, ...]


@dataclass(frozen=True)
class MigrationInfo:
    """A column that was migrated, or is being migrated or restored."""

    table: str
    column: str
    operation: str  # "migrate" or "restore"
    is_running: bool  # or was interrupted: the same command goes on
    rows_done: int
    rows_total: int
    failure_count: int  # values that stay as they are


@dataclass(frozen=True)
class DatabaseInfo:
    """One database file."""

    path: str
    file_size: int  # bytes
    free_size: int  # bytes in it that are free
    page_size: int
    journal_mode: str
    auto_vacuum: str  # "none", "full" or "incremental"
    encoding: str  # of TEXT
    tables: tuple[str, ...]
    enabled: tuple[ColumnStatus, ...]
    migrations: tuple[MigrationInfo, ...]


@dataclass(frozen=True)
class ColumnInfo:
    name: str
    declared_type: str
    enabled: ColumnStatus | None  # None: compression is off
    obstacles: tuple[str, ...]  # why it cannot be compressed


@dataclass(frozen=True)
class TableInfo:
    """One table."""

    name: str
    primary_key: tuple[str, ...]
    indexes: tuple[str, ...]
    triggers: tuple[str, ...]
    columns: tuple[ColumnInfo, ...]


def database_info(database: str | os.PathLike[str]) -> DatabaseInfo:
    """:raises ZblobError: it cannot be read as a database."""
    connection = connect(database, readonly=True)
    try:
        names = ("page_count", "freelist_count", "page_size", "auto_vacuum", "journal_mode", "encoding")
        facts = {name: run(connection, f"PRAGMA {name}")[0][0] for name in names}
        tables = run(connection, f"SELECT name FROM {master_of('main')} WHERE type = 'table' ORDER BY name")
        return DatabaseInfo(
            path=os.fspath(database),
            file_size=facts["page_count"] * facts["page_size"],
            free_size=facts["freelist_count"] * facts["page_size"],
            page_size=facts["page_size"],
            journal_mode=facts["journal_mode"],
            auto_vacuum=("none", "full", "incremental")[facts["auto_vacuum"]],
            encoding=facts["encoding"],
            tables=tuple(name for (name,) in tables if not fold(name).startswith("sqlite_")),
            enabled=tuple(status(connection, schema="main")),
            migrations=tuple(_migration_info(connection, record) for record in records(connection)),
        )
    finally:
        connection.close()


def _migration_info(connection: apsw.Connection, record: Record) -> MigrationInfo:
    return MigrationInfo(
        table=record.table,
        column=record.column,
        operation=record.operation,
        is_running=record.state == "running",
        rows_done=record.counts.rows,
        rows_total=record.counts.rows_total,
        failure_count=record.failure_count(connection),
    )


def stats(
    database: str | os.PathLike[str],
    table: str | None = None,
    column: str | None = None,
    *,
    progress: Callable[[str, int], None] = lambda column, rows: None,
) -> list[TableStats]:
    """Totals of every column whose compression is on, or of one table's, or of any one column; and their sums by table.

    Reads each value's header, in statements of milliseconds.

    :param progress: is told the column, as TABLE.COLUMN, and how many rows are done.
    :raises OptionError: there is no such table or column.
    :raises ZblobError: the file cannot be read as a database.
    """
    connection = connect(database, readonly=True)
    try:
        enabled = status(connection, schema="main")
        chosen = [(each.table, each.column) for each in enabled if table is None or fold(each.table) == fold(table)]
        if table is not None and column is not None:
            chosen = [(table, column)]
        elif table is not None and not chosen:
            find_table(connection, table)  # raises where there is none
        tables: defaultdict[str, list[ColumnStats]] = defaultdict(list)
        for each in chosen:
            tables[each[0]].append(_column_stats(connection, enabled, *each, progress))
        return [_table_stats(name, columns) for name, columns in tables.items()]
    finally:
        connection.close()


def find_table(connection: apsw.Connection, name: str) -> Table:
    """The ordinary table of that name, or the rows behind the virtual table of that name.

    :raises OptionError: there is none.
    """
    is_ours = any(each.mode == "table" and fold(each.table) == fold(name) for each in status(connection, schema="main"))
    return look_at_table(connection, f"{name}_rows" if is_ours else name, allow_shadow=is_ours)


def _column_stats(
    connection: apsw.Connection,
    enabled: list[ColumnStatus],
    table_name: str,
    column_name: str,
    progress: Callable[[str, int], None],
) -> ColumnStats:
    table = find_table(connection, table_name)
    column = table.column(column_name)
    name = quote(column.name)

    def parts() -> Iterator[Part]:
        rows = 0
        for part in slices(connection, table, [f"typeof({name})", size_of(column.name)]):
            for codec, raw_size, stored_size in _headers(connection, table, column, part):
                rows += 1
                yield codec, 1, raw_size, stored_size
            progress(f"{table_name}.{column.name}", rows)

    return ColumnStats(
        table=table_name,
        column=column.name,
        enabled=next((each for each in enabled if each.is_column(table_name, column.name)), None),
        **_totals(parts()),
    )


def _table_stats(name: str, columns: list[ColumnStats]) -> TableStats:
    def parts() -> Iterator[Part]:
        for column in columns:
            yield None, column.damaged_rows, 0, 0
            for each in column.codecs:
                yield each.codec, each.rows, each.raw_bytes, each.stored_bytes

    return TableStats(table=name, columns=tuple(columns), **_totals(parts()))


def _totals(parts: Iterable[Part]) -> dict[str, Any]:
    """The figures that columns and tables have."""
    found: defaultdict[str | None, list[int]] = defaultdict(lambda: [0, 0, 0])
    for codec, *figures in parts:
        found[codec] = [one + other for one, other in zip(found[codec], figures, strict=True)]
    damaged_rows, *_ = found.pop(None, [0])
    codecs = [CodecStats(str(name), n, raw, stored, _ratio(raw, stored)) for name, (n, raw, stored) in found.items()]
    codecs.sort(key=lambda each: -each.rows)
    raw_bytes, stored_bytes = sum(each.raw_bytes for each in codecs), sum(each.stored_bytes for each in codecs)
    return {
        "rows": damaged_rows + sum(each.rows for each in codecs),
        "compressed_rows": sum(each.rows for each in codecs if each.codec != PLAIN),
        "damaged_rows": damaged_rows,
        "raw_bytes": raw_bytes,
        "stored_bytes": stored_bytes,
        "ratio": _ratio(raw_bytes, stored_bytes),
        "codecs": tuple(codecs),
    }


def _ratio(raw_bytes: int, stored_bytes: int) -> float | None:
    return raw_bytes / stored_bytes if stored_bytes else None


def _headers(
    connection: apsw.Connection, table: Table, column: Column, rows: Rows
) -> Iterator[tuple[str | None, int, int]]:
    """Codec, bytes before and after of each BLOB and TEXT; no codec where the header is damaged."""
    for *key, value_type, size in rows:
        if value_type not in ("blob", "text"):
            continue
        try:
            about = None
            if value_type == "blob":
                about = _read_head(connection, table, column, tuple(key), size)
            yield (PLAIN, size, size) if about is None else (about.codec or PLAIN, about.raw_size, size)
        except (DamagedFrameError, UnsupportedFrameError):
            yield None, 0, size


def _read_head(
    connection: apsw.Connection, table: Table, column: Column, key: tuple[object, ...], size: int
) -> FrameInfo | None:
    """What the header says; None for a plain value. No more than the header is read, where there are rowids."""
    if table.rowid_name is None or column.is_generated:
        value = read_value(connection, table, column, key, size)
        return None if value is None or not head_size(value[:HEAD_PREFIX_SIZE]) else info(value)
    try:
        blob = connection.blob_open(table.schema, table.name, column.name, int(str(key[0])), False)
    except apsw.SQLError:  # the row is gone by now
        return None
    try:
        head = blob.read(HEAD_PREFIX_SIZE)
        if not head_size(head):
            return None
        blob.seek(0)
        return info_of_head(blob.read(head_size(head)), blob.length())
    finally:
        blob.close()


def table_info(database: str | os.PathLike[str], table: str) -> TableInfo:
    """:raises OptionError: there is no such table."""
    connection = connect(database, readonly=True)
    try:
        found = find_table(connection, table)
        enabled = [each for each in status(connection, schema="main") if fold(each.table) == fold(table)]
        is_virtual = any(each.mode == "table" for each in enabled)
        columns = [
            ColumnInfo(
                name=each.name,
                declared_type=each.declared,
                enabled=next((one for one in enabled if fold(one.column) == fold(each.name)), None),
                obstacles=tuple(column_obstacles(found, each, is_virtual=is_virtual)),
            )
            for each in found.columns
        ]
        return TableInfo(
            name=next((each.table for each in enabled), found.name),
            primary_key=tuple(each.name for each in found.primary_key),
            indexes=tuple(index.name for index in found.indexes),
            triggers=tuple(name for name, _ in found.triggers),
            columns=tuple(columns),
        )
    finally:
        connection.close()


def value_info(database: str | os.PathLike[str], table: str, column: str, key: str) -> FrameInfo:
    """What the header of one value says, or what sniffing finds in a plain one.

    :param key: the row's primary key; the rowid in a table without one.
    :raises OptionError: there is no such table, column or row, or the value is no BLOB and no TEXT.
    :raises DamagedFrameError: the header is damaged.
    """
    connection = connect(database, readonly=True)
    try:
        found = find_table(connection, table)
        about = found.column(column)
        if len(found.primary_key) > 1:
            raise OptionError(f"table {table} has a key of several columns: name the row by its rowid")
        name = quote(found.primary_key[0].name) if found.primary_key else str(found.rowid_name)
        rows = run(connection, f"SELECT {', '.join(key_columns(found))} FROM {found.address} WHERE {name} = ?", (key,))
        if not rows:
            raise OptionError(f"table {table} has no row with {name} = {key}")
        value = read_value(connection, found, about, rows[0], 1 << 40)
        if value is None:
            raise OptionError(f"column {column} of that row holds no BLOB and no TEXT")
        return info(value)
    finally:
        connection.close()
