"""Mutate files and pickles, and have each parser of them read as many as is asked for, under sanitizers.

    python -m tools.mutate [FOLDER...] [--count 100000] [--parsers NAME...]

The originals are the samples of the tests, and real files of at most 10 kB in the folders, sorted by the parser
that reads them. Each parser then gets at least `count` mutants of its originals, made by tests/fuzz/driver.c: bits,
bytes, numbers and digits are changed, pieces are moved, ends are cut off. AddressSanitizer and
UndefinedBehaviorSanitizer end the program at a fault, and so does an image that is not within its value. Printed is the
longest CPU time that one mutant took, with the sanitizers.
"""

from __future__ import annotations

import argparse
import os
import pickle
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import SimpleITK as sitk

import build
from tests.fuzz.building import build_fuzzer
from tests.samples.containers import RAMP, small_containers
from tests.samples.files import small_files, written

LARGEST = 50_000  # bytes of an original
MOST = 40  # originals for a parser
STARTS = {  # how originals of a parser begin
    "pickle": rb"\x80",
    "torch.save, npz": rb"PK\x03\x04",
    "npy": rb"\x93NUMPY",
    "DICOM": rb".{128}DICM|\x02\0|\x08\0",
    "NIfTI": rb".{344}n\+1\0|.{4}n\+2\0",
    "NRRD": rb"NRRD000",
    "MetaImage": rb"ObjectType|Comment|NDims",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "BMP": rb"BM",
    "PNM": rb"P[567]",
    "FITS": rb"SIMPLE  =",
    "MRC": rb".{208}MAP",
}


def npy(array: np.ndarray[Any, Any]) -> bytes:
    return written(".npy", lambda path: np.save(path, array))


def parser_of(value: bytes) -> str | None:
    return next((name for name, start in STARTS.items() if re.match(start, value, re.DOTALL)), None)


def originals(folders: list[Path]) -> Iterator[bytes]:
    image = sitk.GetImageFromArray(np.stack([RAMP, RAMP + 1]))
    yield from (pickle.dumps(image, protocol) for protocol in (2, 4))
    for dtype in ("<i2", ">u4", "<f8", "?", "<c8"):
        for array in (RAMP, np.asfortranarray(RAMP), RAMP[:8, None, :9]):
            yield npy(array.astype(dtype))
    yield npy(RAMP) + npy(RAMP[:20])
    files = small_files()
    yield from files.values()
    yield from small_containers().values()
    yield pickle.dumps(nibabel.Nifti1Image(RAMP, np.eye(4)))
    for source in ("dicom explicit", "nifti 1", "NRRD", "mrc", "tiff <", "fits", "bmp", "pgm"):
        yield pickle.dumps({"file": next(value for name, value in files.items() if name.startswith(source))}, 4)
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and 0 < path.stat().st_size <= LARGEST:
                yield path.read_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(description="Mutants of files for each parser, under sanitizers.")
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="with more originals")
    parser.add_argument("--count", type=int, default=100_000, help="mutants for each parser (100,000)")
    parser.add_argument("--parsers", nargs="+", choices=STARTS, default=[*STARTS], help="only these")
    arguments = parser.parse_args()
    values: dict[str, dict[bytes, None]] = defaultdict(dict)
    for value in originals(arguments.folders):
        if (name := parser_of(value)) and len(values[name]) < MOST:
            values[name][value] = None
    program_folder = build.ROOT / "build" / "mutate"
    program_folder.mkdir(parents=True, exist_ok=True)
    program = build_fuzzer(program_folder)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        chosen = arguments.parsers
        results = list(pool.map(lambda name: hunt(program, [*values[name]], arguments.count), chosen))
    print("| parser | originals | mutants | longest, ms |\n|---|---|---|---|")
    for name, (mutants, longest, fault) in zip(chosen, results, strict=True):
        print(f"| {name} | {len(values[name])} | {mutants:,} | {longest} |")
        if fault:
            print(fault, file=sys.stderr)
    sys.exit(any(fault for _, _, fault in results))


def hunt(program: Path, values: list[bytes], count: int) -> tuple[int, str, str]:
    """At least `count` mutants of the values: how many, how long the longest run took, and the fault, if any."""
    each = -(-count // len(values))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number:03}" for number in range(len(values))]
        for path, value in zip(paths, values, strict=True):
            path.write_bytes(value)
        command = [str(program), "sniff", str(each), *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    longest = re.search(r"longest run: ([0-9.]+) ms", done.stderr)
    fault = done.stderr[-4000:] if done.returncode or not longest else ""
    return each * len(values), longest[1] if longest else "?", fault


if __name__ == "__main__":
    main()
