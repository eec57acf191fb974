"""python-zstandard at its default level, one thread."""

import zstandard

NAME = "zstandard -3"
PACKAGE = "zstandard"


def compress(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(data)


def decompress(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(data)
