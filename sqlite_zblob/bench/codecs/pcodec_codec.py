"""pcodec at its default level, also for the 8-bit numbers that it advises against."""

from typing import Any

import numpy as np
from pcodec import ChunkConfig, standalone

from ..codecs import Codec

_SETTINGS = ChunkConfig(compression_level=8, enable_8_bit=True)


def _encode(array: Any, threads: int) -> bytes:
    return bytes(standalone.simple_compress(np.ascontiguousarray(array).ravel(), _SETTINGS))


CODECS = (
    Codec("pcodec 8", "pcodec", _encode, lambda data, threads: standalone.simple_decompress(data), "array", "uif"),
)
