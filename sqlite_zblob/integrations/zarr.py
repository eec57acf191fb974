"""The Zarr v3 codec `zblob`: a chunk of an array becomes a frame, coded as the image that it is. Knows no database.

    zarr.create_array(store, shape=..., chunks=..., dtype=..., serializer=ZblobCodec(), compressors=None)

Zarr finds it by the entry point `zblob` of the group `zarr.codecs` when it opens an array. What is stored:
docs/zarr.md.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import numpy as np
from zarr.abc.codec import ArrayBytesCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, NDBuffer
from zarr.core.common import parse_named_configuration
from zarr.registry import register_codec

from ..codec import DEFAULT_LEVEL
from .arrays import check_level, decode_array, encode_array

NAME = "zblob"


@dataclass(frozen=True)
class ZblobCodec(ArrayBytesCodec):
    """An array-to-bytes codec, so `serializer=` of Zarr, which stands in place of `bytes` and of a compressor.

    :param level: 1 (fastest) to 9 (smallest). Readers do not need it.
    :raises OptionError: the level is not one of these.
    """

    is_fixed_size = False

    level: int = DEFAULT_LEVEL

    def __post_init__(self) -> None:
        object.__setattr__(self, "level", check_level(self.level))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ZblobCodec:
        _, configuration = parse_named_configuration(data, NAME, require_configuration=False)
        settings: dict[str, Any] = dict(configuration or {})
        return cls(**settings)

    def to_dict(self) -> dict[str, Any]:
        return {"name": NAME, "configuration": {"level": self.level}}

    def validate(self, *, shape: tuple[int, ...], dtype: Any, chunk_grid: Any) -> None:
        """Refuse values that are Python objects, such as strings of variable length."""
        native = dtype.to_native_dtype()
        if native.hasobject or native.kind == "T":
            raise TypeError(f'the codec "{NAME}" takes values of a fixed size, not {native}: use the codec "vlen-utf8"')

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        raise NotImplementedError("the size of a frame depends on what is in it")

    async def _encode_single(self, chunk_data: NDBuffer, chunk_spec: ArraySpec) -> Buffer | None:
        values = chunk_data.as_numpy_array()
        frame = await asyncio.to_thread(encode_array, _little_endian(values), self.level)
        return chunk_spec.prototype.buffer.from_bytes(frame)

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        dtype = chunk_spec.dtype.to_native_dtype()
        values = np.empty(chunk_spec.shape, dtype.newbyteorder("<"))
        await asyncio.to_thread(decode_array, chunk_data.as_numpy_array(), values)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(values.astype(dtype, copy=False))


def _little_endian(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.ascontiguousarray(values, values.dtype.newbyteorder("<"))


register_codec(NAME, ZblobCodec)  # for arrays that are opened where this package is only found by its path
