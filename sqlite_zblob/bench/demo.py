"""The demo: one store of real images for each way to compress it, built and read in interleaved rounds."""

from __future__ import annotations

import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from ..codec import VERSION
from ..errors import ZblobError
from . import codecs, store
from .samples import Sample, find_samples

DATABASE_METHODS = ("functions/1", "functions/5", "table/1", "table/5")


@dataclass(frozen=True)
class Row:
    """One way to compress. Seconds are the time of all rows; the median of the rounds."""

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
    return [f"application/{codec}" for codec in codecs.available()] + list(DATABASE_METHODS)


def run(rounds: int, copies: int, advance: Callable[[str], None] = lambda step: None) -> Result:
    """Measure. `advance` is told before each of the 2 * rounds * methods steps what comes.

    Each step is a process of its own, so that its peak memory is its alone, and every round visits every method
    before the next begins, so that a change of the machine's speed falls on all of them.
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
    database = str(database_folder / "results.db")
    try:
        figures = {}
        for phase in ("insert", "select"):
            advance(f"{store.find_method(method).label}: {phase}")
            figures[phase] = _child(phase, method, database, str(folder), str(copies))
        return figures
    finally:
        shutil.rmtree(database_folder)


def _child(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", f"{__package__}.store", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ZblobError(f"the measurement {' '.join(arguments[:2])} failed:\n{done.stdout}{done.stderr}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _summary(samples: list[Sample], copies: int, rounds: int, measured: dict[str, list[dict[str, Any]]]) -> Result:
    def median(runs: list[dict[str, Any]], phase: str, figure: str) -> float:
        return float(statistics.median(sum(run[phase][figure]) for run in runs))

    plain_size = measured["application/none"][0]["insert"]["file_size"]
    table = []
    for name, runs in measured.items():
        method = store.find_method(name)
        table.append(
            Row(
                label=method.label,
                package_version=method.package_version,
                file_size=runs[0]["insert"]["file_size"],
                ratio=plain_size / runs[0]["insert"]["file_size"],
                insert=median(runs, "insert", "insert"),
                cold_select=median(runs, "select", "cold"),
                warm_select=median(runs, "select", "warm"),
                insert_peak_memory=max(run["insert"]["peak_memory"] for run in runs),
                select_peak_memory=max(run["select"]["peak_memory"] for run in runs),
            )
        )
    images = [
        {"name": s.name, "pixel_type": s.pixel_type, "size": list(s.size), "bytes": len(s.value)} for s in samples
    ]
    return Result(
        machine=_machine(),
        images=images,
        row_count=copies * len(samples),
        raw_size=copies * sum(len(sample.value) for sample in samples),
        rounds=rounds,
        rows=table,
    )


def _machine() -> dict[str, Any]:
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = f"{names[0]}, {len(names)} CPUs" if names else cpu
    return {
        "cpu": cpu,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
        "sqlite_zblob": VERSION,
    }
