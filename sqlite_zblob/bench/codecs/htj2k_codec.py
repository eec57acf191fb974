"""High-throughput JPEG 2000 (OpenJPH), reversible: slice by slice."""

import imagecodecs

from ..codecs import Codec

CODECS = (
    Codec(
        "HTJ2K",
        "imagecodecs",
        lambda picture, threads: bytes(imagecodecs.htj2k_encode(picture, reversible=True)),
        lambda data, threads: imagecodecs.htj2k_decode(data),
        "picture",
        "ui",
    ),
)
