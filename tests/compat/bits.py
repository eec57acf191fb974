"""Sections 1 and 3 of docs/voxel-format.md: what describes an image's samples, and how a model's numbers are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt


class DamagedError(ValueError):
    pass


@dataclasses.dataclass
class Grid:
    kind: str  # NumPy's letter and size without byte order: u1 i1 u2 i2 u4 i4 u8 i8 f2 f4 f8
    big_endian: bool
    size: tuple[int, ...]  # pixels along each axis, the fastest first
    components: int = 1


def samples_of(values: npt.NDArray[np.int64], grid: Grid) -> bytes:
    """Values (int64) -> bytes of the grid's samples of 8 or 16 bits."""
    if grid.kind == "u2":
        values = values + 32768
    width = int(grid.kind[1:])
    order = ">" if grid.big_endian else "<"
    samples = (values & (2 ** (8 * width) - 1)).astype(f"{order}u{width}")
    return bytes(samples.tobytes())


def unzigzag(n: int) -> int:
    return -((n + 1) // 2) if n & 1 else n // 2


class Bits:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> int:
        value = 0
        for i in range(count):
            if self.at >= 8 * len(self.data):
                raise DamagedError("bits")
            value |= (self.data[self.at >> 3] >> (self.at & 7) & 1) << i
            self.at += 1
        return value

    def take_long(self, count: int) -> int:
        return sum(self.take(min(16, count - at)) << at for at in range(0, count, 16))

    def golomb(self, order: int) -> int:
        extra = 0
        while not self.take(1):
            extra += 1
            if extra + order > 24:
                raise DamagedError("golomb")
        return (1 << (order + extra)) + self.take(order + extra) - (1 << order)

    def require_end(self) -> None:
        """Nothing follows, and the bits that fill the last byte are zeros."""
        left = 8 * len(self.data) - self.at
        if left >= 8 or self.take(left):
            raise DamagedError("bits are left")


def varints(data: bytes) -> Iterator[int]:
    value = shift = 0
    for byte in data:
        if shift == 63:
            raise DamagedError("a number of more than 63 bits")
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield value
            value = shift = 0
    if shift:
        raise DamagedError("a number that is cut off")


def require(condition: bool, what: str) -> None:
    if not condition:
        raise DamagedError(what)
