"""What reading or writing a value costs, measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...conftest import ROOT

Z, Y, X = np.indices((12, 96, 128))
DECOMPRESS = "zb.decompress(value, max_size=1 << 32)"

# Memory that one expression has freed would hide what the next one takes, so it is given back to the system.
MEASURE = """
import ctypes, sys, time
import apsw, sqlite_zblob as zb, sqlite_zblob.codec
value = open(sys.argv[1], "rb").read()
db = apsw.Connection(":memory:")
zb.load(db)
zb.decompress(zb.compress(b"something " * 99))
trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda kept: None)

def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) << 10

for expression in sys.argv[2:]:
    trim(0)
    open("/proc/self/clear_refs", "w").write("5")
    before, start, size = peak(), time.process_time(), 0
    try:
        size = len(eval(expression))
    except (zb.ZblobError, apsw.Error):
        pass
    print(peak() - before, time.process_time() - start, size)
"""


class Cost(NamedTuple):
    memory: int  # bytes beside the result
    seconds: float  # of CPU time


def costs(value: bytes, expressions: Sequence[str], folder: Path) -> list[Cost]:
    """Of each expression, which may use `value`, `zb`, and the connection `db`."""
    path = folder / "value"
    path.write_bytes(value)
    command = [sys.executable, "-c", MEASURE, str(path), *expressions]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    return [Cost(int(memory) - int(size), float(seconds)) for memory, seconds, size in rows]


def least(work: Callable[[], object], rounds: int = 3) -> float:
    """Seconds of CPU time, of all threads."""
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def scan() -> np.ndarray:
    noise = np.random.default_rng(3).normal(0, 12, Z.shape)
    smooth = 1000 * np.exp(-(((Z - 6) / 5) ** 2) - ((Y - 48) / 30) ** 2 - ((X - 64) / 40) ** 2)
    return np.asarray(smooth + noise, dtype=np.float64).astype("<i2")


def ordinary() -> list[np.ndarray]:
    """What others are compared with."""
    return [scan(), np.clip(scan() // 4, 0, 255).astype("u1"), scan().astype("f4") * 0.37]
