"""Converters of the sqlite3 module get decompressed values.

With `detect_types`, sqlite3 calls a converter with the bytes of a column before any row factory sees them. Converters
belong to the process, not to a connection: once they are wrapped, they get decompressed bytes on all connections.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import Any

from ..codec import decompress_stored, has_magic

Converter = Callable[[bytes], Any]

_lock = threading.Lock()
_register: Callable[[str, Converter], None] = sqlite3.register_converter


class _Decoding:
    """A converter behind decompression."""

    __slots__ = ("convert",)

    def __init__(self, convert: Converter) -> None:
        self.convert = convert

    def __call__(self, stored: bytes) -> Any:
        return self.convert(decompress_stored(stored)[0] if has_magic(stored) else stored)


def wrap_all() -> None:
    """Wrap the converters that are registered, and those that are registered from now on.

    Code that has imported the function `register_converter` itself, by name and before the first call of this, is not
    seen: what it registers is wrapped by the next call.
    """
    with _lock:
        registered: dict[str, Converter] = sqlite3.dbapi2.converters
        for name, convert in list(registered.items()):
            if type(convert) is not _Decoding:
                registered[name] = _Decoding(convert)
        for module in (sqlite3, sqlite3.dbapi2):
            vars(module)["register_converter"] = register_converter


def register_converter(typename: str, converter: Converter, /) -> None:
    """As sqlite3.register_converter; the converter gets decompressed values."""
    _register(typename, converter if type(converter) is _Decoding else _Decoding(converter))
