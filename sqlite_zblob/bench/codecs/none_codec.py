"""No compression: the value as it is."""

NAME = "uncompressed"
PACKAGE = ""


def compress(data: bytes) -> bytes:
    return data


def decompress(data: bytes) -> bytes:
    return data
