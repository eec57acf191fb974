"""zlib: the DEFLATE of gzip and of the NIfTI, NRRD and MetaImage writers, at their level and at the highest."""

import zlib
from typing import Any

from ..codecs import SLOW, Codec


def _codec(level: int, slowness: int = 0) -> Codec:
    def encode(data: Any, threads: int) -> bytes:
        return zlib.compress(data, level)

    return Codec(f"zlib {level}", "", encode, lambda data, threads: zlib.decompress(data), slowness=slowness)


CODECS = (_codec(1), _codec(6, SLOW), _codec(9, SLOW))
