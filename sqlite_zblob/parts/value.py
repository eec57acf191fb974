"""A stored value, read block by block. A block is a chunk of a frame, or a piece of a plain value.

Every block is checked by the checksum that the value had for it when it was opened. So what is read always comes from
one and the same value, without a transaction that would have to stay open. A row that has been changed meanwhile is an
error.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

import apsw

from ..arguments import plain_integer
from ..chunks import ChunkInfo, FrameDecoder
from ..codec import (
    HEAD_PREFIX_SIZE,
    Buffer,
    FrameInfo,
    checksum,
    has_magic,
    head_size,
    info,
    info_of_head,
)
from ..connect.database import interruptible, quote, run
from ..connect.dictionaries import with_dictionaries
from ..connect.loader import Connection, load
from ..connect.opening import FilePath, connected, locate
from ..connect.wrappers import is_aiosqlite, no_connection, unwrap
from ..errors import ChangedValueError, DamagedFrameError, DatabaseError, OptionError, WrongTypeError

PLAIN_BLOCK = 1 << 20  # bytes of one block of a plain value
CACHE_SIZE = 32 << 20  # bytes of decoded blocks that are kept; at least one is
BATCH_SIZE = 32 << 20  # decoded bytes that are made at once; at least one block is
READ_SIZE = 16 << 20  # stored bytes that one statement reads; at least one block is
SMALL_SIZE = 65535  # original bytes up to which a value is looked through for images that its header leaves out
PASS_SIZE = 8 << 20  # decoded bytes that are made at once where they are not kept; at least one block is

_CHECKSUM_SIZE = 8  # at the end of a frame's header


class StoredValue:
    """One value, named by its place. Threads may share it if they may share the connection.

    :param database: a connection, or the path of a file, which is open until `close`.
    :param rowid: of the row; in a table WITHOUT ROWID its primary key.
    :raises OptionError: there is no such schema, table, column or row, or the value is NULL.
    :raises DamagedFrameError: the value's header cannot be read.
    :raises UnsupportedFrameError: the value's header cannot be read.
    """

    is_closed = False
    source: FilePath | None = None  # the path that was given in place of a connection
    _was_found = False  # from then on, what is missing has been taken away
    _resources: ExitStack | None = None  # of a file that was opened for this value

    def __init__(self, database: Any, table: str, column: str, rowid: Any, schema: str) -> None:
        self._place = (schema, table, column, plain_integer(rowid))
        self.source = database if isinstance(database, str | bytes | os.PathLike) else None
        with ExitStack() as stack:
            self._connection = usable(stack.enter_context(connected(database, writes=False)))
            self._lock = _lock_of(self._connection)
            self._open(f"{column} of row {rowid!r} of {table}")
            self._was_found = True
            self._resources = stack.pop_all()

    def close(self) -> None:
        """Close the file, where one was opened for this value; a connection of the caller's stays open."""
        self.is_closed = True
        if self._resources is not None:
            self._resources.close()

    def _open(self, name: str) -> None:
        """Read the size and the header, or the checksums of a plain value."""
        self.name = name
        self._cache: OrderedDict[int, Buffer] = OrderedDict()
        self._size = self._stored_size()
        head = self._read_head()
        with self._dictionaries():
            self._decoder = FrameDecoder(head, self._size) if has_magic(head) else None
        if self._decoder:
            self._head = head
            self.blocks, self.size = self._decoder.chunks, self._decoder.raw_size
        else:
            self.size = self._size
            self.blocks = [_piece(at, self._size) for at in range(0, self._size, PLAIN_BLOCK)]
            groups = list(self._neighbours(list(range(len(self.blocks)))))
            with self._interruptible(len(groups)):
                self._checksums = [checksum(piece) for group in groups for piece in self._pieces(group)]

    def again(self) -> tuple[Any, ...] | None:
        """What to open it by in another process; None: it is a connection's."""
        schema, table, column, rowid = self._place
        return None if self.source is None else (locate(self.source).target, table, column, rowid, schema)

    @property
    def mark(self) -> str:
        """The same for as long as the value is: a checksum of its header, which has those of all chunks."""
        sums = self._head if self._decoder else b"".join(each.to_bytes(8, "little") for each in self._checksums)
        return f"{self._size} {checksum(sums):016x}"

    def _dictionaries(self) -> AbstractContextManager[None]:
        return self._dictionaries_of_connection()

    @contextmanager
    def _dictionaries_of_connection(self) -> Iterator[None]:
        with self._lock, with_dictionaries(self._connection):
            yield

    # ---- What is stored ----------------------------------------------------------------------------------------

    def _ask(self, sql: str, *values: Any) -> Any:
        return self._row(sql, *values)[0]

    def _row(self, sql: str, *values: Any) -> tuple[Any, ...]:
        try:
            with self._lock:
                return run(self._connection, sql, (*self._place, *values))[0]
        except (apsw.Error, sqlite3.Error) as error:
            text = driver_text(error)
            if not text.startswith(("there is no", "table ", "the columns of")):
                raise DatabaseError(f"cannot read {self.name}: {text}") from error
            raise (self._changed() if self._was_found else OptionError(text)) from error

    def _stored_size(self) -> int:
        try:
            size = self._ask("SELECT zblob_stored(?, ?, ?, ?)")
        except WrongTypeError:  # of the key: perhaps the table takes no single one
            self._place = (*self._place[:3], 0)
            self._ask("SELECT zblob_stored(?, ?, ?, ?)")
            raise
        if size is None:
            raise OptionError(f"there is no value in {self.name}: the row does not exist, or it holds NULL")
        return int(size)

    def _stored(self, offset: int, count: int) -> bytes:
        """Stored bytes; ChangedValueError if they are not there any more."""
        found = self._ask("SELECT zblob_stored(?, ?, ?, ?, ?, ?)", offset, count)
        if found is None or len(found) != count:
            raise self._changed()
        return bytes(found)

    def _read_head(self) -> bytes:
        prefix = self._stored(0, min(HEAD_PREFIX_SIZE, self._size))
        size = min(head_size(prefix), self._size)
        return self._stored(0, size) if size > len(prefix) else prefix

    def _changed(self) -> ChangedValueError:
        return ChangedValueError(f"{self.name} was changed or deleted while it was being read: open it again")

    def _checksum_at(self) -> int:
        """Where in the header of a frame its checksum is, which covers those of all chunks."""
        is_whole = len(self._head) == self._size  # as of compact frames, whose checksum stands elsewhere
        return 0 if is_whole else len(self._head) - _CHECKSUM_SIZE

    def _require_unchanged(self) -> None:
        """Of a frame, its header's checksum says so."""
        at = self._checksum_at()
        same = self._ask("SELECT zblob_stored(?, ?, ?, ?)") == self._size
        if not same or self._stored(at, len(self._head) - at) != self._head[at:]:
            raise self._changed()

    def is_pass(self, indices: Iterable[int]) -> bool:
        """Are these more blocks of a frame than the cache holds?"""
        return self._decoder is not None and sum(self.blocks[index].raw_size for index in indices) > CACHE_SIZE

    def slice(self, axis: int, index: int) -> bytes | None:
        """What `zslice_at` gives of a frame, for less than a pass over all blocks. None: it refuses, `read` says why.

        A statement that reads the schema holds one state of the database for the three functions.
        """
        at = self._checksum_at()
        sql = (
            "SELECT zblob_stored(?1, ?2, ?3, ?4), zblob_stored(?1, ?2, ?3, ?4, ?5, ?6), "
            "zslice_at(?1, ?2, ?3, ?4, ?7, ?8), held "
            f"FROM (SELECT count(*) AS held FROM {quote(self._place[0])}.sqlite_master)"
        )
        try:
            size, head, found, _ = self._row(sql, at, len(self._head) - at, axis, index)
        except DatabaseError as error:
            if isinstance(error.__cause__, apsw.InterruptError) or str(error).endswith("interrupted"):
                raise
            return None
        if size != self._size or head != self._head[at:]:
            raise self._changed()
        return None if found is None else bytes(found)

    def _interruptible(self, steps: int) -> AbstractContextManager[Callable[[], None]]:
        """What takes several steps is stopped by an interrupt that falls between their statements, too."""
        return self._with_interrupts() if steps > 1 else nullcontext(lambda: None)

    @contextmanager
    def _with_interrupts(self) -> Iterator[Callable[[], None]]:
        with ExitStack() as stack:
            with self._lock:
                check = stack.enter_context(interruptible(self._connection))
            yield lambda: self._checked(check)

    def _checked(self, check: Callable[[], None]) -> None:
        try:
            with self._lock:
                check()
        except (apsw.Error, sqlite3.Error) as error:
            raise DatabaseError(f"cannot read {self.name}: {driver_text(error)}") from error

    # ---- Blocks ------------------------------------------------------------------------------------------------

    def read(self, indices: Sequence[int]) -> Iterator[tuple[int, Buffer]]:
        """The raw bytes of blocks with ascending numbers, each with its number, until the next one is asked for.

        Neighbours are read together, and all that fit BATCH_SIZE are decoded in parallel. Blocks that the cache could
        not hold all together are not kept: they are decoded PASS_SIZE at a time, into the same memory again and again.

        :raises ChangedValueError: the row has been changed since the value was opened.
        :raises DamagedFrameError: a block is damaged.
        """
        if self.is_closed:
            raise ValueError(f"{self.name} is closed: open it again")
        batches = self._groups(indices, BATCH_SIZE)
        is_pass = self.is_pass(indices)
        memory: list[bytearray] = []
        with self._interruptible(len(batches)) as check:
            for batch in batches:
                yield from self._pass(batch, memory) if is_pass else self._batch(batch)
                check()

    def _groups(self, indices: Sequence[int], limit: int) -> list[list[int]]:
        """The numbers in groups, each of one block or of more whose raw bytes are at most `limit`."""
        groups: list[list[int]] = []
        size = 0
        for index in indices:
            if not groups or size + self.blocks[index].raw_size > limit:
                groups.append([])
                size = 0
            groups[-1].append(index)
            size += self.blocks[index].raw_size
        return groups

    def block(self, index: int) -> Buffer:
        """The raw bytes of one block."""
        return next(self.read([index]))[1]

    def _batch(self, indices: list[int]) -> Iterator[tuple[int, Buffer]]:
        with self._lock:
            found = {index: self._cache[index] for index in indices if index in self._cache}
        missing = [index for index in indices if index not in found]
        if missing:
            found.update(zip(missing, self._decoded(missing), strict=True))
        self._keep(found)
        for index in indices:
            yield index, found.pop(index)

    def _pass(self, indices: list[int], memory: list[bytearray]) -> Iterator[tuple[int, Buffer]]:
        """`_batch` without the cache: into `memory`, which grows where it is not enough."""
        stored = dict(zip(indices, self._stored_blocks(indices), strict=True))
        self._require_unchanged()
        for group in self._groups(indices, PASS_SIZE):
            for at, index in enumerate(group):
                size = self.blocks[index].raw_size
                if at == len(memory):
                    memory.append(bytearray(size))
                elif len(memory[at]) < size:
                    memory[at] = bytearray(size)
            parts = [
                memoryview(room)[: self.blocks[index].raw_size] for index, room in zip(group, memory, strict=False)
            ]
            self._decode_into(group, [stored.pop(index) for index in group], parts)
            yield from zip(group, parts, strict=True)

    def _keep(self, found: dict[int, Buffer]) -> None:
        """Put blocks into the cache, as the last used ones."""
        with self._lock:
            for index, data in found.items():
                self._cache[index] = data
                self._cache.move_to_end(index)
            size = sum(self.blocks[index].raw_size for index in self._cache)
            while size > CACHE_SIZE and len(self._cache) > 1:
                size -= self.blocks[self._cache.popitem(last=False)[0]].raw_size

    def _decoded(self, indices: list[int]) -> Sequence[Buffer]:
        stored = self._stored_blocks(indices)
        if self._decoder is None:
            if any(checksum(each) != self._checksums[index] for index, each in zip(indices, stored, strict=True)):
                raise self._changed()
            return stored
        self._require_unchanged()
        decoded = [bytearray(self.blocks[index].raw_size) for index in indices]
        self._decode_into(indices, stored, decoded)
        return decoded

    def _decode_into(self, indices: list[int], stored: Sequence[Buffer], targets: Sequence[Buffer]) -> None:
        assert self._decoder is not None
        try:
            self._decoder.decode_into(indices, stored, targets)
        except DamagedFrameError:
            self._require_unchanged()  # which may have happened since
            raise

    def _stored_blocks(self, indices: list[int]) -> list[memoryview]:
        return [piece for group in self._neighbours(indices) for piece in self._pieces(group)]

    def _neighbours(self, indices: list[int]) -> Iterator[list[int]]:
        """The numbers in groups of blocks that lie side by side."""
        group: list[int] = []
        for index in indices:
            start = self.blocks[group[0]].stored_offset if group else 0
            too_far = group and index != group[-1] + 1
            if group and (too_far or self._end(index) - start > READ_SIZE):
                yield group
                group = []
            group.append(index)
        if group:
            yield group

    def _end(self, index: int) -> int:
        return self.blocks[index].stored_offset + self.blocks[index].stored_size

    def _pieces(self, group: list[int]) -> list[memoryview]:
        start = self.blocks[group[0]].stored_offset
        read = memoryview(self._stored(start, self._end(group[-1]) - start))
        return [read[self.blocks[index].stored_offset - start : self._end(index) - start] for index in group]

    def describe(self) -> FrameInfo:
        """What it holds. Of a plain value, a small one, and one that is stored as it is, all of it has to be read.

        A frame in the frame, as virtual tables hold those of a program, is no image: its samples are not in the blocks.
        """
        about = None
        if self._decoder:
            with self._dictionaries():
                about = info_of_head(self._head, self._size)
            if about.images or (about.codec != "store" and self.size > SMALL_SIZE):
                return about
        raw = b"".join(bytes(data) for _, data in self.read(range(len(self.blocks))))
        return about if about and has_magic(raw) else info(raw)


def _piece(at: int, size: int) -> ChunkInfo:
    length = min(PLAIN_BLOCK, size - at)
    return ChunkInfo(at, length, at, length)


def driver_text(error: Exception) -> str:
    """What SQLite or a function of ours says."""
    return str(error).removeprefix("SQLError: ")


_locks: WeakKeyDictionary[apsw.Connection, threading.RLock] = WeakKeyDictionary()
_locks_lock = threading.Lock()


def _lock_of(connection: Connection) -> threading.RLock:
    """What all readers of a connection share: APSW refuses a thread while another one is in the connection."""
    if not isinstance(connection, apsw.Connection):
        return threading.RLock()  # SQLite itself lets threads wait
    with _locks_lock:
        return _locks.setdefault(connection, threading.RLock())


def usable(connection: Any) -> Connection:
    """The driver's own connection, with the extension in it."""
    found = unwrap(connection)
    if is_aiosqlite(found):
        raise no_connection(connection)
    with _lock_of(found):
        load(found)
    usable: Connection = found
    return usable
