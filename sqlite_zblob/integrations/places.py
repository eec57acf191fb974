"""A value by its place in a table, of which the header or a slice is read, and no more."""

from __future__ import annotations

from typing import Any

from ..codec import HEAD_PREFIX_SIZE, FrameInfo, head_size, info
from ..column.virtual import find_rows
from ..connect.database import literal, quote, run
from ..connect.loader import Connection
from ..errors import OptionError
from ..parts.value import StoredValue


def rowid_of(connection: Connection, table: str) -> str:
    """By what a row's place is named; empty for views and tables WITHOUT ROWID, of which whole values are read."""
    try:
        return find_rows(connection, table).rowid_name or ""
    except OptionError:
        return ""


def place_of(table: str, column: str, rowid: str) -> str:
    """The first arguments of `zslice_at` and its like, in SQL."""
    return f"'main', {literal(table)}, {literal(column)}, {rowid}"


def describe(connection: Connection, table: str, column: str, rowid: Any) -> FrameInfo:
    """What one value holds. Of most frames with images nothing but the header is read; of what has none, everything.

    :raises OptionError: there is no such place, or it holds NULL.
    :raises DamagedFrameError: the value's header is damaged.
    :raises UnsupportedFrameError: a later version has written it.
    """
    sql = "SELECT zblob_stored('main', ?, ?, ?, 0, ?)"
    prefix = run(connection, sql, (table, column, rowid, HEAD_PREFIX_SIZE))[0][0]
    if prefix is None or head_size(prefix):
        about = StoredValue(connection, table, column, rowid, "main").describe()
        if about.images:
            return about
    # A plain value, or a frame in the frame of a virtual table, which the SELECT gives as the program has written it.
    where = f"{rowid_of(connection, table)} = ?"
    rows = run(connection, f"SELECT {quote(column)} FROM {quote(table)} WHERE {where}", (rowid,))
    return info(rows[0][0] if rows and isinstance(rows[0][0], bytes) else b"")
