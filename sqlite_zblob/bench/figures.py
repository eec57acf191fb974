"""Plots: one style, and one colour for each method, from a palette that colour-blind people can tell apart."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..codec import DEFAULT_LEVEL

# Okabe and Ito's palette.
_ORANGE, _SKY, _GREEN, _BLUE, _VERMILION, _PURPLE = "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7"
NEUTRAL = "#9a9a9a"

# Our own methods are vermilion in every plot. The beginning of a name decides on its colour.
_COLORS = (
    ("sqlite_zblob", _VERMILION),
    ("zcompress 1", _ORANGE),
    ("zcompress", _VERMILION),
    ("virtual table", _PURPLE),
    ("in place", _GREEN),
    ("pickle, protocol 5, sqlite_zblob", _VERMILION),
    ("zstd", _BLUE),
    ("zlib", NEUTRAL),
    ("JPEG-LS", _GREEN),
    ("JPEG XL", _PURPLE),
    ("SQLite", _SKY),
    ("compress in Python", _BLUE),
    ("pickle", _ORANGE),
    ("compress old rows", _VERMILION),
    ("VACUUM", _SKY),
    ("back to plain", _BLUE),
)
_SETTINGS: Any = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "sqlite_zblob",
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}


def color(name: str) -> str:
    return next((found for prefix, found in _COLORS if name.startswith(prefix)), "#333333")


@contextlib.contextmanager
def figure(path: Path, columns: int, width: float, height: float) -> Iterator[tuple[Any, list[Any]]]:
    """A figure with this many axes side by side, its size in inches. It is saved when the block ends."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    with matplotlib.rc_context(_SETTINGS):
        made, axes = pyplot.subplots(1, columns, figsize=(width, height), squeeze=False, layout="constrained")
        yield made, list(axes[0])
        made.savefig(path, metadata={"Date": None, "Creator": None})
        pyplot.close(made)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n")


def plain_log_ticks(axis: Any) -> None:
    """Write ticks as 1, 2, 5, 10, 20 and so on instead of powers of ten."""
    from matplotlib import ticker

    low, high = sorted(axis.get_view_interval())
    subs = (1.0, 2.0, 5.0) if high / max(low, 1e-12) < 60 else (1.0,)
    axis.set_major_locator(ticker.LogLocator(subs=subs, numticks=20))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(ticker.NullFormatter())


def byte_ticks(axis: Any) -> None:
    from matplotlib import ticker

    names = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B"))

    def text(value: float, _: Any) -> str:
        factor, unit = next((pair for pair in names if value >= pair[0]), names[-1])
        return f"{value / factor:g} {unit}"

    axis.set_major_locator(ticker.LogLocator(subs=(1.0,), numticks=20))
    axis.set_major_formatter(ticker.FuncFormatter(text))
    axis.set_minor_formatter(ticker.NullFormatter())
    for label in axis.get_ticklabels():
        label.set_rotation(45)


def scatter_named(axis: Any, points: Sequence[tuple[str, float, float]], is_ours: Callable[[str], bool]) -> None:
    """Draw named points, ours joined by a line. A name that would cover another one moves up or down."""
    ours = [point for point in points if is_ours(point[0])]
    axis.plot(*zip(*((x, y) for _, x, y in ours), strict=True), "-", color=_VERMILION, linewidth=1, alpha=0.6)
    for name, x, y in points:
        own = is_ours(name)
        axis.plot(x, y, "o" if own else "s", color=_VERMILION if own else NEUTRAL, markersize=7 if own else 5)
    lowest, highest = min(y for _, _, y in points), max(y for _, _, y in points)
    gap = (highest - lowest) / 30
    named = [point for point in points if not is_ours(point[0])] + _named(ours)
    taken = [(x, y, 0) for _, x, y in points]
    for text, x, y in sorted(named, key=lambda point: (-point[2], point[1])):
        start = x * 1.12
        shifts = (y + sign * step * gap / 4 for step in range(100) for sign in (1, -1))
        place = next(place for place in shifts if not _is_taken(start, place, len(text), taken, gap))
        taken.append((start, place, len(text)))
        own = "level" in text
        axis.annotate(
            text,
            (x, y),
            xytext=(start, place),
            fontsize=7.5,
            va="center",
            color=_VERMILION if own else "#333333",
            fontweight="bold" if own else "normal",
            arrowprops={"arrowstyle": "-", "color": "0.75", "linewidth": 0.6} if abs(y - place) > gap / 2 else None,
        )
    left, right = min(x for _, x, _ in points), max(x for _, x, _ in points)
    axis.set_xlim(left / 1.4, right * 5)


def _named(ours: Sequence[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """Name only both ends of our line and the default level, since the names of all levels would hide the line."""
    levels = [(f"level {name.rpartition(' ')[2]}", x, y) for name, x, y in ours]
    return [point for point in levels if point[0] in ("level 1", f"level {DEFAULT_LEVEL}", "level 9")]


def _is_taken(x: float, y: float, length: int, taken: list[tuple[float, float, int]], gap: float) -> bool:
    return any(abs(y - other) < gap and _overlap(x, length, there, many) for there, other, many in taken)


def _overlap(x: float, length: int, other: float, other_length: int) -> bool:
    """Do texts that begin at these places of a logarithmic axis overlap? A letter is about a factor of 1.1 wide."""
    first, second = sorted([(x, length), (other, other_length)])
    return bool(second[0] < first[0] * 1.105 ** (first[1] + 0.5))
