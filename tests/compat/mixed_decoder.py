"""An independent decoder of mixed label chunks, written from section 10 of docs/label-format.md. Slow on purpose.

decode_mixed(chunk, width, rows, slices, pixel_size) -> bytes        the chunk's pixels
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Literal

from .bits import DamagedError, require
from .label_decoder import Reader
from .raster_decoder import Coder, Odds

FIRST_SITES = (
    "now-1 n0 n-1 n+1 now-2 nn0 n+2 n-2 nn+1 nn-1 now-3 nnn0 n+3 nn+2 nn-2 n-3 nnn+1 nnn-1 nn+3 nn-3 nnn+2 nnn-2"
)
LATER_SITES = "now-1 n0 p0 n-1 n+1 p+1 ps0 now-2 nn0 p-1 pn0 n+2 ps+1 ps-1 pn+1 pn-1 p+2 pss0 q0 n-2 nn-1 nn+1"
MASK = 2**64 - 1


def parsed(sites: str) -> list[tuple[str, int]]:
    return [(name.rstrip("+-0123"), int(name[len(name.rstrip("+-0123")) :])) for name in sites.split()]


class ShortCoder(Coder):
    """Zeros stand for the bytes that the chunk lacks at its end."""

    def __init__(self, data: bytes) -> None:
        self.lacking = 0
        super().__init__(data)

    def shift_in(self) -> None:
        byte = self.data[self.at] if self.at < len(self.data) else 0
        self.lacking += self.at == len(self.data)
        require(self.lacking <= 4, "a mixed chunk that is cut off")
        self.code = (self.code << 8 | byte) & 0xFFFFFFFF
        self.at += self.at < len(self.data)

    def shortest(self) -> tuple[int, int]:
        size = next(k for k in range(5) if self.high >> (32 - 8 * k) << (32 - 8 * k) >= self.low)
        return size, self.high >> (32 - 8 * size) << (32 - 8 * size)

    def require_end(self) -> None:
        size, number = self.shortest()
        require(self.at == len(self.data) and self.code == number and self.lacking == 4 - size, "the end")

    def plain(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self.bit(32768)
        return value


class Numbers:
    """The odds of one kind of numbers."""

    def __init__(self, coder: ShortCoder) -> None:
        self.coder = coder
        self.lengths: defaultdict[int, Odds] = defaultdict(Odds)
        self.below: defaultdict[tuple[int, int], Odds] = defaultdict(Odds)

    def next(self) -> int:
        length = 1
        while length < 128:
            length = length << 1 | self.coder.decide(self.lengths[length])
        length -= 128
        require(length <= 64, "the length of a number")
        if length < 2:
            return length
        value = 1
        for _ in range(min(length - 1, 2)):
            value = value << 1 | self.coder.decide(self.below[length, value])
        return value << max(length - 3, 0) | self.coder.plain(max(length - 3, 0))


class Row:
    """Its labels, and what lies beyond its ends."""

    def __init__(self, labels: list[int], left: int) -> None:
        self.labels, self.left = labels, left

    def __getitem__(self, x: int) -> int:
        return self.left if x < 0 else self.labels[min(x, len(self.labels) - 1)]


# ---- Literals ----------------------------------------------------------------------------------------------------


class Literals:
    def __init__(self, coder: ShortCoder, first: bytes, most: int, shift: int, reverse: bool) -> None:
        self.coder, self.most, self.shift, self.reverse = coder, most, shift, reverse
        self.pixels = [first]
        self.labels = [self.label_of(0)]
        self.latest: list[int] = []
        self.is_new = [Odds(), Odds()]
        self.is_nearby = [Odds(), Odds()]
        self.few: defaultdict[tuple[int, int, int], Odds] = defaultdict(Odds)
        self.ranks, self.places = Numbers(coder), Numbers(coder)
        self.words = [Numbers(coder), Numbers(coder)]

    def label_of(self, number: int) -> int:
        pixel = self.pixels[number]
        return int.from_bytes(pixel, "little") if len(pixel) <= 2 else number

    def bytes_of(self, labels: list[int]) -> bytes:
        if len(self.pixels[0]) <= 2:
            return b"".join(label.to_bytes(len(self.pixels[0]), "little") for label in labels)
        return b"".join(self.pixels[label] for label in labels)

    def new(self) -> int:
        require(len(self.pixels) < self.most, "too many labels")
        order: Literal["big", "little"] = "big" if self.reverse else "little"
        before, pixel = self.pixels[-1], b""
        for at in range(0, len(before), 8):
            word = before[at : at + 8]
            bits = 8 * len(word) - self.shift
            zigzag = self.words[at > 0].next()
            require(zigzag < 2**bits, "difference")
            value = (int.from_bytes(word, order) >> self.shift) + (at == 0) + (zigzag >> 1 ^ -(zigzag & 1))
            pixel += (value % 2**bits << self.shift).to_bytes(len(word), order)
        self.pixels.append(pixel)
        self.labels.append(self.label_of(len(self.pixels) - 1))
        return self.labels[-1]

    def among_few(self, candidates: list[int]) -> int:
        possible = [number for number, label in enumerate(self.labels) if label not in candidates]
        require(bool(possible), "no label is possible")
        second = candidates[1] if len(candidates) > 1 else candidates[0]
        context = self.labels.index(candidates[0]), self.labels.index(second)
        for number in possible[:-1]:
            if self.coder.decide(self.few[(*context, number)]):
                return self.labels[number]
        return self.labels[possible[-1]]

    def far(self, candidates: list[int]) -> int:
        place = self.places.next()
        if place > 0:
            possible = [label for label in self.latest if label not in candidates]
            require(place <= len(possible), "place")
            return possible[place - 1]
        number = self.coder.plain((len(self.labels) - 1).bit_length())
        require(number < len(self.labels), "number")
        return self.labels[number]

    def next(self, candidates: list[int], is_exception: bool, nearby: Callable[[], list[int]]) -> int:
        if self.coder.decide(self.is_new[is_exception]):
            label = self.new()
        elif len(self.labels) <= 8:
            return self.among_few(candidates)
        elif self.coder.decide(self.is_nearby[is_exception]):
            rank, near = self.ranks.next(), nearby()
            require(rank < min(8, len(near)), "rank")
            return near[rank]
        else:
            label = self.far(candidates)
        self.latest = [label, *(other for other in self.latest if other != label)][:16]
        return label


# ---- Pixels ------------------------------------------------------------------------------------------------------


class MixedDecoder:
    def __init__(self, coder: ShortCoder, literals: Literals, shape: tuple[int, int, int]) -> None:
        self.coder, self.literals = coder, literals
        self.slices, self.height, self.width = shape
        pixels = self.slices * self.height * self.width
        self.bits = min(max((pixels - 1).bit_length(), 10), 17)
        self.tables: list[defaultdict[int, Odds]] = [defaultdict(Odds) for _ in range(4)]
        self.weights: defaultdict[tuple[int, ...], list[int]] = defaultdict(lambda: [4915] * 4)
        self.is_more, self.distances = Odds(), Numbers(coder)
        self.rows: dict[str, Row] = {}
        self.is_first = True
        self.flat_left = self.next_distance()

    def next_distance(self) -> int | None:
        if not self.coder.decide(self.is_more):
            return None
        distance = self.distances.next()
        require(distance < 2**32, "distance")
        return distance

    def place(self, key: int) -> int:
        key = key * 0x9E3779B97F4A7C15 & MASK
        key ^= key >> 32
        return (key * 0x9E3779B97F4A7C15 & MASK) >> (64 - self.bits)

    def places(self, sites: list[int], candidates: list[int]) -> list[int]:
        found = []
        for known in (6, 12, 22):
            key = int(self.is_first)
            for j, candidate in enumerate(candidates):
                key += sum(1 << (21 * j + i) for i in range(1, known) if sites[i] == candidate)
            found.append(self.place(key))
        near = sum(1 << i for i in range(1, 8) if sites[i] == candidates[0])
        labels = candidates[0] + (candidates[1] << 16)
        return [*found, self.place(labels + (near + self.is_first << 32))]

    def nearby(self, x: int, candidates: list[int]) -> list[int]:
        found: list[int] = []
        for distance in range(17):
            for name in ("p", "n", "ps", "pn", "nn", "now"):
                for column in (x - distance, x + distance):
                    if 0 <= column < (x if name == "now" else self.width):
                        label = self.rows[name][column]
                        if label not in candidates and label not in found:
                            found.append(label)
        return found[:8]

    def literal(self, x: int, candidates: list[int], is_exception: bool) -> int:
        return self.literals.next(candidates, is_exception, lambda: self.nearby(x, candidates))

    def pixel(self, x: int) -> int:
        sites = [self.rows[name][x + dx] for name, dx in (FIRST if self.is_first else LATER)]
        candidates = list(dict.fromkeys(sites))[:3]
        if len(candidates) == 1:
            if self.flat_left is None:
                return sites[0]
            self.flat_left -= 1
            if self.flat_left >= 0:
                return sites[0]
            label = self.literal(x, candidates, True)
            self.flat_left = self.next_distance()
            return label
        places = self.places(sites, candidates)
        for k, candidate in enumerate(candidates):
            odds = [t[(p + k * 0x5555) % 2**self.bits] for t, p in zip(self.tables, places, strict=True)]
            levels = tuple((o.seen >= 2) + (o.seen >= 30) for o in odds)
            if self.coder.decide_mixed(odds, self.weights[(k, *levels)]):
                return candidate
        return self.literal(x, candidates, False)

    def box(self) -> list[int]:
        blank = Row([self.literals.labels[0]] * self.width, self.literals.labels[0])
        done: dict[tuple[int, int], Row] = {}
        last = self.height - 1
        for z in range(self.slices):
            self.is_first = z == 0
            for y in range(self.height):
                n = done[z, y - 1] if y else done[z - 1, 0] if z else blank
                nn = done[z, y - 2] if y > 1 else n
                nnn = done[z, y - 3] if y > 2 else nn
                names = {"p": nn, "pn": nn, "ps": nn, "pss": nn, "q": nn}
                if z:
                    rows = {"p": y, "pn": max(y - 1, 0), "ps": min(y + 1, last), "pss": min(y + 2, last)}
                    names = {name: done[z - 1, row] for name, row in rows.items()}
                    names["q"] = done[z - 2, y] if z > 1 else names["p"]
                now = Row([], n[0])
                self.rows = {"now": now, "n": n, "nn": nn, "nnn": nnn, **names}
                for x in range(self.width):
                    now.labels.append(self.pixel(x))
                now.left = now.labels[0]
                done[z, y] = now
        require(self.flat_left is None, "exceptions that are left")
        return [label for row in done.values() for label in row.labels]


FIRST, LATER = parsed(FIRST_SITES), parsed(LATER_SITES)


def decode_mixed(chunk: bytes, width: int, rows: int, slices: int, pixel_size: int) -> bytes:
    reader = Reader(chunk)
    head = reader.take(1)[0]
    two_bytes = bool(head & 32)
    if head & ~48 or (pixel_size <= 2 and two_bytes != (pixel_size == 2)) or (pixel_size == 1 and head & 16):
        raise DamagedError("head")
    shift = reader.take(1)[0] if pixel_size > 2 else 0
    require(shift < 8 * ((pixel_size - 1) % 8 + 1), "shift")
    first = reader.take(pixel_size)
    coder = ShortCoder(chunk[reader.at :])
    literals = Literals(coder, first, 65536 if two_bytes else 256, shift, bool(head & 16))
    labels = MixedDecoder(coder, literals, (slices, rows, width)).box()
    coder.require_end()
    return literals.bytes_of(labels)
