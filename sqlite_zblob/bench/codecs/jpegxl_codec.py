"""JPEG XL (libjxl), lossless, at its two fastest efforts, an intermediate, and its default one: slice by slice."""

from typing import Any

import imagecodecs

from ..codecs import SLOW, Codec


def _codec(effort: int, slowness: int = 0) -> Codec:
    def encode(picture: Any, threads: int) -> bytes:
        return bytes(imagecodecs.jpegxl_encode(picture, lossless=True, effort=effort, numthreads=threads))

    def decode(data: bytes, threads: int) -> Any:
        return imagecodecs.jpegxl_decode(data, numthreads=threads)

    return Codec(f"JPEG XL e{effort}", "imagecodecs", encode, decode, "picture", "uif", slowness)


CODECS = (_codec(1), _codec(2), _codec(3), _codec(7, SLOW))
