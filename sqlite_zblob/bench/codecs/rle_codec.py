"""DICOM's RLE Lossless: PackBits over the bytes of each significance, most significant first, row by row.

The packages at hand decode such a frame but do not encode one, so the header (part 5, annex G) is made here.
"""

import struct
from typing import Any

import imagecodecs
import numpy as np

from ..codecs import Codec

_HEADER_SIZE = 64
_MOST_SEGMENTS = 15


def _encode(picture: Any, threads: int) -> bytes:
    rows, columns = picture.shape[:2]
    samples = np.ascontiguousarray(picture).reshape(rows, columns, -1)
    segments: list[bytes] = []
    for component in range(samples.shape[2]):
        plane = np.ascontiguousarray(samples[:, :, component])
        in_bytes = plane.view("u1").reshape(rows, columns, -1)[:, :, ::-1]
        for significance in range(in_bytes.shape[2]):
            segment = bytes(imagecodecs.packbits_encode(np.ascontiguousarray(in_bytes[:, :, significance])))
            segments.append(segment + bytes(len(segment) % 2))
    if len(segments) > _MOST_SEGMENTS:
        raise ValueError(f"an RLE frame has at most {_MOST_SEGMENTS} segments, not {len(segments)}")
    offsets = _HEADER_SIZE + np.cumsum([0] + [len(segment) for segment in segments[:-1]])
    padding = [0] * (_MOST_SEGMENTS - len(segments))
    # The decoder needs some facts that a DICOM file has in elements other than the frame.
    shape: bytes = struct.pack("<3H", rows, columns, samples.shape[2]) + picture.dtype.str.encode()
    return shape + struct.pack("<16I", len(segments), *offsets, *padding) + b"".join(segments)


def _decode(data: bytes, threads: int) -> Any:
    rows, columns, components = struct.unpack_from("<3H", data)
    dtype = np.dtype(data[6:9].decode())
    planes = np.frombuffer(imagecodecs.dicomrle_decode(data[9:], dtype), dtype).reshape(components, rows, columns)
    return np.moveaxis(planes, 0, -1)


CODECS = (Codec("DICOM RLE", "imagecodecs", _encode, _decode, "picture", "ui"),)
