"""What is given to the codec from Python, as C wants it: integers and texts, and what may be taken by its memory."""

from __future__ import annotations

import operator
import re
from typing import Any


def plain_integer(value: Any) -> Any:
    """An integer of NumPy, or one of another library, as Python's; all else as it is.

    Drivers would take a key of NumPy for a BLOB, since it has a buffer.
    """
    if isinstance(value, int) or hasattr(value, "__len__") or not hasattr(value, "__index__"):
        return value
    try:
        return operator.index(value)
    except TypeError:  # np.bool_, and arrays of other things
        return value


def is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def extents_of(value: Any) -> list[int] | None:
    """None: these are no integers."""
    if isinstance(value, str | bytes) or not hasattr(value, "__len__") or not hasattr(value, "__iter__"):
        return None
    extents = [plain_integer(each) for each in value]
    return extents if all(map(is_integer, extents)) else None


def holds_objects(data: Any) -> bool:
    """An array of NumPy says so itself; of all else the buffer does, as a format with the names of fields."""
    dtype = getattr(data, "dtype", None)
    if dtype is not None:
        return bool(getattr(dtype, "hasobject", False))
    try:
        return "O" in re.sub(":[^:]*:", "", memoryview(data).format or "")
    except (TypeError, ValueError, BufferError):  # it is told where the memory is asked for
        return False


def option_text(text: str) -> bytes:
    """A text for C, in which what C cannot have makes an option that does not exist."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace")


def hint_of(data: Any) -> tuple[str, str] | None:
    """What a NumPy array says of itself. NumPy is not imported for that."""
    about = getattr(data, "__array_interface__", None)
    return (about["typestr"], str(tuple(data.shape))) if isinstance(about, dict) and "typestr" in about else None
