"""Section 10 of docs/voxel-format.md, written from it alone: samples wider than 16 bits, and floats. A part of
voxel_decoder.py, which reads the bits for it.
"""

from __future__ import annotations

import itertools
import math
import struct

import numpy as np

from .bits import Bits, DamagedError, Grid, require, unzigzag


class Cells:
    """low[cell] and width[cell]: its first key and how many bits follow. With maps, each chunk has the keys."""

    def __init__(self, bits: Bits, grid: Grid, samples: int) -> None:
        self.grid, self.bits, self.samples_of_image = grid, 8 * int(grid.kind[1:]), samples
        self.shift = self.axes = 0
        self.key_bits = self.bits
        self.low: list[int] = []
        self.width: list[int] = []
        self.formula, self.divisor = 0, 1.0
        self.is_list = self.has_integers = 0
        self.has_maps = bits.take(1)
        if self.has_maps:
            return
        if grid.kind in ("f4", "f8"):
            self._read_formula(bits)
        if grid.kind in ("u1", "i1", "u2", "i2"):
            raise DamagedError("cells of narrow samples without maps")
        self.shift, self.axes, self.is_list = bits.take(6), bits.take(3), bits.take(1)
        mantissa = {"f2": 10, "f4": 23, "f8": 52}.get(grid.kind)
        require(self.shift <= (24 if self.formula else mantissa or self.bits - 8), "shift")
        self.key_bits = (32 if self.formula else self.bits) - self.shift
        (self._read_list if self.is_list else self._read_runs)(bits)
        if len(self.low) > 65536 or max(self.low) >> self.key_bits:
            raise DamagedError("cells")

    def _read_formula(self, bits: Bits) -> None:
        self.formula = bits.take(2)
        if self.formula:
            (self.divisor,) = struct.unpack("<d", struct.pack("<Q", bits.take_long(64)))
        if self.formula > 2 or not 2.0**-64 <= self.divisor <= 2.0**64:
            raise DamagedError("formula")

    def _read_runs(self, bits: Bits) -> None:
        count, start = bits.take(13), 0
        require(1 <= count <= 4096, "number of runs")
        for k in range(count):
            width = bits.take(6)
            cells = bits.golomb(0) + 1
            require(width <= 56 and len(self.low) + cells <= 65536, "run")
            self.low += [start + (i << width) for i in range(cells)]
            self.width += [width] * cells
            start += cells << width
            if k + 1 < count:
                start -= bits.take_long(width)

    def _read_list(self, bits: Bits) -> None:
        count, self.has_integers = bits.take(17), bits.take(1)
        require(1 <= count <= min(65536, self.samples_of_image), "number of values")
        integers = (
            self._read_integers(bits, list(range(count)), is_list=True) if self.has_integers else list(range(count))
        )
        self.width = [0] * count
        self.low = self._read_values(bits, integers)
        if any(a >= b for a, b in itertools.pairwise(self.low)):
            raise DamagedError("a list that does not ascend")

    @staticmethod
    def _read_integers(bits: Bits, cells: list[int], *, is_list: bool = False) -> list[int]:
        integer, ratio, order = unzigzag(bits.take(26)), bits.take(28), bits.take(4)
        integers = [integer]
        for before, cell in itertools.pairwise(cells):
            surprise = bits.golomb(order)
            integer += (ratio * (cell - before) + 128) // 256
            integer += surprise if is_list and ratio == 256 else unzigzag(surprise)
            integers.append(integer)
        if max(map(abs, integers)) > 2**24:
            raise DamagedError("integers")
        return integers

    def _read_values(self, bits: Bits, integers: list[int]) -> list[int]:
        order = bits.take(5)
        if order == 31:
            keys, length = [bits.take_long(64)], 1
            for _ in integers[1:]:
                length += unzigzag(bits.golomb(0))
                if not 1 <= length <= 64:
                    raise DamagedError("distance")
                keys.append(keys[-1] + (1 << length - 1) + bits.take_long(length - 1))
        elif order <= 24 or order == 30:
            offset, step = self._fixed(bits), self._fixed(bits)
            exponent = bits.take(16) - 32768
            differences = self._sparse(bits, len(integers)) if order == 30 else self._dense(bits, len(integers), order)
            keys = []
            for integer, difference in zip(integers, differences, strict=True):
                sum_ = (offset + step * integer) % 2**96
                key = self.key_of(sum_ - 2**96 if sum_ >> 95 else sum_, exponent - 32)
                keys.append((key + difference) % 2**64)
        else:
            raise DamagedError("order")
        if max(keys) >> self.key_bits:
            raise DamagedError("key")
        return keys

    @staticmethod
    def _fixed(bits: Bits) -> int:
        """In units of 2^-32."""
        whole = bits.take_long(64)
        return (whole << 32) + bits.take_long(32)

    @staticmethod
    def _dense(bits: Bits, count: int, order: int) -> list[int]:
        return [unzigzag(bits.golomb(order)) for _ in range(count)]

    @staticmethod
    def _sparse(bits: Bits, count: int) -> list[int]:
        result = [0] * bits.golomb(4)
        while len(result) < count:
            length = bits.golomb(0)
            if length > 63:
                raise DamagedError("difference")
            result.append(unzigzag((1 << length) + bits.take_long(length)))
            if len(result) < count:
                result += [0] * bits.golomb(4)
        if len(result) > count:
            raise DamagedError("differences")
        return result

    def key_of(self, number: int, exponent: int) -> int:
        """The key of number * 2^exponent."""
        half, size = 1 << self.key_bits - 1, abs(number)
        if self.grid.kind[0] != "f" or self.formula:
            down = max(32, -exponent)
            size = size + (1 << down - 1) >> down
            return ((0 if self.grid.kind[0] == "u" else half) + (size if number >= 0 else -size)) % (2 * half)
        mantissa = {16: 10, 32: 23, 64: 52}[self.bits]
        top = (1 << self.bits - 1 - mantissa) - 1  # the largest exponent
        own = max(exponent + size.bit_length() - 1 + top // 2, 1) if size else 1
        # in units of the last place, rounded
        down = own - top // 2 - mantissa - exponent if size else 0
        if down > 0:
            whole, rest = size >> down, size & (1 << down) - 1
            whole += rest > 1 << down - 1 or (rest == 1 << down - 1 and whole & 1)
        else:
            whole = size << -down
        bits = min((own - 1 << mantissa) + whole, top << mantissa) >> self.shift
        return half + bits if number >= 0 else half - 1 - bits

    def samples(self, cells: np.ndarray, tail: bytes) -> bytes:
        """Cells [slice][y][x][component] and what follows them -> samples."""
        if self.has_maps:
            return self._pack(self._look_up(cells, Bits(tail)).tolist())
        chosen = np.where(cells < len(self.low), cells, 0).ravel().tolist()
        bits = np.unpackbits(np.frombuffer(tail, np.uint8), bitorder="little").tolist()
        keys, at = np.empty(len(chosen), dtype=object), 0
        count = sum(self.width[cell] for cell in chosen)
        require(len(tail) == (count + 7) // 8 and not any(bits[count:]), "bits within cells")
        for i, cell in enumerate(chosen):
            end = at + self.width[cell]
            keys[i] = self.low[cell] + sum(bit << k for k, bit in enumerate(bits[at:end]))
            at = end
        found: np.ndarray = keys.reshape(cells.shape)
        half = 1 << self.key_bits - 1
        if self.axes:
            found = found - half
            for axis, bit in ((0, 4), (1, 2), (2, 1)):
                if self.axes & bit:
                    found = np.cumsum(found, axis=axis)
            found = found % (2 * half)
        return self._pack(found.ravel().tolist())

    def _look_up(self, cells: np.ndarray, bits: Bits) -> np.ndarray:
        slices = cells.reshape(len(cells), -1)
        starts = [0, *(z for z in range(1, len(cells)) if bits.take(1)), len(cells)]
        result = []
        for first, end in itertools.pairwise(starts):
            used, where = np.unique(slices[first:end], return_inverse=True)
            if bits.take(1):
                integers = self._read_integers(bits, used.tolist())
            else:
                base = bits.take(16)
                integers = [int(cell) - base for cell in used]
            keys = self._read_values(bits, integers)
            result.append(np.array(keys, dtype=object)[where.ravel()])
        bits.require_end()
        return np.concatenate(result)

    def _pack(self, keys: list[int]) -> bytes:
        if self.formula:
            return b"".join(map(self._calculate, keys))
        samples = [self._sample(key) for key in keys]
        size = self.bits // 8
        return b"".join(each.to_bytes(size, "big" if self.grid.big_endian else "little") for each in samples)

    def _calculate(self, key: int) -> bytes:
        quotient = ((key << self.shift) - 2**31) / self.divisor
        number = math.copysign(math.sqrt(abs(quotient)), quotient) if self.formula == 2 else quotient
        return struct.pack((">" if self.grid.big_endian else "<") + ("f" if self.bits == 32 else "d"), number)

    def _sample(self, key: int) -> int:
        sign, half = 1 << self.bits - 1, 1 << self.key_bits - 1
        if self.grid.kind[0] == "f":
            return key - half << self.shift if key >= half else sign + (half - 1 - key << self.shift)
        return key << self.shift ^ (sign if self.grid.kind[0] == "i" else 0)
