"""zstd through python-zstandard: a fast level, the default, and the highest usual one without and with long windows."""

from typing import Any

import zstandard

from ..codecs import SLOW, Codec

_WINDOW_LOG = 27  # of `zstd --long`


def _decode(data: bytes, threads: int) -> bytes:
    return zstandard.ZstdDecompressor(max_window_size=1 << _WINDOW_LOG).decompress(data)


def _codec(level: int, slowness: int = 0) -> Codec:
    def encode(data: Any, threads: int) -> bytes:
        return zstandard.ZstdCompressor(level=level, threads=threads if threads > 1 else 0).compress(data)

    return Codec(f"zstd {level}", "zstandard", encode, _decode, slowness=slowness, is_threaded=True)


def _encode_long(data: Any, threads: int) -> bytes:
    settings = zstandard.ZstdCompressionParameters.from_level(
        19, enable_ldm=True, window_log=_WINDOW_LOG, threads=threads if threads > 1 else 0
    )
    return zstandard.ZstdCompressor(compression_params=settings).compress(data)


CODECS = (
    _codec(1),
    _codec(3),
    _codec(9),
    _codec(19, SLOW),
    Codec("zstd 19 long", "zstandard", _encode_long, _decode, slowness=SLOW, is_threaded=True),
)
