"""OpenZL's generic graph for numbers, which gets the samples as unsigned integers of their width."""

from typing import Any

import numpy as np
import openzl.ext as zl

from ..codecs import Codec


def _encode(array: Any, threads: int) -> bytes:
    compressor = zl.Compressor()
    compressor.set_parameter(zl.CParam.FormatVersion, zl.MAX_FORMAT_VERSION)
    compressor.select_starting_graph(zl.graphs.Compress()(compressor))
    context = zl.CCtx()
    context.ref_compressor(compressor)
    context.set_parameter(zl.CParam.FormatVersion, zl.MAX_FORMAT_VERSION)
    numbers = np.ascontiguousarray(array).ravel().view(f"u{array.itemsize}")
    return bytes(context.compress([zl.Input(zl.Type.Numeric, numbers)]))


def _decode(data: bytes, threads: int) -> bytes:
    (output,) = zl.DCtx().decompress(data)
    return bytes(output.content.as_bytes())


CODECS = (Codec("OpenZL", "openzl", _encode, _decode, "array", "uif"),)
