"""Check the small values of many rows in one SQL statement, without any work of Python's for each of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import apsw

from ..connect.database import octet_length, run
from .values import LEAST_FRAME_SIZE, Key, Place, Span

# A BLOB of at most this many bytes is small. Larger ones are read faster through BLOB I/O, and checked one by one.
SCAN_SIZE = 1 << 16

Suspect = tuple[Key, str, int]  # key, type and size of a value that is to be checked by itself


@dataclass
class Scan:
    """Sums over the rows of a span, without those of large BLOBs."""

    rows: int = 0
    compressed_rows: int = 0
    raw_bytes: int = 0
    stored_bytes: int = 0
    damages: list[tuple[Key, int | None, str]] = field(default_factory=list)  # key, chunk from 1, and reason


def scan_span(connection: apsw.Connection, place: Place, span: Span) -> tuple[Scan, list[Suspect]]:
    """Decode every small frame. To be called in a transaction, on a connection with the extension.

    The suspects are those that are damaged or, where SQLite itself cannot read one, all small values.
    """
    name, size = place.data, octet_length(connection, place.data)
    condition, values = span.condition(place)
    is_small = f"typeof({name}) = 'blob' AND {size} BETWEEN {LEAST_FRAME_SIZE} AND {SCAN_SIZE}"
    rows = f"FROM {place.address} WHERE {condition} AND NOT (typeof({name}) = 'blob' AND {size} > {SCAN_SIZE})"
    sums = f"SELECT count(*), sum({size}) FILTER (WHERE typeof({name}) IN ('blob', 'text'))"
    try:
        checked = f"sqlite_zblob_check(CASE WHEN {is_small} THEN {name} END)"
        ((count, stored, found),) = run(connection, f"{sums}, {checked} {rows}", values)
    except apsw.CorruptError:
        ((count, stored),) = run(connection, f"{sums} {rows}", values)
        suspects = _suspects(connection, place, f"{rows} AND {is_small}", values)
        return Scan(count, 0, stored or 0, stored or 0), suspects
    compressed, saved, damaged = map(int, found.split())
    scan = Scan(count, compressed, (stored or 0) + saved, stored or 0)
    if not damaged:
        return scan, []
    return scan, _suspects(connection, place, f"{rows} AND {is_small} AND zverify({name}) IS NOT 'ok'", values)


def _suspects(connection: apsw.Connection, place: Place, rows: str, values: Key) -> list[Suspect]:
    size = octet_length(connection, place.data)
    found = run(connection, f"SELECT {size}, {', '.join(place.keys)} {rows}", values)
    return [(row[1:], "blob", row[0]) for row in found]
