"""Brotli at quality 5: its default of 11 takes half a minute for one image."""

import brotli

NAME = "Brotli -5"
PACKAGE = "brotli"


def compress(data: bytes) -> bytes:
    return bytes(brotli.compress(data, quality=5))


def decompress(data: bytes) -> bytes:
    return bytes(brotli.decompress(data))
