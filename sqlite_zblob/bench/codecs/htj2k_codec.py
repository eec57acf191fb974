"""High-throughput JPEG 2000 (OpenJPH), reversible: slice by slice."""

import opencodecs

from ..codecs import Codec

_HTJ2K = opencodecs.get_codec("htj2k")

CODECS = (
    Codec(
        "HTJ2K",
        "opencodecs",
        lambda picture, threads: bytes(_HTJ2K.encode(picture)),
        lambda data, threads: _HTJ2K.decode(data, numthreads=threads),
        "picture",
        "ui",
    ),
)
