"""Readings of images, and chunks of images in pieces, at random."""

from __future__ import annotations

import random
import struct

import zstandard

from .bits import DamagedError, Grid
from .decoder import Image
from .pieces import Pieces, join

Fields = tuple[int, int, int, int]  # width and height of tiles, the first gap, the others


def random_reading(rng: random.Random, grid: Grid, number: int, padding: int) -> bytes:
    if not padding and rng.random() < 0.7:
        return b""
    width, dimension = int(grid.kind[1:]), len(grid.size)
    bits = rng.randrange(8 * width) if number <= 8 and rng.random() < 0.5 else 0
    axis = rng.randrange(dimension) if grid.components == 1 else 0
    flags = rng.getrandbits(1) | (rng.getrandbits(1) << 1 if axis else 0)
    body = struct.pack("<BBBBI", bits, axis, flags, 0, padding)
    scale = struct.pack("<dd", rng.choice([-1, 0.5, 1, 1e300]), rng.uniform(-9, 9)) if flags & 1 else b""
    return body + scale if any(body) else b""


def random_pieces(rng: random.Random, image: Image, sizes: list[int]) -> Fields | None:
    """Such as suit an image whose chunks have these bytes of samples, or None."""
    height = image.size[1] if len(image.size) > 1 else 1
    tile = (rng.choice([1, 7, 16, image.size[0]]), rng.choice([1, 2, 16, height])) if rng.random() < 0.6 else (0, 0)
    slices = image.size[-1] if len(image.size) > 2 else 1
    fields = (*tile, rng.choice([0, 1, 40]) * (slices > 1), rng.choice([0, 1, 40]) * (slices > 2))
    if rng.random() < 0.5 or not any(fields):
        return None
    pieces, offset = Pieces.of(image.width * image.components, image.size, fields), 0
    try:
        for size in sizes:
            pieces.rows(offset, size)
            offset += size
    except DamagedError:
        return None
    return fields


def put_in_pieces(
    rng: random.Random, pieces: Pieces, offset: int, stored: bytes, samples: bytes
) -> tuple[bytes, bytes]:
    """The stored and the raw bytes of a chunk whose samples, from `offset` on, are stored so."""
    mask = pieces.mask(*pieces.rows(offset, len(samples)))
    count = len(mask) - len(samples)
    rest = bytes(count) if rng.random() < 0.5 else rng.randbytes(count)
    packed = zstandard.ZstdCompressor(level=rng.choice([1, 9])).compress(rest)
    packed = packed if len(packed) < count else rest
    return (struct.pack("<I", len(packed)) + packed if count else b"") + stored, join(samples, rest, mask)
