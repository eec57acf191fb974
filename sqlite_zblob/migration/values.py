"""The stored values of one column, by key: walk over them, look at their heads, read, compare and replace them.

Knows no migration. Reads by incremental BLOB I/O where that works, which is several times as fast as SELECT.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import apsw

from ..codec import HEAD_PREFIX_SIZE, Buffer, checksum, has_magic, head_size, info_of_head, is_for_column
from ..column.schema import Column, Table
from ..column.virtual import find_rows
from ..connect.database import octet_length, quote, run, snapshot, text_of
from ..connect.loader import Connection
from ..errors import DamagedFrameError, OptionError, UnsupportedFrameError
from ..parts.pieces import LARGE_SIZE, LET_GO_SIZE, let_go, map_written, overwrite, pieces_of, takes_pieces

Key = tuple[Any, ...]

# Rows that a walk reads in one statement.
PAGE_ROWS = 500

# Bytes that stay in a CPU's cache from the time they are read until their checksum is computed.
PIECE_SIZE = 1 << 18

# A shorter value is no frame and no envelope: the frame of an empty value has so many bytes.
LEAST_FRAME_SIZE = 10

# A BLOB of at most this many bytes is read as a whole: it lies in its row, which is read for its size anyway.
SMALL_SIZE = 4096

# Of a frame, at least so many bytes make up its mark, and its whole header in any case.
MARK_SIZE = 4096


@dataclass(frozen=True)
class Place:
    """Where a column's values are stored, and how a row is found. Plain data that can be sent to workers."""

    table: str  # the ordinary table that holds the rows; for a virtual table, its backing table
    column: str
    key: tuple[str, ...]  # the columns that identify a row, quoted
    collations: tuple[str, ...]  # of each of these columns, quoted
    has_rowid: bool  # True: the key is the rowid alone
    has_generated: bool = False  # the table has generated columns: SQLite refuses BLOB I/O, or reads a wrong column
    takes_pieces: bool = False  # a value can be written piece by piece over a zeroblob, which nothing looks at

    @property
    def has_blobs(self) -> bool:
        """Can its values be read through incremental BLOB I/O?"""
        return self.has_rowid and not self.has_generated

    @property
    def condition(self) -> str:
        parts = zip(self.keys, self.collations, strict=True)
        return " AND ".join(f"{name} = ? COLLATE {collation}" for name, collation in parts)

    @property
    def address(self) -> str:
        return f"main.{quote(self.table)}"

    @property
    def data(self) -> str:
        """The column in SQL. With the table's name: alone, the quoted name of a column that is gone is a string."""
        return f"{quote(self.table)}.{quote(self.column)}"

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(f"{quote(self.table)}.{name}" for name in self.key)


class Entry(NamedTuple):
    """What the walk reports of one row, without having read its value."""

    key: Key
    value_type: str  # as typeof() says
    size: int  # bytes; of numbers and NULL: 0
    raw_size: int  # bytes before compression; the same as `size` if the header of a frame cannot be read
    has_magic: bool  # it is a frame or an envelope, or a damaged one
    codec: str | None  # the richest one among the frame's chunks; None: no frame, or a damaged header
    level: int = 0  # of the frame
    envelope: str = "frame"  # of the frame: "frame" or "pickle"
    for_column: bool = False  # the frame was made by a compressed column, and not by the program that stored it
    dictionary: int = 0  # the id of the one that the frame needs

    @property
    def is_frame(self) -> bool:
        return self.codec is not None

    @property
    def is_own_frame(self) -> bool:
        """The program has made it itself, and wants a frame; or it is one that is damaged, and not ours to restore."""
        return self.has_magic and not self.for_column


def find_place(connection: Connection, table: str, column: str) -> tuple[Place, Table]:
    """The place of a column of an ordinary table or of a virtual table `zblob`, and the table that holds the rows.

    :raises OptionError: there is no such table or column.
    """
    found = find_rows(connection, table)
    return place_of(found, found.column(column)), found


def place_of(table: Table, column: Column) -> Place:
    """:raises OptionError: the table has no primary key, and its columns take all names of the rowid."""
    has_generated = any(each.is_generated for each in table.columns)
    rowid = table.rowid_name or (quote(table.rowid_alias.name) if table.rowid_alias else None)
    if rowid:
        is_open = takes_pieces(table, column.name)
        return Place(table.name, column.name, (rowid,), ("BINARY",), True, has_generated, is_open)
    index = next((each for each in table.indexes if each.origin == "pk"), None)
    if index is None:
        raise OptionError(f"table {table.name} has no PRIMARY KEY, and its columns take all names of the rowid")
    key = tuple(quote(part.name or "") for part in index.columns)
    collations = tuple(quote(part.collation) for part in index.columns)
    return Place(table.name, column.name, key, collations, False, has_generated)


