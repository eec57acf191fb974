"""Between NumPy arrays and frames, for libraries whose own metadata has the type and the shape. Knows no database."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arguments import plain_integer
from ..codec import FrameInfo, compress, decompress, info, make_options
from ..errors import DamagedFrameError

# The types of samples that the codec has models for; all others are compressed as bytes.
_IMAGE_TYPES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8), "c": (8, 16)}  # kind: bytes


def check_level(level: Any) -> int:
    """As Python's integer.

    :raises OptionError: it is none of 1 to 9.
    """
    make_options(level=level)
    return int(plain_integer(level))


def encode_array(values: np.ndarray[Any, Any], level: int) -> bytes:
    """The frame of a C-contiguous array's bytes; its type and shape are for the model alone."""
    raw = values.reshape(-1).view(np.uint8)
    shape = [extent for extent in values.shape if extent != 1] or [values.size]
    if values.size == 0 or values.dtype.itemsize not in _IMAGE_TYPES.get(values.dtype.kind, ()):
        return compress(raw, level)
    return compress(raw, level, dtype=values.dtype.str.lstrip("|"), shape=shape)


def decode_array(frame: Any, out: np.ndarray[Any, Any]) -> None:
    """Decode into a C-contiguous array, which must have the size of the value.

    :raises DamagedFrameError: it is no frame of so many bytes.
    """
    size = _check_frame(frame).raw_size
    if size != out.nbytes:
        raise DamagedFrameError(f"the frame holds {size} bytes, where the array needs {out.nbytes}")
    if size:
        decompress(frame, out=out.reshape(-1).view(np.uint8))


def decode_bytes(frame: Any) -> bytes:
    """:raises DamagedFrameError: it is no frame of bytes."""
    _check_frame(frame)
    value = decompress(frame)
    assert isinstance(value, bytes)
    return value


def _check_frame(frame: Any) -> FrameInfo:
    about = info(frame)
    if not about.frame or about.envelope is not None or about.value_type != "blob":
        raise DamagedFrameError("these bytes are no frame of sqlite_zblob: they were not written by the codec zblob")
    return about
