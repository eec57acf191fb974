"""Sizes, times and keys as people read them: one way everywhere."""

from typing import Any

MOST_LETTERS = 120  # of a key: a digest or a path is printed whole, as others begin alike

_UNITS = ("kB", "MB", "GB", "TB", "PB")


def size_text(count: float) -> str:
    """Bytes, in powers of 1000."""
    count = max(0, round(count))
    if count < 1000:
        return count_text(int(count), "byte")
    value = float(count)
    for unit in _UNITS:
        value /= 1000
        if value < 999.95 or unit == _UNITS[-1]:
            break
    return f"{value:,.1f} {unit}"


def count_text(number: int, noun: str) -> str:
    """A number of things, whose plural ends in s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration_text(seconds: float) -> str:
    if seconds < 0.1:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"


def key_text(key: Any) -> str:
    """A key on one line: texts are quoted, a BLOB is x'00ff', and of a long one its beginning and its length."""
    if isinstance(key, bytes):
        few = f"x'{key[: MOST_LETTERS // 2].hex()}'"
        return few if len(key) <= MOST_LETTERS // 2 else f"{few}... ({count_text(len(key), 'byte')})"
    if isinstance(key, str) and len(key) > MOST_LETTERS:
        return f"{key[:MOST_LETTERS]!r}... ({count_text(len(key), 'character')})"
    return "NULL" if key is None else repr(key)
