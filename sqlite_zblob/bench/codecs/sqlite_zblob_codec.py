"""Ours at each level: the frame with its index and checksums, as the database stores it."""

from typing import Any

from ...codec import compress, decompress
from ..codecs import Codec

NAME = "sqlite_zblob"


def _codec(level: int) -> Codec:
    def encode(data: Any, threads: int) -> bytes:
        if isinstance(data, bytes):
            return compress(data, level, threads=threads)
        return compress(data, level, dtype=data.dtype, shape=data.shape, threads=threads)

    def decode(data: bytes, threads: int) -> Any:
        return decompress(data, threads=threads)

    return Codec(f"{NAME} {level}", "", encode, decode, "array", is_threaded=True)


CODECS = tuple(_codec(level) for level in range(1, 10))
