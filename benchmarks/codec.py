"""The voxel codec against its rivals on the pixel buffers of a folder of images: size, speed, table and plot.

    pip install '.[bench]'
    python benchmarks/codec.py FOLDER [--levels 1,5,9] [--rounds 3] [--out benchmarks/results/codec]

One thread. In each round every codec visits a volume before the next volume begins; figures are medians of the rounds
(slow rivals have one). Rivals that code pictures get a volume as a stack of 2-D slices, byte codecs the whole buffer.
Ours is measured through `sqlite_zblob.compress` and `decompress`: frame, index and checksums included. A codec that
does not give the bytes back ends the run.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import re
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import blosc2
import imagecodecs as ic
import numpy as np
import SimpleITK as sitk
from pcodec import ChunkConfig, standalone

import sqlite_zblob as zb

REFERENCE, BEST = "JPEG-LS", "JPEG XL e7"


@dataclass(frozen=True)
class Row:
    volume: str
    codec: str
    raw_size: int  # bytes
    size: int  # bytes
    ratio: float
    encode: float  # MB/s
    decode: float  # MB/s


@dataclass(frozen=True)
class Codec:
    """Encode what `prepare` makes of an array; decode gives its bytes back."""

    name: str
    prepare: Callable[[np.ndarray, int], Any]
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    is_slow: bool = False  # one round is enough

    def measure(self, array: np.ndarray, components: int) -> tuple[int, float, float] | None:
        """Bytes, seconds to encode and to decode; None where the codec cannot take such samples."""
        subject = self.prepare(array, components)
        try:
            start = time.perf_counter()
            coded = self.encode(subject)
            middle = time.perf_counter()
            decoded = self.decode(coded)
            end = time.perf_counter()
        except (ValueError, RuntimeError, TypeError) as reason:
            print(f"    {self.name}: {str(reason)[:100]}")
            return None
        parts = coded if isinstance(coded, list) else [coded]
        back = b"".join(map(bytes_of, decoded)) if isinstance(decoded, list) else bytes_of(decoded)
        original = b"".join(map(bytes_of, subject)) if isinstance(subject, list) else bytes_of(array)
        if back != original:
            raise SystemExit(f"{self.name} does not give the bytes back")
        return sum(map(len, parts)), middle - start, end - middle


def bytes_of(data: Any) -> bytes:
    return data.tobytes() if hasattr(data, "tobytes") else bytes(data)


def slices(array: np.ndarray, components: int) -> list[np.ndarray]:
    """2-D pictures of unsigned samples, the least value of a signed volume becoming 0."""
    if array.dtype.kind == "i":
        unsigned = array.dtype.str.replace("i", "u")
        array = array.view(unsigned) - np.array(array.min(), array.dtype).view(unsigned)
    return list(array.reshape(-1, *array.shape[-3 if components > 1 else -2 :]))


def pictures(name: str, encode: Any, decode: Any, is_slow: bool = False) -> Codec:
    return Codec(
        name, slices, lambda many: [encode(one) for one in many], lambda many: [decode(one) for one in many], is_slow
    )


def whole(name: str, encode: Any, decode: Any, is_slow: bool = False) -> Codec:
    return Codec(name, lambda array, components: array, encode, decode, is_slow)


def ours(level: int) -> Codec:
    def encode(array: np.ndarray) -> bytes:
        return zb.compress(array, level, dtype=array.dtype, shape=array.shape, threads=1)

    return whole(f"sqlite_zblob {level}", encode, lambda frame: zb.decompress(frame, threads=1))


def rivals() -> list[Codec]:
    def jxl(effort: int) -> Codec:
        return pictures(
            f"JPEG XL e{effort}",
            lambda picture: ic.jpegxl_encode(picture, lossless=True, effort=effort, numthreads=1),
            lambda data: ic.jpegxl_decode(data, numthreads=1),
            effort == 7,
        )

    def blosc(filter_: blosc2.Filter) -> Codec:
        settings = {"codec": blosc2.Codec.ZSTD, "clevel": 5, "filters": [filter_], "nthreads": 1}
        return whole(
            f"blosc2 {filter_.name.lower()}",
            lambda array: blosc2.compress2(array, typesize=array.itemsize, **settings),
            lambda data: blosc2.decompress2(data, nthreads=1),
        )

    pco = ChunkConfig(compression_level=8)
    return [
        pictures("JPEG-LS", ic.jpegls_encode, ic.jpegls_decode),
        pictures(
            "JPEG 2000",
            lambda picture: ic.jpeg2k_encode(picture, level=0, reversible=True, codecformat="j2k", numthreads=1),
            ic.jpeg2k_decode,
            True,
        ),
        pictures("HTJ2K", lambda picture: ic.htj2k_encode(picture, reversible=True), ic.htj2k_decode),
        jxl(1),
        jxl(3),
        jxl(7),
        whole("zstd 3", lambda array: ic.zstd_encode(array, 3), ic.zstd_decode),
        whole("zstd 19", lambda array: ic.zstd_encode(array, 19), ic.zstd_decode, True),
        blosc(blosc2.Filter.SHUFFLE),
        blosc(blosc2.Filter.BITSHUFFLE),
        whole(
            "pcodec 8",
            lambda array: standalone.simple_compress(np.ascontiguousarray(array).ravel(), pco),
            standalone.simple_decompress,
        ),
    ]


def volumes(folder: Path) -> Iterator[tuple[str, np.ndarray, int]]:
    for path in sorted(folder.glob("*.mha")):
        image = sitk.ReadImage(str(path))
        array = sitk.GetArrayFromImage(image)
        if array.dtype.kind in "iu":
            yield path.stem, array, image.GetNumberOfComponentsPerPixel()


def run(folder: Path, codecs: list[Codec], rounds: int, only: str) -> list[Row]:
    rows = []
    for name, array, components in volumes(folder):
        if only and only not in name:
            continue
        print(f"{name}: {array.shape} {array.dtype}", flush=True)
        figures: dict[str, list[tuple[int, float, float]]] = {codec.name: [] for codec in codecs}
        for turn in range(rounds):
            for codec in codecs:
                result = None if codec.is_slow and turn else codec.measure(array, components)
                figures[codec.name] += [result] if result else []
        for codec_name, results in figures.items():
            if results:
                size, encode, decode = (statistics.median(column) for column in zip(*results, strict=True))
                mega = array.nbytes / 1e6
                rows.append(
                    Row(name, codec_name, array.nbytes, int(size), array.nbytes / size, mega / encode, mega / decode)
                )
    return rows


def geometric_mean(values: list[float]) -> float:
    return statistics.geometric_mean(values) if values else float("nan")


def table_by_volume(rows: list[Row]) -> list[str]:
    names = list(dict.fromkeys(row.codec for row in rows))
    lines = ["| volume | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for volume in dict.fromkeys(row.volume for row in rows):
        cells = {row.codec: row for row in rows if row.volume == volume}
        best = max(row.ratio for row in cells.values())
        texts = []
        for name in names:
            row = cells.get(name)
            text = f"{row.ratio:.2f}; {row.encode:.0f}; {row.decode:.0f}" if row else "-"
            texts.append(f"**{text}**" if row and row.ratio == best else text)
        lines.append(f"| {volume} | " + " | ".join(texts) + " |")
    return lines


def table_of_factors(rows: list[Row]) -> list[str]:
    by = {(row.volume, row.codec): row for row in rows}

    def factors(name: str, rival: str, field: str) -> list[float]:
        pairs = [(row, by.get((row.volume, rival))) for row in rows if row.codec == name]
        return [getattr(row, field) / getattr(other, field) for row, other in pairs if other]

    headings = ("codec", f"ratio / {REFERENCE}", f"ratio / {BEST}", "the least of these")
    headings += (f"encode / {REFERENCE}", f"decode / {REFERENCE}")
    lines = ["| " + " | ".join(headings) + " |", "|---|---|---|---|---|---|"]
    for name in dict.fromkeys(row.codec for row in rows):
        against_best = factors(name, BEST, "ratio")
        cells = [
            geometric_mean(factors(name, REFERENCE, "ratio")),
            geometric_mean(against_best),
            min(against_best, default=float("nan")),
            geometric_mean(factors(name, REFERENCE, "encode")),
            geometric_mean(factors(name, REFERENCE, "decode")),
        ]
        lines.append(f"| {name} | " + " | ".join(f"{cell:.3f}" for cell in cells) + " |")
    return lines


def points(rows: list[Row], field: str) -> dict[tuple[float, float], str]:
    """Geometric means of speed and ratio; levels that fall on one spot share a label."""
    found: dict[tuple[float, float], str] = {}
    for name in dict.fromkeys(row.codec for row in rows):
        mine = [row for row in rows if row.codec == name]
        x, y = geometric_mean([getattr(row, field) for row in mine]), geometric_mean([row.ratio for row in mine])
        near = next((spot for spot in found if abs(spot[0] / x - 1) < 0.05 and abs(spot[1] / y - 1) < 0.005), None)
        if near:
            found[near] += f", {name.split()[-1]}"
        else:
            found[x, y] = name
    return found


def plot(rows: list[Row], path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(13, 5.5), sharey=True, layout="constrained")
    for axis, field in zip(axes, ("encode", "decode"), strict=True):
        for (x, y), label in points(rows, field).items():
            is_ours = label.startswith("sqlite_zblob")
            axis.plot(x, y, "o" if is_ours else "s", color="C3" if is_ours else "0.45", markersize=8)
            axis.annotate(label, (x, y), textcoords="offset points", xytext=(7, 4), fontsize=8)
        axis.set_xscale("log")
        left, right = axis.get_xlim()
        axis.set_xlim(left, right * 2.5)  # room for the labels
        axis.set_xlabel(f"{field}, MB/s, one thread")
        axis.grid(alpha=0.3, which="both")
    axes[0].set_ylabel("ratio (geometric mean)")
    figure.suptitle("Lossless coding of scans: up and right is better")
    figure.savefig(path, metadata={"Date": None})


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
        | {name: version(name) for name in ("imagecodecs", "blosc2", "pcodec", "numpy")},
    }
    out.with_suffix(".json").write_text(json.dumps(machine, indent=1) + "\n")


def read_data(out: Path) -> list[Row]:
    with out.with_suffix(".csv").open(newline="") as file:
        return [
            Row(
                row["volume"], row["codec"], int(row["raw_size"]), int(row["size"]), *map(float, list(row.values())[4:])
            )
            for row in csv.DictReader(file)
        ]


def write_report(rows: list[Row], out: Path) -> None:
    scans = [row for row in rows if not row.volume.startswith(("label", "mask"))]
    text = [
        "# Codecs on integer volumes",
        "",
        "Ratio; encode; decode in MB/s. One thread, medians of interleaved rounds.",
        "",
    ]
    text += table_by_volume(rows)
    text += ["", "## Geometric means of factors, scans (no labels and masks)", "", *table_of_factors(scans)]
    text += ["", "## Geometric means of factors, all integer volumes", "", *table_of_factors(rows), ""]
    out.with_suffix(".md").write_text("\n".join(text))
    plot(scans, out.with_suffix(".svg"))
    print("\n".join(table_of_factors(scans) + table_of_factors(rows)))


def main() -> None:
    parser = argparse.ArgumentParser(description="The voxel codec against its rivals.")
    parser.add_argument(
        "folder", type=Path, nargs="?", help="of .mha files; without, the report is made anew from the data"
    )
    parser.add_argument("--levels", default="1,2,3,4,5,6,7,8,9")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="volumes whose name contains this")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "codec")
    arguments = parser.parse_args()
    if arguments.folder:
        codecs = [ours(int(level)) for level in arguments.levels.split(",")] + rivals()
        rows = run(arguments.folder, codecs, arguments.rounds, arguments.only)
        write_data(rows, arguments.out, arguments.rounds)
    write_report(read_data(arguments.out), arguments.out)


if __name__ == "__main__":
    main()
