"""An independent decoder of raster chunks, written from section 13 of docs/voxel-format.md alone. Slow on purpose.

decode_raster(chunk, width, rows, components, sample_bits, by_value) -> the chunk's pixels, as numbers in their order
samples_of_pixels(pixels, components, grid) -> the bytes of their samples
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from .bits import Grid, require

MASK = 2**32 - 1
KNOTS = [
    *(22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971, 7812, 11955, 17625, 24743, 32768),
    *(40793, 47911, 53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438, 65476, 65500, 65514),
]


def squash(logit: int) -> int:
    knot, rest = divmod(logit + 2048, 128)
    return (KNOTS[knot] * (128 - rest) + KNOTS[knot + 1] * rest) // 128


SQUASHED = [squash(logit) for logit in range(-2047, 2048)]
LOGITS = [next((n - 2047 for n, one in enumerate(SQUASHED) if one >> 4 >= odds), 2047) for odds in range(4096)]


# ---- Decisions -----------------------------------------------------------------------------------------------


class Odds:
    def __init__(self) -> None:
        self.one, self.seen = 32768, 0

    def adapt(self, bit: int) -> None:
        self.one += ((65535 if bit else 0) - self.one) * (327680 // (10 * self.seen + 16)) >> 15
        self.seen = min(self.seen + 1, 255)


class Coder:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.low, self.high, self.code = 0, MASK, 0
        for _ in range(4):
            self.shift_in()

    def shift_in(self) -> None:
        require(self.at < len(self.data), "a raster chunk that is cut off")
        self.code = (self.code << 8 | self.data[self.at]) & MASK
        self.at += 1

    def bit(self, one: int) -> int:
        one = min(max(one, 32), 65504)
        middle = self.low + ((self.high - self.low) * one >> 16)
        bit = int(self.code <= middle)
        if bit:
            self.high = middle
        else:
            self.low = middle + 1
        while self.low >> 24 == self.high >> 24:
            self.low, self.high = self.low << 8 & MASK, (self.high << 8 | 255) & MASK
            self.shift_in()
        return bit

    def require_end(self) -> None:
        require(self.at == len(self.data) and self.code == self.low, "the end of a raster chunk")

    def decide(self, odds: Odds) -> int:
        bit = self.bit(odds.one)
        odds.adapt(bit)
        return bit

    def decide_mixed(self, mixed: list[Odds], weights: list[int]) -> int:
        logits = [LOGITS[odds.one >> 4] for odds in mixed]
        logit = sum(w * n for w, n in zip(weights, logits, strict=True)) >> 14
        one = SQUASHED[min(max(logit, -2047), 2047) + 2047]
        bit = self.bit(one)
        for i, odds in enumerate(mixed):
            weight = weights[i] + ((65536 * bit - one) * logits[i] >> 16)
            weights[i] = min(max(weight, -(2**17)), 2**17)
            odds.adapt(bit)
        return bit


class Memory:
    def __init__(self) -> None:
        self.pixel = self.confidence = self.check = 0

    def remember(self, pixel: int) -> None:
        if self.confidence and self.pixel == pixel:
            self.confidence = min(self.confidence + 1, 7)
        elif self.confidence > 1:
            self.confidence //= 2
        else:
            self.pixel, self.confidence = pixel, 1


# ---- Literals ------------------------------------------------------------------------------------------------

Site = tuple[int, int, int, int, int, int, int]  # W N NW NE WW NN NNE


def step(n: int) -> int:
    if n < 3:
        return n
    length = n.bit_length() - 1
    return min(2 * length + (n >> (length - 1) & 1), 15)


def signed_step(n: int) -> int:
    return 16 - step(-n) if n < 0 else 16 + step(n)


def half(n: int) -> int:
    return -(-n // 2) if n < 0 else n // 2


def quotient(n: int, divisor: int) -> int:
    return -(-n // divisor) if n < 0 else n // divisor


class Literals:
    def __init__(self, coder: Coder, components: int, bits: int, by_value: bool) -> None:
        self.coder, self.components, self.bits, self.by_value = coder, components, bits, by_value
        self.odds: defaultdict[tuple[int, ...], Odds] = defaultdict(Odds)
        self.weights: defaultdict[tuple[int, ...], list[int]] = defaultdict(lambda: [4915] * 4)
        self.biases: defaultdict[tuple[int, ...], list[int]] = defaultdict(lambda: [0, 0])
        self.same: defaultdict[int, Memory] = defaultdict(Memory)
        self.same_odds: defaultdict[int, Odds] = defaultdict(Odds)
        self.errors: dict[tuple[int, int], int] = {}
        self.errors_above: dict[tuple[int, int], int] = {}

    def next_row(self) -> None:
        self.errors_above, self.errors = self.errors, {}

    def sample(self, pixel: int, component: int) -> int:
        return pixel >> 8 * component & ((1 << self.bits) - 1)

    def decide(self, k: int, contexts: list[int], node: int, group: int) -> int:
        mixed = [self.odds[k, i, context, node] for i, context in enumerate(contexts)]
        return self.coder.decide_mixed(mixed, self.weights[k, group, 0 if self.by_value else node])

    def pixel(self, site: Site, x: int) -> int:
        result = before = first = 0
        for k in range(self.components):
            component = k if self.components == 1 or k > 1 else 1 - k
            around = [self.sample(pixel, component) for pixel in site]
            if self.by_value:
                value = before = self.value(k, around, before)
            else:
                beside = [self.sample(pixel, 1) for pixel in site] if k in (1, 2) else None
                value, before = self.by_difference(k, component, around, beside, first, before, x)
            result |= value << 8 * component
            if k:
                continue
            first = value
            memory = self.same[first & 255]
            is_known = self.components > 1 and memory.confidence > 0
            if is_known and not self.coder.decide(self.same_odds[memory.confidence]):
                result = memory.pixel
                break
        self.same[first & 255].remember(result)
        return result

    def value(self, k: int, around: list[int], before: int) -> int:
        contexts, node = [0, around[0], around[1], before if k else around[3]], 1
        for bit in range(7, -1, -1):
            node = node << 1 | self.decide(k, contexts, node, bit)
        return node & 255

    def by_difference(
        self, k: int, component: int, around: list[int], beside: list[int] | None, first: int, before: int, x: int
    ) -> tuple[int, int]:
        w, n, nw, ne, ww, nn, _ = around
        most = (1 << self.bits) - 1
        if beside is None:
            guess, activity = guess_alone(around, most)
        else:
            guess, activity = guess_beside(around, beside, first)
        near = self.errors.get((x - 1, component), 0) + self.errors_above.get((x, component), 0)
        activity = step(activity + 2 * near)
        place = sum((value > guess) << i for i, value in enumerate((w, n, nw, ne, ww, nn)))
        bias = self.biases[k, activity, place]
        if bias[1] >= 4:
            guess += quotient(bias[0], bias[1])
        guess = min(max(guess, 0), most)
        contexts = [
            activity + 16 * step(abs(before)),
            (before & 255) << 4 | activity if k else guess >> (self.bits - 8),
            guess & 255 if k else signed_step(w - guess) * 32 + signed_step(n - guess),
            signed_step(ne - guess) * 32 + signed_step(nw - guess),
        ]
        value = guess + self.difference(k, contexts, activity) & most
        difference = value - guess  # wraps around
        difference = (difference + (most + 1) // 2) % (most + 1) - (most + 1) // 2
        bias[0] += difference
        bias[1] += 1
        if bias[1] >= 64:
            bias[0], bias[1] = half(bias[0]), bias[1] // 2
        self.errors[x, component] = min(abs(difference), 64)
        return value, difference

    def difference(self, k: int, contexts: list[int], activity: int) -> int:
        if not self.decide(k, contexts, 0, activity):
            return 0
        is_negative = self.decide(k, contexts, 1, activity)
        length = 0
        while length < self.bits - 1 and self.decide(k, contexts, 2 + min(length, 7), activity):
            length += 1
        result = 1
        for bit in range(length - 1, -1, -1):
            if bit < length - 2 or length >= 8:
                result = result << 1 | self.coder.bit(32768)
                continue
            node = 10 + 3 * length + (0 if bit == length - 1 else 1 + (result & 1))
            result = result << 1 | self.decide(k, contexts, min(node, 31), activity)
        return -result if is_negative else result


def guess_alone(around: list[int], most: int) -> tuple[int, int]:
    w, n, nw, ne, ww, nn, nne = around
    along = abs(w - ww) + abs(n - nw) + abs(n - ne)
    down = abs(w - nw) + abs(n - nn) + abs(ne - nne)
    guess = (w + n) // 2 + quotient(ne - nw, 4)
    change, toward = (down - along, w) if down > along else (along - down, n)
    if change > 80:
        guess = toward
    elif change > 32:
        guess = half(guess + toward)
    elif change > 8:
        guess = quotient(3 * guess + toward, 4)
    return min(max(guess, 0), most), (along + down) // 2


def guess_beside(around: list[int], beside: list[int], first: int) -> tuple[int, int]:
    w, n, nw, ne = (a - b for a, b in zip(around[:4], beside[:4], strict=True))
    apart = min(w, n) if nw >= max(w, n) else max(w, n) if nw <= min(w, n) else w + n - nw
    return apart + first, 2 * (abs(w - nw) + abs(n - nw) + abs(ne - n))


# ---- Pixels --------------------------------------------------------------------------------------------------


class Raster:
    def __init__(self, coder: Coder, components: int, bits: int, by_value: bool) -> None:
        self.coder = coder
        self.literals = Literals(self.coder, components, bits, by_value)
        self.odds: defaultdict[tuple[object, ...], Odds] = defaultdict(Odds)
        self.memories: defaultdict[tuple[int, int], Memory] = defaultdict(Memory)

    def recall(self, number: int, bits: int) -> Memory:
        number &= MASK
        number = (number ^ number >> 15) * 0x2C1B3C6D & MASK
        number ^= number >> 12
        memory = self.memories[bits, number >> (32 - bits)]
        if memory.check != number & 255:
            memory.check, memory.confidence = number & 255, 0
        return memory

    def pixel(self, site: Site, x: int, is_flat: bool) -> int:
        w, n, nw, ne, ww, nn, _ = site
        four = w * 0x9E3779B1 + n * 0x85EBCA77 + nw * 0xC2B2AE3D + ne * 0x27D4EB2F
        memories = [self.recall(four + ww * 0x165667B1 + nn * 0xD3A2646D, 16), self.recall(four, 14)]
        pairs = ((w, n), (w, nw), (n, ne), (n, nw), (w, ww), (n, nn), (nw, ne))
        pattern = sum((a == b) << i for i, (a, b) in enumerate(pairs))
        unknown = sum(memory.confidence == 0 for memory in memories)
        tried: dict[int, Odds | None] = {w: None} if is_flat else {}
        candidates: list[tuple[int, tuple[object, ...]]] = []
        neighbours = [w, n, ne, nw]
        for i, memory in enumerate(memories):
            if memory.confidence:
                like = neighbours.index(memory.pixel) + 1 if memory.pixel in neighbours else 0
                candidates.append((memory.pixel, ("memory", memory.confidence, like, i, pattern & 7)))
        candidates += [(neighbour, ("around", pattern, i, unknown)) for i, neighbour in enumerate(neighbours)]
        found = None
        for candidate, context in candidates:
            if found is None and candidate not in tried:
                odds = self.odds[(*context, min(len(tried), 3))]
                tried[candidate] = odds
                if odds.one <= 55536 and not self.coder.bit(odds.one):
                    found = candidate
        pixel = self.literals.pixel(site, x) if found is None else found
        for candidate, adapted in tried.items():
            if adapted:
                adapted.adapt(int(pixel != candidate))
        for memory in memories:
            memory.remember(pixel)
        return pixel

    def row(self, above: list[int], second: list[int], width: int) -> list[int]:
        """Rows have four pixels beyond both ends."""
        now = [above[4]] * 4 + [0] * (width + 4)
        misses = 0
        self.literals.next_row()
        for at in range(4, width + 4):
            w, n, nw, ne, ww, nn = now[at - 1], above[at], above[at - 1], above[at + 1], now[at - 2], second[at]
            is_flat = w == n == nw == ne
            if is_flat:
                others = (ww, nn, above[at + 2], above[at - 2], second[at + 1], second[at - 1], now[at - 3])
                context = sum((other == w) << i for i, other in enumerate(others))
                if not self.coder.decide(self.odds["flat", context, misses]):
                    now[at] = w
                    misses -= bool(misses and (at - 4) % 16 == 0)
                    continue
                misses = min(misses + 1, 2)
            now[at] = self.pixel((w, n, nw, ne, ww, nn, second[at + 1]), at - 4, is_flat)
        now[:4] = [now[4]] * 4
        now[width + 4 :] = [now[width + 3]] * 4
        return now


def decode_raster(
    chunk: bytes, width: int, rows: int, components: int, bits: int, by_value: bool, coder: Coder | None = None
) -> list[list[int]]:
    raster = Raster(coder or Coder(chunk), components, bits, by_value)
    above = second = [0] * (width + 8)
    result = []
    for _ in range(rows):
        above, second = raster.row(above, second, width), above
        result.append(above[4 : width + 4])
    raster.coder.require_end()
    return result


def samples_of_pixels(pixels: npt.NDArray[np.int64], components: int, grid: Grid) -> bytes:
    """Section 13: each pixel has its samples, as unsigned numbers in their order, from the lowest bits on."""
    bits = 8 * int(grid.kind[1:])
    flip = 1 << (bits - 1) if grid.kind[0] == "i" else 0
    samples = np.stack([pixels >> bits * c & ((1 << bits) - 1) ^ flip for c in range(components)], -1)
    return samples.astype((">" if grid.big_endian else "<") + f"u{bits // 8}").tobytes()
