"""The codecs that benchmarks/codec.py measures: ours and its rivals, one adapter each behind one small interface."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import blosc2
import imagecodecs as ic
import numpy as np
from pcodec import ChunkConfig, standalone

import sqlite_zblob as zb


@dataclass(frozen=True)
class Codec:
    """Encode what `prepare` makes of an array and its number of components; decode gives its bytes back."""

    name: str
    prepare: Callable[[np.ndarray, int], Any]
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    is_slow: bool = False  # one round is enough

    def measure(self, array: np.ndarray, components: int) -> tuple[int, float, float] | None:
        """Bytes, seconds to encode and to decode; None where the codec cannot take such samples."""
        subject = self.prepare(array, components)
        try:
            start = time.perf_counter()
            coded = self.encode(subject)
            middle = time.perf_counter()
            decoded = self.decode(coded)
            end = time.perf_counter()
        except (ValueError, RuntimeError, TypeError, KeyError) as reason:
            print(f"    {self.name}: {str(reason)[:100]}")
            return None
        parts = coded if isinstance(coded, list) else [coded]
        back = b"".join(map(bytes_of, decoded)) if isinstance(decoded, list) else bytes_of(decoded)
        original = b"".join(map(bytes_of, subject)) if isinstance(subject, list) else bytes_of(array)
        if back != original:
            print(f"    {self.name}: does not give the bytes back")
            return None
        return sum(map(len, parts)), middle - start, end - middle


def bytes_of(data: Any) -> bytes:
    return data.tobytes() if hasattr(data, "tobytes") else bytes(data)


def slices(array: np.ndarray, components: int) -> list[np.ndarray]:
    """2-D pictures of unsigned or float samples, the least value of a signed volume becoming 0. Three and four
    components stay in one picture, others become pictures of their own."""
    if array.dtype.kind == "i":
        unsigned = array.dtype.str.replace("i", "u")
        array = array.view(unsigned) - np.array(array.min(), array.dtype).view(unsigned)
    if components not in (1, 3, 4):
        array, components = np.moveaxis(array, -1, 0), 1
    pictures = array.reshape(-1, *array.shape[-3 if components > 1 else -2 :])
    return [np.ascontiguousarray(picture) for picture in pictures]


def pictures(name: str, encode: Any, decode: Any, is_slow: bool = False) -> Codec:
    """A codec of pictures gets a volume as a stack of them."""
    return Codec(
        name, slices, lambda many: [encode(one) for one in many], lambda many: [decode(one) for one in many], is_slow
    )


def whole(name: str, encode: Any, decode: Any, is_slow: bool = False) -> Codec:
    """A codec of bytes or arrays gets the whole buffer."""
    return Codec(name, lambda array, components: array, encode, decode, is_slow)


def ours(level: int) -> Codec:
    def encode(array: np.ndarray) -> bytes:
        return zb.compress(array, level, dtype=array.dtype, shape=array.shape, threads=1)

    return whole(f"sqlite_zblob {level}", encode, lambda frame: zb.decompress(frame, threads=1))


def jpeg_ls() -> Codec:
    return pictures("JPEG-LS", ic.jpegls_encode, ic.jpegls_decode)


def jpeg_2000() -> Codec:
    return pictures(
        "JPEG 2000",
        lambda picture: ic.jpeg2k_encode(picture, level=0, reversible=True, codecformat="j2k", numthreads=1),
        ic.jpeg2k_decode,
        True,
    )


def htj2k() -> Codec:
    return pictures("HTJ2K", lambda picture: ic.htj2k_encode(picture, reversible=True), ic.htj2k_decode)


def jpeg_xl(effort: int) -> Codec:
    return pictures(
        f"JPEG XL e{effort}",
        lambda picture: ic.jpegxl_encode(picture, lossless=True, effort=effort, numthreads=1),
        lambda data: ic.jpegxl_decode(data, numthreads=1),
        effort == 7,
    )


def zstd(level: int) -> Codec:
    return whole(f"zstd {level}", lambda array: ic.zstd_encode(array, level), ic.zstd_decode, level > 9)


def blosc(*filters: blosc2.Filter) -> Codec:
    settings = {"codec": blosc2.Codec.ZSTD, "clevel": 5, "filters": list(filters), "nthreads": 1}
    return whole(
        "blosc2 " + "+".join(one.name.lower() for one in filters),
        lambda array: blosc2.compress2(array, typesize=array.itemsize, **settings),
        lambda data: blosc2.decompress2(data, nthreads=1),
    )


def pcodec() -> Codec:
    config = ChunkConfig(compression_level=8)
    return whole(
        "pcodec 8",
        lambda array: standalone.simple_compress(np.ascontiguousarray(array).ravel(), config),
        standalone.simple_decompress,
    )


def rivals() -> list[Codec]:
    return [
        jpeg_ls(),
        jpeg_2000(),
        htj2k(),
        jpeg_xl(1),
        jpeg_xl(3),
        jpeg_xl(7),
        zstd(3),
        zstd(19),
        blosc(blosc2.Filter.SHUFFLE),
        blosc(blosc2.Filter.BITSHUFFLE),
        blosc(blosc2.Filter.SHUFFLE, blosc2.Filter.BYTEDELTA),
        pcodec(),
    ]
