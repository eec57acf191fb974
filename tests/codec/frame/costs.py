"""What reading or writing a value costs, measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ...conftest import ROOT

DECOMPRESS = "zb.decompress(value, max_size=1 << 32)"

MEASURE = """
import sys, time
import apsw, sqlite_zblob as zb
value = open(sys.argv[1], "rb").read()
db = apsw.Connection(":memory:")
zb.load(db)
zb.decompress(zb.compress(b"something " * 99))

def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) << 10

open("/proc/self/clear_refs", "w").write("5")
before, start, size = peak(), time.process_time(), 0
try:
    size = len(eval(sys.argv[2]))
except (zb.ZblobError, apsw.Error):
    pass
print(peak() - before, time.process_time() - start, size)
"""


def cost(value: bytes, what: str, folder: Path) -> tuple[int, float]:
    """Bytes of memory beside the result, and seconds of CPU time."""
    path = folder / "value"
    path.write_bytes(value)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), what], capture_output=True, text=True, cwd=ROOT, check=True
    )
    memory, seconds, size = done.stdout.split()
    return int(memory) - int(size), float(seconds)
