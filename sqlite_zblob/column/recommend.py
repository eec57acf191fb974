"""Recommend the mode of transparent compression that fits a column, from its schema and a sample of its values."""

from __future__ import annotations

from dataclasses import dataclass

from ..choices import Envelope, Mode
from ..codec import DEFAULT_LEVEL, compress, decompress, is_plain_pickle
from ..connect.database import fold, pragma, quote, run
from ..connect.dictionaries import with_dictionaries
from ..connect.loader import Connection
from ..connect.opening import Database, connected
from ..errors import ZblobError
from ..units import count_text
from .obstacles import column_obstacles, update_triggers, virtual_obstacles
from .schema import Column, Table, look_at_table
from .virtual import virtual_columns

# With a lower ratio, compression is not worth the time of readers.
LEAST_RATIO = 1.1

# From this mean size of values on, in bytes, the pages that a trigger frees are worth a hint.
LARGE = 1 << 16


# So many values of fewer bytes in the mean may have much in common.
MANY = 500
SMALL = 8192


@dataclass(frozen=True)
class Recommendation:
    """How to enable a column. The weightiest reason comes first."""

    mode: Mode | None  # None: do not compress it
    envelope: Envelope
    why: tuple[str, ...]
    row_count: int
    sampled_count: int
    sampled_bytes: int  # before compression
    ratio: float | None  # of all sampled bytes together; None: there are none


def recommend(
    database: Database,
    table: str,
    column: str,
    *,
    schema: str = "main",
    level: int = DEFAULT_LEVEL,
    sample_count: int = 16,
    sample_bytes: int = 64 << 20,
) -> Recommendation:
    """Look at a column and recommend how to compress it.

    :param database: as for `enable`.
    :param sample_count: the most values that are read and compressed; they are spread over the table.
    :param sample_bytes: after this many bytes, no more values are read.
    :raises OptionError: there is no such table or column.
    """
    with connected(database, writes=False) as connection:
        enabled = [each for each in virtual_columns(connection, schema) if fold(each.table) == fold(table)]
        found = look_at_table(connection, f"{table}_rows" if enabled else table, schema, allow_shadow=bool(enabled))
        about = found.column(column)
        (row_count,) = run(connection, f"SELECT count(*) FROM {found.address}")[0]
        values = _sample(connection, found, about, sample_count, sample_bytes)
        raw_bytes = sum(len(value) for value in values)
        ratio = raw_bytes / sum(len(compress(value, level)) for value in values) if raw_bytes else None
        are_pickles = bool(values) and all(map(is_plain_pickle, values))
        seen = Seen(len(values), are_pickles, ratio, raw_bytes / max(1, len(values)))
        mode, envelope, why = decide(connection, found, about, seen)
        if any(fold(each.column) == fold(column) for each in enabled):
            mode, envelope, why = "table", "frame", ["compression is on in mode table", *why[-1:]]
        if mode and envelope == "frame" and row_count >= MANY and 0 < seen.mean_size < SMALL:
            why.append("values are small and many: sqlite-zblob analyze says whether a dictionary pays")
        return Recommendation(mode, envelope, tuple(why), row_count, len(values), raw_bytes, ratio)


@dataclass(frozen=True)
class Seen:
    """What sampled values show."""

    count: int
    are_pickles: bool  # all of them are
    ratio: float | None
    mean_size: float  # bytes before compression


def decide(connection: Connection, table: Table, column: Column, seen: Seen) -> tuple[Mode | None, Envelope, list[str]]:
    """Mode, envelope, and the reasons."""
    mode, envelope, why = _decide(table, column, seen)
    if mode == "in-place" and seen.mean_size > LARGE:
        why += _vacuum_hint(connection, table.schema)
    return mode, envelope, why


def _decide(table: Table, column: Column, seen: Seen) -> tuple[Mode | None, Envelope, list[str]]:
    obstacles = column_obstacles(table, column)
    if obstacles:
        return None, "frame", [f"the schema looks at its values: {each}" for each in obstacles]
    if seen.ratio is not None and seen.ratio < LEAST_RATIO:
        return (
            None,
            "frame",
            [f"compression saves next to nothing: ratio {seen.ratio:.2f} over {count_text(seen.count, 'value')}"],
        )
    saved = [] if seen.ratio is None else [f"ratio {seen.ratio:.2f} over {count_text(seen.count, 'sampled value')}"]
    if seen.are_pickles:
        why = [
            f"all {seen.count:,} sampled values are pickles: the stored value can be a pickle that unpacks itself, and "
            "a program that calls pickle.loads on it runs unchanged (envelope frame, if it reads the bytes for "
            "anything else)"
        ]
        return "in-place", "pickle", why + _table_obstacles(table) + saved + _hints(table, column)
    against = _table_obstacles(table)
    if against:
        readers = "readers take zdecompress() in SQL or decode_rows() in Python"
        return "in-place", "frame", [*against, readers, *saved, *_hints(table, column)]
    return "table", "frame", ["nothing stands against a virtual table, whose readers need no change at all", *saved]


def _table_obstacles(table: Table) -> list[str]:
    """What stands against a virtual table: it cannot be one, or the program would have to change."""
    made = [index.name for index in table.indexes if index.origin == "c"]
    found = [f"index {', '.join(made)}: CREATE INDEX fails on a virtual table, even where it exists"] if made else []
    return found + virtual_obstacles(table)


def _hints(table: Table, column: Column) -> list[str]:
    fired = update_triggers(table, column)
    return [f"trigger {', '.join(fired)} will fire once more for each compressed value"] if fired else []


def _vacuum_hint(connection: Connection, schema: str) -> list[str]:
    if pragma(connection, "auto_vacuum", schema) != 0:
        return []
    return [
        "INSERT is faster with PRAGMA auto_vacuum = FULL (then VACUUM once): the pages of the value as it came are "
        "then cut off again instead of being written"
    ]


def _sample(connection: Connection, table: Table, column: Column, count: int, most_bytes: int) -> list[bytes]:
    """Values before compression, spread evenly over the rowids; the first rows where there are none."""
    name = quote(column.name)
    condition = f"typeof({name}) IN ('blob', 'text')"
    found: list[bytes] = []
    for where, values in _places(connection, table, count):
        sql = f"SELECT CAST({name} AS BLOB) FROM {table.address} WHERE {condition} AND {where}"
        for (value,) in run(connection, sql, values):
            try:
                with with_dictionaries(connection):
                    raw = decompress(value)
            except ZblobError:  # a damaged frame, or one whose dictionary is missing, shows nothing
                continue
            found.append(raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw)
        if sum(map(len, found)) > most_bytes:
            break
    return found


def _places(connection: Connection, table: Table, count: int) -> list[tuple[str, tuple[int, ...]]]:
    if table.rowid_name is None:
        return [(f"1 LIMIT {count}", ())]
    rowid = table.rowid_name
    first, last = run(connection, f"SELECT min({rowid}), max({rowid}) FROM {table.address}")[0]
    if first is None:
        return []
    starts = sorted({first + (last - first) * i // max(1, count - 1) for i in range(count)})
    return [
        (f"{rowid} BETWEEN ? AND ? ORDER BY {rowid} LIMIT 1", (start, end - 1))
        for start, end in zip(starts, [*starts[1:], last + 1], strict=True)
    ]