# ---- The walk ----------------------------------------------------------------------------------------------


def page(connection: Connection, place: Place, after: Key | None, count: int, *, parses: bool = True) -> list[Entry]:
    """The next entries in the order of the key, at most `count`. To be called in a transaction.

    :param parses: False: take what looks like a frame for one, of unknown codec and size; that is faster.
    """
    return _entries(connection, place, Span(after), f"1 ORDER BY {', '.join(_ordered(place))} LIMIT {count}", parses)


def large_entries(connection: Connection, place: Place, span: Span, least: int) -> list[Entry]:
    """The entries of BLOBs of at least so many bytes. To be called in a transaction."""
    size = octet_length(connection, place.data)
    clauses = f"typeof({place.data}) = 'blob' AND {size} >= {least} ORDER BY {', '.join(_ordered(place))}"
    return _entries(connection, place, span, clauses, parses=True)


def _entries(connection: Connection, place: Place, span: Span, clauses: str, parses: bool) -> list[Entry]:
    name, size = place.data, octet_length(connection, place.data)
    is_small = f"typeof({name}) = 'blob' AND {size} BETWEEN {LEAST_FRAME_SIZE} AND {SMALL_SIZE}"
    condition, values = span.condition(place)
    sql = (
        f"SELECT typeof({name}), {size}, CASE WHEN {is_small} THEN sqlite_zblob_head({name}) END, "
        f"{', '.join(place.keys)} FROM {place.address} WHERE {condition} AND {clauses}"
    )
    with reading_keys(place.table):
        rows = run(connection, sql, values)
    with _Heads(connection, place, parses=parses) as heads:
        return [heads.entry(row[3:], *row[:3]) for row in rows]


def _ordered(place: Place) -> list[str]:
    """The columns of the key, as the walk compares them."""
    if place.has_rowid:
        return list(place.keys)
    return [f"{name} COLLATE {collation}" for name, collation in zip(place.keys, place.collations, strict=True)]


class Span(NamedTuple):
    """The rows between two keys in the order of the walk. Plain data that can be sent to workers."""

    after: Key | None  # the row before the first one; None: from the first one on
    last: Key | None = None  # None: to the end

    def condition(self, place: Place) -> tuple[str, Key]:
        """SQL, and the values of its parameters."""
        key = ", ".join(_ordered(place))
        bounds = [(sign, each) for sign, each in ((">", self.after), ("<=", self.last)) if each is not None]
        parts = [f"({key}) {sign} ({', '.join('?' * len(each))})" for sign, each in bounds]
        return " AND ".join(parts) or "1", tuple(part for _, each in bounds for part in each)


def next_span(connection: Connection, place: Place, after: Key | None, count: int) -> Span:
    """The next `count` rows. Without a last one, there are not so many left."""
    condition, values = Span(after).condition(place)
    found = select_keys(
        connection,
        place,
        f"WHERE {condition} ORDER BY {', '.join(_ordered(place))} LIMIT 1 OFFSET {count - 1}",
        values,
    )
    return Span(after, found[0] if found else None)


def select_keys(connection: Connection, place: Place, clauses: str, values: Key = ()) -> list[Key]:
    """:param clauses: of the SELECT, after FROM.
    :raises OptionError: a key cannot be read.
    """
    with reading_keys(place.table):
        return run(connection, f"SELECT {', '.join(place.keys)} FROM {place.address} {clauses}", values)


@contextmanager
def reading_keys(table: str) -> Iterator[None]:
    """:raises OptionError: a key in a row that is read cannot be one of Python's."""
    try:
        yield
    except (UnicodeDecodeError, sqlite3.OperationalError) as error:
        if not isinstance(error, UnicodeDecodeError) and "decode to UTF-8" not in str(error):
            raise
        raise OptionError(
            f"a row of table {table} has a key that is TEXT without being valid UTF-8, and the table has no rowid to "
            f"find it by: its rows cannot be looked at one by one. Correct that key, or make it a BLOB ({error})"
        ) from error


