"""Rewrite the small values of a stretch of rows in one UPDATE, without any work of Python's for each of them.

It is tried on rows that nobody else has changed since they were looked at. Damaged values, and those that SQLite
refuses, are left to the way of single values, which can say what is wrong with each.
"""

from __future__ import annotations

import apsw

from ..connect.database import atomic, octet_length, quote, run
from .values import LEAST_FRAME_SIZE, SMALL_SIZE, Entry, Place, Span

# Bytes that one such value may have when it is restored.
RAW_SIZE = 1 << 16


def suits_bulk(entry: Entry) -> bool:
    """Is it a small frame that can be restored in SQL?"""
    return entry.is_frame and entry.size <= SMALL_SIZE and entry.raw_size <= RAW_SIZE


def can_restore(connection: apsw.Connection, place: Place, span: Span, count: int) -> bool:
    """Are there so many small frames, all of them sound, and none that holds a frame? To be called in a transaction."""
    where, values = _small_frames(connection, place, span)
    sql = f"SELECT count(*), count(sqlite_zblob_head(zdecompress({place.data}))) FROM {place.address} WHERE {where}"
    try:
        return run(connection, sql, values) == [(count, 0)]
    except (apsw.CorruptError, apsw.SQLError, apsw.TooBigError):
        return False


def restore_span(connection: apsw.Connection, place: Place, span: Span, count: int) -> bool:
    """Restore them all, or none. To be called in a write transaction in which `can_restore` still holds."""
    where, values = _small_frames(connection, place, span)
    sql = f"UPDATE {place.address} SET {quote(place.column)} = zdecompress({place.data}) WHERE {where}"
    try:
        with atomic(connection):
            run(connection, sql, values)
            if connection.changes() != count:
                raise apsw.ConstraintError("not every row was changed")
    except (apsw.ConstraintError, apsw.TooBigError):
        return False
    return True


def _small_frames(connection: apsw.Connection, place: Place, span: Span) -> tuple[str, tuple[object, ...]]:
    name, size = place.data, octet_length(connection, place.data)
    condition, values = span.condition(place)
    is_small = f"typeof({name}) = 'blob' AND {size} BETWEEN {LEAST_FRAME_SIZE} AND {SMALL_SIZE}"
    return f"{condition} AND {is_small} AND sqlite_zblob_head({name}) IS NOT NULL", values
