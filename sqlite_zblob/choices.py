"""What arguments of the public functions may be: types for checkers and editors. Functions check values themselves."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol, TypedDict, get_args

if sys.version_info >= (3, 11):
    from typing import Unpack
elif TYPE_CHECKING:
    from typing_extensions import Unpack
else:
    Unpack = dict  # only annotations name it, and nothing evaluates them

__all__ = [
    "ENVELOPES",
    "MODES",
    "Codec",
    "CompressOptions",
    "Dtype",
    "Envelope",
    "HasTypeString",
    "Mode",
    "Unpack",
    "Vacuum",
]

Mode = Literal["in-place", "table"]
MODES: tuple[Mode, ...] = get_args(Mode)
Envelope = Literal["frame", "pickle"]
ENVELOPES: tuple[Envelope, ...] = get_args(Envelope)
Vacuum = Literal["none", "full", "incremental"]
Codec = Literal["auto", "voxel", "planes", "zstd", "store"]

# NumPy's names, as option "dtype" takes them; its dtypes and type strings such as "<i2" do as well.
Dtype = Literal[
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]


class HasTypeString(Protocol):
    """A dtype of NumPy, whose `str` is a text such as "<i2"."""

    @property
    def str(self) -> str: ...


class CompressOptions(TypedDict, total=False):
    """What `compress` takes beside the level, and explains."""

    codec: Codec
    threads: int
    min_size: int
    dtype: Dtype | str | HasTypeString | type  # editors propose the names; others are checked when it is called
    shape: Sequence[int] | str
    dictionary: bytes | int
    for_column: bool
