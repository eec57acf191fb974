"""Rewrite the small values of a stretch of rows in one UPDATE, without any work of Python's for each of them.

Where one of them is damaged, holds a frame itself or is refused by SQLite, all are left to the way of single values,
which can say what is wrong with each.
"""

from __future__ import annotations

from dataclasses import dataclass

import apsw

from ..connect.database import atomic, octet_length, pragma, quote, run
from .values import LEAST_FRAME_SIZE, SMALL_SIZE, Entry, Place, Span

# Bytes that one such value may have when it is restored.
RAW_SIZE = 1 << 16


def suits_bulk(entry: Entry) -> bool:
    """Is it a small frame that can be restored in SQL?"""
    return entry.is_frame and entry.size <= SMALL_SIZE and entry.raw_size <= RAW_SIZE


@dataclass(frozen=True)
class Found:
    """The small frames of a span, all of them sound, and none that holds a frame."""

    data_version: int  # PRAGMA data_version: as long as it stays the same, nobody else has written
    count: int
    raw_size: int


def find_frames(connection: apsw.Connection, place: Place, span: Span, *, all_frames: bool) -> Found | None:
    """None: some value has to be looked at by itself. To be called in a transaction.

    :param all_frames: those, too, that the program has made itself.
    """
    data = place.data
    where, values = _small_frames(connection, place, span, all_frames=all_frames)
    sql = (
        f"SELECT count(*), coalesce(sum(zlength({data})), 0), count(sqlite_zblob_head(zdecompress({data}))) "
        f"FROM {place.address} WHERE {where}"
    )
    try:
        ((count, raw_size, nested),) = run(connection, sql, values)
    except (apsw.CorruptError, apsw.SQLError, apsw.TooBigError):
        return None
    return None if nested else Found(pragma(connection, "data_version"), count, raw_size)


def restore_frames(connection: apsw.Connection, place: Place, span: Span, count: int, *, all_frames: bool) -> bool:
    """Restore so many small frames, or none. To be called in a write transaction in which they still are as found."""
    where, values = _small_frames(connection, place, span, all_frames=all_frames)
    sql = f"UPDATE {place.address} SET {quote(place.column)} = zdecompress({place.data}) WHERE {where}"
    try:
        with atomic(connection):
            run(connection, sql, values)
            if connection.changes() != count:
                raise apsw.ConstraintError("not every row was changed")
    except (apsw.ConstraintError, apsw.TooBigError):
        return False
    return True


def _small_frames(
    connection: apsw.Connection, place: Place, span: Span, *, all_frames: bool
) -> tuple[str, tuple[object, ...]]:
    name, size = place.data, octet_length(connection, place.data)
    condition, values = span.condition(place)
    is_small = f"typeof({name}) = 'blob' AND {size} BETWEEN {LEAST_FRAME_SIZE} AND {SMALL_SIZE}"
    is_ours = "IS NOT NULL" if all_frames else "LIKE '% % % % 1 %'"
    head = f"sqlite_zblob_head({name})"
    is_whole = f"{head} {is_ours} AND {head} NOT LIKE '% - 0 %' AND zlength({name}) <= {RAW_SIZE}"
    return f"{condition} AND {is_small} AND {is_whole}", values
