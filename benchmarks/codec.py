"""The codecs against their rivals on the pixel buffers of a folder of images: size, speed, tables and plots by class.

    pip install '.[bench]'
    python benchmarks/codec.py FOLDER [--levels 1,5,9] [--rounds 3] [--classes scans,colour] [--out OUT]

volumes.py says which volumes there are, codec_report.py what is made of the figures; the codecs are those of
`sqlite-zblob bench` (sqlite_zblob/bench/codecs). One thread. In each round every codec visits a volume before the next
volume begins; figures are medians of the rounds (slow rivals have one). Rivals that code pictures get a volume as a
stack of 2-D slices, byte codecs the whole buffer. Ours is measured through `sqlite_zblob.compress` and `decompress`:
frame, index and checksums included. A codec that does not give a volume's bytes back has no figures for it.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import re
import statistics
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from codec_report import Row, write_report
from volumes import CLASSES, Volume, volumes

import sqlite_zblob as zb
from sqlite_zblob.bench import codecs
from sqlite_zblob.bench.codecs import Codec
from sqlite_zblob.bench.questions.codecs import measure_codec

RIVALS = (
    *("JPEG-LS", "JPEG 2000", "HTJ2K", "JPEG XL e1", "JPEG XL e2", "JPEG XL e3", "JPEG XL e7", "LERC"),
    *("zstd 3", "zstd 19", "blosc2 shuffle", "blosc2 bitshuffle", "blosc2 bytedelta", "pcodec 8", "OpenZL", "fpzip"),
    *("crackle", "crackle + lzma", "compresso", "compressed-segmentation"),
)


def measure(volume: Volume, measured: list[Codec], rounds: int) -> list[Row]:
    figures: dict[str, list[tuple[int, float, float]]] = {codec.name: [] for codec in measured}
    refused = set()
    for turn in range(rounds):
        for codec in measured:
            if codec.name in refused or (codec.slowness and turn):
                continue
            result = measure_codec(codec, volume.array, volume.components)
            if isinstance(result, str):
                print(f"    {codec.name}: {result}")
                refused.add(codec.name)
            else:
                figures[codec.name].append(result)
    rows, size = [], volume.array.nbytes
    for name, results in figures.items():
        if results:
            coded, encode, decode = (statistics.median(column) for column in zip(*results, strict=True))
            speeds = size / 1e6 / encode, size / 1e6 / decode
            rows.append(Row(volume.name, volume.kind, name, size, int(coded), size / coded, *speeds))
    return rows


def run(folder: Path, measured: list[Codec], rounds: int, only: str, classes: list[str]) -> list[Row]:
    rows = []
    for volume in volumes(folder, only):
        if volume.kind in classes:
            print(f"{volume.name}: {volume.kind}, {volume.array.shape} {volume.array.dtype}", flush=True)
            rows += measure(volume, measured, rounds)
    return rows


def write_data(rows: list[Row], out: Path, rounds: int) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(rows[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(row).items()} for row in rows
        )
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", cpuinfo.read_text() if cpuinfo.exists() else "")
    machine = {
        "processor": names[0] if names else platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "rounds": rounds,
        "versions": {"sqlite_zblob": zb.__version__}
        | {name: version(name) for name in ("imagecodecs", "blosc2", "pcodec", "zstandard", "numpy", "SimpleITK")},
    }
    out.with_suffix(".json").write_text(json.dumps(machine, indent=1) + "\n")


def read_data(out: Path) -> list[Row]:
    with out.with_suffix(".csv").open(newline="") as file:
        return [
            Row(
                row["volume"],
                row["kind"],
                row["codec"],
                int(row["raw_size"]),
                int(row["size"]),
                *(float(row[field]) for field in ("ratio", "encode", "decode")),
            )
            for row in csv.DictReader(file)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description="The codecs against their rivals.")
    parser.add_argument(
        "folder", type=Path, nargs="?", help="of .mha files; without, the report is made anew from the data"
    )
    parser.add_argument("--levels", default="1,3,5,7,9")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="volumes whose name contains this")
    parser.add_argument("--classes", default=",".join(CLASSES), help=f"of {', '.join(CLASSES)}")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "codec")
    arguments = parser.parse_args()
    classes = arguments.classes.split(",")
    if unknown := set(classes) - set(CLASSES):
        parser.error(f"there is no class {', '.join(sorted(unknown))}")
    if arguments.folder:
        names = [f"sqlite_zblob {int(level)}" for level in arguments.levels.split(",")] + list(RIVALS)
        rows = run(arguments.folder, [codecs.get(name) for name in names], arguments.rounds, arguments.only, classes)
        if not rows:
            parser.error("no volume was measured")
        write_data(rows, arguments.out, arguments.rounds)
    write_report(read_data(arguments.out), arguments.out)


if __name__ == "__main__":
    main()
