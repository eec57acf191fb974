"""Question 3: whether the savings justify the time: size against speed, in one and in several threads, and memory."""

from __future__ import annotations

from typing import Any

from ...bench import codecs
from ...migration.pipeline import cpu_count
from ..codecs import VERY_SLOW, Codec
from ..harness import geometric_mean, run_child
from ..inputs import Subject
from ..markdown import answer, number, table
from ..results import Row
from .codecs import MOST_BYTES as LARGE_BYTES
from .codecs import NAME as CODECS
from .codecs import OURS, REFERENCE, whole

NAME = "speed"
TITLE = "Does the time justify the savings?"

LARGE_COUNT = 2  # volumes, the largest of different pixel types
_NOT_SHOWN = (
    "zlib 1",
    "zlib 9",
    "LZ4 HC 9",
    "zstd 9",
    "zstd 19 long",
    "blosc2 shuffle",
)  # beside their likes, in plots
MOST_BYTES = {codecs.NOT_SLOW: LARGE_BYTES, codecs.SLOW: 4_000_000}


def measure(bench: Any) -> tuple[list[Row], Row]:
    subjects = _largest(bench.subjects)[: 1 if bench.quick else LARGE_COUNT]
    found = [codec for codec in codecs.available() if codec.name != "uncompressed" and codec.slowness < VERY_SLOW]
    found = [codec for codec in found if not (bench.quick and codec.slowness)]
    rows: list[Row] = []
    for subject in subjects:
        for codec in found:
            arguments = {
                "value": str(subject.path),
                "codec": codec.name,
                "threads": [1, cpu_count()] if _can_thread(codec) and cpu_count() > 1 else [1],
                "rounds": 1 if codec.slowness else bench.rounds,
                "most_bytes": MOST_BYTES[codec.slowness],
            }
            key = f"{subject.name}, {codec.name}"
            taken = bench.take(key, len(subjects) * len(found), run_child, "coding", arguments)
            for threads, figures in taken["threads"].items():
                if figures:
                    row = {"volume": subject.name, "codec": codec.name, "threads": int(threads)} | figures
                    rows.append(row | {"raw_size": taken["raw_size"], "extra_memory": taken["extra_memory"]})
    return rows, {"threads": cpu_count()}


def _largest(subjects: list[Subject]) -> list[Subject]:
    """The largest scan or map of each of the pixel types that have the most bytes."""
    found: dict[str, Subject] = {}
    for subject in sorted(subjects, key=lambda subject: -subject.raw_size):
        if subject.content != "labels":
            found.setdefault(subject.pixel_type, subject)
    return list(found.values()) or subjects


def _can_thread(codec: Codec) -> bool:
    return codec.is_threaded or codec.unit == "picture"


def render(report: Any) -> list[str]:
    rows, facts = report.rows(NAME), report.facts(NAME)
    codec_rows = [row for row in report.rows(CODECS) if row["content"] == "scans"]
    if not codec_rows:  # a folder of floats or labels alone
        codec_rows = report.rows(CODECS)
    means = means_of(codec_rows)
    _plot(report, means)
    volumes = list(dict.fromkeys(row["volume"] for row in rows))
    threads = facts["threads"]
    described = {image["name"]: image for image in report.inputs(NAME)}
    parts = [
        *answer(_answer(means)),
        *report.image(NAME, "Ratio against speed of encoding and decoding, one thread"),
        "Geometric means over the scans that the codec takes; one thread, pinned to one CPU. A codec is dominated if "
        "another one of the table is smaller, encodes faster and decodes faster.",
        "",
        *table(("codec", "ratio", "encode MB/s", "decode MB/s", "spread", "dominated by"), _front(means, codec_rows)),
    ]
    for volume in volumes:
        about = described[volume]
        parts += [
            f"**{volume}** ({about['modality']}, {about['pixel_type']}, {number(about['bytes'] / 1e6)} MB), each codec "
            f"in a process of its own{_of_cuts(about['bytes'])}. Memory is "
            "what encoding and decoding add to the process that holds the array, coded and decoded bytes included.",
            "",
            *table(
                (
                    "codec",
                    "encode, 1 thread",
                    f"{threads} threads",
                    "decode, 1 thread",
                    f"{threads} threads",
                    "memory MB",
                ),
                _threads([row for row in rows if row["volume"] == volume], threads),
            ),
        ]
    return parts


