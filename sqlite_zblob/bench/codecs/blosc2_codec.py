"""Blosc2 with zstd after each of its three filters for numbers, which are given the width of a sample."""

from typing import Any

import blosc2

from ..codecs import Codec

_FILTERS = {
    "shuffle": [blosc2.Filter.SHUFFLE],
    "bitshuffle": [blosc2.Filter.BITSHUFFLE],
    "bytedelta": [blosc2.Filter.SHUFFLE, blosc2.Filter.BYTEDELTA],
}
_LEVEL = 5


def _codec(name: str, filters: list[Any]) -> Codec:
    def encode(array: Any, threads: int) -> bytes:
        settings: dict[str, Any] = {
            "codec": blosc2.Codec.ZSTD,
            "clevel": _LEVEL,
            "filters": filters,
            "filters_meta": [0 if item != blosc2.Filter.BYTEDELTA else array.itemsize for item in filters],
            "typesize": array.itemsize,
            "nthreads": threads,
        }
        return bytes(blosc2.compress2(array, **settings))

    def decode(data: bytes, threads: int) -> Any:
        return blosc2.decompress2(data, nthreads=threads)

    return Codec(f"blosc2 {name}", "blosc2", encode, decode, "array", is_threaded=True)


CODECS = tuple(_codec(name, filters) for name, filters in _FILTERS.items())
