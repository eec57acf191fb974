"""The demo: one store of real images for each way to compress it, built and read in interleaved rounds."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..bench import codecs, methods
from ..migration.pipeline import cpu_count
from .harness import machine, median, run_child
from .samples import Sample, find_samples

APPLICATION_CODECS = ("uncompressed", "zlib 6", "LZ4", "Brotli 5", "zstd 3")
DATABASE_METHODS = ("functions/1", "functions/5", "table/1", "table/5")


@dataclass(frozen=True)
class Row:
    """The figures of one way to compress. Seconds are for all rows together, the median of the rounds."""

    label: str
    package_version: str
    file_size: int  # bytes, of the whole database
    ratio: float  # uncompressed file / this file
    insert: float
    cold_select: float
    warm_select: float
    insert_peak_memory: int  # bytes, of the whole process
    select_peak_memory: int


@dataclass(frozen=True)
class Result:
    machine: dict[str, Any]
    images: list[dict[str, Any]]
    row_count: int
    raw_size: int  # bytes of all values
    rounds: int
    rows: list[Row]


def method_names() -> list[str]:
    """The ways that can be measured here, in the order of the table."""
    installed = {codec.name for codec in codecs.available()}
    return [f"application/{name}" for name in APPLICATION_CODECS if name in installed] + list(DATABASE_METHODS)


def run(rounds: int, copies: int, advance: Callable[[str], None] = lambda step: None) -> Result:
    """Measure.

    Each step is a process of its own, which makes its peak memory comparable. Every round measures every method before
    the next round begins, so that a change of the machine's speed affects all of them.

    :param advance: called with a description before each of the 2 * rounds * methods steps.
    """
    samples, names = find_samples(), method_names()
    measured: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory(prefix="sqlite_zblob-") as name:
        folder = Path(name)
        for index, sample in enumerate(samples):
            (folder / f"{index}.value").write_bytes(sample.value)
        for _ in range(rounds):
            for method in names:
                measured[method].append(_measure(method, folder, copies, advance))
    return _summary(samples, copies, rounds, measured)


def _measure(method: str, folder: Path, copies: int, advance: Callable[[str], None]) -> dict[str, Any]:
    database_folder = folder / "store"
    database_folder.mkdir()
    settings: dict[str, Any] = {
        "method": method,
        "database": str(database_folder / "results.db"),
        "values": str(folder),
    }
    settings |= {"copies": copies, "is_pickled": False, "small": 0, "threads": cpu_count()}
    try:
        figures = {}
        for phase in ("insert", "select"):
            advance(f"{methods.find_method(method).label}: {phase}")
            figures[phase] = run_child("workload", settings | {"phase": phase})
        return figures
    finally:
        shutil.rmtree(database_folder)


def _summary(samples: list[Sample], copies: int, rounds: int, measured: dict[str, list[dict[str, Any]]]) -> Result:
    def seconds(stages: dict[str, list[float]]) -> float:
        return sum(map(sum, stages.values()))

    plain_size = measured["application/uncompressed"][0]["insert"]["file_size"]
    table = []
    for name, runs in measured.items():
        method = methods.find_method(name)
        table.append(
            Row(
                label=method.label,
                package_version=method.package_version,
                file_size=runs[0]["insert"]["file_size"],
                ratio=plain_size / runs[0]["insert"]["file_size"],
                insert=median([seconds(run["insert"]["seconds"]) for run in runs]),
                cold_select=median([seconds(run["select"]["cold"]) for run in runs]),
                warm_select=median([seconds(run["select"]["warm"]) for run in runs]),
                insert_peak_memory=max(run["insert"]["peak_memory"] for run in runs),
                select_peak_memory=max(run["select"]["peak_memory"] for run in runs),
            )
        )
    images = [
        {"name": s.name, "pixel_type": s.pixel_type, "size": list(s.size), "bytes": len(s.value)} for s in samples
    ]
    return Result(
        machine=machine(),
        images=images,
        row_count=copies * len(samples),
        raw_size=copies * sum(len(sample.value) for sample in samples),
        rounds=rounds,
        rows=table,
    )