def raw_sizes(connection: Connection, place: Place, sizes: dict[Key, int]) -> dict[Key, int]:
    """What these BLOBs, of which the stored sizes are given, had before compression; their headers alone are read."""
    with _Heads(connection, place) as heads:
        return {key: heads.look(key, size).raw_size for key, size in sizes.items()}


class _Heads:
    """The first bytes of one value after the other, through one handle where that is possible."""

    def __init__(self, connection: Connection, place: Place, *, parses: bool = True) -> None:
        self.connection, self.place, self.parses = connection, place, parses
        self.blob: Any = None

    def __enter__(self) -> _Heads:
        return self

    def __exit__(self, *_: object) -> None:
        if self.blob is not None:
            self.blob.close()

    def entry(self, key: Key, value_type: str, size: int | None, head: str | None) -> Entry:
        """:param head: of a small BLOB, what `sqlite_zblob_head` says."""
        if value_type not in ("blob", "text"):
            return Entry(key, value_type, 0, 0, False, None)
        size = size or 0
        if value_type == "text" or size < LEAST_FRAME_SIZE or (size <= SMALL_SIZE and head is None):
            return Entry(key, value_type, size, size, False, None)
        return self.look(key, size) if head is None else self._small(key, size, head)

    def _small(self, key: Key, size: int, head: str) -> Entry:
        raw_size, codec, level, envelope, for_column, dictionary = head.split(" ")
        known = codec if codec != "-" else None
        if not self.parses:
            return Entry(key, "blob", size, size, True, "unknown", for_column=for_column == "1")
        about = (known, int(level), envelope, for_column == "1", int(dictionary))
        return Entry(key, "blob", size, int(raw_size), True, *about)

    def look(self, key: Key, size: int) -> Entry:
        head = self.read(key, HEAD_PREFIX_SIZE)
        if head_size(head) > len(head):
            try:
                head = self.read(key, min(head_size(head), size))
            except (apsw.CorruptError, apsw.SQLError, sqlite3.DatabaseError):
                if not has_magic(head):
                    raise
                # of a compact frame, all is read here: whoever reads the value later says why it cannot be
                return Entry(key, "blob", size, size, True, None, for_column=is_for_column(head))
        if not has_magic(head):
            return Entry(key, "blob", size, size, False, None)
        if not self.parses:
            return Entry(key, "blob", size, size, True, "unknown", for_column=is_for_column(head))
        try:
            about = info_of_head(head, size)
        except (DamagedFrameError, UnsupportedFrameError):
            return Entry(key, "blob", size, size, True, None, for_column=is_for_column(head))
        level, envelope = about.level or 0, about.envelope or "frame"
        of_frame = (about.codec, level, envelope, about.for_column, about.dictionary_id)
        return Entry(key, "blob", size, about.raw_size, True, *of_frame)

    def read(self, key: Key, size: int) -> bytes:
        place, connection = self.place, self.connection
        if isinstance(connection, apsw.Connection) and place.has_blobs:
            if self.blob is None:
                self.blob = connection.blob_open("main", place.table, place.column, key[0], False)
            else:
                self.blob.reopen(key[0])
            return bytes(self.blob.read(size))
        if isinstance(connection, sqlite3.Connection) and place.has_blobs and sys.version_info >= (3, 11):
            with connection.blobopen(place.table, place.column, key[0], readonly=True, name="main") as blob:
                return blob.read(size)
        sql = f"SELECT substr({place.data}, 1, ?) FROM {place.address} WHERE {place.condition}"
        return bytes(run(connection, sql, (size, *key))[0][0])


def mark_of(connection: Connection, place: Place, entry: Entry) -> str:
    """By which a frame is known again, wherever a rename, a VACUUM or its owner has moved it.

    It is a checksum over the frame's beginning, which holds a checksum of each chunk. To be called in the transaction
    of the entry.
    """
    with _Heads(connection, place) as heads:
        size = min(entry.size, max(MARK_SIZE, head_size(heads.read(entry.key, HEAD_PREFIX_SIZE))))
        return _mark(heads.read(entry.key, size), entry.size)


def mark_of_value(value: Buffer) -> str:
    """The same of a value in memory."""
    view = memoryview(value)
    return _mark(view[: max(MARK_SIZE, head_size(view[:HEAD_PREFIX_SIZE]))], len(view))


def _mark(beginning: Buffer, size: int) -> str:
    return f"{checksum(beginning):016x} {size}"


