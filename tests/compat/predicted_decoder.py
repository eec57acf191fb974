"""An independent decoder of chunks of predicted samples, written from section 14 of docs/voxel-format.md alone.

Prediction(bits, grid, limits, ranks).decode(chunk, width, rows) -> the chunk's bytes
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .bits import Bits, Grid, require
from .raster_decoder import samples_of_pixels

MASK = 2**32 - 1
KNOTS = [
    *(32768, 25706, 19615, 14659, 10826, 7974, 5901, 4413, 3348, 2582, 2026, 1618, 1314, 1084, 907, 768, 658, 569),
    *(497, 437, 387, 344, 308, 277, 249, 225, 204, 186, 169, 154, 141, 128, 117, 108, 99, 90, 83, 76, 70, 64, 59, 54),
    *(50, 46, 42, 39, 36, 33, 30, 28, 25, 23, 22, 20, 18, 17, 15, 14, 13, 12, 11, 10, 9, 9, 0),
]


class Spans:
    code: int
    range: int

    def __init__(self, data: bytes) -> None:
        require(len(data) >= 4, "a chunk of predicted samples that is cut off")
        self.data, self.at, self.range = data, 4, MASK
        self.code = int.from_bytes(data[:4], "big")

    def place(self, bits: int) -> int:
        return min(self.code // (self.range >> bits), (1 << bits) - 1)

    def enter(self, start: int, size: int, bits: int) -> None:
        unit = self.range >> bits
        self.code, self.range = self.code - unit * start & MASK, unit * size
        while self.range < 2**24:
            require(self.at < len(self.data), "a chunk of predicted samples that is cut off")
            self.range <<= 8
            self.code = (self.code << 8 | self.data[self.at]) & MASK
            self.at += 1

    def number(self, bits: int) -> int:
        number = self.place(bits)
        self.enter(number, 1, bits)
        return number

    def require_end(self) -> None:
        require(self.at == len(self.data) and self.code == 0, "the end of a chunk of predicted samples")


def clamp(n: int, most: int) -> int:
    return min(max(n, 0), most)


@dataclass
class Shape:
    """How values are distributed around the middle."""

    center: int
    sharpness: int
    most: int

    def __post_init__(self) -> None:
        self.bits = max(15 - self.sharpness.bit_length(), 0)
        self.middle = self.center + 4 >> 3
        self.farthest = 128 if self.sharpness < 2**16 else 32
        self.first = max(-self.middle >> self.bits, -self.farthest - 1)
        self.last = min(self.most - self.middle >> self.bits, self.farthest)

    def start(self, bucket: int) -> int:
        if bucket == self.first:
            return 0
        if bucket > self.last:
            return 65536
        distance = 8 * (self.middle + (bucket << self.bits)) - 4 - self.center
        scaled = abs(distance) * self.sharpness >> 10
        knot, rest = divmod(scaled, 256)
        beyond = 0 if scaled >= 16384 else KNOTS[knot] - ((KNOTS[knot] - KNOTS[knot + 1]) * rest >> 8)
        below = beyond if distance < 0 else 65536 - beyond
        return (below * (65536 - 2 * self.farthest - 2) >> 16) + bucket - self.first


class Predicted:
    def __init__(self, spans: Spans, weights: list[int], most: int) -> None:
        self.spans, self.weights, self.most = spans, weights, most
        self.biases: defaultdict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
        self.widths: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])

    def value(self, shape: Shape) -> int:
        place, bucket = self.spans.place(16), shape.first
        while shape.start(bucket + 1) <= place:
            bucket += 1
        self.spans.enter(shape.start(bucket), shape.start(bucket + 1) - shape.start(bucket), 16)
        if bucket in (shape.farthest, -shape.farthest - 1):
            ones = 0
            while ones < 16 and self.spans.number(1):
                ones += 1
            farther = 2**ones + self.spans.number(ones) - 1
            bucket += farther if bucket > 0 else -farther
        value = shape.middle + (bucket << shape.bits) + (self.spans.number(shape.bits) if shape.bits else 0)
        require(0 <= value <= self.most, "a value outside of its range")
        return value

    def sample(self, around: list[int], errors: list[int]) -> tuple[int, int]:
        """The value and its error; errors are those of W, N, NE, NW, WW, NN."""
        w, n, nw, ne, ww, nn = around[:6]
        total = 128 * w + sum(weight * (value - w) for weight, value in zip(self.weights, around[1:], strict=True))
        guess = clamp(total >> 4, 8 * self.most)
        energy = sum(a * b for a, b in zip((8, 8, 4, 4, 2, 2), errors, strict=True)) + 16
        energy += 10 * (abs(w - nw) + abs(n - nw) + abs(n - ne)) + 6 * (abs(w - ww) + abs(n - nn))
        length = energy.bit_length() - 1
        step = min(2 * length + (energy >> (length - 1) & 1) - 8, 27)
        place = sum((value > guess >> 3) << i for i, value in enumerate((w, n, nw, ne, ww, nn)))
        bias, width = self.biases[step // 2, place], self.widths[step]
        center = clamp(guess + (bias[0] >> 8), 8 * self.most)
        sharpness = (width[1] + 4 << 20) // (width[0] + (10 * energy >> 6) + 4)
        value = self.value(Shape(center, min(max(sharpness, 1), 3 << 19), self.most))
        error = abs(8 * value - center)
        bias[0] += (256 * (8 * value - guess) - bias[0]) * (327680 // (10 * bias[1] + 46)) >> 15
        bias[1] = min(bias[1] + 1, 40)
        width[0], width[1] = width[0] + error, width[1] + 1
        if width[1] > 200:
            width[0], width[1] = width[0] // 2, width[1] // 2
        return value, error


SITES = [(0, -1), (1, 0), (1, -1), (1, 1), (0, -2), (2, 0), (2, 1), (1, 2), (2, -1), (1, -2)]  # rows above, columns
ERROR_SITES = [(0, -1), (1, 0), (1, 1), (1, -1), (0, -2), (2, 0)]


def decode_rows(predicted: Predicted, width: int, rows: int) -> list[list[int]]:
    """Rows have two columns beyond both ends."""
    zeros = [0] * (width + 4)
    result: list[list[int]] = []
    values, errors = [zeros] * 3, [zeros] * 3
    for y in range(rows):
        values[0], errors[0] = [values[1][2]] * 2 + [0] * (width + 2), [0] * (width + 4)
        for x in range(2, width + 2):
            around = [values[0][x - 1]] * 10 if y == 0 else [values[dy][x + dx] for dy, dx in SITES]
            near = [errors[dy][x + dx] for dy, dx in ERROR_SITES]
            values[0][x], errors[0][x] = predicted.sample(around, near)
        for row in (values[0], errors[0]):
            row[:2], row[width + 2 :] = [row[2]] * 2, [row[width + 1]] * 2
        result.append(values[0][2 : width + 2])
        values = [zeros, values[0], values[1] if y else values[0]]
        errors = [zeros, errors[0], errors[1]]
    return result


class Prediction:
    """What a model says of predicted samples."""

    def __init__(self, bits: Bits, grid: Grid, limits: tuple[int, int], ranks: list[npt.NDArray[np.int64]]) -> None:
        self.grid, self.ranks = grid, ranks
        self.weights = [bits.take(10) - 512 for _ in range(9)]
        self.low, self.high = (limit - {"u1": 0, "i1": -128}.get(grid.kind, -32768) for limit in limits)
        values = len(ranks[0]) if ranks else 1 << 8 * int(grid.kind[1:])
        require(self.low >= 0 and self.high < values, "range of values")

    def decode(self, chunk: bytes, width: int, rows: int) -> bytes:
        spans = Spans(chunk)
        values = decode_rows(Predicted(spans, self.weights, self.high - self.low), width, rows)
        spans.require_end()
        return self.samples(values)

    def samples(self, values: list[list[int]]) -> bytes:
        numbers = np.array(values) + self.low
        return samples_of_pixels(self.ranks[0][numbers] if self.ranks else numbers, 1, self.grid)
