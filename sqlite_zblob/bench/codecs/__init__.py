"""Application-level codecs to measure against, one file each, behind one small interface.

A codec's module has NAME, PACKAGE (what to install), and the functions `compress` and `decompress`, bytes to bytes.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import Protocol, cast

CODECS = ("none", "zlib", "lz4", "brotli", "zstandard")


class Codec(Protocol):
    NAME: str  # with the level that is used
    PACKAGE: str  # "" for the standard library

    def compress(self, data: bytes) -> bytes: ...
    def decompress(self, data: bytes) -> bytes: ...


def get(name: str) -> Codec:
    """The codec of that name; ImportError where its package is not installed."""
    return cast(Codec, importlib.import_module(f"{__name__}.{name}_codec"))


def available() -> list[str]:
    """The names of the codecs whose packages are installed."""
    found = []
    for name in CODECS:
        try:
            get(name)
        except ImportError:
            continue
        found.append(name)
    return found


def version(codec: Codec) -> str:
    return importlib.metadata.version(codec.PACKAGE) if codec.PACKAGE else "standard library"
