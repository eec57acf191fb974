"""LZ4, frame format: its default (fastest) level, and its high-compression mode."""

from typing import Any

import lz4.frame

from ..codecs import Codec, bytes_of


def _codec(name: str, level: int) -> Codec:
    def encode(data: Any, threads: int) -> bytes:
        return bytes(lz4.frame.compress(bytes_of(data), compression_level=level))

    return Codec(name, "lz4", encode, lambda data, threads: lz4.frame.decompress(data))


CODECS = (_codec("LZ4", 0), _codec("LZ4 HC 9", 9))
