"""Question 6: the size from which on compressing pays, and what it costs smaller rows."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from ...bench import methods
from ..harness import median, spread, timed
from ..inputs import Subject, image_of, typical_scan
from ..markdown import answer, number, percent, size, table
from ..results import Row

NAME = "threshold"
TITLE = "From which size on does it pay?"

METHODS = ("application/uncompressed", "application/zstd 3", "functions/5", "table/5", "in-place-frame/5")
PLAIN = METHODS[0]
JSON_SIZES = (20, 60, 150, 300, 500, 1000, 2000, 8000)
IMAGE_SIZES = (512, 1024, 2048, 4096, 16384, 65536, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26, 1 << 28, 950_000_000)
QUICK_LIMIT = 1 << 24
BATCH_BYTES, QUICK_BATCH_BYTES, MOST_ROWS = 24_000_000, 3_000_000, 2000
REPEATED_FROM = 4_000_000  # bytes: a smaller image, repeated, would lie within the windows of byte matchers
ROUNDS_BELOW = 1 << 25  # values larger than this are measured once
WORTH = 0.9  # of the uncompressed file: what counts as smaller


def measure(bench: Any) -> tuple[list[Row], Row]:
    subject = typical_scan(bench.subjects)
    jobs = [("metadata (JSON)", count) for count in JSON_SIZES] + [("image", count) for count in IMAGE_SIZES]
    largest = subject.size if subject.size < REPEATED_FROM else IMAGE_SIZES[-1]
    jobs = [job for job in jobs if job[1] <= min(largest, QUICK_LIMIT if bench.quick else largest)]
    names = [name for name in METHODS if name in methods.method_names()]
    batch = QUICK_BATCH_BYTES if bench.quick else BATCH_BYTES
    rows: list[Row] = []
    for kind, count in jobs:
        key = f"{kind}, {size(count)}"
        rows += bench.take(key, len(jobs), _measure_one, kind, count, subject, names, bench.rounds, batch, bench.work)
    return rows, {"image": subject.name, "rounds": bench.rounds}


def _metadata(count: int) -> bytes:
    """A record as it stands beside an image, cut to size."""
    text = ""
    while len(text) < count:
        i = len(text)
        entry = {"operation": f"resample-{i}", "spacing": [1 + i / 7, 1 + i / 11, 1.5], "interpolator": "linear"}
        text += json.dumps(entry | {"seed": i * 7919 % 1000003})
    return text[:count].encode()


def _image(subject: Subject, count: int) -> bytes:
    """The pickle of about this many bytes of the image, which is repeated along its axes if it has fewer."""
    array = subject.array()
    slices = array.reshape(-1, *array.shape[-3 if subject.image.components > 1 else -2 :])
    if count < slices[0].nbytes:
        side = max(1, int((count / array.itemsize / subject.image.components) ** 0.5))
        middle = slices[len(slices) // 2]
        top, left = (max(0, (extent - side) // 2) for extent in middle.shape[:2])
        part = middle[top : top + side, left : left + side]
    else:
        wanted = count // slices[0].nbytes
        whole = (
            np.concatenate([slices, slices[::-1]] * (wanted // (2 * len(slices)) + 1))
            if wanted > len(slices)
            else slices
        )
        start = (len(whole) - wanted) // 2
        part = whole[start : start + wanted]
    return pickle.dumps(image_of(part, subject.image))


def _measure_one(
    kind: str, size_wanted: int, subject: Subject, names: list[str], rounds: int, batch: int, work: Path
) -> list[Row]:
    value = _metadata(size_wanted) if kind != "image" else _image(subject, size_wanted)
    count = min(MOST_ROWS, max(1, batch // len(value)))
    figures: dict[str, list[tuple[int, float, float]]] = {name: [] for name in names}
    for _ in range(1 if len(value) > ROUNDS_BELOW else rounds):
        for name in names:
            figures[name].append(_store(name, value, count, work))
    rows: list[Row] = []
    for name, taken in figures.items():
        inserts, selects = [figure[1] for figure in taken], [figure[2] for figure in taken]
        row: Row = {"kind": kind, "size": len(value), "rows": count, "method": name, "stored": taken[0][0] / count}
        row |= {"insert": median(inserts) * 1e6 / count, "insert_spread": spread(inserts)}  # microseconds
        rows.append(row | {"select": median(selects) * 1e6 / count, "select_spread": spread(selects)})
    return rows


def _store(name: str, value: bytes, count: int, work: Path) -> tuple[int, float, float]:
    """The bytes that the rows add to the file, and the seconds to insert them in one transaction and to read each."""
    method = methods.find_method(name)
    path = work / "threshold.db"
    connection = methods.open_store(method, str(path))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    empty = path.stat().st_size
    keys = [f"operation-{i:08}" for i in range(count)]

    def insert() -> None:
        with connection:
            statement = methods.INSERT.format(method.write_sql)
            for key in keys:
                connection.execute(statement, (key, method.compress(value), "image", len(value)))

    def select() -> bytes:
        statement = methods.SELECT.format(method.read_sql)
        for key in keys:
            ((stored,),) = methods.query(connection, statement, key)
            found = method.decompress(stored)
        return found

    _, inserting = timed(insert)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    back, selecting = timed(select)
    if back != value:
        raise SystemExit(f"{method.label} did not return the bytes")
    stored = path.stat().st_size - empty
    connection.close()
    path.unlink()
    return stored, inserting, selecting


def render(report: Any) -> list[str]:
    rows, facts = report.rows(NAME), report.facts(NAME)
    names = list(dict.fromkeys(row["method"] for row in rows))
    _plot(report, rows, names)
    labels = [_label(name) for name in names if name != PLAIN]
    headings = ("value", *(f"{label}: file; INSERT; SELECT" for label in labels))
    return [
        *answer(_answer(rows)),
        *report.image(NAME, "File size and time against an uncompressed store, by the size of a value"),
        "Relative to an uncompressed table of the same rows: bytes of the file, time of INSERT (one transaction) "
        f"and of SELECT by key. Images are parts of *{facts['image']}*; larger ones repeat it. "
        "SQLite's own limit for a value is 1 GB. By default, values are compressed from 512 bytes on in "
        "the two transparent modes.",
        "",
        *table(headings, [_line(rows, kind, count, names) for kind, count in _values(rows)]),
    ]


def _label(name: str) -> str:
    return {"application/zstd 3": "zstd 3", "functions/5": "zcompress", "table/5": "virtual table"}.get(
        name, "in place"
    )


def _values(rows: list[Row]) -> list[tuple[str, int]]:
    return list(dict.fromkeys((row["kind"], row["size"]) for row in rows))


def _relative(rows: list[Row], kind: str, count: int, name: str) -> tuple[float, float, float]:
    by = {row["method"]: row for row in rows if (row["kind"], row["size"]) == (kind, count)}
    plain, mine = by[PLAIN], by[name]
    # With a few rows of a few bytes, the file grows by whole pages or not at all.
    file = mine["stored"] / plain["stored"] if plain["stored"] else 1.0
    return file, mine["insert"] / plain["insert"], mine["select"] / plain["select"]


def _line(rows: list[Row], kind: str, count: int, names: list[str]) -> list[str]:
    cells = []
    for name in names:
        if name != PLAIN:
            file, insert, select = _relative(rows, kind, count, name)
            cells.append(f"{number(file, 2)}; {number(insert, 2)}; {number(select, 2)}")
    return [f"{kind}, {size(count)}", *cells]


def pays_from(rows: list[Row], name: str, kind: str = "image") -> int | None:
    """The smallest size from which on every measured size makes the file smaller by a tenth or more."""
    least = None
    for count in sorted((count for which, count in _values(rows) if which == kind), reverse=True):
        if _relative(rows, kind, count, name)[0] > WORTH:
            break
        least = count
    return least


def faster_from(rows: list[Row], name: str) -> int | None:
    """The smallest size from which on an INSERT of an image is never slower than into the uncompressed table."""
    least = None
    for count in sorted((count for which, count in _values(rows) if which == "image"), reverse=True):
        if _relative(rows, "image", count, name)[1] > 1:
            break
        least = count
    return least


def _answer(rows: list[Row]) -> str:
    name = "table/5"
    images, text = pays_from(rows, name), pays_from(rows, name, "metadata (JSON)")
    small = [count for kind, count in _values(rows) if kind != "image" and count < 512]
    cost = median([_relative(rows, "metadata (JSON)", count, name)[1] for count in small])
    by = {(row["size"], row["method"]): row for row in rows if row["kind"] != "image"}
    extra = median([by[count, name]["insert"] - by[count, PLAIN]["insert"] for count in small])
    parts = [f"images of {size(images)} and more" if images else "no size of image measured"]
    parts.append(f"metadata of {size(text)} and more" if text else "no size of metadata measured")
    faster = faster_from(rows, name)
    speed = f"from {size(faster)} on it is also faster to insert" if faster else "to insert the largest takes longer"
    below = f"{number(extra)} µs more ({number(cost)} times)" if extra > 0 else "nothing more"
    return (
        f"The file is at least {percent(1 - WORTH)} smaller for {parts[0]} and for {parts[1]}; {speed}; to insert a "
        f"row below 512 bytes through the virtual table costs {below}."
    )


def _plot(report: Any, rows: list[Row], names: list[str]) -> None:
    titles = ("file", "INSERT", "SELECT")
    with report.figure(NAME, columns=3, width=11, height=3.9) as (figure, axes):
        for i, (axis, title) in enumerate(zip(axes, titles, strict=True)):
            for name in (name for name in names if name != PLAIN):
                sizes = [count for kind, count in _values(rows) if kind == "image"]
                shares = [_relative(rows, "image", count, name)[i] for count in sizes]
                label = _label(name)
                axis.plot(sizes, shares, "o-", color=report.color(label), label=label, markersize=4)
            axis.axhline(1, color="0.3", linewidth=1)
            axis.set_xscale("log")
            axis.set_yscale("log")
            report.byte_ticks(axis.xaxis)
            report.plain_log_ticks(axis.yaxis)
            axis.set_title(f"{title} / uncompressed", fontsize=10)
            axis.set_xlabel("bytes of an image")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
