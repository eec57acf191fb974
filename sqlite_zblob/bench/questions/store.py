"""Question 4: where in the pipeline to compress: the same workload in stores of every kind, side by side."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from ...bench import methods
from ...migration.pipeline import cpu_count
from ..harness import forget, median, run_child, spread
from ..inputs import Subject, from_typical
from ..markdown import answer, number, table
from ..results import Row
from ..workload import INSERT_STAGES, SELECT_STAGES

NAME = "store"
TITLE = "Where in the pipeline: before pickling, in the application, in the database, or below it?"

MOST_BYTES = 120_000_000  # of images in one store
LARGEST = 20_000_000  # bytes of one image
SMALL_ROWS = 300
_SQL = "SQLite, with compression where it is in the database"
SELECTS = ("cold", "warm", "random")
STATISTICS = ("statistics_cold", "statistics_warm")
PLAIN = "application/uncompressed"
_UNPICKLING = ("before/", "in-place-pickle/")  # ways whose values are unpickled when they are read
DEFAULT = "functions/5"
TRANSPARENT = "table/5"


def measure(bench: Any) -> tuple[list[Row], Row]:
    subjects = choose(bench.subjects, MOST_BYTES)
    values = bench.work / "values"
    values.mkdir()
    for i, subject in enumerate(subjects):
        shutil.copy(subject.path, values / f"{i:03}.value")
    facts: Row = {"images": [subject.name for subject in subjects], "raw_size": sum(s.size for s in subjects)}
    facts |= {"rounds": bench.rounds, "small_rows": SMALL_ROWS, "threads": cpu_count()}
    is_pickled = all(subject.may_unpickle for subject in subjects)
    facts["is_pickled"] = is_pickled
    names = [name for name in methods.method_names() if is_pickled or not name.startswith(_UNPICKLING)]
    why_not = methods.why_no_compressed_volume()
    if why_not:
        names.remove(methods.FILE_SYSTEM)
        facts["no_file_system"] = why_not
    facts["changes"] = {name: methods.find_method(name).changes.strip() for name in names}
    taken: dict[str, list[Any]] = {name: [] for name in names}
    for turn in range(bench.rounds):
        for name in names:
            key = f"{methods.find_method(name).label}, round {turn + 1}"
            steps = bench.rounds * len(names)
            taken[name].append(bench.take(key, steps, _measure_one, name, values, bench.work, is_pickled))
    return [_row(name, runs, len(subjects)) for name, runs in taken.items()], facts


def choose(subjects: list[Subject], most_bytes: int) -> list[Subject]:
    """Take one image of each modality and pixel type in turn, those of typical size first, until the room is full."""
    order = sorted(subjects, key=from_typical)
    firsts = {(subject.modality, subject.pixel_type): subject for subject in reversed(order)}
    ordered = sorted(order, key=lambda subject: subject not in firsts.values())
    chosen: list[Subject] = []
    for subject in ordered:
        if subject.size <= LARGEST and sum(one.size for one in chosen) + subject.size <= most_bytes:
            chosen.append(subject)
    return chosen or order[:1]


def _measure_one(name: str, values: Path, work: Path, is_pickled: bool) -> dict[str, Any]:
    folder = work / "store"
    folder.mkdir()
    try:
        prefix: list[str] = []
        place, caches = folder, []
        if name == methods.FILE_SYSTEM:
            volume = methods.CompressedVolume(folder, 3 * MOST_BYTES + 300_000_000)
            prefix, place, caches = volume.prefix, volume.mount_point, [volume.image]
        settings = {"method": name, "database": str(place / "results.db"), "values": str(values), "copies": 1}
        settings |= {"is_pickled": is_pickled, "small": SMALL_ROWS, "threads": cpu_count()}
        figures = {}
        for phase in ("insert", "select"):
            for path in caches:
                forget(path)
            figures[phase] = run_child("workload", settings | {"phase": phase}, prefix)
        return figures
    finally:
        shutil.rmtree(folder)


def _row(name: str, runs: list[dict[str, Any]], count: int) -> Row:
    method = methods.find_method(name)

    def ms(phase: str, part: str, stage: str) -> float:
        return median([sum(run[phase][part][stage]) for run in runs]) * 1e3 / count

    row: Row = {"method": name, "label": method.label, "place": method.place, "package": method.package_version}
    row["file_size"] = runs[0]["insert"]["file_size"]
    inserts = [sum(map(sum, run["insert"]["seconds"].values())) for run in runs]
    row |= {"insert": median(inserts) * 1e3 / count, "insert_spread": spread(inserts)}
    row |= {f"insert_{stage}": ms("insert", "seconds", stage) for stage in INSERT_STAGES}
    for part in SELECTS:
        selects = [sum(map(sum, run["select"][part].values())) for run in runs]
        row |= {part: median(selects) * 1e3 / count, f"{part}_spread": spread(selects)}
        row |= {f"{part}_{stage}": ms("select", part, stage) for stage in SELECT_STAGES}
    row |= {part: median([run["select"][part] for run in runs]) * 1e3 for part in STATISTICS}
    row["small_insert"] = median([run["insert"]["small"] for run in runs]) * 1e6 / SMALL_ROWS  # microseconds
    for phase in ("insert", "select"):
        row[f"{phase}_peak_memory"] = max(run[phase]["peak_memory"] for run in runs)
    row["changed_lines"] = len(method.changes.strip().splitlines())
    return row


def render(report: Any) -> list[str]:
    rows, facts = report.rows(NAME), report.facts(NAME)
    by = {row["method"]: row for row in rows}
    plain = by[PLAIN]
    _plot(report, rows)
    images = ("store", "file MB", "ratio", "INSERT ms", "SELECT cold ms", "warm", "random", "± INSERT", "± warm")
    others = (
        "store",
        "statistics cold ms",
        "warm ms",
        "small INSERT µs",
        "peak INSERT MB",
        "peak SELECT MB",
        "lines changed",
    )
    missing = facts.get("no_file_system")
    return [
        *answer(_answer(by)),
        *report.image(NAME, "Where the time of an INSERT and of a warm SELECT goes"),
        f"{len(facts['images'])} images, {number(facts['raw_size'] / 1e6)} MB, and {facts['small_rows']} small rows "
        "(pickled floats and None) in the table of a research tool, WAL, `synchronous=NORMAL`; medians of "
        f"{facts['rounds']} interleaved rounds. Times are from {_scope(facts)}. Compression in "
        f"the database may use {facts['threads']} threads, in the application one. A value in the "
        "pickle envelope is decompressed while it is unpickled.",
        "",
        *table(images, [_image_line(row, plain) for row in rows]),
        "Statistics: `COUNT, SUM, AVG` over `size_bytes`, which touches no image. Peak memory is that of the whole "
        "process.",
        "",
        *table(others, [_other_line(row) for row in rows]),
        *([f"No compressed file system was measured: {missing}.", ""] if missing else []),
        "No page-compressing VFS could be measured: of those on PyPI, turbolite's package for Linux holds a library "
        "for macOS alone; sqlite_zstd_vfs is distributed elsewhere. The file system stands for both.",
        "",
        "The lines that change in the code of a store that had no compression:",
        "",
        *_changes(rows, facts["changes"]),
    ]


def _scope(facts: Row) -> str:
    if facts["is_pickled"]:
        return "the image object to the committed row and back: pickling and unpickling included"
    return "the pickled value to the committed row and back"


def _image_line(row: Row, plain: Row) -> list[str]:
    figures = [
        row["file_size"] / 1e6,
        plain["file_size"] / row["file_size"],
        row["insert"],
        *(row[part] for part in SELECTS),
    ]
    spreads = [f"{100 * row[field]:.0f} %" for field in ("insert_spread", "warm_spread")]
    return [row["label"], *map(number, figures), *spreads]


def _other_line(row: Row) -> list[str]:
    figures = [*(row[part] for part in STATISTICS), row["small_insert"]]
    memory = [row["insert_peak_memory"] / 1e6, row["select_peak_memory"] / 1e6]
    return [row["label"], *map(number, figures), *map(number, memory), str(row["changed_lines"])]


def _changes(rows: list[Row], changed: dict[str, str]) -> list[str]:
    kinds: dict[str, str] = {}
    for row in rows:
        if changes := changed[row["method"]]:
            kinds.setdefault(row["method"].partition("/")[0], f"{row['label']}\n```\n{changes}\n```")
    return [line for text in kinds.values() for line in (*text.splitlines(), "")]


def _answer(by: dict[str, Row]) -> str:
    plain, ours = by[PLAIN], by[DEFAULT]
    rivals = [
        row
        for name, row in by.items()
        if row["place"] != "none" and "sqlite_zblob" not in name and row["place"] != "database"
    ]
    smallest = min(rivals, key=lambda row: row["file_size"])
    ratio, other = (plain["file_size"] / row["file_size"] for row in (ours, smallest))
    begin = (
        "In the database" if ratio > other else f"By size, {smallest['label']}; for unchanged programs, the database"
    )
    insert, warm, cold = (ours[part] / plain[part] for part in ("insert", "warm", "cold"))
    before = by.get("before/zstd 3")
    lines = f", against {before['changed_lines']} where the array is compressed before pickling" if before else ""
    return (
        f"{begin}: {ours['label'].removeprefix('database: ')} makes the file {number(ratio)} times smaller (smallest "
        f"of the others: {smallest['label']}, {number(other)}), with {number(insert)} times the INSERT time of an "
        f"uncompressed store, {number(cold)} of its cold and {number(warm)} of its warm SELECT time, and "
        f"{ours['changed_lines']} changed lines{lines}."
    )


def _plot(report: Any, rows: list[Row]) -> None:
    labels = [row["label"] for row in rows][::-1]
    stages = (("insert", INSERT_STAGES), ("warm", SELECT_STAGES))
    legend = {"compress": "compress in Python", "decompress": "compress in Python", "sql": _SQL}
    legend |= {"pickle": "pickle", "unpickle": "pickle"}
    with report.figure(NAME, columns=2, width=11, height=1.6 + 0.3 * len(rows)) as (figure, axes):
        for axis, (part, names), title in zip(axes, stages, ("INSERT", "SELECT, warm"), strict=True):
            left = np.zeros(len(rows))
            for stage in ("sql", *(name for name in names if name != "sql")):
                widths = np.array([row[f"{part}_{stage}"] for row in rows][::-1])
                axis.barh(labels, widths, left=left, color=report.color(legend[stage]), label=legend[stage])
                left += widths
            for i, total in enumerate(left):
                axis.text(total, i, f" {number(total)}", va="center", fontsize=8)
            axis.set_xlim(0, 1.15 * left.max())
            axis.set_xlabel(f"{title}, ms an image")
        axes[1].set_yticklabels([])
        handles, names_shown = axes[0].get_legend_handles_labels()
        figure.legend(handles, names_shown, loc="outside upper center", ncols=3, frameon=False)
