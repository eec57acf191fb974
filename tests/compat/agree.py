"""The codec and the independent decoder, side by side on one frame."""

from __future__ import annotations

import sqlite_zblob as zb

from . import decoder


def raw_of(frame: bytes, dictionary: bytes | None = None) -> bytes:
    """What the codec finds, also of a text that is no valid one."""
    out = bytearray(zb.info(frame).raw_size)
    return bytes(zb.decompress(frame, out=out, dictionary=dictionary))


def require_value(frame: bytes, value: bytes, dictionaries: dict[int, bytes], what: str) -> None:
    """Both find it."""
    assert raw_of(frame, dictionaries.get(zb.info(frame).dictionary_id)) == value, what
    found = decoder.decode(frame, dictionaries)
    raws = (found,) if isinstance(found, bytes) else [found.encode(e, "surrogatepass") for e in ("utf-8", "utf-16-le")]
    assert value in raws, what
