"""Real files of each kind, which packages ship, as frames: bytes against a pickle of the same pixels (protocol 5).

    python -m benchmarks.files [FOLDER...]     a Markdown table, as in docs/files.md

Looked for in the installed packages and in the folders, for example unpacked source packages of Pillow, scikit-image,
nibabel, mrcfile, pydicom-data, astropy and pyradiomics, whose tests have many.

Each file is compressed as it is, read back byte for byte, and its pixels are compared with those of the pickle. Only
files of at least 16 KB count, whose other bytes do not outweigh the pixels: at most 20 of a kind, the largest 20 below
32 MB.
"""

from __future__ import annotations

import pickle
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import sqlite_zblob as zb
from sqlite_zblob import images

PACKAGES = Path(np.__file__).parent.parent
SUFFIXES = {
    ".dcm",
    ".nii",
    ".nrrd",
    ".mha",
    ".mrc",
    ".map",
    ".tif",
    ".tiff",
    ".pgm",
    ".ppm",
    ".bmp",
    ".fits",
    ".npy",
    ".npz",
}
SMALLEST, LARGEST, MOST = 16 << 10, 32 << 20, 20


def candidates(folders: list[Path]) -> Iterator[bytes]:
    every = (path for folder in folders for path in folder.rglob("*"))
    paths = {path for path in every if path.suffix.lower() in SUFFIXES and path.is_file()}
    seen = set()
    for path in sorted(paths, key=lambda path: (-path.stat().st_size, path)):
        if SMALLEST <= path.stat().st_size <= LARGEST:
            value = path.read_bytes()
            if value not in seen:
                seen.add(value)
                yield value


def main() -> None:
    sizes: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for value in candidates([PACKAGES, *map(Path, sys.argv[1:])]):
        found = [image for image in zb.info(value).images if image.source != "guess"]
        if len(found) != 1 or len(sizes[found[0].source]) == MOST:
            continue
        array = images.read_array(value)
        frame, pickled = zb.compress(value), zb.compress(pickle.dumps(array, 5))
        assert zb.decompress(frame) == value
        assert images.read_array(frame).tobytes() == images.read_array(pickled).tobytes()
        rest = len(zb.compress(value[: found[0].value_offset] + value[found[0].value_offset + array.nbytes :]))
        sizes[found[0].source].append((len(value), len(frame) - rest, len(pickled)))
    print("| source | files | bytes | frames without other elements, of those of pickles | median |")
    print("|---|---|---|---|---|")
    for source, rows in sorted(sizes.items()):
        if rows:
            files, frames, pickles = (sum(column) for column in zip(*rows, strict=True))
            middle = statistics.median(frame / other for _, frame, other in rows)
            print(f"| `{source}` | {len(rows)} | {files:,} | {frames / pickles:.4f} | {middle:.4f} |")


if __name__ == "__main__":
    main()
