"""What arguments of the public functions may be: types for checkers and editors. The functions themselves check values."""

from __future__ import annotations

from typing import Literal

Mode = Literal["in-place", "table"]
Envelope = Literal["frame", "pickle"]
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
