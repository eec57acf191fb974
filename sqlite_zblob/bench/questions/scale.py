"""Question 8: what storage costs, from measured ratios, and how a store scales from 10 to 100,000 images."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import apsw

from ...bench import methods
from ..harness import forget, geometric_mean, median, timed
from ..inputs import Subject, typical_scan
from ..markdown import answer, number, size, table
from ..results import Row

NAME = "scale"
TITLE = "What does storage cost, and how does it scale?"

METHODS = ("application/uncompressed", "application/zstd 3", "functions/5", "table/5")
PLAIN, OURS = METHODS[0], METHODS[-1]
COUNTS, QUICK_COUNTS = (10, 30, 100, 300), (10, 30)
TARGETS = (10, 100, 1000, 10_000, 100_000)
READS = 20
MOST_BYTES = 3_000_000_000  # of the largest store that is made
YEAR = 12  # months


def measure(bench: Any) -> tuple[list[Row], Row]:
    subject = typical_scan(bench.subjects)
    counts = [count for count in (QUICK_COUNTS if bench.quick else COUNTS) if count * subject.size <= MOST_BYTES]
    names = [name for name in METHODS if name in methods.method_names()]
    rows: list[Row] = []
    for count in counts or [1]:
        for name in names:
            key = f"{count} images, {name}"
            steps = len(counts) * len(names)
            rows.append(bench.take(key, steps, _one, name, subject, count, bench.work))
    return rows, {"image": subject.name, "size": subject.size, "reads": READS}


def _one(name: str, subject: Subject, count: int, work: Path) -> Row:
    method = methods.find_method(name)
    path = work / "scale.db"
    connection = methods.open_store(method, str(path))
    value = subject.value()
    keys = [f"operation-{i:06}" for i in range(count)]

    def insert() -> None:
        for key in keys:
            bindings = (key, method.compress(value), "image", len(value))
            connection.execute(methods.INSERT.format(method.write_sql), bindings)

    _, inserting = timed(insert)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    forget(path)
    connection = methods.open_store(method, str(path))
    seconds = []
    for key in random.Random(3).sample(keys, min(READS, count)):
        back, took = timed(_select, method, connection, key)
        seconds.append(took)
        if back != value:
            raise SystemExit(f"{method.label} did not return the bytes")
    connection.close()
    forget(path)
    connection = methods.open_store(method, str(path))
    _, statistics = timed(methods.query, connection, methods.STATISTICS)
    connection.close()
    row: Row = {"method": name, "images": count, "file_size": path.stat().st_size, "insert": inserting * 1e3 / count}
    path.unlink()
    return row | {"select_cold": median(seconds) * 1e3, "statistics_cold": statistics * 1e3}


def _select(method: methods.Method, connection: apsw.Connection, key: str) -> bytes:
    ((found,),) = methods.query(connection, methods.SELECT.format(method.read_sql), key)
    return method.decompress(found)


def gigabyte_months(images_a_month: float, image_bytes: float, ratio: float, months: int) -> float:
    """GB-months of a store that grows by this many images each month. A month counts with the size at its end."""
    return images_a_month * image_bytes / ratio / 1e9 * months * (months + 1) / 2


def ratios(report: Any) -> dict[str, float]:
    """File size without compression / with it, in the mixed store of question 4."""
    rows = {row["method"]: row for row in report.rows("store")}
    plain = rows[PLAIN]["file_size"]
    return {name: plain / rows[name]["file_size"] for name in METHODS if name in rows}


def render(report: Any) -> list[str]:
    rows, facts = report.rows(NAME), report.facts(NAME)
    by = {(row["method"], row["images"]): row for row in rows}
    names = list(dict.fromkeys(row["method"] for row in rows))
    largest = max(row["images"] for row in rows)
    _plot(report, by, names)
    found = ratios(report)
    price_lines = []
    for count in TARGETS[1:]:
        months = [gigabyte_months(count / YEAR, facts["size"], found[name], YEAR) for name in names]
        price_lines.append((f"{count:,}", *map(number, months)))
    return [
        *answer(_answer(by, names, largest, found)),
        *report.image(NAME, "Size of the file and time of a statistics query, by the number of images"),
        f"Copies of *{facts['image']}* ({size(facts['size'])}), one INSERT per transaction. Sizes and times "
        f"of larger stores are extrapolated in a straight line from {largest} images and marked *.",
        "",
        *table(
            ("images", *(f"{_label(name)}: file; INSERT ms; cold SELECT ms; statistics ms" for name in names)),
            [_line(by, names, count, largest) for count in _counts(by)],
        ),
        "**GB-months** of a year in which this many images are added evenly, at the ratios of the mixed store of "
        f"question 4 ({', '.join(f'{_label(name)} {number(found[name])}' for name in names)}). `sqlite-zblob bench "
        "cost` computes it for your numbers and your price.",
        "",
        *table(("images a year", *map(_label, names)), price_lines),
    ]


def _label(name: str) -> str:
    labels = {
        PLAIN: "uncompressed",
        "application/zstd 3": "zstd 3",
        "functions/5": "zcompress 5",
        OURS: "virtual table 5",
    }
    return labels[name]


def _counts(by: dict[tuple[str, int], Row]) -> list[int]:
    measured = {count for _, count in by}
    return sorted(measured | set(TARGETS))


def _line(by: dict[tuple[str, int], Row], names: list[str], count: int, largest: int) -> list[str]:
    cells = []
    for name in names:
        if (name, count) in by:
            row = by[name, count]
            figures = [row["insert"], row["select_cold"], row["statistics_cold"]]
            cells.append("; ".join([size(row["file_size"]), *map(number, figures)]))
        elif count > largest:
            row = by[name, largest]
            figures = [row["insert"], row["select_cold"], row["statistics_cold"] * count / largest]
            cells.append("; ".join([size(row["file_size"] * count / largest), *map(number, figures)]) + " *")
        else:
            cells.append("-")
    return [f"{count:,}", *cells]


def _answer(by: dict[tuple[str, int], Row], names: list[str], largest: int, found: dict[str, float]) -> str:
    plain, ours = by[PLAIN, largest], by[OURS, largest]
    target = TARGETS[-1]
    statistics = plain["statistics_cold"] / ours["statistics_cold"]
    mean = geometric_mean([by[OURS, count]["insert"] for which, count in by if which == OURS])
    return (
        f"A GB-month becomes {number(1 / found[OURS], 2)} GB-months on the mixed store; {target:,} images like this "
        f"one need {size(ours['file_size'] * target / largest)} instead of "
        f"{size(plain['file_size'] * target / largest)} (extrapolated), INSERT stays at about {number(mean)} ms per "
        f"image, and a statistics query on {largest} images takes {number(ours['statistics_cold'])} ms instead of "
        f"{number(plain['statistics_cold'])} ({number(statistics)} times less), because the virtual table keeps "
        "large values behind all other columns."
    )


def _plot(report: Any, by: dict[tuple[str, int], Row], names: list[str]) -> None:
    counts = sorted({count for _, count in by})
    with report.figure(NAME, columns=2, width=9.5, height=3.9) as (figure, axes):
        for axis, field, factor, title in zip(
            axes, ("file_size", "statistics_cold"), (1e-9, 1.0), ("file, GB", "statistics query, cold, ms"), strict=True
        ):
            for name in names:
                figures = [by[name, count][field] * factor for count in counts]
                color = report.color(_label(name))
                axis.plot(counts, figures, "o-", color=color, label=_label(name), markersize=5)
                if field == "file_size":
                    target = TARGETS[-1]
                    axis.plot([counts[-1], target], [figures[-1], figures[-1] * target / counts[-1]], ":", color=color)
            axis.set_xscale("log")
            axis.set_yscale("log")
            report.plain_log_ticks(axis.xaxis)
            report.plain_log_ticks(axis.yaxis)
            axis.set_xlabel("images (dotted: extrapolated)" if field == "file_size" else "images")
            axis.set_title(title, fontsize=10)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
