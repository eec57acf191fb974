"""Values that an adapter compresses in Python and reads back, whether or not the connection decodes rows."""

from __future__ import annotations

from typing import Any

from ..arguments import plain_integer
from ..codec import compress, decompress, has_magic, make_options
from ..errors import OptionError, WrongTypeError


def check_settings(level: Any, min_size: Any) -> tuple[int, int]:
    """The two as Python's integers.

    :raises OptionError: one of them is out of range.
    """
    make_options(level=level, min_size=min_size)
    return plain_integer(level), plain_integer(min_size)


def pack(value: Any, level: int, min_size: int) -> bytes:
    """The frame of some bytes, or the bytes if there are fewer than `min_size`.

    :raises OptionError: they are a frame themselves. A reader whose rows are decoded could not know how often to
        decompress.
    """
    if has_magic(value):
        raise OptionError("this value is a frame already: decompress it first, or store it in a column of plain bytes")
    return compress(value, level, min_size=min_size)


def pack_text(value: str, level: int, min_size: int) -> str | bytes:
    """The frame of a text, or the text if its UTF-8 has fewer than `min_size` bytes.

    :raises WrongTypeError: it is no text.
    :raises OptionError: it has lone surrogates, which no reader of TEXT takes.
    """
    if not isinstance(value, str):
        raise WrongTypeError(f"expected str, not {type(value).__name__}: a column of text gives text back")
    try:
        data = value.encode()
    except UnicodeEncodeError as error:
        raise OptionError(f"this text has no UTF-8, and could not be read any more: {error}") from error
    return value if len(data) < min_size else compress(value, level)


def unpack(stored: Any) -> Any:
    """What was packed: bytes or text. What is no frame comes back as it is."""
    return stored if isinstance(stored, str) else decompress(bytes(stored))
