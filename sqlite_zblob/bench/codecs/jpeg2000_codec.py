"""JPEG 2000 (OpenJPEG), reversible, as a bare codestream: slice by slice."""

import imagecodecs

from ..codecs import SLOW, Codec

CODECS = (
    Codec(
        "JPEG 2000",
        "imagecodecs",
        lambda picture, threads: bytes(
            imagecodecs.jpeg2k_encode(picture, level=0, reversible=True, codecformat="j2k", numthreads=threads)
        ),
        lambda data, threads: imagecodecs.jpeg2k_decode(data, numthreads=threads),
        "picture",
        "ui",
        SLOW,
    ),
)
