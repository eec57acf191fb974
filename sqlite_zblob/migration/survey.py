"""Look at a column before it is migrated or restored: how many rows and bytes it has, and how much space is needed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import apsw

from ..connect.database import pragma, snapshot
from .meter import Meter
from .record import Counts
from .space import SMALL_CHANGE, free_bytes, step_bytes
from .target import Target
from .values import Key, page

PAGE_ROWS = 2000


@dataclass
class Survey:
    totals: Counts = field(default_factory=Counts)
    stored_bytes: int = 0  # of all values together, now
    largest_stored: int = 0  # bytes of the largest value, now
    own_frames: list[Key] = field(default_factory=list)  # if asked for: those that no compressed column has made
    settings: Counter[str] = field(default_factory=Counter)  # number of frames by "envelope level"
    data_version: int = 0  # PRAGMA data_version: as long as it stays the same, nobody else has written

    def growth_of_steps(self, connection: apsw.Connection, batch_size: int) -> int:
        """The most that files grow by before the pages of what was replaced are free, to be used again."""
        whole = max(self.totals.bytes_total, self.stored_bytes)
        largest = max(self.totals.largest, self.largest_stored)
        return min(step_bytes(connection, batch_size=batch_size, largest=largest), 2 * whole + SMALL_CHANGE)

    def growth_of_restore(self, connection: apsw.Connection, batch_size: int) -> int:
        """The same, plus what the values need more when they are not compressed."""
        more = self.totals.bytes_total - self.stored_bytes - free_bytes(connection)
        return max(0, more) + self.growth_of_steps(connection, batch_size)


def survey_column(target: Target, meter: Meter, *, with_frames: bool) -> Survey:
    """Look at every row, and read no more of a value than the header of a frame.

    :param with_frames: list the values that look like frames that no compressed column has made.
    """
    connection, place = target.connection, target.place
    survey, after = Survey(), None
    totals = survey.totals
    while True:
        with snapshot(connection):
            version = pragma(connection, "data_version")
            survey.data_version = version if after is None or version == survey.data_version else -1
            if target.follow():
                survey, after, place = Survey(data_version=-1), None, target.place
                totals = survey.totals
            entries = page(connection, place, after, PAGE_ROWS)
            for entry in entries:
                totals.rows_total += 1
                totals.bytes_total += entry.raw_size
                totals.largest = max(totals.largest, entry.raw_size)
                survey.stored_bytes += entry.size
                survey.largest_stored = max(survey.largest_stored, entry.size)
                if entry.is_frame:
                    survey.settings[f"{entry.envelope} {entry.level}"] += 1
                if with_frames and entry.has_magic and not entry.for_column:
                    survey.own_frames.append(entry.key)
        if not entries:
            return survey
        after = entries[-1].key
        meter.rows_total, meter.bytes_total = totals.rows_total, totals.bytes_total
        meter.show()
