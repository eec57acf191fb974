"""Values that are not in memory: temporary files that are mapped, and rows that are written piece by piece."""

from __future__ import annotations

import mmap
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import apsw

from ..codec import Buffer
from ..column.schema import Index, Table
from ..connect.database import fold, run, tokens
from ..connect.loader import Connection

PIECE_SIZE = 1 << 20

# From so many bytes on, a value is worked on piece by piece: SQLite makes two copies of one that is bound as a whole.
LARGE_SIZE = 64 << 20

# Of what is written by SQL, where SQLite goes through all pages before a piece to reach it.
SQL_PIECE_SIZE = 16 << 20

# Of a mapped file, so many bytes are looked at before their pages are let go.
LET_GO_SIZE = 16 << 20

# The same in chunks, of up to 16 MiB each; large images mostly have smaller ones.
LET_GO_CHUNKS = 4


def map_written(write: Callable[[BinaryIO], object]) -> Buffer:
    """What a function writes to a file. No name leads to the file, so nobody can truncate it.

    :raises OSError: there is no room for it.
    """
    with tempfile.TemporaryFile() as file:
        write(file)
        file.flush()
        if file.tell() == 0:
            return b""
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def let_go(value: Buffer, size: int = 0) -> None:
    """The pages of a mapped file, up to there, need not stay in memory: they are read again where they are needed."""
    if isinstance(value, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        end = (size or len(value)) // mmap.PAGESIZE * mmap.PAGESIZE
        if end:
            value.madvise(mmap.MADV_DONTNEED, 0, end)


def is_mapped(value: Buffer) -> bool:
    return isinstance(value, mmap.mmap)


def pieces_of(value: Buffer) -> Iterator[memoryview]:
    """The value, piece by piece; what has been looked at of a mapped file need not stay in memory."""
    view = memoryview(value)
    for begin in range(0, len(view), PIECE_SIZE):
        yield view[begin : begin + PIECE_SIZE]
        if begin % LET_GO_SIZE == 0:
            let_go(value, begin)


class ChunkFile:
    """A file for the encoded chunks of a mapped value. What has been encoded need not stay in memory."""

    def __init__(self, file: BinaryIO, value: Buffer, check: Callable[[], None] | None = None) -> None:
        self.file, self.value, self.check, self.writes = file, value, check, 0
        self.tell, self.seek, self.truncate = file.tell, file.seek, file.truncate

    def write(self, data: Any) -> None:
        self.file.write(data)
        self.writes += 1
        if self.check:  # which raises what has come up meanwhile
            self.check()
        if self.writes % LET_GO_CHUNKS == 0:
            let_go(self.value)


def takes_pieces(table: Table, column: str) -> bool:
    """Can the column's values be written over a zeroblob, which nothing looks at? Triggers are not asked about here.

    CHECK constraints and indexes would, those with the column in their condition alone included: SQLite opens a BLOB
    for writing in spite of such an index, and leaves it wrong.
    """
    checks = any(token.text == "check" for token in table.words)
    generated = any(each.is_generated for each in table.columns)
    return table.has_rowid and not checks and not generated and not any(_reads(each, column) for each in table.indexes)


def _reads(index: Index, column: str) -> bool:
    keys = [part.name for part in index.columns]
    is_partial = any(token.text == "where" for token in tokens(index.sql or ""))
    return is_partial or any(key is None or fold(key) == fold(column) for key in keys)


def overwrite(
    connection: Connection, schema: str, table: str, column: str, rowid: Any, pieces: Iterable[Buffer]
) -> None:
    """Write over a BLOB of an ordinary table, in an open transaction. Through one handle where that is possible.

    What SQLite refuses is an error of the driver's.
    """
    if isinstance(connection, apsw.Connection):
        with connection.blob_open(schema, table, column, rowid, True) as blob:
            for piece in pieces:
                blob.write(piece)
    elif sys.version_info >= (3, 11):
        with connection.blobopen(table, column, rowid, readonly=False, name=schema) as blob:
            for piece in pieces:
                blob.write(piece)
    else:
        _overwrite_by_sql(connection, (schema, table, column, rowid), pieces)


def _overwrite_by_sql(connection: sqlite3.Connection, place: tuple[Any, ...], pieces: Iterable[Buffer]) -> None:
    waiting, at = bytearray(), 0
    for piece in pieces:
        waiting += piece
        if len(waiting) >= SQL_PIECE_SIZE:
            run(connection, "SELECT zblob_overwrite(?, ?, ?, ?, ?, ?)", (*place, at, waiting))
            at, waiting = at + len(waiting), bytearray()
    if waiting:
        run(connection, "SELECT zblob_overwrite(?, ?, ?, ?, ?, ?)", (*place, at, waiting))
