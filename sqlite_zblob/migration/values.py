"""The stored values of one column, by key: walk over them, look at their heads, read, compare, replace.

Knows no migration. Reads through incremental BLOB I/O where the table has rowids, several times as fast as SELECT.
"""

from __future__ import annotations

import json
import threading
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NamedTuple

import apsw

from ..codec import HEAD_PREFIX_SIZE, Buffer, checksum, has_magic, head_size, info_of_head
from ..column.schema import Table, look_at_table, master_of
from ..column.virtual import is_zblob
from ..connect.database import fold, quote, run, snapshot
from ..errors import DamagedFrameError, UnsupportedFrameError

Key = tuple[Any, ...]

# What stays in a CPU's cache between its reading and its checksum.
PIECE_SIZE = 1 << 18

# Shorter ones are no frame and no envelope.
LEAST_FRAME_SIZE = 40


@dataclass(frozen=True)
class Place:
    """Where a column's values lie, and how a row is found: plain data, for workers."""

    table: str  # the ordinary table that holds the rows; of a virtual table, the one behind it
    column: str
    key: tuple[str, ...]  # SQL names of what identifies a row
    collations: tuple[str, ...]  # of each of them, quoted
    has_rowid: bool  # then key is the rowid alone

    @property
    def condition(self) -> str:
        parts = zip(self.key, self.collations, strict=True)
        return " AND ".join(f"{name} = ? COLLATE {collation}" for name, collation in parts)


class Entry(NamedTuple):
    """What the walk says of one row without reading its value."""

    key: Key
    value_type: str  # as typeof() says
    size: int  # bytes; of numbers and NULL: 0
    raw_size: int  # before compression; of a compressed value whose header is unreadable: size
    is_frame: bool  # a valid header
    has_magic: bool  # a frame, or what is left of one


def find_place(connection: apsw.Connection, table: str, column: str) -> tuple[Place, Table]:
    """The place of a column of an ordinary table, or of a virtual table `zblob`, and the table that holds the rows.

    :raises OptionError: there is no such table or column.
    """
    objects = run(connection, f"SELECT name, sql FROM {master_of('main')} WHERE type = 'table'")
    is_virtual = any(fold(name) == fold(table) and is_zblob(sql) for name, sql in objects)
    found = look_at_table(connection, f"{table}_rows" if is_virtual else table, allow_shadow=is_virtual)
    name = found.column(column).name
    if found.rowid_name:
        return Place(found.name, name, (found.rowid_name,), ("BINARY",), True), found
    index = next((each for each in found.indexes if each.origin == "pk"), None)
    parts = index.columns if index else ()
    key = tuple(quote(part.name or "") for part in parts)
    return Place(found.name, name, key, tuple(quote(part.collation) for part in parts), False), found


# ---- The walk ----------------------------------------------------------------------------------------------


def page(connection: apsw.Connection, place: Place, after: Key | None, count: int) -> list[Entry]:
    """The next entries in the order of the key, at most `count`. To be called in a transaction."""
    key = ", ".join(place.key)
    ordered = [f"{name} COLLATE {collation}" for name, collation in zip(place.key, place.collations, strict=True)]
    name = quote(place.column)
    where = f"WHERE ({', '.join(ordered)}) > ({', '.join('?' * len(ordered))})" if after is not None else ""
    if place.has_rowid:
        ordered = list(place.key)
        where = f"WHERE {key} > ?" if after is not None else ""
    sql = (
        f"SELECT typeof({name}), octet_length({name}), {key} FROM main.{quote(place.table)} {where} "
        f"ORDER BY {', '.join(ordered)} LIMIT {count}"
    )
    rows = run(connection, sql, after or ())
    with _Heads(connection, place) as heads:
        return [heads.entry(row[2:], row[0], row[1]) for row in rows]


class _Heads:
    """The first bytes of one value after the other, through one handle."""

    def __init__(self, connection: apsw.Connection, place: Place) -> None:
        self.connection, self.place = connection, place
        self.blob: apsw.Blob | None = None

    def __enter__(self) -> _Heads:
        return self

    def __exit__(self, *_: object) -> None:
        if self.blob is not None:
            self.blob.close()

    def entry(self, key: Key, value_type: str, size: int | None) -> Entry:
        if value_type not in ("blob", "text"):
            return Entry(key, value_type, 0, 0, False, False)
        size = size or 0
        if value_type == "text" or size < LEAST_FRAME_SIZE:
            return Entry(key, value_type, size, size, False, False)
        prefix = self.read(key, HEAD_PREFIX_SIZE)
        if not has_magic(prefix):
            return Entry(key, value_type, size, size, False, False)
        try:
            about = info_of_head(self.read(key, head_size(prefix)), size)
        except (DamagedFrameError, UnsupportedFrameError):
            return Entry(key, value_type, size, size, False, True)
        return Entry(key, value_type, size, about.raw_size, True, True)

    def read(self, key: Key, size: int) -> bytes:
        place = self.place
        if not place.has_rowid:
            sql = f"SELECT substr({quote(place.column)}, 1, ?) FROM main.{quote(place.table)} WHERE {place.condition}"
            return bytes(run(self.connection, sql, (size, *key))[0][0])
        if self.blob is None:
            self.blob = self.connection.blob_open("main", place.table, place.column, key[0], False)
        else:
            self.blob.reopen(key[0])
        return self.blob.read(size)


# ---- One value ---------------------------------------------------------------------------------------------