# ---- One value ---------------------------------------------------------------------------------------------

_buffers = threading.local()


def read_value(connection: apsw.Connection, place: Place, key: Key, size: int) -> Buffer | None:
    """The bytes of a BLOB or TEXT, the latter in the database's encoding; None: it is gone, or its size has changed.

    What cannot be read, for whatever other reason, is an error of APSW's.

    The result may be a view of a buffer that this thread's next call overwrites.
    """
    if not place.has_blobs:
        value = select_value(connection, place, key, size)
        return value if value is not None and len(value) == size else None
    with snapshot(connection):
        # This takes the lock. blob_open would wait for it without releasing the interpreter's own lock, so that a
        # thread of this process that holds the database's lock could never give it back.
        run(connection, "SELECT 1 FROM main.sqlite_master LIMIT 1")
        return _read_blob(connection, place, key, size)


def map_value(connection: apsw.Connection, place: Place, key: Key, size: int) -> Buffer | None:
    """`read_value` by way of a temporary file, without the value in memory.

    :raises OSError: there is no room for the file.
    """
    with snapshot(connection):
        run(connection, "SELECT 1 FROM main.sqlite_master LIMIT 1")
        with _opened(connection, place, key, size) as blob:
            return None if blob is None else map_written(lambda file: _copy(blob, size, file))


def _copy(blob: apsw.Blob, size: int, file: BinaryIO) -> None:
    for begin in range(0, size, PIECE_SIZE):
        file.write(blob.read(min(PIECE_SIZE, size - begin)))


def read_piece(connection: apsw.Connection, place: Place, key: Key, size: int, offset: int, count: int) -> bytes | None:
    """Some bytes of a BLOB; None as for `read_value`."""
    with snapshot(connection):
        run(connection, "SELECT 1 FROM main.sqlite_master LIMIT 1")
        with _opened(connection, place, key, size) as blob:
            if blob is None:
                return None
            blob.seek(offset)
            return blob.read(count)


def read_small_values(connection: apsw.Connection, place: Place, first: Key, last: Key) -> dict[Key, bytes]:
    """The BLOBs and TEXTs of at most SMALL_SIZE bytes from one row to another, as `read_value` gives them."""
    condition, values = Span(None, last).condition(place)
    key = ", ".join(_ordered(place))
    sql = (
        f"SELECT CAST({place.data} AS BLOB), {', '.join(place.keys)} FROM {place.address} WHERE {condition} "
        f"AND ({key}) >= ({', '.join('?' * len(first))}) AND typeof({place.data}) IN ('blob', 'text') "
        f"AND {octet_length(connection, place.data)} <= {SMALL_SIZE}"
    )
    return {tuple(key): value for value, *key in run(connection, sql, (*values, *first))}


def select_value(connection: Connection, place: Place, key: Key, most: int) -> bytes | None:
    """The same by a SELECT. None: it is gone, has more than `most` bytes, or is no BLOB and no TEXT."""
    name = place.data
    sql = (
        f"SELECT CAST({name} AS BLOB) FROM {place.address} WHERE {place.condition} "
        f"AND typeof({name}) IN ('blob', 'text') AND {octet_length(connection, name)} <= ?"
    )
    found = run(connection, sql, (*key, most))
    return found[0][0] if found else None


@contextmanager
def _opened(connection: apsw.Connection, place: Place, key: Key, size: int) -> Iterator[apsw.Blob | None]:
    """A handle to read a stored value with. None: it is gone, is no BLOB and no TEXT, or has another size."""
    try:
        blob = connection.blob_open("main", place.table, place.column, key[0], False)
    except apsw.SQLError as error:
        if not re.search(r"no such rowid|cannot open value of type", str(error)):
            raise
        yield None
        return
    with closing(blob):
        yield blob if blob.length() == size else None


def _read_blob(connection: apsw.Connection, place: Place, key: Key, size: int) -> Buffer | None:
    with _opened(connection, place, key, size) as blob:
        if blob is None:
            return None
        buffer = getattr(_buffers, "buffer", None)
        if buffer is None or len(buffer) < size:
            buffer = _buffers.buffer = bytearray(size)
        blob.read_into(buffer, 0, size)
        return memoryview(buffer)[:size]


