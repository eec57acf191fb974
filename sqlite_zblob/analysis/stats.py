"""What is stored: totals by table, by column and by codec. Reads the headers of values, and decodes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..bars import Bar, callback_of, show_step, takes_bar
from ..column.storage import ColumnStatus, status
from ..column.virtual import find_rows
from ..connect.database import fold, run, snapshot
from ..connect.loader import Connection
from ..connect.opening import Database, reading
from ..errors import OptionError
from ..migration.values import PAGE_ROWS, Entry, Key, Place, find_place, page

PLAIN = "none"  # the codec of what is not compressed

Part = tuple[str | None, int, int, int]  # codec (None: damaged), number of values, bytes before and after compression


@dataclass(frozen=True)
class CodecStats:
    """The values of a column or a table whose richest chunk has one codec."""

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
    damaged_rows: int  # rows whose header cannot be read; of the other figures, only `rows` includes them
    raw_bytes: int
    stored_bytes: int
    ratio: float | None
    codecs: tuple[CodecStats, ...]  # most rows first


@dataclass(frozen=True)
class TableStats:
    """The sums over the columns of a table that were asked for."""

    table: str
    rows: int  # a row counts once for every column in which it has a value
    compressed_rows: int
    damaged_rows: int
    raw_bytes: int
    stored_bytes: int
    ratio: float | None
    codecs: tuple[CodecStats, ...]  # most rows first
    columns: tuple[ColumnStats, ...]


@takes_bar(show_step)
def stats(
    database: Database,
    table: str | None = None,
    column: str | None = None,
    *,
    progress: Callable[[str, int, int], None] | Bar | None = None,
) -> list[TableStats]:
    """Add up what is stored in every column whose compression is on, and by table.

    With `table`, only the columns of that table count; with `column`, only that one, whether compression is on or off.

    Reads each value's header, in transactions of milliseconds, so that writers go on.

    :param database: a path, a `file:` URI, or an open connection of either kind, which is used as it is.
    :param progress: called with the column, as TABLE.COLUMN, its rows that are done, and all of them; or "bar".
    :returns: nothing where no column's compression is on.
    :raises OSError: there is no such file, it is a directory, or it may not be read.
    :raises DatabaseError: it is no database, or SQLite cannot read it.
    :raises OptionError: there is no such table or column, a column is given without its table, or this process has the
        file open through another SQLite library.
    """
    if column is not None and table is None:
        raise OptionError("a column needs its table")
    with reading(database) as connection:
        enabled = status(connection, schema="main")
        chosen = [(each.table, each.column) for each in enabled if table is None or fold(each.table) == fold(table)]
        if table is not None and column is not None:
            chosen = [(table, column)]
        elif table is not None and not chosen:
            find_rows(connection, table)  # raises where there is none
        show = callback_of(progress) or (lambda column, done, total: None)
        tables: defaultdict[str, list[ColumnStats]] = defaultdict(list)
        for each in chosen:
            tables[each[0]].append(_column_stats(connection, enabled, *each, show))
        return [_table_stats(name, columns) for name, columns in tables.items()]


def _column_stats(
    connection: Connection,
    enabled: list[ColumnStatus],
    table_name: str,
    column_name: str,
    progress: Callable[[str, int, int], None],
) -> ColumnStats:
    place, _ = find_place(connection, table_name, column_name)
    ((total,),) = run(connection, f"SELECT count(*) FROM {place.address}")

    def parts() -> Iterator[Part]:
        rows = 0
        after: Key | None = None
        while entries := _page(connection, place, after):
            values = [entry for entry in entries if entry.value_type in ("blob", "text")]
            yield from map(_part, values)
            rows += len(entries)
            after = entries[-1].key
            progress(f"{table_name}.{place.column}", rows, max(rows, total))

    return ColumnStats(
        table=table_name,
        column=place.column,
        enabled=next((each for each in enabled if each.is_column(table_name, place.column)), None),
        **_totals(parts()),
    )


def _page(connection: Connection, place: Place, after: Key | None) -> list[Entry]:
    with snapshot(connection):
        return page(connection, place, after, PAGE_ROWS)


def _part(entry: Entry) -> Part:
    if entry.has_magic and entry.codec is None:
        return None, 1, 0, entry.size
    return entry.codec or PLAIN, 1, entry.raw_size, entry.size


def _table_stats(name: str, columns: list[ColumnStats]) -> TableStats:
    def parts() -> Iterator[Part]:
        for column in columns:
            yield None, column.damaged_rows, 0, 0
            for each in column.codecs:
                yield each.codec, each.rows, each.raw_bytes, each.stored_bytes

    return TableStats(table=name, columns=tuple(columns), **_totals(parts()))


def _totals(parts: Iterable[Part]) -> dict[str, Any]:
    """The figures that columns and tables have in common."""
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
