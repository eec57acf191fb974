"""What grows with the number of shards and keys: opening a store, finding keys, the balance of the hash, resharding.

python benchmarks/scale_limits.py --out benchmarks/results/scale_limits.json
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from scale import corpus_files

import sqlite_zblob as zb

SHARDS = 256


def seconds(action: Callable[[], Any]) -> float:
    begun = time.monotonic()
    action()
    return time.monotonic() - begun


def balance(keys: int) -> dict[str, Any]:
    """How full the fullest shard is, compared with the mean."""
    counts = np.zeros(SHARDS, "i8")
    for number in range(keys):
        counts[zb.shards.shard_of(f"study-{number // 300}/slice-{number % 300}", SHARDS)] += 1
    return {"keys": keys, "largest_to_mean": round(float(counts.max() / counts.mean()), 4)}


def value(number: int) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(number).integers(0, 40, (512, 512), dtype="i2")
    np.save(buffer, np.cumsum(noise - 20, axis=1, dtype="i2"))
    return buffer.getvalue()


def cpu_rates() -> dict[str, Any]:
    """MB of voxels for each CPU second, of volumes of 512 x 512 slices: the corpus's, or sums of noise."""
    files = [name for name in corpus_files() if sitk.ReadImage(name).GetSize()[0] >= 256]
    volumes = [sitk.GetArrayFromImage(sitk.ReadImage(name)) for name in files]
    volumes = volumes or [np.stack([np.load(io.BytesIO(value(n))) for n in range(40)])]
    size = sum(each.nbytes for each in volumes) / 1e6
    begun = time.process_time()
    frames = [zb.compress(each) for each in volumes]
    coded = time.process_time()
    for frame in frames:
        assert zb.decompress(frame)
    decoded = time.process_time()
    return {
        "volumes": len(volumes),
        "ratio": round(size / sum(map(len, frames)) * 1e6, 2),
        "compress_mb": round(size / (coded - begun), 1),
        "decompress_mb": round(size / (decoded - coded), 1),
    }


def put_all(store: zb.shards.ShardedStore, frames: dict[str, bytes]) -> None:
    """One transaction each."""
    for key, frame in frames.items():
        store.put_frame(key, frame)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=400)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures: dict[str, Any] = {"shards": SHARDS, "cpu_second": cpu_rates(), "balance": balance(1_000_000)}
        wide, few, target = (str(Path(folder) / f"{name}-*.db") for name in ("wide", "few", "target"))
        zb.shards.create(wide, SHARDS).close()
        figures["open_seconds"] = round(min(seconds(lambda: zb.shards.open(wide).close()) for _ in range(3)), 3)
        frames = {f"k{number}": zb.compress(value(number)) for number in range(given.rows)}
        raw = given.rows * len(value(0))
        with zb.shards.create(few, 4) as store:
            put = seconds(lambda: put_all(store, frames))
            read = seconds(lambda: [store[key] for key in frames])
        figures["put_rows_per_second"] = round(given.rows / put)
        figures["get_mb_per_second"] = round(raw / 1e6 / read, 1)
        zb.dask.from_store(few, "results", "data", list(frames)[:1])  # imports
        lazy = seconds(lambda: zb.dask.from_store(few, "results", "data", frames))
        figures["from_store_ms_per_key"] = round(1e3 * lazy / given.rows, 2)
        stored = sum(map(len, frames.values()))
        figures["reshard_mb_per_second"] = round(stored / 1e6 / seconds(lambda: zb.shards.reshard(few, target, 6)), 1)
        descriptors = len(list(Path("/proc/self/fd").iterdir()))
        with zb.shards.open(wide) as store:
            for number in range(SHARDS):
                list(store.keys_of(number))
            figures["descriptors_of_open_store"] = len(list(Path("/proc/self/fd").iterdir())) - descriptors
    given.out.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
