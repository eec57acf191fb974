"""How far a run is and how fast: turn counts into Progress, no more often than a terminal can show."""

from __future__ import annotations

import time
from collections import deque

from .reports import Progress, ProgressCallback

# The rate is measured over this many seconds.
WINDOW_SECONDS = 20.0

# Before this share is done, nothing is said of the time that is left: the first rows may be small ones.
LEAST_SHARE = 0.01

LEAST_INTERVAL = 0.1  # seconds between two calls


class Meter:
    """The progress of one operation on one column."""

    def __init__(self, callback: ProgressCallback | None, operation: str, table: str, column: str) -> None:
        self.callback, self.about = callback, (operation, table, column)
        self.begun = time.monotonic()
        self.rows_done = self.rows_total = self.bytes_done = self.bytes_total = 0
        self.stored_bytes = self.failures = 0
        self.phase = "scan"
        self._points: deque[tuple[float, int]] = deque()
        self._shown = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun

    def enter(self, phase: str) -> None:
        self.phase = phase
        self._points.clear()
        self.show(force=True)

    def show(self, *, force: bool = False) -> None:
        """Call the callback, unless it was called a moment ago."""
        now = time.monotonic()
        if self.callback is None or (now - self._shown < LEAST_INTERVAL and not force):
            return
        self._shown = now
        self._points.append((now, self.bytes_done))
        while len(self._points) > 2 and now - self._points[0][0] > WINDOW_SECONDS:
            self._points.popleft()
        (first, before), (last, done) = self._points[0], self._points[-1]
        rate = (done - before) / (last - first) if last > first else 0.0
        left = max(0, self.bytes_total - self.bytes_done)
        can_tell = rate > 0 and self.phase == "rows" and self.bytes_done >= LEAST_SHARE * self.bytes_total
        self.callback(
            Progress(
                *self.about,
                phase=self.phase,
                rows_done=self.rows_done,
                rows_total=max(self.rows_total, self.rows_done),
                bytes_done=self.bytes_done,
                bytes_total=max(self.bytes_total, self.bytes_done),
                stored_bytes=self.stored_bytes,
                seconds=self.seconds,
                failures=self.failures,
                rate=rate,
                eta=left / rate if can_tell else None,
            )
        )
