"""An independent decoder of chunks of learned samples, written from section 15 of docs/voxel-format.md alone.

Learning(bits, grid, components, limits, ranks).decode(chunk, width, rows) -> the chunk's bytes
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from .bits import Bits, require
from .predicted_decoder import ERROR_SITES, SITES, Prediction, Shape, Spans, clamp
from .raster_decoder import samples_of_pixels

TAP_SITES = SITES[1:]  # of a plane of its own, all but W
LATER_SITES = [(0, 0), (1, 0), (1, -1), (1, 1)]  # of planes that are coded before
SLOWNESS = (7, 4)


class Chance:
    def __init__(self, one: int) -> None:
        self.one, self.count = one, 4

    def adapt(self, is_equal: bool) -> None:
        self.count = min(self.count + 1, 250)
        self.one += ((65535 if is_equal else 0) - self.one) * (32768 // self.count) >> 15


class Spared:
    """Spans that the value is known not to lie in."""

    def __init__(self) -> None:
        self.spans: list[tuple[int, int]] = []
        self.left = 65536

    def add(self, start: int, size: int) -> None:
        if size < self.left:
            self.spans = sorted([*self.spans, (start, size)])
            self.left -= size

    def whole_place(self, place: int) -> int:
        for start, size in self.spans:
            place += size if place >= start else 0
        return place

    def before(self, start: int) -> int:
        return sum(size for other, size in self.spans if other < start)


class Plane:
    """What one component has of its own; rows of values and errors have two columns beyond both ends."""

    def __init__(self, width: int, number: int) -> None:
        self.zeros = [0] * (width + 4)
        self.values, self.errors = [self.zeros] * 3, [self.zeros] * 3
        first = [49152, -32768, 8192, *[0] * 6]
        later = [49152, -32768, 16384, 0] if number else []
        self.weights = [[*first, *later, *[0] * (4 * number - len(later))] for _ in range(2)]
        self.misses = [[0] * (width + 4) for _ in range(2)]
        self.biases: defaultdict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
        self.widths: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
        self.chances: dict[tuple[int, int, int], Chance] = {}

    def begin(self, width: int) -> None:
        self.values[0] = [self.values[1][2]] * 2 + [0] * (width + 2)
        self.errors[0] = list(self.zeros)

    def end(self, width: int, is_first: bool) -> None:
        for row in (self.values[0], self.errors[0]):
            row[:2], row[width + 2 :] = [row[2]] * 2, [row[width + 1]] * 2
        self.values = [self.zeros, self.values[0], self.values[0] if is_first else self.values[1]]
        self.errors = [self.zeros, *self.errors[:2]]

    def at(self, site: tuple[int, int], x: int) -> int:
        return self.values[site[0]][x + site[1]]

    def chance(self, which: int, pattern: int, likely: int) -> Chance:
        number = likely.bit_length() if likely < 32768 else min(32 - (65536 - likely).bit_length(), 31)
        return self.chances.setdefault((which, pattern, number), Chance(min(likely, 65535)))


class Learned:
    def __init__(self, spans: Spans, width: int, components: int, most: int) -> None:
        self.spans, self.most, self.width = spans, most, width
        self.planes = [Plane(width, number) for number in range(components)]

    def is_equal(self, neighbour: int, one: int) -> bool:
        is_equal = self.spans.place(16) < one
        self.spans.enter(0 if is_equal else one, one if is_equal else 65536 - one, 16)
        return is_equal

    def other(self, shape: Shape, spared: Spared) -> int:
        place, bucket = spared.whole_place(self.spans.place_of(spared.left)), shape.first
        while shape.start(bucket + 1) <= place:
            bucket += 1
        start = shape.start(bucket)
        self.spans.enter_of(start - spared.before(start), shape.start(bucket + 1) - start, spared.left)
        value = shape.rest_of(bucket, self.spans)
        require(0 <= value <= self.most, "a value outside of its range")
        return value

    def value(self, plane: Plane, shape: Shape, pattern: int, w: int, n: int) -> int:
        spared, chances, value = Spared(), [], -1
        for which, neighbour in enumerate([w] if w == n else [w, n]):
            bucket, likely, span = neighbour - shape.middle >> shape.bits, 0, (0, 65536)
            if shape.first <= bucket <= shape.last:
                span = shape.start(bucket), shape.start(bucket + 1) - shape.start(bucket)
                likely = span[1] >> shape.bits
            if spared.spans:
                likely = min(likely * 65536 // spared.left, 65536)
            chance = plane.chance(which, pattern, likely)
            chances.append((chance, neighbour))
            if chance.one < 3932 and likely < 3932:
                continue
            if self.is_equal(neighbour, clamp(chance.one - 16, 65504) + 16):
                value = neighbour
                break
            if shape.bits == 0 and bucket not in (shape.farthest, -shape.farthest - 1):
                spared.add(*span)
        if value < 0:
            value = self.other(shape, spared)
        for chance, neighbour in chances:
            chance.adapt(value == neighbour)
            if value == neighbour:
                break
        return value

    def sample(self, number: int, x: int, is_first: bool) -> None:
        plane = self.planes[number]
        w, n, nw, ne, ww, nn, *others = [plane.at((0, -1) if is_first else site, x) for site in SITES]
        taps = [value - w for value in (n, nw, ne, ww, nn, *others)]
        pattern = (w == n) + 2 * (w == nw) + 4 * (n == nw) + 8 * (n == ne) + 16 * (ww == w) + 32 * (nn == n)
        for distance, other in enumerate(self.planes[:number][::-1], 1):
            same, on, onw, one = [other.at((0, -1) if is_first and dy else (dy, dx), x) for dy, dx in LATER_SITES]
            ow = other.at((0, -1), x)
            taps += [same - ow, on - ow, onw - ow, one - ow]
            if distance <= 2:
                pattern += ((same == ow) + 2 * (same == on)) << 4 + 2 * distance
        sums = [65536 * w + sum(a * b for a, b in zip(list_, taps, strict=True)) for list_ in plane.weights]
        fine = [clamp(total >> 13, 8 * self.most) for total in sums]
        squares = [(2 + sum(misses[x - 1 : x + 2])) ** 2 for misses in plane.misses]
        guess = (fine[0] * squares[1] + fine[1] * squares[0]) // sum(squares)
        errors = [plane.errors[dy][x + dx] for dy, dx in ERROR_SITES]
        energy = sum(a * b for a, b in zip((8, 8, 4, 4, 2, 2), errors, strict=True)) + 16
        energy += 10 * (abs(w - nw) + abs(n - nw) + abs(n - ne)) + 6 * (abs(w - ww) + abs(n - nn))
        if number:
            energy = (3 * energy >> 2) + 7 * self.planes[number - 1].errors[0][x] + 4
        length = energy.bit_length() - 1
        step = min(2 * length + (energy >> (length - 1) & 1) - 8, 27)
        place = sum((value > guess >> 3) << i for i, value in enumerate((w, n, nw, ne, ww, nn)))
        bias, width = plane.biases[step // 2, place], plane.widths[step]
        center = clamp(guess + (bias[0] >> 8), 8 * self.most)
        sharpness = (width[1] + 4 << 20) // (width[0] + (10 * energy >> 6) + 4)
        shape = Shape(center, min(max(sharpness, 1), 3 << 19), self.most)
        value = self.value(plane, shape, pattern, w, n)
        error = abs(8 * value - center)
        plane.values[0][x], plane.errors[0][x] = value, error
        bias[0] += (256 * (8 * value - guess) - bias[0]) * (327680 // (10 * bias[1] + 46)) >> 15
        bias[1] = min(bias[1] + 1, 40)
        width[0], width[1] = width[0] + error, width[1] + 1
        if width[1] > 200:
            width[0], width[1] = width[0] // 2, width[1] // 2
        self.learn(plane, x, taps, sums, fine, value)

    @staticmethod
    def learn(plane: Plane, x: int, taps: list[int], sums: list[int], fine: list[int], value: int) -> None:
        size = (8 + sum(tap * tap for tap in taps)).bit_length()
        for i in range(2):
            q = 4096 * (65536 * value - sums[i]) >> size + SLOWNESS[i]
            moved = [weight + (q * tap + 2048 >> 12) for weight, tap in zip(plane.weights[i], taps, strict=True)]
            plane.weights[i] = [min(max(weight, -(2**20)), 2**20) for weight in moved]
            plane.misses[i][x] = plane.misses[i][x] // 2 + abs(8 * value - fine[i])

    def rows(self, count: int) -> list[list[list[int]]]:
        """Values, by row, plane and column."""
        result = []
        for y in range(count):
            for plane in self.planes:
                plane.begin(self.width)
            for x in range(2, self.width + 2):
                for number in range(len(self.planes)):
                    self.sample(number, x, y == 0)
            result.append([plane.values[0][2 : self.width + 2] for plane in self.planes])
            for plane in self.planes:
                plane.end(self.width, y == 0)
        return result


class Learning(Prediction):
    """What a model says of learned samples."""

    def read_weights(self, bits: Bits) -> None:
        """There are none."""

    def decode(self, chunk: bytes, width: int, rows: int) -> bytes:
        spans = Spans(chunk)
        values = Learned(spans, width, self.components, self.high - self.low).rows(rows)
        spans.require_end()
        return self.samples_of_planes(values)

    def samples_of_planes(self, values: list[list[list[int]]]) -> bytes:
        numbers = np.array(values) + self.low
        if self.components >= 3:
            numbers[:, :2] = numbers[:, 1::-1].copy()
        bits = 8 * int(self.grid.kind[1:])
        pixels = np.zeros_like(numbers[:, 0])
        for component in range(self.components):
            pixels |= numbers[:, component] << bits * component
        return samples_of_pixels(self.ranks[0][pixels] if self.ranks else pixels, self.components, self.grid)
