"""How everything is measured: pinned to a CPU, in processes of its own, as median and spread; and on which machine."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw

from ..codec import VERSION
from ..errors import ZblobError

_RECORDED_PACKAGES = (
    "apsw",
    "blosc2",
    "brotli",
    "imagecodecs",
    "lz4",
    "matplotlib",
    "numpy",
    "openzl",
    "pcodec",
    "SimpleITK",
    "sqlite-zstd-build",
    "zstandard",
)


def timed(function: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[Any, float]:
    """The function's result, and the seconds of wall-clock time that it took."""
    start = time.perf_counter()
    result = function(*arguments, **named)
    return result, time.perf_counter() - start


def median(values: Sequence[float]) -> float:
    return float(statistics.median(values))


def spread(values: Sequence[float]) -> float:
    """Half the distance from the smallest to the largest, as a share of the median: 0.05 means within about 5 %."""
    middle = median(values)
    return (max(values) - min(values)) / 2 / middle if middle else 0.0


def geometric_mean(values: Sequence[float]) -> float:
    return statistics.geometric_mean(values) if values else float("nan")


@contextlib.contextmanager
def pinned(threads: int = 1) -> Iterator[None]:
    """Keep this thread, and those that it starts, on this many CPUs, where the system supports that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[-threads:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run_child(module: str, arguments: dict[str, Any], prefix: Sequence[str] = ()) -> Any:
    """Run a module of this package with JSON arguments on its command line, and return the JSON that it prints.

    :raises ZblobError: it has failed.
    """
    command = [*prefix, sys.executable, "-m", f"{__package__}.{module}", json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | _search_path())
    if done.returncode:
        raise ZblobError(f"the measurement {module} {json.dumps(arguments)[:200]} failed:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def _search_path() -> dict[str, str]:
    """Let the child import this very package, wherever the parent has found it."""
    root = str(Path(__file__).resolve().parents[2])
    return {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))}


def peak_memory() -> int:
    """Peak memory of this process in bytes. Linux's ru_maxrss would include that of the parent."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    factor = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * factor


def forget(path: str | os.PathLike[str]) -> None:
    """Let the operating system drop the file from its cache, so that the next read is a cold one."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def machine() -> dict[str, Any]:
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


def other_load() -> float | None:
    """How busy the machine is, before anything is measured: tasks per CPU over the last minute, if the system says."""
    return os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else None


def versions() -> dict[str, str]:
    """Versions of all packages whose work is measured, as far as they are installed."""
    found = {}
    for name in _RECORDED_PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
