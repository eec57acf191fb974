"""A store of real images migrated under a reader and a writer: speed against the codec's own, memory, latencies.

    python benchmarks/migrate.py FOLDER [--gigabytes 5] [--workers 2] [--level 5] [--mode in-place|table]
                                 [--out benchmarks/results/migrate]

FOLDER is on the disk to measure; it needs 2.5 times the store's size. Rows are pickled SimpleITK images of 9 MB:
nilearn's MNI152 T1 and, where ZBLOB_CORPUS names a folder, its scans, each shifted and cropped elsewhere. The codec's
own speed is taken from values of the store, with as many threads, before and after the migration. The reader fetches
and decompresses an image four times a second, the writer changes a small row ten times a second and stores an image
every two: first alone, then during the migration. The migration is a process of its own, whose peak memory is reported.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import platform
import re
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import apsw

import sqlite_zblob as zb

SCHEMA = """CREATE TABLE results(operation_id TEXT PRIMARY KEY, data BLOB NOT NULL, size_bytes INTEGER);
CREATE TABLE execution_state(operation_id TEXT PRIMARY KEY, state TEXT)"""
VALUE_SIZE = 9_100_000
SCANS = ("mr_t1_u8_256", "mr_t2_mni_i16", "ct_lung2", "ct_aorta", "uct_fly_u8")
SAMPLE_COUNT = 24
ALONE_SECONDS = 20


# ---- The store ---------------------------------------------------------------------------------------------


def volumes() -> list[Any]:
    """Arrays, slowest axis first."""
    import SimpleITK as sitk

    spec = find_spec("nilearn")
    assert spec is not None and spec.origin is not None
    name = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
    paths = [Path(spec.origin).parent / "datasets" / "data" / name]
    corpus = os.environ.get("ZBLOB_CORPUS")
    paths += [Path(corpus) / f"{scan}.mha" for scan in SCANS] if corpus else []
    return [sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in paths]


def images() -> Iterator[bytes]:
    """Pickled images without end, no two alike."""
    import numpy as np  # not at the top: the migrating process has no need of either
    import SimpleITK as sitk

    scans, number = volumes(), 0
    while True:
        scan = scans[number % len(scans)]
        turn = number // len(scans)
        shifted = np.roll(scan, (turn * 5, turn * 3, turn * 7), (0, 1, 2))
        planes = shifted[: max(1, VALUE_SIZE // shifted[0].nbytes)]
        yield pickle.dumps(sitk.GetImageFromArray(np.ascontiguousarray(planes)))
        number += 1


def build(path: Path, size: int) -> int:
    db = apsw.Connection(str(path))
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(SCHEMA)
    count = total = 0
    for value in images():
        sql = "INSERT INTO results VALUES (?, ?, ?)"
        db.execute(sql, (f"operation {count}", value, len(value)))
        count, total = count + 1, total + len(value)
        if total >= size:
            break
    db.wal_checkpoint(None, apsw.SQLITE_CHECKPOINT_TRUNCATE)
    db.close()
    with path.open("rb") as file:  # the first reads of it come from the disk
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return count


# ---- The codec ---------------------------------------------------------------------------------------------


def codec_speed(values: list[bytes], threads: int, function: Callable[[bytes], object]) -> dict[str, float]:
    """MB/s of all threads together, by the clock; and by CPU time, as if nobody else had used the machine."""
    left, lock = iter(values), threading.Lock()

    def work() -> None:
        while True:
            with lock:
                value = next(left, None)
            if value is None:
                return
            function(value)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    begun, cpu = time.perf_counter(), time.process_time()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    megabytes = sum(map(len, values)) / 1e6
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return {"MB/s": megabytes / seconds, "MB/s by CPU time": megabytes / cpu * threads}


def measure_codec(path: Path, arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    values = []
    for value in images():
        values.append(value)
        if len(values) == SAMPLE_COUNT:
            break

    def compress(value: bytes) -> None:
        zb.compress(value, arguments.level, threads=1)

    def compress_and_check(value: bytes) -> None:
        assert zb.decompress(zb.compress(value, arguments.level, threads=1), threads=1) == value

    compress(values[0])
    return {
        "compress": codec_speed(values, arguments.workers, compress),
        "compress and check": codec_speed(values, arguments.workers, compress_and_check),
    }


# ---- The reader and the writer -----------------------------------------------------------------------------


def stop_at_end_of_input(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def client(kind: str, path: str, seconds: str) -> None:
    """A process of its own: prints the latencies in ms as JSON when its time is over or its input ends."""
    db = apsw.Connection(path)
    zb.load(db)
    db.set_busy_timeout(60_000)
    db.execute("PRAGMA synchronous = NORMAL")
    rows = len(db.execute("SELECT 1 FROM results").fetchall())
    image = next(images())
    stop = threading.Event()
    threading.Thread(target=stop_at_end_of_input, args=(stop,), daemon=True).start()
    found: dict[str, list[float]] = {}
    end, number = time.monotonic() + float(seconds), 0
    while not stop.is_set() and time.monotonic() < end:
        begun = time.perf_counter()
        if kind == "reader":
            name, sql = "read an image", "SELECT zdecompress(data) FROM results WHERE rowid = ?"
            db.execute(sql, (number * 37 % rows + 1,)).fetchall()
        elif number % 20 == 19:
            name, sql = "store an image", "INSERT OR REPLACE INTO results VALUES (?, ?, ?)"
            db.execute(sql, (f"new {number % 400}", image, len(image)))
        else:
            name, sql = "change a small row", "INSERT OR REPLACE INTO execution_state VALUES (?, ?)"
            db.execute(sql, (f"operation {number % 50}", f"state {number}"))
        found.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
        number += 1
        time.sleep(0.25 if kind == "reader" else 0.1)
    print(json.dumps(found))


class Clients:
    def __init__(self, path: Path, seconds: float) -> None:
        command = [sys.executable, __file__, "--client"]
        self.processes = [
            subprocess.Popen(
                [*command, kind, str(path), str(seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for kind in ("reader", "writer")
        ]

    def latencies(self, *, wait: bool) -> dict[str, dict[str, float]]:
        found: dict[str, list[float]] = {}
        for process in self.processes:
            output, _ = process.communicate() if not wait else (process.stdout.read(), process.wait())  # type: ignore[union-attr]
            found |= json.loads(output)
        return {name: distribution(times) for name, times in found.items()}


def distribution(times: list[float]) -> dict[str, float]:
    if len(times) < 2:
        return dict.fromkeys(("median", "90 %", "99 %", "most"), times[0]) | {"count": 1}
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return {"count": len(times), "median": cuts[49], "90 %": cuts[89], "99 %": cuts[98], "most": max(times)}


# ---- The migration -----------------------------------------------------------------------------------------


def migration(path: str, options: str) -> None:
    """A process of its own: prints the report, its peak memory, the largest log and its CPU time as JSON."""
    most_log = most_memory = 0
    ended = threading.Event()

    def watch() -> None:
        # The system's own peak would be that of the process which has started this one, if that is higher.
        nonlocal most_log, most_memory
        log = Path(f"{path}-wal")
        while not ended.wait(0.2):
            (memory,) = re.findall(r"VmRSS:\s*(\d+) kB", Path("/proc/self/status").read_text())
            most_memory = max(most_memory, int(memory) * 1024)
            most_log = max(most_log, log.stat().st_size if log.exists() else 0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    report = zb.migrate(path, "results", "data", **json.loads(options))
    ended.set()
    watcher.join()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime
    more = {"peak MB": most_memory / 1e6, "log MB": most_log / 1e6, "CPU seconds": cpu}
    print(json.dumps(asdict(report) | more))


def busy_share() -> Callable[[], float]:
    """How many CPUs others use, from now until the result is called: all that are busy, without our children's."""

    def busy() -> float:
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")

    def own() -> float:
        return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))

    begun, busy_before, own_before = time.monotonic(), busy(), own()
    return lambda: max(0.0, busy() - busy_before - own() + own_before) / (time.monotonic() - begun)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    path = arguments.folder / "benchmark.db"
    path.unlink(missing_ok=True)
    rows = build(path, int(arguments.gigabytes * 1e9))
    result: dict[str, Any] = {
        "machine": f"{cpu_name()}, {len(os.sched_getaffinity(0))} CPUs",
        "rows": rows,
        "store MB": path.stat().st_size / 1e6,
        "workers": arguments.workers,
        "level": arguments.level,
        "mode": arguments.mode,
    }
    result["codec before"] = measure_codec(path, arguments)
    others = busy_share()
    result["latencies alone"] = Clients(path, ALONE_SECONDS).latencies(wait=True)
    result["CPUs of others alone"] = others()
    clients, others = Clients(path, 1e6), busy_share()
    time.sleep(2)
    options = {"mode": arguments.mode, "level": arguments.level, "workers": arguments.workers}
    command = [sys.executable, __file__, "--migration", str(path), json.dumps(options)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result["latencies during"] = clients.latencies(wait=False)
    result["CPUs of others during"] = others()
    result["migration"] = json.loads(done.stdout)
    result["codec after"] = measure_codec(path, arguments)
    result["verified"] = zb.verify(path, workers=arguments.workers).ok
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    return result | ratios(result)


def ratios(result: dict[str, Any]) -> dict[str, Any]:
    migration = result["migration"]
    megabytes = migration["raw_bytes"] / 1e6
    own = {"MB/s": megabytes / migration["seconds"]}
    own["MB/s by CPU time"] = megabytes / migration["CPU seconds"] * result["workers"]
    found: dict[str, Any] = {"migrate": own}
    for name in ("compress", "compress and check"):
        for how, speed in own.items():
            codec = statistics.mean(result[f"codec {when}"][name][how] for when in ("before", "after"))
            found[f"of the codec's {name}, {how}"] = speed / codec
    return found


def cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


# ---- The page ----------------------------------------------------------------------------------------------


def page(result: dict[str, Any]) -> str:
    migration, own = result["migration"], result["migrate"]
    lines = [
        "# A store migrated under a reader and a writer",
        "",
        f"`python benchmarks/migrate.py`: {result['rows']} images, {result['store MB']:.0f} MB, level "
        f"{result['level']}, mode {result['mode']}, {result['workers']} workers, on {result['machine']}. Processes "
        f"that have nothing to do with it used {result['CPUs of others during']:.1f} CPUs during the migration, and "
        f"{result['CPUs of others alone']:.1f} while reader and writer were alone.",
        "",
        "| | MB/s | MB/s by CPU time |",
        "|---|---|---|",
        f"| migrate: read, compress, check, write | {own['MB/s']:.0f} | {own['MB/s by CPU time']:.0f} |",
    ]
    for when in ("before", "after"):
        for name, speed in result[f"codec {when}"].items():
            lines.append(f"| the codec alone, {when}: {name} | {speed['MB/s']:.0f} | {speed['MB/s by CPU time']:.0f} |")
    lines += [
        "",
        "By CPU time: bytes a CPU second, times the workers; what others do on the machine has little influence on it.",
        "",
    ]
    lines += [f"- {name}: {value:.2f}" for name, value in result.items() if name.startswith("of the codec's")]
    lines += [
        f"- ratio {migration['raw_bytes'] / migration['stored_bytes']:.2f}, {migration['changed_rows']} rows replaced, "
        f"{len(migration['failures'])} failed, {migration['missed_rows']} changed by the writer meanwhile; "
        f"all values verified: {result['verified']}",
        f"- peak memory of the migrating process {migration['peak MB']:.0f} MB (looked at every 0.2 s), largest "
        f"write-ahead log {migration['log MB']:.0f} MB",
        "",
        "Latencies in ms:",
        "",
        "| | | count | median | 90 % | 99 % | most |",
        "|---|---|---|---|---|---|---|",
    ]
    for when in ("alone", "during"):
        for name, times in result[f"latencies {when}"].items():
            cells = " | ".join(f"{times[column]:.1f}" for column in ("median", "90 %", "99 %", "most"))
            lines.append(f"| {name} | {when} | {times['count']:.0f} | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=5.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--level", type=int, default=5)
    parser.add_argument("--mode", default="in-place")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    result = run(arguments)
    print(page(result))
    if arguments.out:
        arguments.out.with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")
        arguments.out.with_suffix(".md").write_text(page(result))


if __name__ == "__main__":
    roles: dict[str, Callable[..., None]] = {"--client": client, "--migration": migration}
    if sys.argv[1:] and sys.argv[1] in roles:
        roles[sys.argv[1]](*sys.argv[2:])
    else:
        main()
