"""What a compact frame says of its image, composed from an IMAGE section; the space is made at random."""

from __future__ import annotations

import random
import struct


def put_varint(number: int) -> bytes:
    return bytes([number & 127 | 128]) + put_varint(number >> 7) if number > 127 else bytes([number])


def image_fields(rng: random.Random, image: bytes, codec: int, tail: int) -> bytes:
    """The fields up to the space; `tail`: bytes of the value after the samples."""
    source, sample_type, dimension, flags, components, offset = struct.unpack_from("<BBBBIQ", image)
    sizes = struct.unpack_from(f"<{dimension}Q", image, 16)
    space = flags & 16
    at = 16 + 8 * (dimension + (2 * dimension + dimension**2 if space else 0))
    text = [struct.unpack_from("<Q", image, at)[0]] if flags & 64 else []
    reading = image[at + 8 * len(text) :]
    flags &= ~16
    head = codec + 4 * (dimension - 1) + 32 * (flags > 0) + 64 * (components > 1) + 128 * (space > 0)
    fields = bytes([head, sample_type - 1 + 11 * source]) + (bytes([flags]) if flags else b"")
    fields += put_varint(components) if components > 1 else b""
    fields += b"".join(put_varint(number) for number in (*sizes, offset, *text)) + reading + put_varint(tail)
    if space:
        tags = [rng.randrange(4) for _ in range(2 * dimension + dimension**2)]
        packed = sum(tag << 2 * i for i, tag in enumerate(tags)).to_bytes((len(tags) + 3) // 4, "little")
        fields += packed + rng.randbytes(8 * tags.count(3))
    return fields
