"""Images as a data set beside files: `python benchmarks/dataset.py VOLUME ... [--rounds 3]`, with PyTorch and nibabel.

Each VOLUME is a file that SimpleITK reads, taken as 16 bits. PyTorch's `DataLoader` reads whole volumes and axial
slices at random, without workers and with two, from tables at levels 1 and 5, `.nii.gz` and mapped `.npy` files. All
take turns; the best round of each counts.
"""

from __future__ import annotations

import argparse
import importlib
import random
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import SimpleITK as sitk

import sqlite_zblob as zb
from sqlite_zblob.integrations.torch import ImageDataset

SLICES = {"nii.gz": 16}  # each takes half a second there
MOST_SLICES = 400


class Files:
    """What `ImageDataset` does, from files."""

    def __init__(self, paths: list[Path], depths: list[int], axis: int | None) -> None:
        self.axis = axis
        counts = depths if axis is not None else [1] * len(paths)
        self.keys = [(path, at) for path, count in zip(paths, counts, strict=True) for at in range(count)]

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> Any:
        path, at = self.keys[index]
        whole: Any = np.load(path, mmap_mode="r") if path.suffix == ".npy" else nibabel.load(path).dataobj
        return np.asarray(whole if self.axis is None else whole[at]).copy()


def store(folder: Path, volumes: list[Any]) -> None:
    zb.install()
    db = sqlite3.connect(folder / "store.db")
    for number, volume in enumerate(volumes):
        for level in (1, 5):
            zb.images.write_image(db, f"level{level}", number, volume, level=level)
        np.save(folder / f"{number}.npy", volume)
        nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), folder / f"{number}.nii.gz")
    for level in (1, 5):
        print(f"level {level}: {db.execute(f'SELECT sum(length(data)) FROM level{level}').fetchone()[0]:,} bytes")
    db.close()
    for end in ("npy", "nii.gz"):
        print(f"{end}: {sum(each.stat().st_size for each in folder.glob(f'*.{end}')):,} bytes")


def sets(folder: Path, volumes: list[Any], axis: int | None) -> dict[str, Any]:
    depths = [len(volume) for volume in volumes]
    found: dict[str, Any] = {
        f"level {level}": ImageDataset(folder / "store.db", f"level{level}", key="key", axis=axis) for level in (1, 5)
    }
    for end in ("nii.gz", "npy"):
        found[end] = Files([folder / f"{number}.{end}" for number in range(len(volumes))], depths, axis)
    return found


def measure(dataset: Any, count: int, workers: int, seed: int) -> tuple[float, float]:
    """MB/s and items/s."""
    data: Any = importlib.import_module("torch.utils.data")
    numbers = [random.Random(seed + at).randrange(len(dataset)) for at in range(count)]
    loader = data.DataLoader(data.Subset(dataset, numbers), batch_size=None, num_workers=workers)
    start = time.perf_counter()
    size = sum(item.nbytes for item in loader)
    seconds = time.perf_counter() - start
    return size / 1e6 / seconds, count / seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("volumes", nargs="+")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    volumes = [sitk.GetArrayFromImage(sitk.ReadImage(path)).astype("int16") for path in arguments.volumes]
    with tempfile.TemporaryDirectory() as name:
        store(Path(name), volumes)
        for workers in (0, 2):
            for axis in (None, 0):
                compared = sets(Path(name), volumes, axis)
                best: dict[str, tuple[float, float]] = {}
                for seed in range(arguments.rounds):
                    for which, dataset in compared.items():
                        count = 2 * len(volumes) if axis is None else SLICES.get(which, MOST_SLICES)
                        best[which] = max(best.get(which, (0.0, 0.0)), measure(dataset, count, workers, seed))
                figures = ", ".join(f"{which} {mb:.0f} MB/s {items:.1f}/s" for which, (mb, items) in best.items())
                print(f"{workers} workers, {'volumes' if axis is None else 'slices'}: {figures}", flush=True)


if __name__ == "__main__":
    main()
