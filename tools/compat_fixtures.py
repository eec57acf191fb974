"""Write the frames of a version into a folder that does not exist yet, once for each release:

    python -m tools.compat_fixtures tests/compat/fixtures/vX.Y.Z

They are the sample values at levels 1, 5 and 9 (but not frames of one size: they differ by their level alone), others
at all levels, an image of each sample type, small values and an image with a dictionary, and frames that are composed
of the format's documents, which say what the encoder does not say yet.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import sqlite_zblob as zb
from tests.compat.agree import raw_of
from tests.compat.compose import SEEDS_OF_ALL_KINDS, compose, record, trained_dictionary
from tests.samples.values import phantom, sample_values

LARGEST = 100_000  # bytes; the independent decoder is slow
LEVELS = range(1, 10)
SAMPLE_TYPES = ("?", "u1", "i1", "<u2", ">i2", "<u4", "<i4", "<u8", "<i8", "<f2", ">f4", "<f8", "<c8", "<c16")

Fixture = tuple[str, bytes, bytes | None]  # the file's name without its ending, the frame, and the dictionary


def fixtures() -> Iterator[Fixture]:
    for name, value in sample_values().items():
        if len(value) <= LARGEST:
            of_size = {len(each[1]): each for each in at_levels(name, value, (9, 5, 1))}
            yield from of_size.values()
    yield from at_levels("ladder json", json.dumps({str(i): i * i for i in range(300)}), LEVELS)
    yield from at_levels("ladder slice", pickle.dumps(phantom("<i2", (64, 64))), LEVELS)
    yield from at_levels("ladder volume", pickle.dumps(phantom("u1", (4, 64, 72), 200)), LEVELS)
    yield from at_levels("ladder labels", pickle.dumps(phantom("<i2", (4, 64, 72)) // 150), LEVELS)
    samples = phantom("f8", (3, 24, 40), 90)
    for dtype in SAMPLE_TYPES:
        yield from at_levels(f"type {np.dtype(dtype)}", pickle.dumps(samples.astype(dtype)), (5,))
    dictionary = trained_dictionary()
    yield from at_levels("dictionary event", record(random.Random(9)), LEVELS, dictionary=dictionary)
    yield from at_levels("dictionary image", pickle.dumps(phantom("u1", (24, 24), 90)), (5,), dictionary=dictionary)
    for seed in SEEDS_OF_ALL_KINDS:
        frame, _, dictionaries = compose(seed)
        yield f"composed {seed}", frame, next(iter(dictionaries.values()), None)


def at_levels(name: str, value: bytes | str, levels: Any, **options: Any) -> Iterator[Fixture]:
    for level in levels:
        yield f"{name} level {level}", zb.compress(value, level, **options), options.get("dictionary")


def write_fixtures(folder: Path) -> None:
    folder.mkdir(parents=True)
    digests = {}
    for name, frame, dictionary in fixtures():
        file = folder / f"{name.replace(' ', '-')}.zblob"
        file.write_bytes(frame)
        if dictionary:
            (folder / f"{zb.info(frame).dictionary_id}.dictionary").write_bytes(dictionary)
        digests[file.name] = hashlib.sha256(raw_of(frame, dictionary)).hexdigest()
    (folder / "sha256.json").write_text(json.dumps(digests, indent=1) + "\n")


if __name__ == "__main__":
    write_fixtures(Path(sys.argv[1]))
