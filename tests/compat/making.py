"""Chunks that nobody's encoder would write: the independent decoder is asked to decode, its every question to the bits
is answered at random, and from the answers the bytes are made that would have given them.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..samples.frame_parts import BitWriter
from . import label_decoder, mixed_decoder, predicted_decoder, raster_decoder
from .bits import Bits, DamagedError
from .rans import Rans, Table
from .swift_streams import WIDTHS, Streams
from .voxel_decoder import Model, Planes, Values, components_of, decode_half, decode_swift


def varint(number: int) -> bytes:
    out = b""
    while number >= 128:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


class AnsweredBits(Bits):
    """Bits that are chosen when they are asked for."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(b"")
        self.rng, self.written = rng, BitWriter()

    def take(self, count: int) -> int:
        value = self.rng.getrandbits(count) if count else 0
        self.written.put(value, count)
        return value


def encoded(answers: list[tuple[int, int, int]], begin: list[int], bits: int) -> tuple[list[int], list[int]]:
    """What rANS makes of answers (state, first slot, frequency of 2^bits): an encoder goes backwards.

    :returns: the states that a decoder begins with, and the words of 16 bits in the order in which they are made.
    """
    states, words = list(begin), []
    for lane, start, frequency in reversed(answers):
        state = states[lane]
        if state >= frequency << 32 - bits:
            words.append(state & 0xFFFF)
            state >>= 16
        states[lane] = (state // frequency << bits) + state % frequency + start
    return states, words


# ---- Intensities -------------------------------------------------------------------------------------------------


def random_table(rng: random.Random) -> list[int]:
    """Frequencies of 225 tokens: mostly small ones, of which a decoder makes small differences."""
    frequencies = [0] * 225
    if rng.random() < 0.1:
        frequencies[224] = 2048
        return frequencies
    last = rng.choice([1, 2, 3, 5, 12, 40, 224, rng.randrange(1, 225)])
    left = 2048
    for token in sorted(rng.sample(range(last), min(last, rng.randrange(1, 30)))):
        frequencies[token] = rng.randrange(0, left + 1) if rng.random() < 0.5 else min(left, rng.randrange(1, 9))
        left -= frequencies[token]
    frequencies[last - 1 if rng.random() < 0.8 else 224] += left
    return frequencies


def write_tables(tables: list[list[int]]) -> bytes:
    bits = BitWriter()
    for frequencies in tables:
        last = max((t + 1 for t in range(224) if frequencies[t]), default=0)
        bits.put(last, 8)
        if last == 0:
            continue
        bits.golomb(frequencies[224], 0)
        previous = [256, 256]
        for t in range(last):
            bits.golomb(frequencies[t], max(0, previous[t & 1].bit_length() - 2))
            previous[t & 1] = frequencies[t]
    return bits.done()


def usable(frequencies: list[int]) -> Table:
    starts = np.concatenate(([0], np.cumsum(frequencies)))
    return np.repeat(np.arange(225), frequencies).tolist(), starts.tolist(), frequencies


class AnsweredRans(Rans):
    def __init__(self, tables: list[Table], state_count: int, rng: random.Random) -> None:
        self.tables, self.states, self.rng = tables, [65536] * state_count, rng
        self.answers: list[tuple[int, int, int]] = []  # state, first slot, frequency
        self.raw = self.raw_bits = AnsweredBits(rng)

    def token(self, lane: int, table: int) -> int:
        slots, starts, frequencies = self.tables[table]
        token = slots[self.rng.randrange(2048)]
        self.answers.append((lane, starts[token], frequencies[token]))
        return token

    def words_and_states(self) -> bytes:
        states, words = encoded(self.answers, self.states, 11)
        return struct.pack(f"<{len(words)}H{len(states)}I", *words, *states)


def random_margins(rng: random.Random, halves: tuple[int, int]) -> list[int]:
    left = rng.randrange(min(halves[1] // 8, halves[0] // 8) + 1) if rng.random() < 0.3 else 0
    right = rng.randrange((halves[0] // 8) - left + 1) if rng.random() < 0.3 else 0
    return [left, right]


def zigzag(number: int) -> int:
    return -2 * number - 1 if number < 0 else 2 * number


def make_intensities(model: Model, slices: int, rows: int, rng: random.Random) -> tuple[bytes, Values]:
    """A chunk and its values."""
    tables = [random_table(rng) for _ in range(model.tables)]
    state_count = 8 if model.few_states else 64
    rans = AnsweredRans([usable(table) for table in tables], state_count, rng)
    planes, half = Planes(model, slices, rows), ((model.width + 1) // 2, model.width // 2)
    flat_share = rng.choice([0, 0, 0.1, 0.5, 1])
    pairs, margins, sides = [[0, 0]], BitWriter(), [0, 0]
    coded = 0
    for z, c, y in np.ndindex(slices, model.components, rows):
        if rng.random() < flat_share:
            pairs[-1][1] += 1
            continue
        if pairs[-1][1]:
            pairs.append([0, 0])
        pairs[-1][0] += 1
        coded += 1
        if model.margins:
            now = random_margins(rng, half)
            for before, side in zip(sides, now, strict=True):
                margins.golomb(zigzag(side - before), 0)
            sides = now
        first, last = 8 * sides[0], half[0] - 8 * sides[1]
        decode_half(model, planes, rans, z, c, y, 0, first, last)
        decode_half(model, planes, rans, z, c, y, 1, first, min(half[1], last))
    flat = b"".join(varint(gap) + varint(length) for gap, length in pairs if length)
    parts = [write_tables(tables) if coded else b"", flat, margins.done()]
    count = len(rans.raw_bits.written.bits)
    numbers = [*map(len, parts), count]
    chunk = b"".join(map(varint, numbers)) if model.few_states else struct.pack("<4I", *numbers)
    chunk += b"".join(parts)
    if coded:
        raw = BitWriter().put(0, -count % 8)
        raw.bits += rans.raw_bits.written.bits
        chunk += rans.words_and_states() + raw.done()
    return chunk, components_of(model, planes.values)


# ---- Swift -------------------------------------------------------------------------------------------------------


class AnsweredStream:
    def __init__(self, width: int, rng: random.Random, choices: list[int]) -> None:
        self.width, self.rng, self.choices, self.items = width, rng, choices, BitWriter()
        self.count = 0

    def take(self) -> int:
        value = self.rng.choice(self.choices)
        self.items.put(value, self.width)
        self.count += 1
        return value


class AnsweredStreams(Streams):
    def __init__(self, rng: random.Random) -> None:
        classes = rng.choice([range(3), range(8), range(15)])
        choices = [[0, 1], [0, 0, 3], [*classes], [0, 1, 2, 3], [*range(16)], [*rng.choices(range(65536), k=9)]]
        streams = [AnsweredStream(width, rng, some) for width, some in zip(WIDTHS, choices, strict=True)]
        self.fields = self.field_bits = AnsweredBits(rng)
        all_streams: Any = streams
        self.answered = streams
        self.rows, self.changes, self.classes, self.digits, self.nibbles, self.codes = self.all = all_streams

    def check_end(self) -> None:
        pass

    def done(self) -> bytes:
        streams = self.answered
        head = b"".join(varint(stream.count) for stream in streams)
        return head + self.field_bits.written.done() + b"".join(stream.items.done() for stream in streams)


def make_swift(model: Model, slices: int, rows: int, rng: random.Random) -> tuple[bytes, Values]:
    """Half-rows must have whole groups of eight: codes after their ends must be zeros, which nobody can know."""
    streams = AnsweredStreams(rng)
    values = decode_swift(model, b"", slices, rows, streams)
    return streams.done(), values


# ---- Pixels in raster order ------------------------------------------------------------------------------------


class AnsweredDecisions(raster_decoder.Coder):
    """Each bit is chosen, mostly the likelier one, and encoded at once."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.unlikely = rng, rng.choice([0.01, 0.1, 0.5])
        self.low, self.high, self.written = 0, raster_decoder.MASK, bytearray()
        self.wanted: list[int] = []  # what the next ones are, if not at random

    def bit(self, one: int) -> int:
        one = min(max(one, 32), 65504)
        by_chance = int((one > 32768) != (self.rng.random() < self.unlikely))
        bit = self.wanted.pop(0) if self.wanted else by_chance
        middle = self.low + ((self.high - self.low) * one >> 16)
        self.low, self.high = (self.low, middle) if bit else (middle + 1, self.high)
        while self.low >> 24 == self.high >> 24:
            self.written.append(self.low >> 24)
            self.low, self.high = self.low << 8 & raster_decoder.MASK, (self.high << 8 | 255) & raster_decoder.MASK
        return bit

    def require_end(self) -> None:
        pass


def make_raster(model: Model, slices: int, rows: int, rng: random.Random) -> tuple[bytes, npt.NDArray[np.int64]]:
    """A chunk and its pixels."""
    coder = AnsweredDecisions(rng)
    size = (model.width, slices * rows, model.components, 8 * model.sample_size)
    pixels = raster_decoder.decode_raster(b"", *size, bool(model.by_value), coder)
    return bytes(coder.written) + struct.pack(">I", coder.low), np.array(pixels)


class ChosenValues(predicted_decoder.Predicted):
    """Each value is chosen, mostly one near the middle, and encoded at once."""

    def __init__(self, model: Model, rng: random.Random) -> None:
        super().__init__(predicted_decoder.Spans(bytes(4)), model.prediction.weights, model.high - model.low)
        self.rng, self.unlikely = rng, rng.choice([0.01, 0.1, 0.5])
        self.low, self.range, self.shifted = 0, predicted_decoder.MASK, 0

    def enter(self, start: int, size: int, bits: int) -> None:
        unit = self.range >> bits
        self.low, self.range = self.low + unit * start, unit * size
        while self.range < 2**24:
            self.low, self.range, self.shifted = self.low << 8, self.range << 8, self.shifted + 1

    def value(self, shape: predicted_decoder.Shape) -> int:
        near = shape.middle + int(self.rng.gauss(0, 1) * (2**17 / shape.sharpness + 1))
        value = self.rng.randint(0, self.most) if self.rng.random() < self.unlikely else min(max(near, 0), self.most)
        whole = value - shape.middle >> shape.bits
        bucket = min(max(whole, shape.first), shape.last)
        self.enter(shape.start(bucket), shape.start(bucket + 1) - shape.start(bucket), 16)
        if bucket in (shape.farthest, -shape.farthest - 1):
            farther = abs(whole - bucket) + 1
            ones = farther.bit_length() - 1
            for i in range(min(ones + 1, 16)):
                self.enter(int(i < ones), 1, 1)
            self.enter(farther - 2**ones, 1, ones)
        if shape.bits:
            self.enter(value - shape.middle & 2**shape.bits - 1, 1, shape.bits)
        return value

    def done(self) -> bytes:
        return self.low.to_bytes(self.shifted + 4, "big")


def make_predicted(model: Model, slices: int, rows: int, rng: random.Random) -> tuple[bytes, bytes]:
    """The stored and the raw bytes of a chunk."""
    chosen = ChosenValues(model, rng)
    values = predicted_decoder.decode_rows(chosen, model.width, slices * rows)
    return chosen.done(), model.prediction.samples(values)


# ---- Labels ------------------------------------------------------------------------------------------------------


class RandomStates:
    """The low bits of a state, whenever they are asked for: mostly those of the likeliest symbol."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.unlikely = rng, rng.choice([0.02, 0.1, 0.3])

    def __getitem__(self, lane: int) -> int:
        return self.rng.randrange(32768) if self.rng.random() < self.unlikely else 0


class AnsweredCoder(label_decoder.Coder):
    def __init__(self, rng: random.Random, is_single: bool) -> None:
        super().__init__(label_decoder.Reader(b"."), is_single)
        states: Any = RandomStates(rng)
        self.states = states
        self.answers: list[tuple[int, int, int]] = []

    def advance(self, lane: int, start: int, size: int) -> None:
        self.answers.append((lane, start, size))

    def plain(self, count: int) -> int:
        value = 0
        for at in range(0, count, 12):
            size = min(count - at, 12)
            piece = self.states[0] >> 15 - size
            self.advance(0, (32768 >> size) * piece, 32768 >> size)
            value |= piece << at
        return value

    def states_and_words(self) -> bytes:
        if not self.answers:
            return b""
        states, words = encoded(self.answers, self.first, 15)
        written = struct.pack(f"<{len(states)}I", *states)
        if len(states) == 1:  # as many bytes as it needs
            written = written[:3] + written[3:].rstrip(b"\0") if words else written.rstrip(b"\0")
        return written + struct.pack(f"<{len(words)}H", *reversed(words))


class Distances:
    """Numbers of flat labels between exceptions, as many as are asked for until there shall be no more."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.given: list[int] = []
        self.more = rng.choice([0, 0, 0.5, 0.9])

    def __next__(self) -> int:
        if self.rng.random() >= self.more:
            raise StopIteration
        self.given.append(self.rng.randrange(self.rng.choice([2, 40])))
        return self.given[-1]


class AnsweredMixed(AnsweredDecisions, mixed_decoder.ShortCoder):
    def want_plain(self, number: int, count: int) -> None:
        self.wanted += [number >> i & 1 for i in reversed(range(count))]

    def want(self, number: int) -> None:
        """Of mixed_decoder.Numbers."""
        length = number.bit_length()
        self.want_plain(length, 7)
        self.want_plain(number, max(length - 1, 0))

    def done(self) -> bytes:
        size, number = self.shortest()
        return bytes(self.written) + number.to_bytes(4, "big")[:size]


class ChosenLiterals(mixed_decoder.Literals):
    """Of every kind that is possible: answers at random would soon contradict each other."""

    coder: AnsweredMixed

    def next(self, candidates: list[int], is_exception: bool, nearby: Callable[[], list[int]]) -> int:
        rng, is_possible = self.coder.rng, any(label not in candidates for label in self.labels)
        is_new = len(self.pixels) < self.most and (rng.random() < 0.1 or not is_possible)
        self.coder.wanted = [is_new]
        if is_new:
            self.want_new()
        elif len(self.labels) > 8:
            self.want_known(candidates, nearby()[:8])
        return super().next(candidates, is_exception, nearby)

    def want_new(self) -> None:
        size = len(self.pixels[0])
        for at in range(0, size, 8):
            bits = 8 * min(size - at, 8) - self.shift
            self.coder.want(self.coder.rng.getrandbits(self.coder.rng.randrange(bits + 1)))

    def want_known(self, candidates: list[int], near: list[int]) -> None:
        rng = self.coder.rng
        is_near = bool(near) and rng.random() < 0.5
        self.coder.wanted.append(is_near)
        if is_near:
            self.coder.want(rng.randrange(len(near)))
            return
        place = rng.randrange(1 + sum(label not in candidates for label in self.latest))
        self.coder.want(place)
        if place == 0:
            self.coder.want_plain(rng.randrange(len(self.labels)), (len(self.labels) - 1).bit_length())


class ChosenExceptions(mixed_decoder.MixedDecoder):
    coder: AnsweredMixed

    given = 0  # exceptions; one that is left at the end of the chunk would be damage

    def next_distance(self) -> int | None:
        rng = self.coder.rng
        is_more = rng.random() < (0.5 if self.given else 0.95)
        self.coder.wanted = [is_more]
        if is_more:
            self.coder.want(rng.randrange(40 if self.given else 3))
            self.given += 1
        return super().next_distance()


def make_labels(model: Model, slices: int, rows: int, pixel_size: int, rng: random.Random) -> tuple[bytes, bytes]:
    """A chunk and its bytes. Answers that lead to a contradiction are given anew."""
    for _ in range(200):
        try:
            if model.mixed:
                return try_mixed(model, slices, rows, pixel_size, rng)
            return try_labels(model, slices, rows, pixel_size, rng)
        except DamagedError:
            continue
    raise AssertionError("no labels were found")


def random_head(pixel_size: int, rng: random.Random) -> tuple[bool, bool, int, bytes]:
    """Do labels have two bytes? Are words reversed? Then shift and first pixel."""
    two_bytes = pixel_size == 2 or (pixel_size > 2 and rng.random() < 0.5)
    reverse = pixel_size > 1 and rng.random() < 0.5
    shift = rng.randrange(8 * ((pixel_size - 1) % 8 + 1)) if pixel_size > 2 else 0
    first = rng.randbytes(pixel_size)
    if shift:  # the low bits of each word are zeros
        words = [first[at : at + 8] for at in range(0, pixel_size, 8)]
        kind: Literal["big", "little"] = "big" if reverse else "little"
        first = b"".join((int.from_bytes(word, kind) >> shift << shift).to_bytes(len(word), kind) for word in words)
    return two_bytes, reverse, shift, first


def head_of(pixel_size: int, order: int, head: tuple[bool, bool, int, bytes]) -> bytes:
    two_bytes, reverse, shift, first = head
    return bytes([order | reverse << 4 | two_bytes << 5]) + (bytes([shift]) if pixel_size > 2 else b"") + first


def try_mixed(model: Model, slices: int, rows: int, pixel_size: int, rng: random.Random) -> tuple[bytes, bytes]:
    head = two_bytes, reverse, shift, first = random_head(pixel_size, rng)
    coder = AnsweredMixed(rng)
    literals = ChosenLiterals(coder, first, 65536 if two_bytes else 256, shift, reverse)
    labels = ChosenExceptions(coder, literals, (slices, rows, model.width)).box()
    return head_of(pixel_size, 0, head) + coder.done(), literals.bytes_of(labels)


def try_labels(model: Model, slices: int, rows: int, pixel_size: int, rng: random.Random) -> tuple[bytes, bytes]:
    head = two_bytes, reverse, shift, first = random_head(pixel_size, rng)
    order = rng.randrange(16)
    is_single = rng.random() < 0.5
    distances, coder = Distances(rng), AnsweredCoder(rng, is_single)
    answered: Any = distances
    decoder = label_decoder.LabelDecoder(coder, answered, two_bytes, reverse, shift, first)
    labels = label_decoder.decode_box(decoder, (slices, rows, model.width), decoder.label_of(0))
    if decoder.flat_left is not None:
        raise DamagedError("an exception is left")
    is_single = is_single and len(coder.answers) > 0
    chunk = head_of(pixel_size, order | is_single << 6, head) + varint(len(distances.given))
    if distances.given:
        bits = BitWriter()
        for distance in distances.given:
            bits.golomb(distance, order)
        written = bits.done()
        chunk += varint(len(written)) + written
    chunk += coder.states_and_words()
    if pixel_size <= 2:
        return chunk, labels.astype(f"<u{pixel_size}").tobytes()
    return chunk, b"".join(decoder.pixels[label] for label in labels.ravel().tolist())
