"""Frames and pickles that cost far more than they are worth, unless a reader looks first."""

from __future__ import annotations

import pickle
import random
import struct

import numpy as np
import zstandard

from ...compat.bits import Grid
from ...compat.making import make_labels
from ...compat.voxel_decoder import Model
from ...samples.frame_parts import (
    STORE,
    VOXEL,
    ZSTD,
    BitWriter,
    Chunk,
    Parts,
    Section,
    image_body,
    model_body,
    xxh3,
)


def intensity(bits: BitWriter) -> bytes:
    """The fast preset with weights of 0, for planes without reference; and the model's end."""
    bits.put(0, 12)
    for _ in range(7):
        bits.put(0, 8)
    bits.put(1, 1)
    for taps, errors in ((8, 5), (10, 5)):
        for _ in range(taps - 1):
            bits.golomb(0, 7)
        for _ in range(errors):
            bits.put(0, 16)
    return bits.done()


def list_model(count: int, rows: int = 4) -> bytes:
    """Cells that list `count` values, in a few bits for each."""
    bits = BitWriter().put(16, 16).put(0, 32).put(rows, 32).put(0, 16).put(0, 16).put(0, 16)
    bits.put(0, 1).put(0, 1).put(0, 2).put(0, 6).put(0, 3).put(1, 1).put(count % (1 << 17), 17).put(0, 1)
    bits.put(31, 5).put(0, 64)
    for _ in range(count - 1):
        bits.golomb(0, 0)
    return intensity(bits)


def ranks_model() -> bytes:
    """Four rank maps of one value each."""
    bits = BitWriter().put(8, 16).put(1, 32).put(2, 32).put(0, 16).put(0, 16).put(0, 16).put(1, 1)
    for _ in range(4):
        bits.put(1, 17).golomb(0, 0)
    return intensity(bits.put(0, 1))


def overlapping_images() -> bytes:
    """1024 images that all lie in the same 384 bytes, with a model each that lists 65536 values."""
    raw, body = bytes(384), list_model(65536)
    sections = [Section(1, image_body(0, (24, 4), sample_type=10)) for _ in range(1024)]
    sections += [Section(2, model_body(body, image)) for image in range(1024)]
    return Parts(sections, [Chunk(len(raw), STORE, raw, xxh3(raw))]).pack()


def rank_maps() -> bytes:
    """1024 images of 192 bytes, with a model each that has four rank maps."""
    return many_models(ranks_model(), sample_type=1, size=(24, 2), components=4)


def long_lists() -> bytes:
    """1024 images of 384 bytes, with a model each that lists 65536 values."""
    return many_models(list_model(65536), sample_type=10, size=(24, 4))


def many_models(body: bytes, *, sample_type: int, size: tuple[int, ...], components: int = 1) -> bytes:
    """1024 images in a row, each with a model and a chunk that claims to need it."""
    width = {1: 1, 3: 2, 10: 4, 11: 8}[sample_type]
    span = width * components * int(np.prod(size))
    sections = [Section(1, image_body(i * span, size, sample_type, components=components)) for i in range(1024)] + [
        Section(2, model_body(body, i)) for i in range(1024)
    ]
    return Parts(sections, [Chunk(span, VOXEL, b"\0" * 16, 0) for _ in range(1024)]).pack()


def predicted_rows(width: int, height: int) -> bytes:
    """Rows of predicted samples that all are 0: four bytes decode to any number of them."""
    body = BitWriter().put(4096, 16).put(0, 32)
    for _ in range(9):
        body.put(512, 10)
    return one_image(body.done(), bytes(4), (width, height))


def raster_rows(width: int, height: int, *, stored: float = 1, by_value: bool = False) -> bytes:
    """Pixels in raster order, with far more zeros than they need: all are decoded before that is seen.

    `stored`: zeros for each pixel.
    """
    model = BitWriter().put(2048, 16).put(1, 1).put(by_value, 1).done()
    return one_image(model, bytes(int(width * height * stored)), (width, height))


def mixed_labels(width: int, height: int) -> bytes:
    """Mixed labels of 8 bits, of which most are literals."""
    model = BitWriter().put(8193, 16).put(1, 1).done()
    grid = Grid("u1", False, (width, height), 1)
    stored, raw = make_labels(Model(model, grid), 1, height, 1, random.Random(2))
    sections = [Section(1, image_body(0, (width, height))), Section(2, model_body(model))]
    return Parts(sections, [Chunk(len(raw), VOXEL, stored, xxh3(raw))]).pack()


def one_image(model: bytes, stored: bytes, size: tuple[int, int]) -> bytes:
    """Of 8 bits, whose one chunk holds zeros."""
    raw = bytes(size[0] * size[1])
    sections = [Section(1, image_body(0, size)), Section(2, model_body(model))]
    return Parts(sections, [Chunk(len(raw), VOXEL, stored, xxh3(raw))]).pack()


def tiny_chunks(count: int, *, codec: int, wrong: bool = False) -> bytes:
    """A value of `count` bytes, of which each has a chunk of its own."""
    stored = zstandard.ZstdCompressor().compress(b"x") if codec == ZSTD else b"x"
    return Parts([], [Chunk(1, codec, stored, 0 if wrong else xxh3(b"x"))] * count).pack()


def zeros(count: int, size: int = 1 << 24) -> bytes:
    """So many chunks of 16 MiB each, in a few hundred bytes per chunk."""
    raw = bytes(size)
    chunk = Chunk(size, ZSTD, zstandard.ZstdCompressor().compress(raw), xxh3(raw))
    return Parts([], [chunk] * count).pack()


def deep_pickle(size: int) -> bytes:
    """As many small objects as a value of that size may have before sniffing gives it up."""
    count = 65536 + size // 16 - 100
    small = b"".join(b"K\x01" for _ in range(count // 2)) + b"0" * (count // 2 - 1)
    filler = size - len(small) - 20
    return b"\x80\x04" + b"B" + struct.pack("<I", filler) + bytes(filler) + b"0" + small + b"."


def memo_pickle(size: int) -> bytes:
    """Tuples in the memo, again and again."""
    count = 65536 + size // 16 - 100
    body = b"K\x01" + b"\x94" * (count - 8)
    filler = size - len(body) - 20
    return b"\x80\x04" + b"B" + struct.pack("<I", filler) + bytes(filler) + b"0" + body + b"."


def small_images(count: int, side: int = 32) -> bytes:
    """A list of very many small arrays."""
    rng = np.random.default_rng(0)
    return pickle.dumps([rng.integers(0, 255, (side, side), np.uint8).cumsum(0, np.uint8) for _ in range(count)])
