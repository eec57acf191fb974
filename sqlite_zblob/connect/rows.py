"""Row hooks: every compressed value in a result row comes back decompressed, whatever statement asked for it.

For columns that are compressed in place with envelope "frame", and programs that read them as plain bytes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import apsw

from ..codec import decompress, has_magic
from .loader import Connection

RowFactory = Callable[[Any, tuple[Any, ...]], Any]


def decode_rows(connection: Connection) -> None:
    """Decompress the values of all rows that this connection reads from now on. Doing it twice does no harm.

    A row factory (sqlite3) or row trace (APSW) that is set already stays and gets the decompressed row; one that
    is set later replaces this hook, and so does one set on a single cursor. A value that SQL decompressed itself
    is left alone, unless it is a frame once more.

    :raises DamagedFrameError: when a damaged value is read.
    """
    if isinstance(connection, apsw.Connection):
        if not isinstance(connection.row_trace, _RowHook):
            connection.row_trace = _RowHook(connection.row_trace)
    elif isinstance(connection, sqlite3.Connection):
        if not isinstance(connection.row_factory, _RowHook):
            connection.row_factory = _RowHook(connection.row_factory)
    else:
        raise TypeError(f"expected a sqlite3.Connection or an apsw.Connection, not {type(connection).__name__}")


class _RowHook:
    """A row factory or row trace before the one that was there."""

    def __init__(self, following: RowFactory | None) -> None:
        self.following = following

    def __call__(self, cursor: Any, row: tuple[Any, ...]) -> Any:
        if any(map(_is_compressed, row)):
            row = tuple(decompress(value) if _is_compressed(value) else value for value in row)
        return row if self.following is None else self.following(cursor, row)


def _is_compressed(value: Any) -> bool:
    return type(value) is bytes and has_magic(value)