_buffers = threading.local()


def read_value(connection: apsw.Connection, place: Place, key: Key, size: int) -> Buffer | None:
    """The bytes of a BLOB or TEXT, the latter in the database's encoding; None: it is gone, or its size has changed.

    The result may be a view of a buffer that this thread's next call overwrites.
    """
    if not place.has_rowid:
        sql = f"SELECT CAST({quote(place.column)} AS BLOB) FROM main.{quote(place.table)} WHERE {place.condition}"
        found = run(connection, sql, key)
        return found[0][0] if found and found[0][0] is not None and len(found[0][0]) == size else None
    with snapshot(connection):
        # Takes the lock: blob_open would wait for it with the interpreter locked, perhaps for a thread of this process.
        run(connection, "SELECT 1 FROM main.sqlite_master LIMIT 1")
        return _read_blob(connection, place, key, size)


def _read_blob(connection: apsw.Connection, place: Place, key: Key, size: int) -> Buffer | None:
    try:
        blob = connection.blob_open("main", place.table, place.column, key[0], False)
    except apsw.SQLError:  # no such row, or no bytes in it
        return None
    try:
        if blob.length() != size:
            return None
        buffer = getattr(_buffers, "buffer", None)
        if buffer is None or len(buffer) < size:
            buffer = _buffers.buffer = bytearray(size)
        blob.read_into(buffer, 0, size)
        return memoryview(buffer)[:size]
    finally:
        blob.close()


def fingerprint(value: Buffer) -> int:
    """By which a value is known again, with its type and size: XXH64; of a long one, of the XXH64s of its pieces."""
    view = memoryview(value)
    return _joined([checksum(view[begin : begin + PIECE_SIZE]) for begin in range(0, len(view), PIECE_SIZE)])


def _joined(digests: list[int]) -> int:
    if len(digests) == 1:
        return digests[0]
    return checksum(b"".join(digest.to_bytes(8, "little") for digest in digests))


def is_unchanged(connection: apsw.Connection, place: Place, key: Key, value_type: str, size: int, digest: int) -> bool:
    """Does the row still hold the value that was read? To be called in a transaction."""
    name, table = quote(place.column), quote(place.table)
    found = run(connection, f"SELECT typeof({name}) FROM main.{table} WHERE {place.condition}", key)
    if found != [(value_type,)]:
        return False
    if not place.has_rowid:
        value = read_value(connection, place, key, size)
        return value is not None and fingerprint(value) == digest
    return _read_fingerprint(connection, place, key, size) == digest


def _read_fingerprint(connection: apsw.Connection, place: Place, key: Key, size: int) -> int | None:
    """`fingerprint` of a stored value, without having it in memory; None: it is gone, or its size has changed."""
    try:
        blob = connection.blob_open("main", place.table, place.column, key[0], False)
    except apsw.SQLError:  # no such row, or no bytes in it
        return None
    with closing(blob):
        if blob.length() != size:
            return None
        piece = memoryview(bytearray(min(size, PIECE_SIZE)))
        digests = []
        for begin in range(0, size, PIECE_SIZE):
            piece = piece[: size - begin]
            blob.read_into(piece, 0, len(piece))
            digests.append(checksum(piece))
        return _joined(digests)


def touch_value(connection: apsw.Connection, place: Place, key: Key, size: int) -> None:
    """Have the pages of a value in the page cache, so that replacing it under the write lock reads no file."""
    if not place.has_rowid or not size:
        return
    try:
        blob = connection.blob_open("main", place.table, place.column, key[0], False)
    except apsw.SQLError:  # no such row, or no bytes in it
        return
    with closing(blob):
        if blob.length() == size:
            blob.seek(size - 1)  # on the way there, SQLite reads each page into the cache; whole values bypass it
            blob.read(1)


def replace_value(connection: apsw.Connection, place: Place, key: Key, value_type: str, value: Buffer) -> bool:
    """Write a value in place of the one that is there. False: there is no such row."""
    new = "CAST(? AS TEXT)" if value_type == "text" else "?"
    sql = f"UPDATE main.{quote(place.table)} SET {quote(place.column)} = {new} WHERE {place.condition}"
    run(connection, sql, (value, *key))
    return connection.changes() == 1


def digest_of(connection: apsw.Connection, place: Place, entry: Entry) -> int:
    """The fingerprint of a stored value. To be called in the transaction of the entry."""
    value = read_value(connection, place, entry.key, entry.size)
    assert value is not None
    return fingerprint(value)


# ---- Keys --------------------------------------------------------------------------------------------------


def describe_key(connection: apsw.Connection, place: Place, table: Table, key: Key) -> dict[str, object]:
    """The row's primary key by column, for people; its rowid where it has none, or is gone."""
    names = [column.name for column in table.primary_key]
    if not place.has_rowid:
        return dict(zip((column for column in names), key, strict=False))
    if names:
        columns = ", ".join(map(quote, names))
        rows = run(connection, f"SELECT {columns} FROM main.{quote(place.table)} WHERE {place.condition}", key)
        if rows:
            return dict(zip(names, rows[0], strict=True))
    return {"rowid": key[0]}


def encode_key(key: Key) -> str:
    """As text that decode_key takes, for the record."""
    return json.dumps([{"blob": part.hex()} if isinstance(part, bytes) else part for part in key])


def decode_key(text: str) -> Key:
    return tuple(bytes.fromhex(part["blob"]) if isinstance(part, dict) else part for part in json.loads(text))
