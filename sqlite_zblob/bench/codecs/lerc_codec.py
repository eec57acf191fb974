"""LERC with no error allowed, packed by zstd: slice by slice."""

from typing import Any

import imagecodecs

from ..codecs import Codec


def _encode(picture: Any, threads: int) -> bytes:
    return bytes(imagecodecs.lerc_encode(picture, level=0, compression="zstd"))


CODECS = (Codec("LERC", "imagecodecs", _encode, lambda data, threads: imagecodecs.lerc_decode(data), "picture", "uif"),)
