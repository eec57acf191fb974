"""Brotli at quality 5, and at 11, its default, which takes half a minute for one image."""

from typing import Any

import brotli

from ..codecs import VERY_SLOW, Codec, bytes_of


def _codec(quality: int, slowness: int = 0) -> Codec:
    def encode(data: Any, threads: int) -> bytes:
        return bytes(brotli.compress(bytes_of(data), quality=quality, lgwin=24))

    return Codec(
        f"Brotli {quality}", "brotli", encode, lambda data, threads: brotli.decompress(data), slowness=slowness
    )


CODECS = (_codec(5), _codec(11, VERY_SLOW))
