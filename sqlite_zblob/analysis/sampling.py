"""Measure what a table holds without reading its values: rows, sizes, and random values to look at.

SQLite stores the sizes of a row's values at the beginning of the row, so that a look at them reads one page per row,
however large the values are. All statements are short: a writer never waits long for them, and a WAL file can be reset
between them. Knows no compression.
"""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median, stdev

import apsw

from ..column.schema import Column, Table
from ..connect.database import Rows, octet_length, quote, run
from ..connect.loader import Connection
from ..migration.values import Key, place_of, reading_keys

SLICE_ROWS = 500  # rows per statement
WINDOW_ROWS = 32  # about how many rows are in a window
PROBES = 4  # values that are remembered of each class of small sizes
PROBED_SIZES = 1 << 14  # bytes; sizes below this are small
CENSUS_ROWS = 20_000  # of a column with at most this many values, the keys of all are remembered


@dataclass
class SizeClass:
    """The values of 2^(n-1) to 2^n - 1 bytes; n = 0 stands for empty ones."""

    rows: float = 0
    bytes: float = 0
    probes: list[Key] = field(default_factory=list)  # some of them, each drawn with the same probability


class ColumnSizes:
    """Sizes of the BLOB and TEXT values of one column, and values drawn with a probability proportional to their size.

    Draws are independent of each other, so that a mean over the values drawn is a mean over the column's bytes.
    """

    def __init__(self, column: Column, draw_count: int, rng: random.Random) -> None:
        self.column = column
        self.rows = 0.0  # in the rows that were seen; after scale(), in the whole table
        self.bytes = 0.0
        self.largest = 0
        self.classes: dict[int, SizeClass] = {}
        self.all_keys: list[Key] = []  # of the first CENSUS_ROWS values
        self.all_sizes: list[int] = []  # of the same
        self._rng = rng
        self._drawn: list[Key] = [()] * draw_count
        self._next = [(0.0, slot) for slot in range(draw_count)]  # the byte at which a slot takes a new value

    def add(self, key: Key, size: int) -> None:
        self.rows += 1
        self.bytes += size
        self.largest = max(self.largest, size)
        if len(self.all_keys) < CENSUS_ROWS:
            self.all_keys.append(key)
            self.all_sizes.append(size)
        self._probe(key, size)
        # A slot that has a value at byte a still has it at byte b with probability a / b, so that in the end each byte
        # has the same probability of being in the value drawn.
        while size and self._next and self._next[0][0] < self.bytes:
            _, slot = self._next[0]
            self._drawn[slot] = key
            heapq.heapreplace(self._next, (self.bytes / (1 - self._rng.random()), slot))

    def _probe(self, key: Key, size: int) -> None:
        group = self.classes.setdefault(size.bit_length(), SizeClass())
        group.rows += 1
        group.bytes += size
        if size >= PROBED_SIZES:
            return
        if len(group.probes) < PROBES:
            group.probes.append(key)
        elif self._rng.random() * group.rows < PROBES:
            group.probes[self._rng.randrange(PROBES)] = key

    def draws(self) -> list[Key]:
        return [key for key in self._drawn if key]

    def scale(self, factor: float) -> None:
        self.rows *= factor
        self.bytes *= factor
        for group in self.classes.values():
            group.rows *= factor
            group.bytes *= factor


@dataclass
class TableSizes:
    table: Table
    columns: list[ColumnSizes]
    rows: float
    is_exact: bool  # False: estimated from windows of rowids
    bytes_error: float = 0.0  # relative standard error of all bytes; 0 where they are exact

    def scale(self, factor: float) -> None:
        """Go from the rows that were seen to all rows of the table."""
        self.rows *= factor
        for column in self.columns:
            column.scale(factor)


def measure_sizes(
    connection: Connection,
    table: Table,
    columns: Sequence[Column],
    *,
    seconds: float,
    draw_count: int,
    seed: int,
    is_own: bool = True,
) -> TableSizes:
    """Measure the sizes in some columns: of all rows if half of `seconds` is enough for that, otherwise of a sample.

    The sample consists of random windows of rowids. In a table without rowids it is the first rows.

    :param is_own: False: the connection is the caller's, whose progress handler must not be replaced, so that counting
        the rows cannot be cut short.
    """
    sizes_of = [_size_of(connection, column.name) for column in columns]
    sizes = _empty(table, columns, draw_count, seed)
    if _add_all(connection, sizes, sizes_of, time.monotonic() + seconds / 2):
        return sizes
    row_count = _count(connection, table, time.monotonic() + seconds / 4 if is_own else None)
    if table.rowid_name is not None:
        windows = _empty(table, columns, draw_count, seed)
        _add_windows(connection, windows, sizes_of, time.monotonic() + seconds / 4, random.Random(seed))
        if windows.rows > sizes.rows or (row_count and windows.rows):
            sizes = windows
    if row_count:
        sizes.scale(row_count / sizes.rows)
    return sizes


