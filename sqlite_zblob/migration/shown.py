"""A run's progress as one line: how fast it is, the ratio, the time that is left."""

from __future__ import annotations

from ..bars import Show
from ..units import count_text, duration_text, size_text
from .reports import Progress, ProgressCallback


def describe(progress: Progress) -> str:
    """Rate, ratio, time left and failures."""
    parts = [f"{size_text(progress.rate)}/s"] if progress.rate else []
    parts += [f"ratio {progress.ratio:.2f}"] if progress.ratio and progress.operation != "restore" else []
    parts += [f"{duration_text(progress.eta)} left"] if progress.eta is not None else []
    parts += [count_text(progress.failures, "failure")] if progress.failures else []
    return ", ".join(parts)


def show_rows(show: Show) -> ProgressCallback:
    """A callback for `migrate` and its like, of what shows a bar."""

    def report(progress: Progress) -> None:
        phase = "" if progress.phase == "rows" else f" ({progress.phase})"
        step = f"{progress.operation} {progress.table}.{progress.column}{phase}"
        done = progress.bytes_done / progress.bytes_total if progress.bytes_total else 0.0
        show(step, min(1.0, done), describe(progress))

    return report
