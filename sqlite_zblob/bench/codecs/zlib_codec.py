"""zlib at its default level, as in gzip and in the NIfTI and NRRD writers."""

import zlib

NAME = "zlib -6"
PACKAGE = ""


def compress(data: bytes) -> bytes:
    return zlib.compress(data, 6)


def decompress(data: bytes) -> bytes:
    return zlib.decompress(data)
