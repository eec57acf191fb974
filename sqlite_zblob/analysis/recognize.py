"""Recognise what a value holds, from its first bytes and from what the codec finds in it. Unpickles nothing."""

from __future__ import annotations

import json
from typing import NamedTuple

from ..codec import FrameInfo, compressed_format

TEXT_HEAD = 1 << 16  # bytes that decide between text and binary data
JSON_LIMIT = 1 << 22  # larger texts are not parsed: what begins like JSON is taken for it


class Kind(NamedTuple):
    name: str
    is_compressed: bool  # the format has a compression of its own: compressing it again saves next to nothing
    detail: str = ""  # of images: pixel type and size


_IMAGES = {"SimpleITK": "SimpleITK pickle", "NumPy": "NumPy pickle", "npy": ".npy array", "options": "raw voxels"}


def recognize(value: bytes, about: FrameInfo) -> Kind:
    """:param value: the value before compression.
    :param about: `info(value)`, or with the image that the value's row describes.
    """
    if about.images:
        image = about.images[0]
        size = " x ".join(map(str, image.size))
        more = f", {image.components} components" if image.components > 1 else ""
        return Kind(_IMAGES.get(image.source, image.source), False, f"{image.pixel_type}, {size}{more}")
    compressed = compressed_format(value)
    if compressed:
        return Kind(compressed, True)
    if value[:1] == b"\x80" and value[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05") and value.endswith(b"."):
        return Kind("pickle", False)
    if _is_text(value[:TEXT_HEAD]):
        return Kind("JSON" if _is_json(value) else "text", False)
    return Kind("other", False)


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
