"""Question 1: what a pickled SimpleITK image holds, compared with files that ITK's own writers make of that image."""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...codec import compress, decompress
from ..harness import median, pinned, timed
from ..inputs import Subject, image_of
from ..markdown import answer, number, percent, table
from ..results import Row

NAME = "contents"
TITLE = "Are SimpleITK images compressed internally, and what is in their pickle?"

PROTOCOLS = (2, 4, 5)
_FORMATS = (("MetaImage", ".mha"), ("NRRD", ".nrrd"), ("NIfTI", ".nii"))
_OURS = "pickle, protocol 5, sqlite_zblob 5"


def measure(bench: Any) -> tuple[list[Row], Row]:
    subjects = [subject for subject in bench.subjects if subject.image.source == "SimpleITK"]
    rows: list[Row] = []
    for subject in subjects:
        rows += bench.take(subject.name, len(subjects), _measure_one, subject, bench.work)
    return rows, {"pickle": _outline(subjects[0].value()) if subjects else []}


def _measure_one(subject: Subject, work: Path) -> list[Row]:
    image = image_of(subject.array(), subject.image)
    samples = subject.array().tobytes()
    with pinned():
        return [
            {"volume": subject.name, "raw_size": len(samples)} | row
            for row in (*_pickles(image, samples), *_files(image, samples, work))
        ]


def _pickles(image: Any, samples: bytes) -> Iterator[Row]:
    for protocol in PROTOCOLS:
        value, write = timed(pickle.dumps, image, protocol)
        _, read = timed(pickle.loads, value)
        yield _row(f"pickle, protocol {protocol}", value, samples, write, read)
    value = pickle.dumps(image, 5)
    frame, write = timed(compress, value, threads=1)
    back, read = timed(decompress, frame, threads=1)
    if back != value:
        raise SystemExit("sqlite_zblob does not give the bytes back")
    yield _row(_OURS, frame, samples, write, read)


def _files(image: Any, samples: bytes, work: Path) -> Iterator[Row]:
    import SimpleITK

    sitk: Any = SimpleITK
    for name, suffix in _FORMATS:
        for is_compressed in (False, True):
            ending = ".nii.gz" if (suffix, is_compressed) == (".nii", True) else suffix
            path = work / f"image{ending}"
            label = f"{name}, compressed" if is_compressed else name
            try:
                _, write = timed(sitk.WriteImage, image, str(path), is_compressed)
                back, read = timed(sitk.ReadImage, str(path))
            except RuntimeError:
                continue  # a pixel type or dimension that the format does not have
            if sitk.GetArrayViewFromImage(back).tobytes() == samples:
                yield _row(label, path.read_bytes(), samples, write, read)
            path.unlink()


def _row(container: str, stored: bytes, samples: bytes, write: float, read: float) -> Row:
    mega = len(samples) / 1e6
    return {
        "container": container,
        "size": len(stored),
        "is_verbatim": int(samples in stored),
        "write": mega / write,
        "read": mega / read,
    }


def _outline(value: bytes) -> list[dict[str, Any]]:
    """The operations of a pickle, which is not loaded; of long arguments only the size."""
    found: list[dict[str, Any]] = []
    for operation, argument, _ in pickletools.genops(value):
        if isinstance(argument, bytes | bytearray) and len(argument) > 100:
            found.append({"operation": operation.name, "argument": f"{len(argument):,} bytes"})
        elif argument is not None and operation.name not in ("FRAME", "MEMOIZE", "BINPUT", "BINGET"):
            text = str(argument).strip().encode("unicode_escape").decode()[:60]
            if found and found[-1]["operation"] == operation.name:
                found[-1]["argument"] += f", {text}"
            else:
                found.append({"operation": operation.name, "argument": text})
    return found


def render(report: Any) -> list[str]:
    rows, facts = report.rows(NAME), report.facts(NAME)
    lines, ratios = [], {}
    for container in dict.fromkeys(row["container"] for row in rows):
        mine = [row for row in rows if row["container"] == container]
        raw = sum(row["raw_size"] for row in mine)
        ratios[container] = raw / sum(row["size"] for row in mine)
        verbatim = sum(row["is_verbatim"] for row in mine)
        lines.append(
            (
                container,
                len(mine),
                number(ratios[container]),
                f"{verbatim} of {len(mine)}",
                number(median([row["size"] - row["raw_size"] for row in mine])) if verbatim == len(mine) else "",
                number(median([row["write"] for row in mine])),
                number(median([row["read"] for row in mine])),
            )
        )
    headings = ("container", "images", "ratio", "samples verbatim", "other bytes", "write MB/s", "read MB/s")
    outline = [(part["operation"], f"`{part['argument']}`") for part in facts["pickle"]]
    modern = [row for row in rows if row["container"] in ("pickle, protocol 4", "pickle, protocol 5")]
    is_plain = all(row["is_verbatim"] for row in modern)
    other = median([row["size"] - row["raw_size"] for row in modern])
    best = max((name for name in ratios if name.endswith(", compressed")), key=lambda name: ratios[name])
    text = (
        f"No: a pickle of protocol 4 or 5 holds the samples byte for byte, and {number(other)} bytes of geometry "
        f"beside them; protocol 2 {_of_protocol_2(ratios)}. ITK's writers compress only when told to, with zlib: "
        f"{best} reaches a ratio of {number(ratios[best])}, a frame of ours {number(ratios[_OURS])}."
        if is_plain
        else "Not all of these pickles hold their samples byte for byte; the table says which."
    )
    _plot(report, ratios)
    return [
        *answer(text),
        *report.image(NAME, "Size of the same images in each container"),
        "Ratio: bytes of the samples of all images / bytes stored. Read and write in one thread, medians over the "
        "images.",
        "",
        *table(headings, lines),
        f"What the pickle of *{report.inputs(NAME)[0]['name']}* does, in order (read with `pickletools`, not run):",
        "",
        *table(("operation", "arguments"), outline, 2),
    ]


def _of_protocol_2(ratios: dict[str, float]) -> str:
    growth = 1 / ratios["pickle, protocol 2"] - 1
    return f"writes them as text and is {percent(growth)} larger" if growth > 0.01 else "does so, too"


def _plot(report: Any, ratios: dict[str, float]) -> None:
    names = sorted(ratios, key=lambda name: ratios[name])
    with report.figure(NAME, height=0.9 + 0.32 * len(names)) as (_, (axes,)):
        shares = np.array([1 / ratios[name] for name in names])
        colors = [report.color(name) if "sqlite_zblob" in name else report.NEUTRAL for name in names]
        bars = axes.barh(names, shares, color=colors)
        axes.bar_label(bars, [percent(share) for share in shares], padding=3)
        axes.set_xlabel("bytes stored, as a share of the samples' bytes")
        axes.set_xlim(0, 1.12 * shares.max())
        axes.xaxis.set_major_formatter(lambda value, _: percent(value))
