"""Generated frames (compose.py): both decoders find the value that they were made with."""

from __future__ import annotations

import functools
import os
import struct
from collections.abc import Iterator

import pytest

import sqlite_zblob as zb

from ..samples.frame_parts import IMAGE, MODEL, VOXEL, Parts
from . import decoder
from .bits import Grid
from .compose import SEEDS_OF_ALL_KINDS as CHOSEN
from .compose import compose
from .voxel_decoder import Model

# More of them find more: ZBLOB_GENERATED_FRAMES=20000 takes an hour. FIRST goes on where another run has ended.
COUNT = int(os.environ.get("ZBLOB_GENERATED_FRAMES", "0"))
FIRST = int(os.environ.get("ZBLOB_GENERATED_FIRST", "0"))
SEEDS = [*CHOSEN, *range(FIRST, FIRST + COUNT)]
SHARES = 4

made = functools.lru_cache(50)(compose)  # kept for the test of kinds


def decode_with_codec(frame: bytes, dictionary: bytes | None) -> bytes:
    out = bytearray(zb.info(frame).raw_size)
    return bytes(zb.decompress(frame, out=out, dictionary=dictionary))


@pytest.mark.parametrize("share", range(SHARES))
def test_both_decoders_find_the_value(share: int) -> None:
    for seed in SEEDS[share::SHARES]:
        frame, value, dictionaries = made(seed)
        assert decode_with_codec(frame, next(iter(dictionaries.values()), None)) == value, f"seed {seed}"
        text = decoder.decode(frame, dictionaries)
        if isinstance(text, bytes):
            assert text == value, f"seed {seed}"
        else:
            assert value in (text.encode("utf-8", "surrogatepass"), text.encode("utf-16-le", "surrogatepass"))


# Of models, by the bits of their flags; docs/voxel-format.md, section 4.
FLAGS = (
    "label",
    "reference",
    "floor",
    "ranks",
    "cells",
    "margins",
    "transposed",
    "folded",
    "series",
    "few states",
    "plateaus",
    "raster",
    "predicted",
    "mixed labels",
)

PRESETS = tuple(f"preset {number}" for number in range(4))

MIXED = (
    "mixed labels of one slice",
    "mixed labels of several slices",
    *(f"mixed labels of {size} bytes" for size in (1, 2, 3)),  # 3: or more
)

PREDICTED = ("predicted, ranks: False", "predicted, ranks: True", "predicted, 1 bytes", "predicted, 2 bytes")

CELLS = ("maps", "runs", "list, integers follow: 0", "list, integers follow: 1")

CODECS = ("store", "zstd", "planes", "voxel", "compact", "of an image", "several chunks", "text")
FORMS = tuple(f"form {form}" for form in range(4))
SIZES = tuple(f"{size} bytes" for size in (1, 2, 4, 8))
ALL_KINDS = {*CODECS, *FORMS, *SIZES, *FLAGS, *PRESETS, *MIXED, *PREDICTED, *CELLS}


def kinds_of(frame: bytes) -> Iterator[str]:
    info = zb.info(frame)
    yield str(info.codec)
    if info.compact:
        yield "compact"
        yield "of an image" if frame[8] >= 216 else f"form {frame[8] % 4}"
        return
    parts = Parts.of(frame)
    sections = parts.sections
    if sum(chunk.codec == VOXEL for chunk in parts.chunks) > 2:
        yield "several chunks"
    images = [section.body for section in sections if section.type == IMAGE]
    for section in sections:
        if section.type == MODEL:
            (flags,) = struct.unpack_from("<H", section.body, 4)
            yield from (name for bit, name in enumerate(FLAGS) if flags >> bit & 1)
            yield from kinds_of_model(images[section.body[1]], section.body[4:])


def kinds_of_model(image: bytes, data: bytes) -> Iterator[str]:
    _, number, dimension, flags, components, _ = struct.unpack_from("<BBBBIQ", image)
    kind, size = decoder.SAMPLE_TYPES[number], struct.unpack_from(f"<{dimension}Q", image, 16)
    model = Model(data, Grid(kind, bool(flags & 1), size, components))
    yield f"{kind[1]} bytes"
    if flags & 64:
        yield "text"
    if model.mixed:
        yield "mixed labels of several slices" if model.chunk_slices > 1 else "mixed labels of one slice"
        yield f"mixed labels of {min(int(kind[1:]) * components, 3)} bytes"
    elif model.predicted:
        yield f"predicted, ranks: {bool(model.ranks)}"
        yield f"predicted, {kind[1]} bytes"
    elif not model.label and not model.raster:
        yield f"preset {model.preset}"
    if cells := model.cells:
        yield "maps" if cells.has_maps else f"list, integers follow: {cells.has_integers}" if cells.is_list else "runs"


def test_frames_of_every_kind_are_generated() -> None:
    """choose_seeds.py finds other seeds when these do no longer."""
    seen = {kind for seed in CHOSEN for kind in kinds_of(made(seed)[0])}
    assert seen >= ALL_KINDS
