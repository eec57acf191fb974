"""A stored value as a file to read from: seekable, and decoded no further than it is read."""

from __future__ import annotations

import io
from bisect import bisect_right
from typing import Any

from .value import StoredValue

BUFFER_SIZE = 64 << 10
AHEAD_SIZE = 16 << 20  # original bytes of what is asked for and fetched ahead with it; half of what is kept


class BlobStream(io.RawIOBase):
    """The original bytes of one stored value. `open_blob` makes it."""

    def __init__(self, value: StoredValue) -> None:
        self._value: StoredValue | None = value
        self._at = 0
        self._starts = [block.raw_offset for block in value.blocks]
        self._next = -1  # where a read begins that goes on with the one before
        self._fetched = 0  # the block after the last one that was fetched
        self._ahead = 0  # blocks

    def _open(self) -> StoredValue:
        if self._value is None:
            raise ValueError("I/O operation on closed file")
        return self._value

    def readable(self) -> bool:
        self._open()
        return True

    def seekable(self) -> bool:
        self._open()
        return True

    def tell(self) -> int:
        self._open()
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._open().size}
        if whence not in bases:
            raise ValueError(f"whence must be 0, 1 or 2, not {whence}")
        if bases[whence] + offset < 0:
            raise ValueError(f"negative seek position {bases[whence] + offset}")
        self._at = bases[whence] + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as there are bytes. All blocks that this takes are planned together."""
        value = self._open()
        target = memoryview(buffer).cast("B")
        start, end = self._at, min(self._at + len(target), value.size)
        if start >= end:
            return 0
        first = bisect_right(self._starts, start) - 1
        last = bisect_right(self._starts, end - 1)
        for index, data in value.read(range(first, self._fetch_to(first, last, is_next=start == self._next))):
            if index >= last:
                break
            block = value.blocks[index]
            low, high = max(start, block.raw_offset), min(end, block.raw_offset + block.raw_size)
            piece = memoryview(data)[low - block.raw_offset : high - block.raw_offset]
            target[low - start : high - start] = piece
        self._at = self._next = end
        return end - start

    def _fetch_to(self, first: int, last: int, *, is_next: bool) -> int:
        """Up to which block to fetch: the longer reads follow each other, the farther.

        SQLite reaches a place in a large value by way of all its pages before that, so that few long reads cost less.
        """
        if not is_next:
            self._ahead = self._fetched = 0
        if last <= self._fetched:
            return last
        if is_next:
            blocks, limit = self._open().blocks, self._starts[first] + AHEAD_SIZE
            self._ahead = min(2 * self._ahead or 1, len(blocks) - last)
            while self._ahead and self._starts[last + self._ahead - 1] > limit:
                self._ahead -= 1
        self._fetched = last + self._ahead
        return self._fetched

    def readall(self) -> bytes:
        rest = bytearray(max(self._open().size - self._at, 0))
        self.readinto(rest)
        return bytes(rest)

    def close(self) -> None:
        if self._value is not None:
            self._value.close()
        self._value = None
        super().close()


def open_blob(database: Any, table: str, column: str, rowid: Any, *, schema: str = "main") -> io.BufferedReader:
    """Open one stored value as a binary file, which can be read and sought in.

    It gives the original bytes, whether the value is a frame, a pickle envelope or a plain value (TEXT in its
    encoding). Only the header and the chunks that are read are fetched and decoded; a plain value is read once when
    it is opened, for checksums. No transaction stays open, so writers are not held up: a row that is changed or
    deleted meanwhile is an error at the next read that goes to the database, and never a mixture of two values.

    :param database: an open connection of sqlite3 or APSW, into which the extension is loaded, and then the stream is
        used where the connection may be; or the path of a file, which is open for as long as the stream is.
    :param table: an ordinary table or a virtual table `zblob`.
    :param rowid: of the row; in a table WITHOUT ROWID its primary key.
    :raises OptionError: there is no such schema, table, column or row, or the value is NULL.
    :raises ChangedValueError: when reading: the row has been changed or deleted, or its table dropped or renamed.
    :raises DamagedFrameError: when opening or reading: the value cannot be decoded.
    :raises UnsupportedFrameError: when opening or reading: the value cannot be decoded.
    :raises DatabaseError: when opening or reading: SQLite cannot read it, was interrupted, or has waited for a lock for
        too long (by path, 10 seconds).
    :raises LoadError: the connection cannot load extensions.
    """
    return io.BufferedReader(BlobStream(StoredValue(database, table, column, rowid, schema)), BUFFER_SIZE)
