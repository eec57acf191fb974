"""LZ4, frame format, its default (fastest) level."""

import lz4.frame

NAME = "LZ4"
PACKAGE = "lz4"


def compress(data: bytes) -> bytes:
    return bytes(lz4.frame.compress(data))


def decompress(data: bytes) -> bytes:
    return bytes(lz4.frame.decompress(data))
