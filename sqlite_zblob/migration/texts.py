"""Frames that a CAST has made TEXT, as tools do that change a column's type. TEXT is no frame.

SQLite keeps all bytes of such a text, also NUL and what is no UTF-8, so they become frames again by a CAST back. In
virtual tables a text is what the program has stored, whatever it looks like.
"""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from ..connect.database import atomic, quote, run, snapshot
from .values import Key, Place, Span, next_span, select_keys

# Rows that are looked at in one transaction.
SPAN_ROWS = 4000


def damage_of(table: str, column: str) -> str:
    return (
        "a CAST has made a text of its frame, which is no value any more: sqlite-zblob migrate and restore of this "
        f"column mend it, and zdecompress(CAST({quote(column)} AS BLOB)) reads it in table {table}"
    )


def find_texts(connection: apsw.Connection, place: Place) -> Iterator[Key]:
    """The rows that have one; none where SQLite cannot read the table any further."""
    for span in _spans(connection, place):
        try:
            with snapshot(connection):
                condition, values = _condition(place, span, all_frames=True)
                found = select_keys(connection, place, f"WHERE {condition}", values)
        except apsw.CorruptError:
            continue
        yield from found


def mend_texts(connection: apsw.Connection, place: Place, *, all_frames: bool) -> int:
    """Make frames of them again, and say of how many. What the table itself refuses stays.

    :param all_frames: those, too, that no compressed column has made.
    """
    mended = 0
    for span in _spans(connection, place):
        condition, values = _condition(place, span, all_frames=all_frames)
        with snapshot(connection):
            is_there = run(connection, f"SELECT 1 FROM {place.address} WHERE {condition} LIMIT 1", values) != []
        if is_there:
            sql = f"UPDATE {place.address} SET {quote(place.column)} = CAST({place.data} AS BLOB) WHERE {condition}"
            try:
                with atomic(connection):
                    run(connection, sql, values)
                    mended += connection.changes()
            except apsw.ConstraintError:
                continue
    return mended


def _spans(connection: apsw.Connection, place: Place) -> Iterator[Span]:
    after: Key | None = None
    while True:
        try:
            with snapshot(connection):
                span = next_span(connection, place, after, SPAN_ROWS)
        except apsw.CorruptError:
            return
        yield span
        if span.last is None:
            return
        after = span.last


def _condition(place: Place, span: Span, *, all_frames: bool) -> tuple[str, Key]:
    bounds, values = span.condition(place)
    frame = f"CAST({place.data} AS BLOB)"
    is_ours = "" if all_frames else f" AND sqlite_zblob_head({frame}) LIKE '% % % % 1 %'"
    return f"{bounds} AND typeof({place.data}) = 'text' AND zis_frame({frame}){is_ours}", values
