"""Recognise what a value holds, from its first bytes and from what the codec finds in it. Unpickles nothing."""

from __future__ import annotations

import json
from typing import NamedTuple

from ..codec import FrameInfo

TEXT_HEAD = 1 << 16  # bytes that decide between text and binary data
JSON_LIMIT = 1 << 22  # larger texts are not parsed: what begins like JSON is taken for it


class Kind(NamedTuple):
    name: str
    is_compressed: bool  # the format has a compression of its own: compressing it again saves next to nothing
    detail: str = ""  # of images: pixel type and size


# How compressed formats begin, by their specifications: bytes, the offset that they are at, the name of the format.
_MAGIC = (
    (b"\xff\xd8\xff", 0, "JPEG"),
    (b"\x89PNG\r\n\x1a\n", 0, "PNG"),
    (b"GIF8", 0, "GIF"),
    (b"WEBP", 8, "WebP"),
    (b"\x00\x00\x00\x0cjP  \r\n", 0, "JPEG 2000"),
    (b"\xff\x4f\xff\x51", 0, "JPEG 2000"),
    (b"\x00\x00\x00\x0cJXL \r\n", 0, "JPEG XL"),
    (b"\xff\x0a", 0, "JPEG XL"),
    (b"ftyp", 4, "MP4, HEIF or AVIF"),
    (b"\x1f\x8b", 0, "gzip"),
    (b"PK\x03\x04", 0, "zip"),
    (b"BZh", 0, "bzip2"),
    (b"\xfd7zXZ\x00", 0, "xz"),
    (b"7z\xbc\xaf\x27\x1c", 0, "7z"),
    (b"\x28\xb5\x2f\xfd", 0, "zstd"),
    (b"\x04\x22\x4d\x18", 0, "LZ4"),
    (b"OggS", 0, "Ogg"),
    (b"fLaC", 0, "FLAC"),
    (b"\x1a\x45\xdf\xa3", 0, "Matroska or WebM"),
    (b"PAR1", 0, "Parquet"),
)
_IMAGES = {"SimpleITK": "SimpleITK pickle", "NumPy": "NumPy pickle", "npy": ".npy array"}


def recognize(value: bytes, about: FrameInfo) -> Kind:
    """:param value: the value before compression.
    :param about: `info(value)`.
    """
    if about.images:
        image = about.images[0]
        size = " x ".join(map(str, image.size))
        more = f", {image.components} components" if image.components > 1 else ""
        return Kind(_IMAGES.get(image.source, image.source), False, f"{image.pixel_type}, {size}{more}")
    for magic, offset, name in _MAGIC:
        if value.startswith(magic, offset):
            return Kind(name, True)
    if _is_zlib(value):
        return Kind("zlib", True)
    if value[:1] == b"\x80" and value[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05") and value.endswith(b"."):
        return Kind("pickle", False)
    if _is_text(value[:TEXT_HEAD]):
        return Kind("JSON" if _is_json(value) else "text", False)
    return Kind("other", False)


def _is_zlib(value: bytes) -> bool:
    """RFC 1950: method 8, window up to 32 KB, no dictionary, and a check over the first two bytes."""
    return len(value) > 8 and value[0] == 0x78 and (value[0] << 8 | value[1]) % 31 == 0 and not value[1] & 0x20


def _is_text(head: bytes) -> bool:
    """UTF-8 without control characters but white space. The end may cut a character in two."""
    if any(byte < 32 and byte not in b"\t\n\f\r" for byte in head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return len(head) == TEXT_HEAD and error.start > len(head) - 4
    return bool(head)


def _is_json(value: bytes) -> bool:
    if value.lstrip()[:1] not in (b"{", b"["):
        return False
    if len(value) > JSON_LIMIT:
        return True
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True
