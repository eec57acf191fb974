"""Raw samples without a description: what guessing their geometry costs and brings, against the general path.

    python benchmarks/raw.py FOLDER [--level 5] [--rounds 5] [--out benchmarks/results/raw.json]

FOLDER holds volumes that SimpleITK reads. One thread, thread CPU time, all ways in turn, the best of the rounds; ten
times as many for values below 4 MB. "given" is the frame with `dtype` and `shape`, for images of one component. Other
data are generated, or files of this installation.
"""

from __future__ import annotations

import argparse
import json
import pickle
import random
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

import sqlite_zblob as zb


def volumes(folder: Path) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    for path in sorted(folder.glob("*.mha")):
        image = sitk.ReadImage(str(path))
        array = sitk.GetArrayFromImage(image)
        given = {"dtype": array.dtype.str, "shape": array.shape} if image.GetNumberOfComponentsPerPixel() == 1 else {}
        yield path.stem, array.tobytes(), given


def database(rows: int) -> bytes:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL)")
        values = ((i, f"name {i * 7919 % 1000}", i / 7) for i in range(rows))
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", values)
        connection.commit()
        return bytes(connection.serialize())


def others() -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    rng = np.random.RandomState(1)
    t = np.arange(1 << 20) / 44100
    pitch = 220 + 30 * np.sin(2.3 * t) + 11 * np.sin(7.7 * t)
    tone = 9000 * np.sin(2 * np.pi * np.cumsum(pitch) / 44100)
    notes = [np.sin(np.arange(22050) * f / 7018) * np.exp(-np.arange(22050) / 9000) for f in rng.choice(400, 47) + 200]
    text = b"".join(path.read_bytes() for path in sorted(Path(json.__file__).parents[1].glob("*.py")))
    values = {
        "random": random.Random(1).randbytes(1 << 20),
        "text": text,
        "compressed text": zlib.compress(text),
        "JSON": json.dumps([{"id": i, "value": i / 7} for i in range(60_000)]).encode(),
        "table of text": "".join(f"{i:8d} {i % 97:8d} {i / 7:12.3f}\n" for i in range(40_000)).encode(),
        "pickle": pickle.dumps([(i, i / 7, str(i)) for i in range(60_000)]),
        "executable": Path(zb.loadable_path() + ".so").read_bytes(),
        "SQLite": database(60_000),
        "sound": (tone + rng.normal(0, 9, len(t))).astype("<i2").tobytes(),
        "notes": (12000 * np.concatenate(notes) + rng.normal(0, 9, 22050 * 47)).astype("<i2").tobytes(),
        "random walk": np.cumsum(rng.normal(0, 1, 500_000)).astype("<f4").tobytes(),
        "sorted floats": np.sort(rng.normal(0, 1, 500_000)).astype("<f4").tobytes(),
        "counters": np.cumsum(rng.randint(1, 50, 400_000)).astype("<i4").tobytes(),
        "embeddings": rng.normal(0, 1, (1000, 768)).astype("<f4").tobytes(),
        "zeros": bytes(1 << 20),
    }
    for name, value in values.items():
        yield name, value, {}


def timed(work: Callable[[], bytes]) -> tuple[float, bytes]:
    start = time.thread_time()
    frame = work()
    return time.thread_time() - start, frame


def measure(value: bytes, given: dict[str, Any], level: int, rounds: int) -> dict[str, Any]:
    ways: dict[str, dict[str, Any]] = {"guess": {}, "general": {"codec": "zstd"}, **({"given": given} if given else {})}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    figures: dict[str, Any] = {"bytes": len(value)}
    for _ in range(rounds * (1 if len(value) > 4 << 20 else 10)):
        for way, options in ways.items():
            spent, frame = timed(lambda options=options: zb.compress(value, level, threads=1, **options))  # type: ignore[misc]
            seconds[way].append(spent)
            figures[f"{way}_bytes"] = len(frame)
            if way == "guess":
                assert zb.decompress(frame) == value
                figures["guessed"] = [[image.pixel_type, *image.size] for image in zb.info(frame).images]
    return figures | {f"{way}_ms": round(1000 * min(taken), 3) for way, taken in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--level", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    report = {}
    for name, value, given in [*volumes(arguments.folder), *others()]:
        report[name] = figures = measure(value, given, arguments.level, arguments.rounds)
        size, pace = (figures[f"guess_{unit}"] / figures[f"general_{unit}"] for unit in ("bytes", "ms"))
        print(f"{name:22s} size x{size:.3f} time x{pace:.2f} {figures['guessed']}", flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
