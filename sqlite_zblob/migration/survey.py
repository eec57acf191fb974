"""Look at a column before it is migrated or restored: how many rows and bytes it has, and how much space is needed."""

from __future__ import annotations

from dataclasses import dataclass

import apsw

from ..connect.database import pragma, snapshot
from .meter import Meter
from .record import Counts
from .space import SMALL_CHANGE, free_bytes
from .values import Entry, Place, digest_of, page

PAGE_ROWS = 2000


@dataclass
class Survey:
    totals: Counts
    stored_bytes: int  # of all values together, now
    largest_stored: int  # bytes of the largest value, now
    frames: list[tuple[Entry, int]]  # if asked for: the values that look like frames, and their checksums
    data_version: int  # PRAGMA data_version: as long as it stays the same, nobody else has written

    def growth_of_batches(self, batch_size: int) -> int:
        """The most bytes that log, journal and file need in addition to the values as they are in the end.

        The log may have two batches, and one more before its size is checked. The file grows by the new values of the
        first batch before the pages of the old ones are free.
        """
        largest = max(self.totals.largest, self.largest_stored)
        return 4 * min(max(batch_size, largest), max(self.totals.bytes_total, self.stored_bytes)) + SMALL_CHANGE

    def growth_of_restore(self, connection: apsw.Connection, batch_size: int) -> int:
        """The same, plus what the values need more when they are not compressed."""
        more = self.totals.bytes_total - self.stored_bytes - free_bytes(connection)
        return max(0, more) + self.growth_of_batches(batch_size)


def survey_column(connection: apsw.Connection, place: Place, meter: Meter, *, with_frames: bool) -> Survey:
    """Look at every row. No values are read, except for those that look like frames if these are asked for.

    :param with_frames: list the values that look like frames: they were there before the column is compressed.
    """
    totals = Counts()
    survey, after = Survey(totals, 0, 0, [], 0), None
    while True:
        with snapshot(connection):
            version = pragma(connection, "data_version")
            survey.data_version = version if after is None or version == survey.data_version else -1
            entries = page(connection, place, after, PAGE_ROWS)
            for entry in entries:
                totals.rows_total += 1
                totals.bytes_total += entry.raw_size
                totals.largest = max(totals.largest, entry.raw_size)
                survey.stored_bytes += entry.size
                survey.largest_stored = max(survey.largest_stored, entry.size)
                if with_frames and entry.has_magic:
                    survey.frames.append((entry, digest_of(connection, place, entry)))
        if not entries:
            return survey
        after = entries[-1].key
        meter.rows_total, meter.bytes_total = totals.rows_total, totals.bytes_total
        meter.show()
