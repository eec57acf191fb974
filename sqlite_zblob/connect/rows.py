"""Row hooks: every compressed value in a result row comes back decompressed, whatever statement asked for it.

For columns that are compressed in place with envelope "frame", and programs that read them as plain values.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from typing import Any

import apsw

from ..codec import decompress_stored, has_magic
from ..errors import MissingDictionaryError
from . import converters
from .dictionaries import with_dictionaries
from .factories import Hook, add_hook, remove_hook
from .wrappers import inner_connection, is_aiosqlite, unwrap


def decode_rows(connection: Any, *, on: bool = True) -> None:
    """Decompress the values of all rows that this connection reads from now on. Doing it twice does no harm.

    Row factories (sqlite3) and row traces (APSW), on the connection or on a cursor, set before or later, get the
    decompressed row. Converters (`detect_types`) get decompressed bytes, and so does `text_factory` for TEXT: as from
    a table that is not compressed. A value that SQL decompressed itself is left alone, unless it is a frame once more.

    :param connection: of sqlite3, APSW or aiosqlite, or one of these that SQLAlchemy has wrapped.
    :param on: False: stop it. Cursors that are open go on decoding.
    :raises WrongTypeError: it is none of these.
    :raises DamagedFrameError: when a damaged value is read.
    """
    owner = unwrap(connection)
    if is_aiosqlite(owner):
        owner = inner_connection(owner)  # its row factory may be set from any thread
    if not on:
        remove_hook(owner)
    elif isinstance(owner, apsw.Connection):
        add_hook(owner, _ApswHook)
    else:
        converters.wrap_all()
        add_hook(owner, _Sqlite3Hook)


def decode_arguments(function: Callable[..., Any], connection: Callable[[], Any]) -> Callable[..., Any]:
    """An SQL function that gets its arguments decompressed, as rows come.

    :param connection: gives the one that it is registered on, or None where only SQLite still has it: SQLite keeps the
        function, which therefore must not keep the connection.
    """

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            decoded = list(map(_decode, arguments))
        except MissingDictionaryError:
            if (owner := connection()) is None:
                raise
            with with_dictionaries(owner):
                decoded = list(map(_decode, arguments))
        return function(*decoded)

    return call


class _ApswHook(Hook):
    __slots__ = ()

    def __call__(self, cursor: apsw.Cursor, row: tuple[Any, ...]) -> Any:
        for value in row:
            if type(value) is bytes and has_magic(value):
                row = _with_dictionaries(_decode_values, cursor, row)
                break
        return row if self.following is None else self.following(cursor, row)


class _Sqlite3Hook(Hook):
    __slots__ = ()

    def __call__(self, cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> Any:
        for value in row:
            if type(value) is bytes and has_magic(value):
                row = _with_dictionaries(_decode_row, cursor, row)
                break
        return row if self.following is None else self.following(cursor, row)


def _with_dictionaries(
    decode: Callable[[Any, tuple[Any, ...]], tuple[Any, ...]], cursor: Any, row: tuple[Any, ...]
) -> tuple[Any, ...]:
    """Most rows need no dictionary, and are not made to wait for what finds one."""
    try:
        return decode(cursor, row)
    except MissingDictionaryError:
        with with_dictionaries(cursor.connection):
            return decode(cursor, row)


def _decode_values(_: apsw.Cursor, row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(map(_decode, row))


def _decode(value: Any) -> Any:
    """TEXT that is no UTF-8 is an error, as it is from APSW itself."""
    if type(value) is not bytes or not has_magic(value):
        return value
    data, is_text = decompress_stored(value)
    return data.decode() if is_text else data


def _decode_row(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> tuple[Any, ...]:
    decoded = list(row)
    for at, value in enumerate(row):
        if type(value) is bytes and has_magic(value):
            data, is_text = decompress_stored(value)
            decoded[at] = _make_text(cursor, at, data) if is_text else data
    return tuple(decoded)


def _make_text(cursor: sqlite3.Cursor, at: int, data: bytes) -> Any:
    """What sqlite3 itself makes of TEXT."""
    factory = cursor.connection.text_factory
    if factory is not str:
        return factory(data)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        name = cursor.description[at][0]
        text = f"Could not decode to UTF-8 column '{name}' with text '".encode() + data.partition(b"\0")[0] + b"'"
        raise sqlite3.OperationalError(text[:200].decode("ascii", "replace")) from error
