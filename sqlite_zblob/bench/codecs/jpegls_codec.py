"""JPEG-LS (CharLS), the lossless codec of DICOM most used beside JPEG 2000: slice by slice."""

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