def _count(connection: Connection, table: Table, deadline: float | None) -> int | None:
    """How many rows there are, if they are counted before the deadline."""
    sql = f"SELECT count(*) FROM {table.address}"
    if deadline is None or not isinstance(connection, apsw.Connection):
        return int(run(connection, sql)[0][0])
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 1000)
    try:
        return int(run(connection, sql)[0][0])
    except apsw.InterruptError:
        return None
    finally:
        connection.set_progress_handler(None)


def _empty(table: Table, columns: Sequence[Column], draw_count: int, seed: int) -> TableSizes:
    rng = random.Random(seed)
    return TableSizes(table, [ColumnSizes(column, draw_count, rng) for column in columns], 0, True)


def _size_of(connection: Connection, name: str) -> str:
    """SQL for the bytes of a BLOB or TEXT; NULL for anything else."""
    return f"iif(typeof({quote(name)}) IN ('blob', 'text'), {octet_length(connection, quote(name))}, NULL)"


def _slices(connection: Connection, table: Table, columns: Sequence[str]) -> Iterator[Rows]:
    """Yield each row's key and some expressions, in the order of the keys, with one statement per slice.

    Rows that are inserted or deleted meanwhile may be seen or not; all others are seen once.
    """
    keys = place_of(table, table.columns[0]).key
    select = f"SELECT {', '.join([*keys, *columns])} FROM {table.address}"
    order = f"ORDER BY {', '.join(keys)} LIMIT {SLICE_ROWS}"
    after = f"WHERE ({', '.join(keys)}) > ({', '.join('?' * len(keys))})"
    with reading_keys(table.name):
        rows = run(connection, f"{select} {order}")
        yield rows
        while len(rows) == SLICE_ROWS:
            rows = run(connection, f"{select} {after} {order}", rows[-1][: len(keys)])
            yield rows


def _add_all(connection: Connection, sizes: TableSizes, columns: Sequence[str], deadline: float) -> bool:
    """False: time was up before the end."""
    for rows in _slices(connection, sizes.table, columns):
        _add(sizes, rows)
        if len(rows) == SLICE_ROWS and time.monotonic() > deadline:
            sizes.is_exact = False
            return False
    return True


def _add(sizes: TableSizes, rows: Sequence[tuple[object, ...]]) -> float:
    """:param rows: each is a key, and a size for each column."""
    added, column_count = 0, len(sizes.columns)
    for row in rows:
        key = row[:-column_count]
        for column, size in zip(sizes.columns, row[-column_count:], strict=True):
            if size is not None:
                assert isinstance(size, int)
                column.add(key, size)
                added += size
    sizes.rows += len(rows)
    return added


def _add_windows(
    connection: Connection, sizes: TableSizes, columns: Sequence[str], deadline: float, rng: random.Random
) -> None:
    """Look at windows of equal width at random places, which makes all rows equally likely to be seen."""
    rowid, address = sizes.table.rowid_name, sizes.table.address
    first, last = run(connection, f"SELECT min({rowid}), max({rowid}) FROM {address}")[0]
    width = WINDOW_ROWS * (1 + int(median(_gaps(connection, sizes.table, first, last, rng))))
    between = f"WHERE {rowid} BETWEEN ? AND ? LIMIT {WINDOW_ROWS * 100}"
    select = f"SELECT {', '.join([str(rowid), *columns])} FROM {address}"
    seen = []
    while time.monotonic() < deadline:
        start = rng.randint(first - width + 1, last)
        rows = run(connection, f"{select} {between}", (max(start, first), min(start + width - 1, last)))
        seen.append(_add(sizes, rows))
    sizes.is_exact = False
    if len(seen) > 1 and any(seen):
        sizes.bytes_error = stdev(seen) / fmean(seen) / len(seen) ** 0.5
    sizes.scale((last - first + width) / (width * max(1, len(seen))))


def _gaps(connection: Connection, table: Table, first: int, last: int, rng: random.Random) -> Iterator[int]:
    """Distances, in rowids, from random places to the next row."""
    rowid = table.rowid_name
    sql = f"SELECT {rowid} FROM {table.address} WHERE {rowid} >= ? ORDER BY {rowid} LIMIT 1"
    for _ in range(32):
        start = rng.randint(first, last)
        for (found,) in run(connection, sql, (start,)):
            yield found - start
