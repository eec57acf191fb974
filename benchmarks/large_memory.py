"""What one large value takes of memory beside the process, as docs/migrate.md and docs/parts.md have it.

    python benchmarks/large_memory.py 600 /tmp/large.db migrate verify read restore write
    python benchmarks/large_memory.py 600 /tmp/large.db --full migrate verify restore

makes a database with a pickled volume of 600 MB, and prints for each operation the peaks in MiB that Linux counts:
all memory (VmHWM), and the parts of it that belong to the process alone (RssAnon) and to mapped files (RssFile).
With `--full`, the operations run as if there were no room for temporary files.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import numpy as np

import sqlite_zblob as zb

COUNTS = ("VmHWM", "RssAnon", "RssFile")


def make(path: str, megabytes: int) -> None:
    """64 slices of noise that is summed up along z, and again, each time one brighter."""
    slices = megabytes * 1_000_000 // (512 * 512 * 2)
    base = np.random.RandomState(1).randint(0, 40, (64, 512, 512)).cumsum(0).astype("u2")
    volume = np.concatenate([base + times for times in range(slices // 64 + 1)])[:slices].astype("u2")
    value = pickle.dumps(volume, 4)
    Path(path).unlink(missing_ok=True)
    connection = apsw.Connection(path)
    connection.execute("PRAGMA journal_mode = wal").fetchall()
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    connection.execute("INSERT INTO t VALUES (1, ?)", (value,))
    connection.close()
    Path(path + ".pickle").write_bytes(value)


def read(path: str) -> None:
    with zb.open_blob(path, "t", "data", 1) as stream:
        while stream.read(1 << 20):
            pass


def write(path: str) -> None:
    with Path(path + ".pickle").open("rb") as file:
        zb.write_stream(path, "t", "data", 1, file)


OPERATIONS: dict[str, Callable[[str], object]] = {
    "migrate": lambda path: zb.migrate(path, "t", "data"),
    "verify": zb.verify,
    "restore": lambda path: zb.restore(path, "t", "data"),
    "read": read,
    "write": write,
}


def counts() -> dict[str, int]:
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) >> 10 for name in COUNTS}


def measure(operation: str, path: str) -> None:
    Path("/proc/self/clear_refs").write_text("5")  # begins VmHWM anew
    before, peaks = counts(), dict.fromkeys(COUNTS, 0)

    def watch() -> None:
        while True:
            for name, count in counts().items():
                peaks[name] = max(peaks[name], count - before[name])
            time.sleep(0.005)

    threading.Thread(target=watch, daemon=True).start()
    OPERATIONS[operation](path)
    time.sleep(0.02)
    print(operation, peaks, flush=True)


def main() -> None:
    first, path, *operations = sys.argv[1:]
    if first != "one":
        make(path, int(first))
        options = [each for each in operations if each == "--full"]
        for operation in (each for each in operations if each != "--full"):
            subprocess.run([sys.executable, __file__, "one", path, operation, *options], check=True)
        return
    if "--full" in operations:
        from sqlite_zblob.migration import large, values

        def full(_: object) -> bytes:
            raise OSError(28, "No space left on device")

        large.map_written = values.map_written = full  # type: ignore[assignment,attr-defined]
    measure(operations[0], path)


if __name__ == "__main__":
    main()
