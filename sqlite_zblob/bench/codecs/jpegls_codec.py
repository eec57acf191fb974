"""JPEG-LS (CharLS), after JPEG 2000 the lossless codec most used in DICOM: slice by slice."""

import imagecodecs

from ..codecs import Codec

CODECS = (
    Codec(
        "JPEG-LS",
        "imagecodecs",
        lambda picture, threads: bytes(imagecodecs.jpegls_encode(picture)),
        lambda data, threads: imagecodecs.jpegls_decode(data),
        "picture",
        "ui",
    ),
)
