"""fpzip, lossless: floats, predicted in up to three dimensions."""

from typing import Any

import fpzip

from ..codecs import Codec


def _encode(array: Any, threads: int) -> bytes:
    if array.itemsize < 4:
        raise ValueError("takes floats of 32 and 64 bits")
    return bytes(fpzip.compress(array.reshape(1, -1, *array.shape[-2:])))


CODECS = (Codec("fpzip", "fpzip", _encode, lambda data, threads: fpzip.decompress(data), "array", "f"),)
