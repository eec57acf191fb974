"""compressed_segmentation, Neuroglancer's format for label maps: a palette for each block of 8 x 8 x 8 pixels. It is
packed by zstd, as it is for transport."""

import struct
from typing import Any

import compressed_segmentation
import numpy as np
import zstandard

from ..codecs import SLOW, Codec

_SHAPE = struct.Struct("<3QB")  # the format does not store it


def _encode(labels: Any, threads: int) -> bytes:
    wide = labels.astype(f"u{max(labels.itemsize, 4)}").T
    coded = zstandard.compress(compressed_segmentation.compress(wide, order="F"), 3)
    return _SHAPE.pack(*wide.shape, labels.itemsize) + coded


def _decode(data: bytes, threads: int) -> Any:
    *shape, itemsize = _SHAPE.unpack_from(data)
    coded = zstandard.decompress(data[_SHAPE.size :])
    wide = compressed_segmentation.decompress(coded, shape, dtype=np.dtype(f"u{max(itemsize, 4)}"), order="F")
    return wide.reshape(shape).T.astype(f"u{itemsize}")


CODECS = (Codec("compressed-segmentation", "compressed-segmentation", _encode, _decode, "labels", "uib", SLOW),)
