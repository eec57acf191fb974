"""Between keys of rows and names of objects. A name has only letters, digits and `_-.=`; every key has one."""

from __future__ import annotations

import re

from ..errors import OptionError
from ..units import key_text

Key = str | bytes | int

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
MOST_BYTES = 240
MARKS = "zblob-marks"  # a folder beside the rows: what each row's files were made of, and their names
_TAKEN = (MARKS, "zarr.json")


def name_of(key: Key) -> str:
    """A text is itself, with other bytes of its UTF-8 as `=XX`; `=i5` is the integer 5, `=b00ff` a BLOB, `=e` no text.

    :raises OptionError: it is none of these, or too long to be the name of a file.
    """
    if isinstance(key, bool) or not isinstance(key, str | bytes | int):
        raise OptionError(f"the key {key_text(key)} is no text, integer or BLOB, and has no name outside the database")
    if isinstance(key, int):
        name = f"=i{key}"
    elif isinstance(key, bytes):
        name = f"=b{key.hex()}"
    elif key in _TAKEN:  # by what is no row
        name = f"={ord(key[0]):02X}{key[1:]}"
    else:
        name = "".join(_letter(at, byte) for at, byte in enumerate(key.encode("utf-8", "surrogatepass"))) or "=e"
    if len(name) > MOST_BYTES:
        raise OptionError(f"its key is too long to be the name of a file: {len(name):,} letters, at most {MOST_BYTES}")
    return name


def _letter(at: int, byte: int) -> str:
    return chr(byte) if byte in _PLAIN or (byte == ord(".") and at) else f"={byte:02X}"


def key_of(name: str) -> Key:
    """The inverse.

    :raises OptionError: it is no such name, or one of a key that no table can hold.
    """
    if name == "=e":
        return ""
    if (match := re.fullmatch(r"=i(-?\d{1,19})", name)) and -(1 << 63) <= int(match[1]) < 1 << 63:
        return int(match[1])
    if match := re.fullmatch(r"=b((?:[0-9a-f]{2})*)", name):
        return bytes.fromhex(match[1])
    if not re.fullmatch(r"(?:[\w.-]|=[0-9A-F]{2})+", name, re.ASCII):
        raise OptionError(f"{name!r} is no name of a row")
    data = re.sub(rb"=([0-9A-F]{2})", lambda found: bytes.fromhex(found[1].decode()), name.encode())
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise OptionError(f"{name!r} is no name of a row: its bytes are no UTF-8") from error