def fingerprint(value: Buffer) -> int:
    """A checksum to recognise a value by, together with its type and size.

    It is the XXH3 of the value or, if that has several pieces of PIECE_SIZE bytes, of the XXH3s of these pieces.
    """
    view, digests = memoryview(value), []
    for begin in range(0, len(view), PIECE_SIZE):
        digests.append(checksum(view[begin : begin + PIECE_SIZE]))
        if begin % LET_GO_SIZE == 0:
            let_go(value, begin)
    return _joined(digests)


def _joined(digests: list[int]) -> int:
    if len(digests) == 1:
        return digests[0]
    return checksum(b"".join(digest.to_bytes(8, "little") for digest in digests))


def is_unchanged(connection: apsw.Connection, place: Place, key: Key, value_type: str, size: int, digest: int) -> bool:
    """Does the row still hold the value that was read? To be called in a transaction."""
    found = run(connection, f"SELECT typeof({place.data}) FROM {place.address} WHERE {place.condition}", key)
    if found != [(value_type,)]:
        return False
    if not place.has_blobs:
        value = read_value(connection, place, key, size)
        return value is not None and fingerprint(value) == digest
    return _read_fingerprint(connection, place, key, size) == digest


def _read_fingerprint(connection: apsw.Connection, place: Place, key: Key, size: int) -> int | None:
    """`fingerprint` of a stored value, read piece by piece. None: it is gone, or its size has changed."""
    with _opened(connection, place, key, size) as blob:
        if blob is None:
            return None
        piece = memoryview(bytearray(min(size, PIECE_SIZE)))
        digests = []
        for begin in range(0, size, PIECE_SIZE):
            piece = piece[: size - begin]
            blob.read_into(piece, 0, len(piece))
            digests.append(checksum(piece))
        return _joined(digests)


def touch_value(connection: apsw.Connection, place: Place, key: Key, size: int) -> None:
    """Bring a value's pages into the page cache, so that replacing it under the write lock reads no file."""
    if not place.has_blobs or not size:
        return
    with _opened(connection, place, key, size) as blob:
        if blob is not None:
            blob.seek(size - 1)  # reads each page up to there into SQLite's cache, which reading a whole value bypasses
            blob.read(1)


def replace_value(connection: apsw.Connection, place: Place, key: Key, value_type: str, value: Buffer) -> bool:
    """Write a value in place of the one that is there. False: there is no such row, or it would become another text."""
    if len(value) >= LARGE_SIZE and value_type == "blob" and place.takes_pieces:
        return _replace_in_pieces(connection, place, key, value)
    new, condition, values = "?", place.condition, (value, *key)
    if value_type == "text":
        new = text_of("?")
        condition, values = f"{condition} AND CAST({new} AS BLOB) IS ?", (*values, value, value)
    run(connection, f"UPDATE {place.address} SET {quote(place.column)} = {new} WHERE {condition}", values)
    return connection.changes() == 1


def _replace_in_pieces(connection: apsw.Connection, place: Place, key: Key, value: Buffer) -> bool:
    sql = f"UPDATE {place.address} SET {quote(place.column)} = zeroblob(?) WHERE {place.condition}"
    run(connection, sql, (len(value), *key))
    if connection.changes() != 1:
        return False
    overwrite(connection, "main", place.table, place.column, key[0], pieces_of(value))
    return True


# ---- Keys --------------------------------------------------------------------------------------------------


def describe_key(connection: apsw.Connection, place: Place, table: Table, key: Key) -> dict[str, object]:
    """The row's primary key by column, for people; the rowid if there is none that can be read, or the row is gone."""
    names = [column.name for column in table.primary_key]
    if not place.has_rowid:
        return dict(zip((column for column in names), key, strict=False))
    if names:
        columns = ", ".join(map(quote, names))
        rows = []
        with suppress(UnicodeDecodeError):
            rows = run(connection, f"SELECT {columns} FROM {place.address} WHERE {place.condition}", key)
        if rows:
            return dict(zip(names, rows[0], strict=True))
    return {"rowid": key[0]}


def encode_key(key: Key) -> str:
    """The key as text, for the record. `decode_key` is the inverse."""
    return json.dumps([{"blob": part.hex()} if isinstance(part, bytes) else part for part in key])


def decode_key(text: str) -> Key:
    """:raises ValueError: it is none; or TypeError, KeyError."""
    parts = json.loads(text)
    if not isinstance(parts, list):
        raise ValueError(f"{text} is no key")
    return tuple(bytes.fromhex(part["blob"]) if isinstance(part, dict) else part for part in parts)
