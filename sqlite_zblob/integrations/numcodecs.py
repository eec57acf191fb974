"""The numcodecs codec `zblob`, for Zarr format 2, HDF5 references and all that takes codecs of numcodecs.

numcodecs finds it by the entry point `zblob` of the group `numcodecs.codecs`. Knows no database.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ensure_contiguous_ndarray, ensure_ndarray, ndarray_copy
from numcodecs.registry import register_codec

from ..codec import DEFAULT_LEVEL
from .arrays import check_level, decode_array, decode_bytes, encode_array


class Zblob(Codec):  # type: ignore[misc]
    """Arrays keep their order in memory; bytes without a type are looked at as any value is.

    :param level: 1 (fastest) to 9 (smallest). Readers do not need it.
    :raises OptionError: the level is not one of these.
    """

    codec_id = "zblob"

    def __init__(self, level: int = DEFAULT_LEVEL) -> None:
        self.level = check_level(level)

    def encode(self, buf: Any) -> bytes:
        """:param buf: an array in C or Fortran order, or anything with a contiguous buffer."""
        values = ensure_ndarray(buf)
        if values.dtype.hasobject:
            raise TypeError("the codec zblob takes no Python objects: put a codec for objects before it")
        if not values.flags.c_contiguous and values.flags.f_contiguous:
            values = values.T  # as its bytes lie in memory
        return encode_array(np.ascontiguousarray(values), self.level)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """:returns: the bytes of the array; with `out`, `out`."""
        frame = ensure_contiguous_ndarray(buf)
        if out is None:
            return decode_bytes(frame)
        target = ensure_ndarray(out)
        if not target.flags.c_contiguous and target.flags.f_contiguous:
            target = target.T
        if not target.flags.c_contiguous:
            return ndarray_copy(decode_bytes(frame), out)
        decode_array(frame, target)
        return out


register_codec(Zblob)
