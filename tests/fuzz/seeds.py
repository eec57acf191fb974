"""What fuzzing begins with: for each target, inputs of every kind that it knows."""

from __future__ import annotations

import functools
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk

import sqlite_zblob as zb

from ..compat.compose import SEEDS_OF_ALL_KINDS, compose, compose_compact
from ..samples.containers import small_containers
from ..samples.files import small_files
from ..samples.frames import FRAMES
from ..samples.odd_values import odd_values
from ..samples.values import sample_values
from .building import CORPUS

LARGEST = 200_000  # bytes of a value
COMPOSED = int(os.environ.get("ZBLOB_GENERATED_FRAMES", "0"))  # frames that no encoder makes, beside those of all kinds


def images() -> dict[str, np.ndarray]:
    """One small volume of each kind that has a coder, or a way into one, of its own; components come last."""
    rng = np.random.default_rng(1)
    z, y, x = np.ogrid[:12, :40, :44]
    distance = np.sqrt((z - 6.0) ** 2 * 4 + (y - 20.0) ** 2 + (x - 22.0) ** 2)
    scan = (900 - 20 * distance + rng.normal(0, 6, distance.shape)).astype(np.int16)
    labels = (distance // 5).astype(np.uint8)
    tone = np.clip(scan // 4, 0, 255).astype(np.uint8)
    colour = np.stack([tone, np.roll(tone, 1, 1), 255 - tone], axis=-1)
    return {
        "scan i2": scan,
        "scan u1": tone,
        "label u1": labels,
        "label u2": labels.astype(np.uint16) * 300,
        "label u4": labels.astype(np.uint32) * 70_000,
        "mask": (distance < 6).astype(np.uint8),
        "float": (np.sin(distance) + rng.normal(0, 0.01, distance.shape)).astype(np.float32),
        "float of few values": (scan * 0.5).astype(np.float32),
        "slopes": (scan * rng.uniform(0.5, 2, (12, 1, 1))).astype(np.float32),
        "slopes double": scan / rng.uniform(0.5, 2, (12, 1, 1)) + 0.1,
        "rescaled slopes": ((scan * 2.3).round() * rng.uniform(0.5, 2, (12, 1, 1))).astype(np.float32),
        "rescaled shorts": (scan * rng.uniform(3, 9, (12, 1, 1))).astype(np.int16),
        "double": rng.normal(distance, 0.01),
        "complex": np.fft.fft(scan[:6]).astype(np.complex64),
        "colour": colour,
        "colour and alpha": np.concatenate([colour, np.full((*tone.shape, 1), 255, np.uint8)], axis=-1),
        "field": np.stack([*np.gradient(distance)], axis=-1).astype(np.float32),
        "series": np.stack([scan + rng.integers(0, 9, scan.shape, np.int16) for _ in range(4)]),
        "signal": scan.reshape(1, -1),
    }


def image_values() -> dict[str, bytes]:
    """As a store holds them: pickled by SimpleITK, or by NumPy where SimpleITK has no such image."""
    found = {}
    for name, array in images().items():
        is_vector = name.startswith(("colour", "field"))
        image = sitk.GetImageFromArray(array, isVector=is_vector) if name != "complex" else array
        found[f"image {name}"] = pickle.dumps(image)
    return found


@functools.cache
def plain_values() -> dict[str, bytes]:
    found = {name: v for name, v in sample_values().items() if isinstance(v, bytes) and len(v) < LARGEST}
    return found | odd_values() | small_containers() | small_files() | image_values()


@functools.cache
def frames() -> dict[str, bytes]:
    values = {name: value for name, value in sample_values().items() if len(value) < LARGEST}
    found = {f"frame of {name}": zb.compress(value) for name, value in values.items()}
    swift = {f"swift frame of {name}": zb.compress(value, 1) for name, value in values.items()}
    found |= {name: frame for name, frame in swift.items() if zb.info(frame).codec == "voxel"}
    found |= {f"composed {seed}": compose(seed)[0] for seed in (*SEEDS_OF_ALL_KINDS, *range(COMPOSED))}
    return found | {f"small {name}": frame for name, (frame, _) in FRAMES.items()}


KINDS, SAMPLE_TYPES = 12, 11  # of arrays.c


def recipes() -> dict[str, bytes]:
    """Of arrays.c: every kind with every sample type, the other choices at random."""
    rng, found = random.Random(1), {}
    for kind in range(KINDS):
        for sample_type in range(SAMPLE_TYPES):
            extents = [rng.randrange(8, 120) for _ in range(5)]
            choices = [kind, sample_type, rng.randrange(5), rng.randrange(256), rng.randrange(240)]
            found[f"{kind} of {sample_type}"] = bytes(choices + extents) + rng.randbytes(rng.randrange(40))
    # A tall slice in bands, many slices in chunks, a series of volumes; 64 bits from end to end
    found["bands"] = bytes([1, 3, 1, 16, 243, 8 * 16, 8 * 19, 9, 9]) + b"noise"
    found["chunks"] = bytes([1, 3, 2, 16, 243, 8 * 15, 8 * 15, 8 * 10]) + b"noise"
    found["series"] = bytes([4, 3, 3, 16, 243, 8 * 13, 8 * 13, 8 * 2, 8 * 12]) + b"noise"
    found["a long signal"] = bytes([1, 3, 0, 16, 4, 8 * 20]) + b"noise"
    for level in range(9):
        found[f"extremes {level}"] = bytes([9, 7, 2, 16, 9 + level, 8 * 12, 8 * 12, 8 * 3]) + b"ends"
    return found


OPTIONS = [
    b"level=1\ncodec=voxel\nthreads=2",
    b"dtype=<i2\nshape=32,64\nlevel=9",
    b"dtype=>f4\nshape=2,16,32",
    b"dtype=complex64\nshape=16,32",
    b"dtype=bool\nshape=64,64",
    b"dtype=complex128\nshape=256\nis_hint=1",
    b"uint8 (64, 64)\nlevel=7",
    b"<i2 [2048]\nuint16 32x64",
    b"shape=0,5\nshape=1,2,3,4,5,6,7,8,9\nlevel=0\nlevel=10\nthreads=65\ncodec=none",
    b"min_size=-1\nfor_column=1\ndictionary=7\nnothing\n=\nlevel=",
    b'{"level": 9, "codec": "voxel"}\n{"shape": [64, 64], "dtype": "u1"}',
    b'{"shape": [64, [64]], "dtype": 5}\n{"level": "9"}\n[1]\n{"level": 1e3}\n{}\n{"dictionary": 5}',
]

STATEMENTS = (Path(__file__).with_name("statements.sql")).read_text().split("\n\n")[1:]


def random_bytes(count: int, size: int) -> dict[str, bytes]:
    rng = random.Random(count)
    return {str(number): rng.randbytes(rng.randrange(1, size)) for number in range(count)}


def damages() -> dict[str, bytes]:
    """Of backing.c: every kind of damage, with a frame and with other bytes."""
    found = {}
    for kind in range(15):
        for name in ("store", "zstd text", "ordinary zstd", "voxel label"):
            body = FRAMES[name][0][:600]
            body += bytes(-len(body) % 3)
            found[f"{kind} {name}"] = bytes([kind, 1, len(body) // 3]) + body + bytes([0, kind, 2, 1]) + b"abc"
    return found


def with_dictionaries() -> dict[str, bytes]:
    """Of dictionaries.c: frames that the encoder makes and others, with a trained dictionary or any bytes."""
    found = {}
    for seed in range(40):
        frame, _, dictionaries = compose_compact(random.Random(seed))
        dictionary = next(iter(dictionaries.values()), b"")
        found[str(seed)] = struct.pack("<H", len(dictionary)) + dictionary + frame[:2000]
    return found


SEEDS: dict[str, Callable[[], dict[str, bytes]]] = {
    "frames": frames,
    "dictionaries": with_dictionaries,
    "bytes": plain_values,
    "arrays": recipes,
    "sniff": plain_values,
    "options": lambda: {str(i): text for i, text in enumerate(OPTIONS)},
    "statements": lambda: {str(i): text.encode() for i, text in enumerate(STATEMENTS)},
    "programs": lambda: random_bytes(60, 400),
    "backing": damages,
}


def inputs_of(target: str) -> dict[str, bytes]:
    """The target's seeds and its committed corpus, by names that are good for files."""
    found = {f"seed {name}".replace("/", " "): data for name, data in SEEDS[target]().items()}
    archive = CORPUS / f"{target}.zip"
    if archive.exists():
        with zipfile.ZipFile(archive) as inputs:
            found |= {name: inputs.read(name) for name in inputs.namelist()}
    return found
