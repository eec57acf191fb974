"""What arguments of the public functions may be: types for checkers and editors. Functions check values themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypedDict, get_args

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
    dtype: Dtype | HasTypeString | type
    shape: Sequence[int] | str
    dictionary: bytes | int
    for_column: bool