def _of_cuts(size: int) -> str:
    most, least = MOST_BYTES[codecs.NOT_SLOW], MOST_BYTES[codecs.SLOW]
    first = f", on its central {number(most / 1e6)} MB" if size > most else ""
    return f"{first}; slow ones on its central {number(least / 1e6)} MB" if size > least else first


def means_of(rows: list[Row]) -> dict[str, tuple[float, float, float]]:
    """Ratio, and MB/s of encoding and decoding, of each codec that took all of the volumes."""
    volumes = {row["volume"] for row in rows}
    by = whole(rows)
    found = {}
    for name in dict.fromkeys(row["codec"] for row in rows):
        mine = [by[volume, name] for volume in volumes if (volume, name) in by]
        if len(mine) == len(volumes):
            ratio, encode, decode = (
                geometric_mean([row[field] for row in mine]) for field in ("ratio", "encode", "decode")
            )
            found[name] = (ratio, encode, decode)
    return found


def _front(means: dict[str, tuple[float, float, float]], rows: list[Row]) -> list[Any]:
    lines = []
    for name, mine in means.items():
        better = [other for other, figures in means.items() if all(a > b for a, b in zip(figures, mine, strict=True))]
        spreads = [max(row["encode_spread"], row["decode_spread"]) for row in rows if row["codec"] == name]
        middle = sorted(spreads)[len(spreads) // 2]
        cells = [number(figure) for figure in mine]
        lines.append((name, *cells, f"± {100 * middle:.0f} %" if middle else "once", better[0] if better else ""))
    return lines


def _threads(rows: list[Row], threads: int) -> list[Any]:
    lines = []
    for name in dict.fromkeys(row["codec"] for row in rows):
        by = {row["threads"]: row for row in rows if row["codec"] == name}
        cells = [
            number(by[count][field]) if count in by else "" for field in ("encode", "decode") for count in (1, threads)
        ]
        lines.append((name, *cells, number(by[1]["extra_memory"] / 1e6)))
    return lines


def _answer(means: dict[str, tuple[float, float, float]]) -> str:
    ratio, encode, decode = means[REFERENCE]
    rivals = {name: figures for name, figures in means.items() if not name.startswith(OURS)}
    better = [
        name for name, figures in rivals.items() if all(a > b for a, b in zip(figures, means[REFERENCE], strict=True))
    ]
    smaller = [name for name, figures in rivals.items() if figures[0] > ratio]
    faster = [
        name for name, figures in rivals.items() if figures[0] <= ratio and figures[1] > encode and figures[2] > decode
    ]
    speeds = f"{number(encode)} MB/s (encode) and {number(decode)} (decode)"
    first = f"The default reaches {number(ratio)} at {speeds}, one thread; "
    if better:
        return first + f"{better[0]} is smaller and faster at both."
    if smaller:
        name = max(smaller, key=lambda name: rivals[name][0])
        figures = rivals[name]
        speeds = f"{number(figures[1])} and {number(figures[2])} MB/s"
        extra = f"smaller on average is {name} ({number(figures[0])}), at {speeds}"
    else:
        extra = "no rival is smaller on average"
    if not faster:
        return first + extra + ", and none is faster at both."
    name = max(faster, key=lambda name: rivals[name][0])
    return (
        first
        + extra
        + f"; of the codecs that are faster at both, {name} has the smallest result ({number(rivals[name][0])})."
    )


def _plot(report: Any, means: dict[str, tuple[float, float, float]]) -> None:
    with report.figure(NAME, columns=2, width=11, height=5.2) as (_, axes):
        for axis, field, label in zip(axes, (1, 2), ("encode", "decode"), strict=True):
            points = [(name, figures[field], figures[0]) for name, figures in means.items() if name not in _NOT_SHOWN]
            report.scatter_named(axis, points, lambda name: name.startswith(OURS))
            axis.set_xscale("log")
            report.plain_log_ticks(axis.xaxis)
            axis.set_xlabel(f"{label}, MB/s, one thread (log scale)")
        axes[0].set_ylabel("ratio, scans")
        axes[1].set_yticklabels([])
