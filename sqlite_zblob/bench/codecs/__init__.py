"""Codecs to measure, ours and its rivals: one adapter file each, behind one small interface.

An adapter's module defines CODECS, a tuple of `Codec`, one for each setting worth measuring. Nothing here knows how
or when it is measured. A codec whose package is not installed is left out.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

# The beginning of a codec's name -> its adapter.
ADAPTERS = {
    "uncompressed": "none",
    "sqlite_zblob": "sqlite_zblob",
    "zlib": "zlib",
    "LZ4": "lz4",
    "Brotli": "brotli",
    "zstd": "zstd",
    "lzma": "lzma",
    "blosc2": "blosc2",
    "pcodec": "pcodec",
    "OpenZL": "openzl",
    "JPEG-LS": "jpegls",
    "JPEG 2000": "jpeg2000",
    "HTJ2K": "htj2k",
    "DICOM RLE": "rle",
    "JPEG XL": "jpegxl",
    "LERC": "lerc",
    "fpzip": "fpzip",
    "crackle": "crackle",
    "compresso": "compresso",
    "compressed-segmentation": "segmentation",
}

NOT_SLOW, SLOW, VERY_SLOW = 0, 1, 2


@dataclass(frozen=True)
class Codec:
    """One codec at one setting. `encode(subject, threads)` makes bytes; `decode(coded, threads)` returns the subject's.

    What a subject is depends on `unit`: "bytes" is any C-contiguous buffer, "array" a NumPy array with its shape,
    "picture" one 2-D slice of unsigned samples (with its components last, where there are several), and "labels" a
    label map, as unsigned integers on three axes.
    """

    name: str  # with its level, as tables give it
    package: str  # whose version is recorded; "" for the standard library
    encode: Callable[[Any, int], bytes]
    decode: Callable[[bytes, int], Any]
    unit: Literal["bytes", "array", "picture", "labels"] = "bytes"
    kinds: str = "uifcb"  # NumPy's kinds of samples that it takes
    slowness: int = NOT_SLOW  # SLOW is measured once, VERY_SLOW once and on a small part of the volume
    is_threaded: bool = False  # uses `threads`; pictures are always coded in parallel

    def compress(self, data: bytes) -> bytes:
        """Bytes to bytes in one thread, for codecs whose unit is "bytes"."""
        return self.encode(data, 1)

    def decompress(self, data: bytes) -> bytes:
        decoded = self.decode(data, 1)
        return decoded if isinstance(decoded, bytes) else bytes(decoded)

    def subjects(self, array: Any, components: int = 1) -> list[Any] | None:
        """What this codec is to code for a volume (`components` last if there are several); None: it cannot."""
        if array.dtype.kind not in self.kinds:
            return None
        if self.unit == "labels":
            return [labels(array)] if is_label_map(array) else None
        return slices(array, components) if self.unit == "picture" else [array]

    def encode_all(self, subjects: list[Any], threads: int = 1) -> list[bytes]:
        if len(subjects) == 1 or threads == 1:
            return [self.encode(subject, threads) for subject in subjects]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda subject: self.encode(subject, 1), subjects))

    def decode_all(self, coded: list[bytes], threads: int = 1) -> list[Any]:
        if len(coded) == 1 or threads == 1:
            return [self.decode(part, threads) for part in coded]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda part: self.decode(part, 1), coded))


def slices(array: Any, components: int) -> list[Any]:
    """2-D pictures. Three or four components make one picture, any other number one picture per component.

    Signed samples are shifted so that the smallest one of the volume is 0: most codecs of pictures take unsigned ones
    only.
    """
    if array.dtype.kind == "i":
        unsigned = array.dtype.str.replace("i", "u")
        array = array.view(unsigned) - array.min().view(unsigned)
    if components not in (1, 3, 4):
        array, components = array.transpose(array.ndim - 1, *range(array.ndim - 1)).copy(), 1
    return list(array.reshape(-1, *array.shape[-3 if components > 1 else -2 :]))


def is_label_map(array: Any) -> bool:
    """Do at most a quarter of the pixels differ from the one before? On others, codecs of labels take minutes."""
    return bool(np.count_nonzero(array[..., 1:] != array[..., :-1]) * 4 <= array.size)


def labels(array: Any) -> Any:
    return array.view(f"u{array.itemsize}").reshape(-1, *array.shape[-2:])


def bytes_of(data: Any) -> bytes:
    """The bytes of whatever a decoder returns."""
    return data.tobytes() if hasattr(data, "tobytes") else bytes(data)


def available() -> list[Codec]:
    """All codecs whose packages are installed."""
    found: list[Codec] = []
    for adapter in ADAPTERS.values():
        with contextlib.suppress(ImportError):
            found += _codecs_of(adapter)
    return found


def get(name: str) -> Codec:
    """The codec of that name, without importing any other one.

    :raises ImportError: its package is missing.
    """
    (adapter,) = (adapter for prefix, adapter in ADAPTERS.items() if name.startswith(prefix))
    return next(codec for codec in _codecs_of(adapter) if codec.name == name)


def _codecs_of(adapter: str) -> tuple[Codec, ...]:
    module: Any = importlib.import_module(f"{__name__}.{adapter}_codec")
    found: tuple[Codec, ...] = module.CODECS
    return found


def version(codec: Codec) -> str:
    return importlib.metadata.version(codec.package) if codec.package else "standard library"
