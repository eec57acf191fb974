"""Compress what a file holds into a row, without the value or its frame in memory.

The encoder looks at the whole value before it codes the first chunk, so the file is copied to a temporary one and
mapped; encoded chunks go to another temporary file. Only then is the row written, in one transaction: over a zeroblob
of the frame's size, piece by piece. Where triggers, checks or indexes would see the zeroblob, or SQLite has no
incremental I/O (generated columns), it is one UPDATE with the frame, which is in memory then.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, BinaryIO

import apsw

from ..arguments import plain_integer
from ..chunks import compress_to
from ..codec import DEFAULT_LEVEL
from ..column.record import entries
from ..column.schema import look_at_table, master_of, require_schema
from ..column.virtual import virtual_columns
from ..connect.database import atomic, fold, interruptible, quote, run
from ..connect.loader import Connection
from ..connect.opening import connected
from ..errors import DatabaseError, DiskSpaceError, OptionError, WrongTypeError
from .pieces import PIECE_SIZE, ChunkFile, map_written, overwrite, takes_pieces
from .value import driver_text, usable


def write_stream(
    database: Any,
    table: str,
    column: str,
    rowid: Any,
    file: BinaryIO,
    *,
    schema: str = "main",
    level: int = DEFAULT_LEVEL,
    **options: Any,
) -> int:
    """Compress what is left to read of a binary file into the column of a row that exists. Returns the bytes stored.

    Memory holds a batch of chunks (32 MiB), not the value nor its frame; temporary files take the room of both. Pages
    of the value's file are mapped, which the system counts for the process, and drops where memory is short. Readers
    see the row as it was, and then the whole new value. The row holds a frame afterwards, which `zdecompress`,
    `decode_rows`, a virtual table, `open_blob` and `open_image` read.

    :param database: as for `open_blob`.
    :param file: anything with `read(size)` that gives bytes.
    :param rowid: of the row; in a table WITHOUT ROWID its primary key.
    :param options: as for `compress`.
    :raises OptionError: there is no such place, the column's readers do not expect frames (envelope "pickle", an
        uncompressed column of a virtual table), or an option is wrong.
    :raises DiskSpaceError: the database's disk is full; that of temporary files is an OSError.
    :raises DatabaseError: SQLite refuses the value, or was interrupted.
    """
    with connected(database, writes=True) as connection, _own_errors(f"{column} of row {rowid!r} of {table}"):
        target = _Target(usable(connection), table, column, plain_integer(rowid), schema)
        return _write(target, file, level, options)


@contextmanager
def _own_errors(name: str) -> Iterator[None]:
    """Those of SQLite, whichever driver says them."""
    try:
        yield
    except (apsw.Error, sqlite3.Error) as error:
        text = driver_text(error)
        if isinstance(error, apsw.FullError) or text.endswith("disk is full"):
            raise DiskSpaceError(f"no space is left to write {name}, which is as it was: free some") from error
        raise DatabaseError(f"cannot write {name}: {text}") from error


def _write(target: _Target, file: BinaryIO, level: int, options: dict[str, Any]) -> int:
    with tempfile.TemporaryFile() as chunks:
        with interruptible(target.connection) as check:
            data = map_written(lambda copy: _copy(file, copy, check))
            sink = ChunkFile(chunks, data, check)
            header = compress_to(sink, data, level=level, for_column=target.for_column, **options)
        size = len(header) + chunks.tell()
        if not target.write_in_pieces(header, chunks, size):
            chunks.seek(0)
            target.write_at_once(header + chunks.read())
    return size


def _copy(file: BinaryIO, copy: BinaryIO, check: Callable[[], None]) -> None:
    try:
        copy.writelines(_pieces(file, check))
    except (AttributeError, TypeError) as error:
        raise WrongTypeError(f"expected a binary file to read from, not {type(file).__name__}: {error}") from error


def _pieces(file: BinaryIO, check: Callable[[], None]) -> Iterator[bytes]:
    while piece := file.read(PIECE_SIZE):
        yield piece
        check()


class _Target:
    """The row that is written."""

    def __init__(self, connection: Connection, table: str, column: str, rowid: Any, schema: str) -> None:
        self.connection, self.place = connection, (schema, table, column, rowid)
        require_schema(connection, schema)
        virtual = [each for each in virtual_columns(connection, schema) if fold(each.table) == fold(table)]
        if virtual and not any(fold(each.column) == fold(column) for each in virtual):
            raise OptionError(f"column {column} of {table} is not compressed: write_stream would store a frame there")
        rows = f"{table}_rows" if virtual else table
        holder = look_at_table(connection, rows, schema, allow_shadow=bool(virtual), use="write to")
        self.column_name, self.address = holder.column(column).name, holder.address
        self.column = quote(self.column_name)
        key = holder.primary_key
        name = quote(key[0].name) if not holder.has_rowid and len(key) == 1 else holder.rowid_name
        if name is None:
            raise OptionError(f"the rows of table {table} have no rowid, nor another key of one column")
        self.key = name
        own = [each.setting for each in entries(connection, schema) if each.is_column(table, column)]
        if any(setting.envelope == "pickle" for setting in own):
            raise OptionError(
                f"{column} of {table} has envelope 'pickle', and its readers expect that: INSERT the value"
            )
        self.for_column = bool(virtual or own)
        found = run(connection, f"SELECT {self.key} FROM {self.address} WHERE {self.key} = ?", (rowid,))
        if not found:
            raise OptionError(f"table {table} has no row {rowid!r}: write_stream writes to rows that exist")
        self.holder = (schema, holder.name, self.column_name, found[0][0])
        self.is_watched = not takes_pieces(holder, column) or self._has_triggers(schema, holder.name)

    def _has_triggers(self, schema: str, table: str) -> bool:
        masters = (master_of(schema), "sqlite_temp_master")
        sqls = (f"SELECT tbl_name FROM {master} WHERE type = 'trigger'" for master in masters)
        return any(fold(row[0]) == fold(table) for sql in sqls for row in run(self.connection, sql))

    def _update(self, value: str, *values: Any) -> None:
        run(
            self.connection,
            f"UPDATE {self.address} SET {self.column} = {value} WHERE {self.key} = ?",
            (*values, self.place[3]),
        )
        if run(self.connection, "SELECT changes()")[0][0] != 1:
            raise OptionError(f"table {self.place[1]} has no row {self.place[3]!r} any more")

    def write_in_pieces(self, header: bytes, chunks: BinaryIO, size: int) -> bool:
        """False: this table does not allow it."""
        if self.is_watched:
            return False
        chunks.seek(0)
        try:
            with atomic(self.connection), interruptible(self.connection) as check:
                self._update("zeroblob(?)", size)
                overwrite(self.connection, *self.holder, chain([header], _pieces(chunks, check)))
        except (apsw.BusyError, apsw.FullError, apsw.IOError, apsw.InterruptError):
            raise
        except (apsw.Error, sqlite3.Error):
            return False
        return True

    def write_at_once(self, frame: bytes) -> None:
        with atomic(self.connection):
            self._update("?", frame)
