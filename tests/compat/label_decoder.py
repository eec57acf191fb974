"""An independent decoder of label chunks, written from docs/label-format.md alone. Slow on purpose.

decode_label(chunk, width, rows, slices, pixel_size) -> bytes        the chunk's pixels
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

from .bits import DamagedError, require

Labels = npt.NDArray[np.int64]


# ---- Section 2: the chunk ------------------------------------------------------------------------------------


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise DamagedError("cut off")
        self.at += count
        return self.data[self.at - count : self.at]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            if shift == 63:
                raise DamagedError("a number of more than 63 bits")
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value


def golomb_numbers(data: bytes, order: int, count: int) -> Iterator[int]:
    bits = int.from_bytes(data, "little")
    left = 8 * len(data)

    def take(number: int) -> int:
        nonlocal bits, left
        if number > left:
            raise DamagedError("distances")
        value = bits & ((1 << number) - 1)
        bits >>= number
        left -= number
        return value

    for _ in range(count):
        extra = 0
        while not take(1):
            extra += 1
            if extra + order > 24:
                raise DamagedError("golomb")
        yield (1 << (order + extra)) + take(order + extra) - (1 << order)
    require(left < 8 and bits == 0, "distances that are left")


# ---- Sections 7 and 8: odds and rANS ---------------------------------------------------------------------------


class Coder:
    def __init__(self, reader: Reader, is_single: bool) -> None:
        self.reader = reader
        rest = len(reader.data) - reader.at
        self.first = [1] if is_single else [65536] * 16
        self.states = [*self.first]
        if is_single:
            require(rest > 0, "a single state for nothing")
            self.states = [int.from_bytes(reader.take(rest if rest < 4 else 4 - rest % 2), "little")]
        elif rest:
            self.states = [*struct.unpack("<16I", reader.take(64))]
        self.ends = [[19660, 29491, 31785] for _ in range(4096)] + [[8192, 16384, 24576] for _ in range(61)]
        self.counts = [128] * 4157

    def advance(self, lane: int, start: int, size: int) -> None:
        state = self.states[lane]
        state = size * (state >> 15) + (state & 32767) - start
        if state < 65536 and (len(self.first) == 16 or self.reader.at < len(self.reader.data)):
            state = state << 16 | int.from_bytes(self.reader.take(2), "little")
        self.states[lane] = state

    def symbol(self, context: int, lane: int) -> int:
        ends = [end - (end >> 9) + 16 * (j + 1) for j, end in enumerate(self.ends[context])]
        slot = self.states[lane] & 32767
        symbol = sum(slot >= end for end in ends)
        bounds = [0, *ends, 32768]
        self.advance(lane, bounds[symbol], bounds[symbol + 1] - bounds[symbol])
        return symbol

    def adapt(self, context: int, symbol: int) -> None:
        rate = self.counts[context] >> 7
        for j, end in enumerate(self.ends[context]):
            self.ends[context][j] = end - (end >> rate) + ((32767 >> rate) if j >= symbol else 0)
        self.counts[context] += 128 >> rate if rate < 7 else 0

    def is_at_end(self) -> bool:
        return self.states == self.first and self.reader.at == len(self.reader.data)

    def group(self, contexts: list[int]) -> list[int]:
        symbols = [self.symbol(context, i % len(self.first)) for i, context in enumerate(contexts)]
        for context, symbol in dict(zip(contexts, symbols, strict=True)).items():  # the last of each
            self.adapt(context, symbol)
        return symbols

    def number(self, context: int, limit: int) -> int:
        for step in range(-(-limit // 3)):
            symbol = self.group([context + step])[0]
            if symbol < 3:
                return min(3 * step + symbol, limit)
        return limit

    def plain(self, count: int) -> int:
        value = 0
        for at in range(0, count, 12):
            share = 32768 >> min(count - at, 12)
            piece = (self.states[0] & 32767) // share
            self.advance(0, share * piece, share)
            value |= piece << at
        return value


# ---- Sections 3 to 6: rows ---------------------------------------------------------------------------------------


def at(place: int, labels: list[int]) -> int:
    if place >= len(labels):
        raise DamagedError("rank")
    return labels[place]


class Row:
    """A row at work, and the rows that it refers to, each with two repeated labels at either end."""

    def __init__(self, labels: Labels, above: tuple[Labels, ...], is_first: bool, place: int) -> None:
        self.now, self.is_first, self.place = labels, is_first, place
        self.n, self.nn, self.p, self.pn, self.ps = (np.pad(row, 2, mode="edge") for row in above)

    def is_amid_one(self) -> bool:
        return len({*self.n.tolist(), *self.p.tolist(), *self.ps.tolist()}) == 1

    def w(self, x: int) -> int:
        return int(self.now[x - 1])

    def e(self, x: int) -> int:
        return int(self.now[x + 1 if x + 1 < len(self.now) else x - 1])

    def is_flat(self, x: int) -> bool:
        if x % 2 == 0:
            return len({int(row[2 + x + dx]) for row in (self.n, self.p, self.ps) for dx in (-1, 0, 1)}) == 1
        return len({int(row[2 + x]) for row in (self.n, self.p, self.ps)} | {self.w(x), self.e(x)}) == 1

    def sites(self, x: int) -> list[int]:
        between = "W E " if x % 2 else ""
        if self.is_first:
            names = between + "n0 n+1 n-1 n+2 n-2 nn0 nn+1 nn-1 nn+2 nn-2"
        elif x % 2:
            names = between + "n0 p0 n+1 n-1 p+1 ps0 p-1 pn0"
        else:
            names = "n0 p0 n+1 n-1 p+1 ps0 p-1 pn0 ps+1 nn0"
        rows = {"n": self.n, "nn": self.nn, "p": self.p, "pn": self.pn, "ps": self.ps}
        found = []
        for name in names.split()[:10]:
            if name in "WE":
                found.append(self.w(x) if name == "W" else self.e(x))
            else:
                row = name.rstrip("+-012")
                found.append(int(rows[row][2 + x + int(name[len(row) :])]))
        return found

    def nearby(self, x: int, candidates: list[int]) -> list[int]:
        found: list[int] = []
        for d in range(1, 17):
            rows = [row[2:-2] for row in (self.p, self.n, self.ps, self.pn, self.nn)]
            for row in rows + [self.now] * (x % 2):
                for column in (x - d, x + d):
                    if not 0 <= column < len(self.now) or (row is self.now and column % 2):
                        continue
                    label = int(row[column])
                    if label not in candidates and label not in found and len(found) < 8:
                        found.append(label)
        return found


class LabelDecoder:
    def __init__(
        self, coder: Coder, distances: Iterator[int], two_bytes: bool, reverse: bool, shift: int, first: bytes
    ) -> None:
        self.coder, self.distances, self.reverse, self.shift = coder, distances, reverse, shift
        self.most = 65536 if two_bytes else 256
        self.flat_left = next(distances, None)
        self.recent: list[int] = []
        self.pixels = [first]  # in the order in which they appear
        self.latest = [first] * 4

    def label_of(self, number: int) -> int:
        pixel = self.pixels[number]
        return int.from_bytes(pixel, "little") if len(pixel) <= 2 else number

    def new(self, place: int) -> int:
        order: Literal["big", "little"] = "big" if self.reverse else "little"
        latest, pixel = self.latest[place], b""
        if len(self.pixels) == self.most:
            raise DamagedError("too many labels")
        for at in range(0, len(latest), 8):
            word = latest[at : at + 8]
            bits = 8 * len(word) - self.shift
            length = self.coder.number(4135 if at else 4113, bits + 1)
            if length > bits:
                raise DamagedError("difference")
            zigzag = length and (1 << length - 1) + self.coder.plain(length - 1)
            value = (int.from_bytes(word, order) >> self.shift) + (at == 0) + (zigzag >> 1 ^ -(zigzag & 1))
            pixel += (value % 2**bits << self.shift).to_bytes(len(word), order)
        self.latest[place] = pixel
        self.pixels.append(pixel)
        return self.label_of(len(self.pixels) - 1)

    def far(self, candidates: list[int]) -> int:
        place = self.coder.number(4107, 17)
        if place > 0:
            return at(place - 1, [label for label in self.recent if label not in candidates])
        number = self.coder.plain((len(self.pixels) - 1).bit_length())
        if number >= len(self.pixels):
            raise DamagedError("number")
        return self.label_of(number)

    def literal(self, row: Row, x: int, candidates: list[int], is_exception: bool) -> int:
        source = self.coder.group([4096 + x % 2 + 2 * row.is_first + 4 * is_exception])[0]
        if source in (1, 2):
            rank = 1 + self.coder.number(4104, 7) if source == 2 else 0
            return at(rank, row.nearby(x, candidates))
        label = self.new(row.place) if source == 0 else self.far(candidates)
        self.recent = [label, *(other for other in self.recent if other != label)][:16]
        return label

    def symbols(self, pending: list[tuple[Row, int]]) -> None:
        contexts, candidates = [], []
        for row, x in pending:
            sites = row.sites(x)
            three = list(dict.fromkeys(sites))[:3]
            context = sum((sites[k] == sites[0]) << (k - 1) for k in range(1, 10))
            context += (len(three) == 3) << 9
            contexts.append(context + 1024 * (x % 2) + 2048 * row.is_first)
            candidates.append(three + [sites[0]] * (3 - len(three)))
        symbols = []
        for at in range(0, len(contexts), 16):
            symbols += self.coder.group(contexts[at : at + 16])
        for (row, x), symbol, three in zip(pending, symbols, candidates, strict=True):
            row.now[x] = three[symbol] if symbol < 3 else self.literal(row, x, three, False)

    def half(self, rows: list[Row], parity: int) -> None:
        places = [(row, x) for row in rows for x in range(parity, len(row.now), 2)]
        flat = [row.is_flat(x) for row, x in places]
        self.symbols([place for place, is_flat in zip(places, flat, strict=True) if not is_flat])
        for (row, x), is_flat in zip(places, flat, strict=True):
            if not is_flat:
                continue
            usual = int(row.n[2 + x])
            row.now[x] = usual
            if self.flat_left == 0:
                row.now[x] = self.literal(row, x, [usual], True)
                self.flat_left = next(self.distances, None)
            elif self.flat_left is not None:
                self.flat_left -= 1

    def rows(self, rows: list[Row]) -> None:
        self.half(rows, 0)
        self.half(rows, 1)


def decode_box(decoder: LabelDecoder, shape: tuple[int, int, int], first: int) -> Labels:
    slices, height, width = shape
    labels = np.zeros(shape, np.int64)
    blank = np.full(width, first, np.int64)

    def row_at(z: int, y: int) -> Row:
        now, before = labels[z], labels[z - 1]
        n = now[y - 1] if y else before[0] if z else blank
        nn = now[y - 2] if y > 1 else n
        if z == 0:
            return Row(now[y], (n, nn, nn, nn, nn), True, 0)
        return Row(now[y], (n, nn, before[y], before[max(y - 1, 0)], before[min(y + 1, height - 1)]), False, z % 4)

    for start in range(0, slices, 4):
        group = range(min(4, slices - start))
        for step in range(height + 2 * (len(group) - 1)):
            rows = [row_at(start + k, step - 2 * k) for k in group if 0 <= step - 2 * k < height]
            for row in rows:
                if row.is_amid_one():
                    decoder.rows([row])
            decoder.rows([row for row in rows if not row.is_amid_one()])
    return labels


def decode_label(chunk: bytes, width: int, rows: int, slices: int, pixel_size: int) -> bytes:
    reader = Reader(chunk)
    head = reader.take(1)[0]
    two_bytes = bool(head & 32)
    if head > 127 or (pixel_size <= 2 and two_bytes != (pixel_size == 2)) or (pixel_size == 1 and head & 16):
        raise DamagedError("head")
    shift = reader.take(1)[0] if pixel_size > 2 else 0
    if shift >= 8 * ((pixel_size - 1) % 8 + 1):
        raise DamagedError("shift")
    first = reader.take(pixel_size)
    exceptions, bits = reader.varint(), b""
    if exceptions:
        bits = reader.take(reader.varint())
    distances = golomb_numbers(bits, head & 15, exceptions)
    decoder = LabelDecoder(Coder(reader, head >= 64), distances, two_bytes, bool(head & 16), shift, first)
    labels = decode_box(decoder, (slices, rows, width), decoder.label_of(0))
    require(decoder.coder.is_at_end() and decoder.flat_left is None, "end")
    require(next(distances, None) is None, "exceptions that are left")
    if pixel_size <= 2:
        return labels.astype(f"<u{pixel_size}").tobytes()
    return b"".join(decoder.pixels[label] for label in labels.ravel().tolist())
