"""Describe a database, a table or a stored value, from the schema and the headers. Decodes and unpickles nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, overload

from ..codec import FrameInfo, info
from ..column.obstacles import column_obstacles
from ..column.schema import Table, master_of
from ..column.storage import ColumnStatus, status
from ..column.virtual import find_rows
from ..connect.database import fold, pragma, quote, run
from ..connect.loader import Connection
from ..connect.opening import Database, name_of, reading
from ..errors import OptionError
from ..migration.record import BadRecord, Record, records
from ..migration.spared import failure_count
from ..migration.values import place_of, select_keys, select_value

AUTO_VACUUM = ("none", "full", "incremental")  # by the number that the PRAGMA gives

LARGEST = 1 << 40  # bytes of a value that is read to be described: any that SQLite can hold


@dataclass(frozen=True)
class MigrationInfo:
    """A column that was migrated, or is being migrated or restored."""

    table: str
    column: str
    operation: str  # "migrate" or "restore"
    is_running: bool  # it runs, or was interrupted: the same call continues it
    mode: str  # "in-place" or "table"; this and the following six are settings of the column
    envelope: str
    level: int
    min_size: int
    dtype_from: str | None
    shape_from: str | None
    dictionary: int | str | None
    rows_done: int
    rows_total: int
    failure_count: int  # values that stay as they are
    problem: str | None  # why the record makes no sense; the other fields are then empty


@dataclass(frozen=True)
class DatabaseInfo:
    """One database file."""

    path: str
    file_size: int  # bytes
    free_size: int  # bytes in it that are free
    page_size: int
    journal_mode: str
    auto_vacuum: str  # "none", "full" or "incremental"
    encoding: str  # of TEXT, as PRAGMA encoding names it
    tables: tuple[str, ...]
    enabled: tuple[ColumnStatus, ...]
    migrations: tuple[MigrationInfo, ...]


@dataclass(frozen=True)
class ColumnInfo:
    name: str
    declared_type: str
    enabled: ColumnStatus | None  # None: compression is off
    migration: MigrationInfo | None  # None: the column was not migrated, or is restored
    obstacles: tuple[str, ...]  # reasons why it cannot be compressed


@dataclass(frozen=True)
class TableInfo:
    """One table."""

    name: str
    primary_key: tuple[str, ...]
    indexes: tuple[str, ...]
    triggers: tuple[str, ...]
    columns: tuple[ColumnInfo, ...]


@overload
def describe(database: Database) -> DatabaseInfo: ...


@overload
def describe(database: Database, table: str) -> TableInfo: ...


@overload
def describe(database: Database, table: str, column: str, key: Any) -> FrameInfo: ...


def describe(
    database: Database, table: str | None = None, column: str | None = None, key: Any = None
) -> DatabaseInfo | TableInfo | FrameInfo:
    """Describe a database, one of its tables, or one stored value.

    :param database: a path, a `file:` URI, or an open connection of either kind, which is used as it is.
    :param key: the row's primary key, as a tuple where that has several columns; otherwise the rowid. A text stands
        for a number, too, where no row has the text.
    :returns: of a value, what `info` returns: what its header holds or, of a plain value, what sniffing finds.
    :raises OSError: there is no such file, it is a directory, or it may not be read.
    :raises DatabaseError: it is no database, or SQLite cannot read it.
    :raises OptionError: there is no such table, column or row; the value is no BLOB and no TEXT; or this process has
        the file open through another SQLite library.
    :raises DamagedFrameError: the value's header is damaged.
    """
    if (column is None) != (key is None) or (table is None and column is not None):
        raise OptionError("give the database alone, or a table, or a table, a column and a key")
    with reading(database) as connection:
        if table is None:
            return _describe_database(connection, name_of(database))
        if column is None:
            return _describe_table(connection, table)
        return _describe_value(connection, table, column, key)


def _describe_database(connection: Connection, name: str) -> DatabaseInfo:
    tables = run(connection, f"SELECT name FROM {master_of('main')} WHERE type = 'table' ORDER BY name")
    page_size = pragma(connection, "page_size")
    return DatabaseInfo(
        path=name,
        file_size=page_size * pragma(connection, "page_count"),
        free_size=page_size * pragma(connection, "freelist_count"),
        page_size=page_size,
        journal_mode=pragma(connection, "journal_mode"),
        auto_vacuum=AUTO_VACUUM[pragma(connection, "auto_vacuum")],
        encoding=pragma(connection, "encoding"),
        tables=tuple(name for (name,) in tables if not fold(name).startswith("sqlite_")),
        enabled=tuple(status(connection, schema="main")),
        migrations=_migrations(connection),
    )


def _migrations(connection: Connection) -> tuple[MigrationInfo, ...]:
    good, bad = records(connection)
    return (*(_migration_info(connection, each) for each in good), *map(_bad_info, bad))


def _bad_info(bad: BadRecord) -> MigrationInfo:
    return MigrationInfo(bad.table, bad.column, "", False, "", "", 0, 0, None, None, None, 0, 0, 0, str(bad.error))


def _migration_info(connection: Connection, record: Record) -> MigrationInfo:
    return MigrationInfo(
        table=record.table,
        column=record.column,
        operation=record.operation,
        is_running=record.is_running,
        **record.settings._asdict(),
        rows_done=record.counts.rows,
        rows_total=record.counts.rows_total,
        failure_count=failure_count(connection, record.id),
        problem=None,
    )


def _describe_table(connection: Connection, name: str) -> TableInfo:
    found = find_rows(connection, name)
    enabled = [each for each in status(connection, schema="main") if fold(each.table) == fold(name)]
    is_virtual = any(each.mode == "table" for each in enabled)
    table = next((each.table for each in enabled), found.name)
    migrations = {fold(each.column): each for each in _migrations(connection) if fold(each.table) == fold(table)}
    columns = [
        ColumnInfo(
            name=each.name,
            declared_type=each.declared,
            enabled=next((one for one in enabled if fold(one.column) == fold(each.name)), None),
            migration=migrations.get(fold(each.name)),
            obstacles=tuple(column_obstacles(found, each, is_virtual=is_virtual)),
        )
        for each in found.columns
    ]
    return TableInfo(
        name=table,
        primary_key=tuple(each.name for each in found.primary_key),
        indexes=tuple(index.name for index in found.indexes),
        triggers=tuple(name for name, _ in found.triggers),
        columns=tuple(columns),
    )


def _describe_value(connection: Connection, table: str, column: str, key: Any) -> FrameInfo:
    found = find_rows(connection, table)
    place = place_of(found, found.column(column))
    names, parts = _row_condition(found, key)
    where = " AND ".join(f"{name} = ?" for name in names)
    found_keys = (select_keys(connection, place, f"WHERE {where}", values) for values in _readings(parts))
    row = next((keys[0] for keys in found_keys if keys), None)
    if row is None:
        raise OptionError(f"table {table} has no row with {', '.join(names)} = {', '.join(map(_literal, parts))}")
    value = select_value(connection, place, row, LARGEST)
    if value is None:
        raise OptionError(f"column {column} of that row holds no BLOB and no TEXT")
    return info(value)


def _row_condition(table: Table, key: Any) -> tuple[list[str], tuple[Any, ...]]:
    """The columns whose values the key contains, and these values."""
    names = [quote(each.name) for each in table.primary_key]
    values = key if isinstance(key, tuple) else (key,)
    if len(names) > 1 and len(values) == 1 and table.rowid_name:
        names = []
    names = names or [str(table.rowid_name)]
    if len(names) != len(values):
        raise OptionError(
            f"a row of table {table.name} is named by {', '.join(names)}, and the key has {len(values)} parts"
        )
    return names, values


def _readings(parts: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The key as it is; then with numbers in place of texts, for columns that have no type of their own."""
    yield parts
    numbers = tuple(_number(part) if isinstance(part, str) else part for part in parts)
    if numbers != parts:
        yield numbers


def _number(text: str) -> str | int | float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _literal(part: object) -> str:
    return f"x'{part.hex()}'" if isinstance(part, bytes) else str(part)
