"""Section 10 of docs/voxel-format.md, written from it alone: samples wider than 16 bits, and floats. A part of
voxel_decoder.py, which reads the bits for it.
"""

from __future__ import annotations

import numpy as np

from .bits import Bits, DamagedError, Grid, unzigzag


class Cells:
    """low[cell] and width[cell]: its first key and how many bits follow."""

    def __init__(self, bits: Bits, grid: Grid) -> None:
        self.grid, self.bits = grid, 8 * int(grid.kind[1:])
        self.shift, self.axes, is_list = bits.take(6), bits.take(3), bits.take(1)
        self.key_bits = self.bits - self.shift
        self.low: list[int] = []
        self.width: list[int] = []
        (self._read_list if is_list else self._read_runs)(bits)
        if len(self.low) > 65536 or max(self.low) >> self.key_bits:
            raise DamagedError("cells")

    def _read_runs(self, bits: Bits) -> None:
        count, start = bits.take(13), 0
        for k in range(count):
            width = bits.take(6)
            cells = bits.golomb(0) + 1
            self.low += [start + (i << width) for i in range(cells)]
            self.width += [width] * cells
            start += cells << width
            if k + 1 < count:
                start -= bits.take_long(width)

    def _read_list(self, bits: Bits) -> None:
        count, order = bits.take(17), bits.take(5)
        self.width = [0] * count
        if order == 31:
            self.low, length = [bits.take_long(64)], 1
            for _ in range(count - 1):
                length += unzigzag(bits.golomb(0))
                self.low.append(self.low[-1] + (1 << length - 1) + bits.take_long(length - 1))
            return
        offset, step, step_low = bits.take_long(64), bits.take_long(64), bits.take_long(32)
        exponent, integer = bits.take(16) - 32768, 0
        for k in range(count):
            integer += bits.golomb(0) + 1 if k else 0
            number = (offset + step * integer + (step_low * integer >> 32)) % 2**64
            number -= 2**64 if number >> 63 else 0
            self.low.append(self._key_of(number, exponent) + unzigzag(bits.golomb(order)))

    def _key_of(self, number: int, exponent: int) -> int:
        half, size = 1 << self.key_bits - 1, abs(number)
        if self.grid.kind[0] != "f":
            if exponent < 0:
                size = size + (1 << -exponent - 1) >> -exponent
            return ((half if self.grid.kind[0] == "i" else 0) + (size if number >= 0 else -size)) % (2 * half)
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
        """Cells [slice][y][x][component] and the bits within them -> samples."""
        chosen = np.where(cells < len(self.low), cells, 0).ravel().tolist()
        bits = np.unpackbits(np.frombuffer(tail, np.uint8), bitorder="little").tolist()
        keys, at = np.empty(len(chosen), dtype=object), 0
        if len(tail) != (sum(self.width[cell] for cell in chosen) + 7) // 8:
            raise DamagedError("bits within cells")
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
        samples = [self._sample(key) for key in found.ravel().tolist()]
        size = self.bits // 8
        return b"".join(each.to_bytes(size, "big" if self.grid.big_endian else "little") for each in samples)

    def _sample(self, key: int) -> int:
        sign, half = 1 << self.bits - 1, 1 << self.key_bits - 1
        if self.grid.kind[0] == "f":
            return key - half << self.shift if key >= half else sign + (half - 1 - key << self.shift)
        return key << self.shift ^ (sign if self.grid.kind[0] == "i" else 0)
