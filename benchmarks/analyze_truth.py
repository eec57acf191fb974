"""What analyze says of five stores, against what their values really become.

    ZBLOB_CORPUS=FOLDER python benchmarks/analyze_truth.py build STORES
    python benchmarks/analyze_truth.py measure STORES [--seconds 20] [--seeds 3] [--only NAME]

`build` writes the stores, of the volumes in that folder (.mha), of what fixed filters derive from them, and of values
made up by a fixed seed. `measure` compresses every value of each at levels 1 and 5 for the truth, once; then it runs
analyze with each seed and time, alone and beside as many busy processes as there are CPUs and two more. With `--only`,
what is known of the other stores stays in the results.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pickle
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import SimpleITK as sitk

import sqlite_zblob as zb

LEVELS = (1, 5)
SCHEMA = "CREATE TABLE results(id INTEGER PRIMARY KEY, data BLOB NOT NULL, note TEXT)"
WORDS = ("axial", "brain", "coil", "dose", "echo", "field", "gantry", "head", "isotope", "joint", "kernel", "lesion")
BUSY = "import zlib\nwhile True: zlib.compress(bytes(range(256)) * 4096, 6)"

Row = tuple[bytes, str]


# ---- The stores ------------------------------------------------------------------------------------------------


def volumes(names: str = "*") -> Iterator[tuple[str, sitk.Image]]:
    folder = os.environ.get("ZBLOB_CORPUS")
    if not folder:
        sys.exit("set ZBLOB_CORPUS to a folder of .mha volumes")
    for path in sorted(Path(folder).glob(f"{names}.mha")):
        yield path.stem, sitk.ReadImage(str(path))


def moved(image: sitk.Image, step: int) -> sitk.Image:
    """As another patient's would be: shifted, and of another brightness, with noise of its own."""
    if image.GetNumberOfComponentsPerPixel() > 1 or image.GetDimension() != 3:
        return image
    array = np.roll(sitk.GetArrayFromImage(image), (0, 3 * step, 5 * step), (0, 1, 2))
    if array.dtype.kind in "iu" and len(np.unique(array[:: max(1, len(array) // 4)])) > 64:
        noise = np.random.default_rng(step).integers(-step, step + 1, array.shape)
        limits = np.iinfo(array.dtype)
        array = np.clip(array.astype(np.int64) + noise, limits.min, limits.max).astype(array.dtype)
    result = sitk.GetImageFromArray(array)
    result.CopyInformation(image)
    return result


def of_many_kinds() -> Iterator[Row]:
    """An image workbench's results: scans, masks, distances, smoothed images, labels, a field, tables."""
    scans = dict(volumes("*"))
    for name in ("mr_t1_u8_256", "ct_aorta", "mr_t2_mni_i16", "mr_brain1"):
        for step in range(3):
            image = moved(scans[name], step)
            mask = sitk.OtsuThreshold(image, 0, 1)
            floats = sitk.Cast(image, sitk.sitkFloat32)
            made = {
                "scan": image,
                "mask": mask,
                "distance": sitk.SignedMaurerDistanceMap(mask, squaredDistance=False, useImageSpacing=True),
                "smoothed": sitk.SmoothingRecursiveGaussian(floats, 1.5),
                "labels": sitk.ConnectedComponent(mask),
            }
            for kind, one in made.items():
                yield pickle.dumps(one), f"{name} {step} {kind}"
    for name in ("fa_f32", "label_destrieux_u16", "warp_vec_f32", "zmap_f32"):
        yield pickle.dumps(scans[name]), name
    yield pickle.dumps(sitk.GetArrayFromImage(scans["fa_f32"]).astype("f8")), "float64"
    for n in range(8):
        yield pickle.dumps({"n": n, "scores": [n / 7] * 50, "words": text(random.Random(n), 90)}), "dictionary"


def scans_alone() -> Iterator[Row]:
    """CT and MR of all sizes, as a scanner's archive holds them."""
    for name, image in volumes("[cmdu][trwc]_*"):
        for step in range(6 if image.GetDimension() == 3 else 1):
            yield pickle.dumps(moved(image, step)), f"{name} {step}"


def masks_and_labels() -> Iterator[Row]:
    """Segmentations that differ in size by four orders of magnitude once they are compressed."""
    for name, image in volumes("[clm][tar]*"):
        if image.GetNumberOfComponentsPerPixel() > 1 or image.GetDimension() != 3:
            continue
        for step in range(2):
            grey = sitk.Cast(moved(image, step), sitk.sitkFloat32)
            masks = (sitk.OtsuThreshold(grey, 0, 1), sitk.OtsuMultipleThresholds(grey, 4))
            for mask in (*masks, sitk.ConnectedComponent(masks[0]), sitk.Cast(masks[0], sitk.sitkFloat32)):
                yield pickle.dumps(sitk.GetArrayFromImage(mask)), f"{name} {step}"


def text(rng: random.Random, count: int) -> str:
    return " ".join(f"{rng.choice(WORDS)}{rng.randrange(1000)}" for _ in range(count))


def many_small() -> Iterator[Row]:
    """30,000 documents and random bytes of uneven sizes: most rows are small, most bytes are in few rows."""
    rng = random.Random(3)
    for n in range(30_000):
        size = int(rng.lognormvariate(8, 1.7)) + 1
        kind = n % 4
        if kind == 0:
            yield rng.randbytes(size), "random"
        elif kind == 1:
            yield json.dumps({"n": n, "text": text(rng, size // 10)}).encode(), "json"
        elif kind == 2:
            yield pickle.dumps(np.cumsum(np.array([rng.randrange(9) for _ in range(size // 4)], "i4"))), "array"
        else:
            yield text(rng, size // 9).encode(), "text"


def large() -> Iterator[Row]:
    """More than can be compressed in the time: 2 GB of scans, floats, masks, and files that are compressed already."""
    rows = [*scans_alone(), *of_many_kinds()]
    rng = random.Random(5)
    size = 0
    while size < 2_000_000_000:
        value, note = rows[rng.randrange(len(rows))]
        if rng.random() < 0.1:
            value, note = b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + rng.randbytes(len(value) // 4), "gzip"
        elif rng.random() < 0.5:
            value, note = value + pickle.dumps(note), note  # no image: something follows the pickle
        size += len(value)
        yield value, note


STORES: dict[str, Callable[[], Iterator[Row]]] = {
    "many kinds": of_many_kinds,
    "scans": scans_alone,
    "masks and labels": masks_and_labels,
    "many small": many_small,
    "large": large,
}


def build(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in STORES.items():
        path = path_of(folder, name)
        if path.exists():
            continue
        partly = path.with_suffix(".part")
        partly.unlink(missing_ok=True)
        connection = sqlite3.connect(partly)
        connection.execute(SCHEMA)
        with connection:
            connection.executemany("INSERT INTO results(data, note) VALUES (?, ?)", rows())
        connection.close()
        partly.rename(path)
        print(f"{path.name}: {path.stat().st_size / 1e6:,.0f} MB", flush=True)


def path_of(folder: Path, name: str) -> Path:
    return folder / f"{name.replace(' ', '_')}.db"


# ---- The truth, and what is said of it -------------------------------------------------------------------------


def truth_of(path: Path) -> dict[str, float]:
    """The ratio at each level, with the smallest size that analyze would choose. Kept beside the store, by library."""
    library = Path(zb.loadable_path())  # without the suffix, which SQLite adds
    (file,) = library.parent.glob(f"{library.name}.*")
    kept = path.with_suffix(f".truth-{hashlib.sha256(file.read_bytes()).hexdigest()[:12]}.json")
    if kept.exists():
        return dict(json.loads(kept.read_text()))
    min_size = zb.analyze(path, "results", "data", seconds=2, seed=1).columns[0].min_size
    before, after = 0, dict.fromkeys(map(str, LEVELS), 0)
    connection = sqlite3.connect(path)

    def sizes(value: bytes) -> tuple[int, list[int]]:
        return len(value), [len(zb.compress(value, level, threads=1, min_size=min_size)) for level in LEVELS]

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        count = connection.execute("SELECT max(id) FROM results").fetchone()[0]
        for first in range(0, count, 8):
            rows = connection.execute("SELECT data FROM results WHERE id BETWEEN ? AND ?", (first + 1, first + 8))
            for size, found in threads.map(sizes, [value for (value,) in rows]):
                before += size
                for level, each in zip(LEVELS, found, strict=True):
                    after[str(level)] += each
    truth = {level: before / each for level, each in after.items()}
    kept.write_text(json.dumps(truth))
    return truth


def analyzed(path: Path, seconds: float, seed: int) -> dict[str, Any]:
    """In a process of its own, as the command is."""
    command = [sys.executable, "-m", "sqlite_zblob", "analyze", str(path), "results", "data", "--json"]
    began = time.monotonic()
    done = subprocess.run([*command, f"--seconds={seconds}", f"--seed={seed}"], capture_output=True, check=True)
    column = json.loads(done.stdout)["columns"][0]
    ratios = {str(each["level"]): each["ratio"] for each in column["settings"] if each["codec"] == "auto"}
    count = next(each["sampled_count"] for each in column["settings"] if each["level"] == 5)
    return {"took": time.monotonic() - began, "ratios": ratios, "rows": column["rows"], "looked": count}


def measure(folder: Path, times: list[float], seeds: int, out: Path, *, names: list[str], as_it_is: bool) -> None:
    known = json.loads(out.with_suffix(".json").read_text()) if names != list(STORES) else []
    found = [each for each in known if each["store"] not in names]
    for name in names:
        path = path_of(folder, name)
        truth = truth_of(path)
        print(name, truth, flush=True)
        cpus = os.cpu_count() or 1
        for is_beside in (False,) if as_it_is else (False, True):
            busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range((cpus + 2) * is_beside)]
            load = f"{os.getloadavg()[0]:.0f} tasks on {cpus} CPUs" if as_it_is else "yes" if is_beside else "no"
            try:
                for seconds in times:
                    for seed in range(1, seeds + 1):
                        one = analyzed(path, seconds, seed)
                        found.append(
                            {"store": name, "beside load": load, "seconds": seconds, "seed": seed, "truth": truth} | one
                        )
                        print(
                            name,
                            load,
                            seconds,
                            seed,
                            f"{one['took']:.1f} s",
                            {k: v for k, v in one["ratios"].items() if k in truth},
                            flush=True,
                        )
            finally:
                for each in busy:
                    each.kill()
                    each.wait()
    found.sort(key=lambda each: list(STORES).index(each["store"]))
    out.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    out.with_suffix(".md").write_text(report(found))
    print(report(found))


def report(found: list[dict[str, Any]]) -> str:
    """Markdown: one row per store, time and load."""
    lines = [
        "# What analyze says, against the truth",
        "",
        "Made by `python benchmarks/analyze_truth.py`, which describes the stores. Ratios at the default level: the",
        "truth, and what each seed said with its range. Held: how many of the ranges hold the truth, at levels 1",
        "and 5.",
        "",
        "| store | time given | beside load | truth | said, by seed | largest error | held | time taken |",
        "|---|---:|---|---:|---|---:|---:|---:|",
    ]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for each in found:
        groups.setdefault((each["store"], each["seconds"], each["beside load"]), []).append(each)
    for (store, seconds, load), runs in groups.items():
        truth = runs[0]["truth"]
        said = [each["ratios"]["5"] for each in runs]
        error = max(abs(each["value"] / truth["5"] - 1) for each in said)
        judged = [(each["ratios"][level], truth[level]) for each in runs for level in truth if level in each["ratios"]]
        held = [holds(each, true) for each, true in judged if each["low"] is not None]
        texts = ", ".join(f"{each['value']:.2f} ({bounds(each)})" for each in said)
        took = f"{median(each['took'] for each in runs):.1f} s"
        lines.append(
            f"| {store} | {seconds:g} s | {load} | {truth['5']:.2f} | {texts} | {error:.1%} "
            f"| {sum(held)} of {len(held)} | {took} |"
        )
    judged = [
        (each["ratios"][level], each["truth"][level])
        for each in found
        for level in each["truth"]
        if level in each["ratios"]
    ]
    held = [holds(each, true) for each, true in judged if each["low"] is not None]
    lines += ["", f"In all, {sum(held)} of {len(held)} ranges hold the truth.", ""]
    return "\n".join(lines)


def bounds(each: dict[str, Any]) -> str:
    return "?" if each["low"] is None else f"{each['low']:.2f}-{each['high']:.2f}"


def holds(each: dict[str, Any], truth: float) -> bool:
    """To the third digit, which is what is shown."""
    return bool(each["low"] * 0.999 <= truth <= each["high"] * 1.001)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("build", "measure"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", default="20")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/analyze"))
    parser.add_argument("--only", choices=STORES, help="this store alone")
    parser.add_argument("--as-it-is", action="store_true", help="once, beside what the machine does anyway")
    asked = parser.parse_args()
    if asked.step == "build":
        build(asked.folder)
    else:
        measure(
            asked.folder,
            [float(each) for each in asked.seconds.split(",")],
            asked.seeds,
            asked.out,
            names=[asked.only] if asked.only else list(STORES),
            as_it_is=asked.as_it_is,
        )


if __name__ == "__main__":
    main()
