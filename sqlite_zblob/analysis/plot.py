"""Draw an analysis: how large values are, and what each level saves in what time. Needs matplotlib."""

from __future__ import annotations

from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Bbox

from ..errors import ZblobError
from ..units import count_text
from .analyze import Analysis, ColumnAnalysis, SettingEstimate

MOST_COLUMNS = 4
COLOURS = {"auto": "#0b6e99", "zstd": "#8a8a8a"}
TITLE: dict[str, Any] = {"fontsize": 9, "loc": "left"}
LONGEST_TITLE = 62  # characters, of half of the picture
WIDEST_RANGE = 4.0  # the drawn part of a range: from a fourth of the ratio to four times as much
NAMES = {"auto": "auto: image codecs where they fit", "zstd": "zstd alone"}


def draw_analysis(analysis: Analysis, path: str) -> None:
    """Write a picture of the columns that save most.

    :param path: its suffix says the format: .svg, .png or .pdf.
    :raises ZblobError: no column was analyzed.
    """
    columns = analysis.columns[:MOST_COLUMNS]
    if not columns:
        raise ZblobError("there is nothing to draw: no column holds enough to be worth compressing")
    figure = Figure(figsize=(10, 0.6 + 3.4 * len(columns)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{analysis.database}: {_bytes(analysis.file_size)}", fontsize=11)
    panels: Any = figure.subplots(len(columns), 2, squeeze=False)
    for (left, right), column in zip(panels, columns, strict=True):
        _draw_sizes(left, column)
        _draw_settings(right, column, analysis.workers)
    handles = {
        label: handle for axes in panels[:, 1] for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower right", ncols=4, fontsize=8, frameon=False)
    figure.draw_without_rendering()  # from now on it is known where everything is
    for axes, column in zip(panels[:, 1], columns, strict=True):
        _name_levels(axes, column)
    figure.savefig(path, dpi=150)


def _bytes(count: float, _: object = None) -> str:
    """A number of bytes in decimal units, short enough for an axis."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def _shortened(name: str, rest: str) -> str:
    """A title that does not reach into the next one: of a long name, its end is left."""
    room = max(12, LONGEST_TITLE - len(rest))
    name = name if len(name) <= room else f"...{name[3 - room :]}"
    text = name + rest
    return text if len(text) <= LONGEST_TITLE else f"{text[: LONGEST_TITLE - 3]}..."


def _power(count: float, _: object = None) -> str:
    """A power of two, in bytes, in binary units."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:g} {unit}"
        count /= 1024
    return f"{count:g} GiB"


def _draw_sizes(axes: Any, column: ColumnAnalysis) -> None:
    """Draw how many bytes lie in values of which size."""
    ranges = [each for each in column.sizes if each.bytes]
    edges = [each.low for each in ranges]
    widths = [each.high - each.low for each in ranges]
    axes.bar(
        edges, [each.bytes for each in ranges], widths, align="edge", color="#e09f3e", edgecolor="white", linewidth=0.8
    )
    axes.set_xscale("log", base=2)
    low, high = min(edges), max(each.high for each in ranges)
    axes.set_xlim(low / 2, high * 2)
    axes.axvline(column.min_size, color="#9e2a2b", linewidth=1, linestyle="--")
    if low / 2 < column.min_size < high * 2:
        axes.annotate(
            " min_size",
            (column.min_size, 0.97),
            xycoords=("data", "axes fraction"),
            va="top",
            color="#9e2a2b",
            fontsize=8,
        )
    axes.xaxis.set_major_formatter(FuncFormatter(_power))
    axes.yaxis.set_major_formatter(FuncFormatter(_bytes))
    axes.set_xlabel("size of a value")
    axes.set_ylabel("bytes in such values")
    kinds = ", ".join(each.kind for each in column.kinds[:3])
    axes.set_title(
        _shortened(f"{column.table}.{column.column}", f": {count_text(column.rows, 'value')}, {kinds}"), **TITLE
    )
    axes.grid(axis="y", alpha=0.3)


def _draw_settings(axes: Any, column: ColumnAnalysis, workers: int) -> None:
    """Draw the ratio over the time that compression takes: one point per level."""
    for codec in ("zstd", "auto"):
        settings = _drawn(column, codec)
        for is_vague in (True, False):
            some = [each for each in settings if each.ratio.is_vague == is_vague]
            if some:
                seconds, ratios = [each.seconds.value for each in some], [each.ratio.value for each in some]
                bars = [[_distance(each, low) for each in some] for low in (True, False)]
                style = {"fmt": "o", "markersize": 4, "capsize": 2, "linewidth": 1, "color": COLOURS[codec]}
                style |= {"alpha": 0.35, "fillstyle": "none"} if is_vague else {}
                label = "too little seen to say" if is_vague else NAMES[codec]
                axes.errorbar(seconds, ratios, bars, label=label, **style)
    best = column.recommended
    title = "no level is advised"
    if best and column.mode:
        left, dictionary = best.size.value, ""
        if column.size_with_dictionary is not None:
            left, dictionary = column.size_with_dictionary, " with a dictionary"
        title = f"level {best.level}{dictionary} is advised: {_bytes(left)} of {_bytes(column.bytes)} are left"
        if best.compress_rate:
            mark = {"markersize": 11, "fillstyle": "none", "color": "#9e2a2b", "linestyle": "none"}
            axes.plot(best.seconds.value, best.ratio.value, marker="o", label="advised", **mark)
    axes.set_title(title, **TITLE)
    axes.set_xscale("log")
    axes.margins(x=0.12)
    _scale_ratios(axes, [each for codec in NAMES for each in _drawn(column, codec)])
    axes.axhline(1, color="black", linewidth=1, linestyle=":")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
    low, high = axes.get_xlim()
    steps = (1.0, 2.0, 5.0) if 5 * low < high < 200 * low else _steps(low, high)  # names stand beside each other here
    axes.xaxis.set_major_locator(LogLocator(subs=steps, numticks=99))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(f"time with {workers} threads, without disks")
    axes.set_ylabel("ratio, 95 % range")
    axes.grid(alpha=0.3)


def _drawn(column: ColumnAnalysis, codec: str) -> list[SettingEstimate]:
    """The points of one codec; none of zstd where it is what "auto" is."""
    settings = [each for each in column.settings if each.codec == codec and each.compress_rate]
    return [] if codec == "zstd" and all(_is_like_auto(column, each) for each in settings) else settings


def _steps(low: float, high: float) -> tuple[float, ...]:
    """Which multiples of powers of ten a logarithmic axis names."""
    return (1.0, 1.5, 2.0, 3.0, 5.0, 7.0) if high < 20 * low else (1.0, 2.0, 5.0) if high < 200 * low else (1.0,)


def _is_like_auto(column: ColumnAnalysis, setting: SettingEstimate) -> bool:
    auto = column.setting("auto", setting.level)
    return auto is not None and auto.is_like(setting)


def _distance(setting: SettingEstimate, low: bool) -> float:
    """From the ratio to the end of its range, or to where that is clipped."""
    ratio = setting.ratio
    bound = ratio.low if low else ratio.high
    if bound is None:
        return 0.0
    return abs(min(max(bound, ratio.value / WIDEST_RANGE), ratio.value * WIDEST_RANGE) - ratio.value)


def _scale_ratios(axes: Any, settings: list[SettingEstimate]) -> None:
    """A logarithmic axis with the ratio 1 on it, and with plain numbers."""
    low = 0.9 * min([1.0, *(each.ratio.value - _distance(each, True) for each in settings)])
    high = 1.2 * max([1.6, *(each.ratio.value + _distance(each, False) for each in settings)])
    high *= (high / low) ** 0.08  # room for the names of levels
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(LogLocator(subs=_steps(low, high), numticks=99))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _name_levels(axes: Any, column: ColumnAnalysis) -> None:
    """Name the points, each where its name covers no other name and no point, if there is such a place."""
    taken = [_box(axes, each.seconds.value, each.ratio.value) for codec in NAMES for each in _drawn(column, codec)]
    for codec in NAMES:
        for group in _alike([each for each in _drawn(column, codec) if not each.ratio.is_vague]):
            first, last = group[0].level, group[-1].level
            text = f"{first}" if first == last else f"{first}-{last}"
            places = [(each, place) for place in _PLACES[codec] for each in reversed(group)]
            found = [_named(axes, each, text, place) for each, place in places]
            boxes = [each.get_window_extent() for each in found]
            free = [not any(box.overlaps(other) for other in taken) and _is_inside(axes, box) for box in boxes]
            best = free.index(True) if any(free) else 0
            taken.append(boxes[best])
            for i, each in enumerate(found):
                if i != best:
                    each.remove()


# Where a name may stand, seen from its point, in points of the printer: names of zstd rather below.
_ABOVE, _BELOW = [(6, 4), (-6, 4), (0, 9)], [(6, -4), (-6, -4), (0, -9)]
_PLACES = {"auto": [*_ABOVE, *_BELOW], "zstd": [*_BELOW, *_ABOVE]}


def _named(axes: Any, setting: SettingEstimate, text: str, offset: tuple[int, int]) -> Any:
    right, up = offset
    return axes.annotate(
        text,
        (setting.seconds.value, setting.ratio.value),
        xytext=offset,
        textcoords="offset points",
        ha="left" if right > 0 else "right" if right < 0 else "center",
        va="bottom" if up > 0 else "top",
        fontsize=8,
        color=COLOURS[setting.codec],
    )


def _box(axes: Any, seconds: float, ratio: float) -> Bbox:
    """What a point covers."""
    x, y = axes.transData.transform((seconds, ratio))
    return Bbox([[x - 3, y - 3], [x + 3, y + 3]])


def _is_inside(axes: Any, box: Bbox) -> bool:
    whole = axes.get_window_extent()
    return bool(whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1)


def _alike(settings: list[SettingEstimate]) -> list[list[SettingEstimate]]:
    """Neighbouring levels that reach about the same ratio, which share a name."""
    groups: list[list[SettingEstimate]] = []
    for each in settings:
        if groups and abs(each.ratio.value / groups[-1][0].ratio.value - 1) < 0.01:
            groups[-1].append(each)
        else:
            groups.append([each])
    return groups
