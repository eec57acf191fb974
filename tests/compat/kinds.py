"""What kinds of frames there are, and which of them a frame is."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import sqlite_zblob as zb

from ..samples.frame_parts import IMAGE, MODEL, VOXEL, Parts
from . import decoder
from .bits import Grid
from .voxel_decoder import Model

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

LABELS = ("labels with sixteen states", "labels with a single state")

PREDICTED = ("predicted, ranks: False", "predicted, ranks: True", "predicted, 1 bytes", "predicted, 2 bytes")

CELLS = ("maps", "runs", "list, integers follow: 0", "list, integers follow: 1")

CODECS = ("store", "zstd", "planes", "voxel", "compact", "of an image", "several chunks", "text", "tiles", "gaps")
PLANES = ("planes of text", "planes of padded rows", "planes of pieces")
FORMS = tuple(f"form {form}" for form in range(4))
SIZES = tuple(f"{size} bytes" for size in (1, 2, 4, 8))
ALL_KINDS = {*CODECS, *PLANES, *FORMS, *SIZES, *FLAGS, *PRESETS, *LABELS, *MIXED, *PREDICTED, *CELLS}


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
    for image in info.images:
        yield from (name for name, numbers in (("tiles", image.tile), ("gaps", image.gaps)) if any(numbers))
    images = [section.body for section in sections if section.type == IMAGE]
    with_model = {section.body[1] for section in sections if section.type == MODEL}
    for number, image in enumerate(info.images):
        standing = (image.text_size, image.row_padding, image.has_pieces)
        yield from (name for name, stands in zip(PLANES, standing, strict=True) if stands and number not in with_model)
    for section in sections:
        if section.type == MODEL:
            (flags,) = struct.unpack_from("<H", section.body, 4)
            yield from (name for bit, name in enumerate(FLAGS) if flags >> bit & 1)
            yield from kinds_of_model(images[section.body[1]], section.body[4:])
            is_plain = len(images) == 1 and not info.images[0].has_pieces
            if flags & 1 and not flags >> 13 & 1 and is_plain:
                yield from (LABELS[chunk.stored[0] >> 6] for chunk in parts.chunks if chunk.codec == VOXEL)


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
