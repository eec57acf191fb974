"""Images that suit no predictor, or no vector: sizes and times a byte, against usual volumes and the general path.

    python benchmarks/bad_images.py [--levels 5,9] [--only noise] [--out benchmarks/results/bad_images]

One thread, thread CPU time, the best of a few rounds. "Usual" is the median over phantoms of a CT's, an MR's and a
microscope's statistics. The test suite takes its bad images from here.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

import sqlite_zblob as zb

SHAPE = (16, 256, 256)

T = TypeVar("T")


def waves(shape: tuple[int, ...], noise: float, dtype: str, seed: int = 1, amplitude: float = 200) -> np.ndarray:
    """A smooth scan-like volume with noise of that standard deviation."""
    rng = np.random.default_rng(seed)
    grids = np.meshgrid(*(np.arange(extent, dtype=float) for extent in shape), indexing="ij", sparse=True)
    scene = np.zeros(shape)
    for axis, grid in enumerate(grids):
        scene += np.sin(grid / (7 + 3 * axis))
    return (scene * amplitude + 3 * amplitude + rng.normal(0, noise, shape)).astype(dtype)


def usual_images() -> Iterator[tuple[str, np.ndarray]]:
    yield "ct", waves((32, 256, 256), 8, "i2")
    air = waves((32, 256, 256), 3, "u1", 2, 40)
    air[:, :, :60] = 0
    yield "mr", air
    yield "microscope", waves((16, 512, 300), 25, "u2", 3, 500)


def noise_images(rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    yield "noise 8", rng.integers(0, 256, SHAPE, dtype=np.uint8)
    yield "noise 16", rng.integers(0, 65536, SHAPE, dtype=np.uint16)
    yield "noise of 12 bits", rng.integers(0, 4096, SHAPE).astype(np.int16)
    yield "noise 32", rng.integers(0, 2**32, (16, 256, 128), dtype=np.uint32)
    yield "noise of 16 in 32 bits", rng.integers(0, 2**16, (16, 256, 128), dtype=np.uint32)
    for name, where in (("columns", np.s_[:, :, 128:]), ("slices", np.s_[8:])):
        half = waves(SHAPE, 9, "i2")
        half[where] = rng.integers(-32768, 32768, half[where].shape)
        yield f"noise in half of the {name}", half
    yield "noise of three components", rng.integers(0, 256, (8, 128, 128, 3), dtype=np.uint8)
    yield "equal slices of noise", rng.integers(0, 65536, (1, 256, 256), dtype=np.uint16).repeat(16, 0)
    yield "poisson", rng.poisson(1, SHAPE).astype(np.uint8)


def sparse_images(rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    far = (rng.integers(0, 2, SHAPE) * 65535).astype(np.uint16)
    yield "two far values, random", far
    yield "two far values, half empty", np.where(np.arange(256) < 128, far, 0).astype(np.uint16)
    yield "two far values, signed", (far.astype(np.int32) - 32768).astype(np.int16)
    yield "two far values, checkered", (np.indices(SHAPE).sum(0) % 2 * 65535).astype(np.uint16)
    yield "a hundred random values", (rng.integers(0, 100, SHAPE) * 611).astype(np.uint16)
    yield "constant", np.full(SHAPE, -32768, np.int16)
    for share in (1e-5, 1e-3, 1e-2, 0.1):
        yield f"outliers {share:g}", np.where(rng.random(SHAPE) < share, rng.integers(0, 32767, SHAPE), 0).astype("i2")
    yield "salt", np.where(rng.random(SHAPE) < 0.03, 32767, waves(SHAPE, 9, "i2"))
    yield "holes", np.where(rng.random(SHAPE) < 0.5, -32768, waves(SHAPE, 9, "i2"))
    yield "short runs", np.repeat(rng.integers(0, 65536, 1 << 18), 4).astype(np.uint16).reshape(SHAPE)


def odd_shapes(rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    scan = waves(SHAPE, 9, "i2").ravel()
    for width in (1, 2, 3, 5, 8, 16, 23, 24, 25, 31, 33, 40):
        yield f"X {width}", scan[: scan.size // (width * 1000) * width * 1000].reshape(-1, 1000, width)
        yield f"X {width}, two axes, noise", rng.integers(0, 256, ((1 << 20) // width, width), dtype=np.uint8)
        yield f"X {width}, two axes", scan[: scan.size // width * width].reshape(-1, width)
    yield "Y 100000", rng.integers(0, 99, (100_000, 25)).astype(np.int16)
    yield "one row", scan
    yield "one row of noise", rng.integers(0, 40, 1 << 20).astype(np.uint8)
    yield "one row, odd count", scan[:999_983]
    yield "one column", scan.reshape(-1, 1)
    for shape in ((1, 16, 1, 256, 256), (2, 8, 1, 1, 65536), (4, 4, 16, 16, 256), (256, 16, 16, 4, 4)):
        yield f"five axes {shape}", scan.reshape(shape)
    ramp = np.arange(1 << 20, dtype=np.uint32)
    yield "ramp", ramp.reshape(SHAPE).astype(np.uint16)
    yield "ramp of 32 bits", ramp[: 1 << 19].reshape(16, 256, 128)
    yield "steep ramp that wraps around", (ramp * 12345).astype(np.uint16).reshape(SHAPE)


def tiny_images(rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    scan = waves(SHAPE, 9, "i2").ravel()
    for size in (2, 8, 32, 128):
        side = int((size * 512) ** 0.5)
        yield f"tiny, {size} KB", scan[: side * side].reshape(side, side)
        yield f"tiny noise, {size} KB", rng.integers(0, 65536, (side, side), dtype=np.uint16)
        yield f"tiny slices, {size} KB", (scan[: size * 1024] // 6).astype(np.uint8).reshape(4, 16, -1)


def bad_images() -> Iterator[tuple[str, np.ndarray]]:
    for family in (noise_images, sparse_images, odd_shapes, tiny_images):
        yield from family(np.random.default_rng(5))


@dataclass(frozen=True)
class Figures:
    size: int
    encode: float  # nanoseconds a byte
    decode: float


def best_time(call: Callable[[], T], rounds: int) -> tuple[float, T]:
    best = float("inf")
    for _ in range(rounds):
        start = time.thread_time()
        result = call()
        best = min(best, time.thread_time() - start)
    return best, result


def measure(array: np.ndarray, level: int, codec: zb.Codec = "auto") -> Figures:
    """Sizes and times of one image; an image that does not come back ends the run."""
    rounds = 5 if array.nbytes > 300_000 else 20  # fewer do not always find a moment without others at work
    encode, frame = best_time(
        lambda: zb.compress(array, level, dtype=array.dtype, shape=array.shape, threads=1, codec=codec), rounds
    )
    decode, back = best_time(lambda: zb.decompress(frame, threads=1), rounds)
    if back != array.tobytes():
        raise SystemExit("the image does not come back")
    return Figures(len(frame), encode / array.nbytes * 1e9, decode / array.nbytes * 1e9)


def usual(level: int) -> Figures:
    figures = [measure(array, level) for _, array in usual_images()]
    return Figures(0, statistics.median(f.encode for f in figures), statistics.median(f.decode for f in figures))


def main() -> None:
    parser = argparse.ArgumentParser(description="Bad images: sizes and times a byte.")
    parser.add_argument("--levels", default="1,5,9")
    parser.add_argument("--only", default="", help="images whose name contains this")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "bad_images")
    arguments = parser.parse_args()
    lines = ["# Bad images", "", "Nanoseconds a byte and times the usual; general: the size by codec zstd."]
    for level in map(int, arguments.levels.split(",")):
        base = usual(level)
        lines += ["", f"## Level {level}: usual encode {base.encode:.1f}, decode {base.decode:.1f} ns/B", ""]
        lines += ["| image | bytes | size | general | encode | decode |", "|---|---|---|---|---|---|"]
        for name, array in bad_images():
            if arguments.only not in name:
                continue
            ours, general = measure(array, level), measure(array, level, "zstd")
            times = f"{ours.encode:.1f} ({ours.encode / base.encode:.1f}x) | {ours.decode:.1f} "
            times += f"({ours.decode / base.decode:.1f}x)"
            lines.append(f"| {name} | {array.nbytes} | {ours.size} | {general.size} | {times} |")
            print(lines[-1], flush=True)
    if not arguments.only:
        arguments.out.with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
