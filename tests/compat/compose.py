"""Valid frames of every kind, composed at random from docs/format.md, with the values that they hold.

    compose(seed) -> frame, value, dictionaries

Nothing of the encoder takes part. So there are frames that it never makes: models with strange weights, chunks whose
codec changes within an image, gaps, sections of later versions, texts beside images, blocks and tables of any shape.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import math
import random
import struct

import numpy as np
import zstandard

from ..samples.frame_parts import IMAGE, MODEL, PLANES, STORE, VOXEL, ZSTD, BitWriter, Chunk, Parts, Section, xxh3
from .bits import DamagedError, Grid, samples_of
from .compact_fields import image_fields, put_varint
from .decoder import SAMPLE_TYPES, Image, decode_planes, pad
from .making import make_intensities, make_labels, make_predicted, make_raster, make_swift, zigzag
from .making_cells import NARROW, make_maps, put_cells
from .making_pieces import put_in_pieces, random_pieces, random_reading
from .pieces import Pieces
from .raster_decoder import samples_of_pixels
from .sites import sites
from .usual_ends import USUAL_ENDS
from .voxel_decoder import PRESETS, SWIFT, Model, box_of, chunk_range, shape_of, without_ranks

SAMPLES_MAX = 2500
SEEDS_OF_ALL_KINDS = (  # by choose_seeds.py
    *(32, 80, 95, 109, 161, 186, 206, 263, 265, 377),
    *(510, 542, 630, 632, 634, 653, 697),
)
CHUNK_LEAST = 16384  # bytes of the first of several


def random_bytes(rng: random.Random, size: int) -> bytes:
    """Of any kind: noise, one byte again and again, words."""
    kind = rng.randrange(3)
    if kind == 0:
        return rng.randbytes(size)
    piece = rng.randbytes(rng.randrange(1, 9)) if kind == 1 else b"\0"
    return (piece * (size // len(piece) + 1))[:size]


# ---- Models ------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Flags:
    label: bool
    reference: bool
    floor: bool
    ranks: bool
    cells: bool
    margins: bool
    transposed: bool
    folded: bool
    series: bool
    few_states: bool
    plateaus: bool
    raster: bool
    predicted: bool
    mixed: bool = False

    def number(self) -> int:
        return sum(1 << i for i, field in enumerate(dataclasses.astuple(self)) if field)


def random_flags(rng: random.Random, grid: Grid, preset: int) -> Flags:
    slices, height, _, components = shape_of(grid)
    label = rng.random() < 0.25 and components * int(grid.kind[1:]) <= 64
    most = {"u1": 4, "i1": 4, "u2": 1, "i2": 1}.get(grid.kind, 0)
    raster = not label and components <= most and rng.random() < 0.25
    flags = [not label and not raster and rng.random() < 0.4 for _ in range(13)]
    made = Flags(*flags)
    made.label, made.folded, made.raster = label, height == 1, raster
    made.predicted = not label and not raster and components == 1 and height > 1 and most > 0 and rng.random() < 0.4
    if made.predicted:
        made = Flags(*[False] * 13)
        made.predicted, made.ranks = True, rng.random() < 0.4
    if raster or made.predicted:
        return made
    made.mixed = label and rng.random() < 0.5
    made.cells = not label and (grid.kind not in NARROW or rng.random() < 0.15)
    made.series = slices > 3 and rng.random() < 0.7
    made.transposed = made.transposed and height >= 24 and not made.folded
    if preset == SWIFT:
        made.floor = made.margins = made.few_states = made.plateaus = False
    return made


def put_signed(bits: BitWriter, number: int) -> None:
    bits.put(number & 0xFFFF, 16)


def put_ranks(bits: BitWriter, rng: random.Random, components: int, limit: int, samples: int) -> None:
    each = 2 <= components <= 4 and rng.random() < 0.5
    if 2 <= components <= 4:
        bits.put(each, 1)
    for _ in range(components if each else 1):
        values = sorted(rng.sample(range(limit), rng.randrange(1, min(60, samples, limit) + 1)))
        bits.put(len(values), 17)
        following = 0
        for value in values:
            bits.golomb(value - following, 0)
            following = value + 1


def put_predictor(bits: BitWriter, rng: random.Random, taps: int, contexts: int, directions: int, single: bool) -> None:
    reach = rng.choice([0, 3, 60])
    for _ in range(taps - 1):
        for c in range(1 if single else 32):
            bits.golomb(zigzag(rng.randint(-reach, reach) if c == 0 else rng.randint(-2, 2)), 7)
    for _ in range(directions + contexts):
        bits.put(rng.choice([0, 1, 300, 16384, 65535]), 16)


def put_intensity(
    bits: BitWriter, rng: random.Random, shape: tuple[int, int], flags: Flags, preset: int, apart: bool
) -> None:
    """`shape`: components, and slices of a chunk."""
    components, chunk_slices = shape
    if 2 <= components <= 4:
        has_channels = rng.random() < 0.5
        bits.put(has_channels, 1)
        order = rng.sample(range(components), components)
        for c in range(components if has_channels else 0):
            low, high = sorted((rng.randrange(-32768, 32768), rng.randrange(-32768, 32768)))
            bits.put(order[c], 2).put(rng.randrange(c + 1), 2).put(flags.floor and rng.random() < 0.5, 1)
            bits.put(rng.randrange(65536), 16)
            put_signed(bits, low)
            put_signed(bits, high)
    bits.put(preset, 4)
    bins = PRESETS[preset][0]
    if preset != SWIFT:
        bits.put(rng.randrange(7), 4).put(rng.randrange(11), 4)
        for threshold in sorted(rng.randrange(PRESETS[preset][1]) for _ in range(bins - 1)):
            bits.put(threshold, 8)
    later = flags.reference and components > 1 and not apart
    if flags.plateaus:
        count = rng.randrange(1, 65)
        groups = 1 + (flags.reference and chunk_slices > 1) + later + (later and chunk_slices > 1)
        bits.put(count, 7)
        left = groups * 640
        while left:
            length = min(left, rng.choice([1, 5, 100, 640]))
            bits.put(rng.randrange(count + 1), 7).golomb(length - 1, 0)
            left -= length
    for kind in range(1 + min(components, 4)):
        if kind and not (flags.reference and (chunk_slices > 1 or (kind > 1 and not apart))):
            continue
        where = 2 if kind > 2 or (kind == 2 and chunk_slices > 1) else int(kind > 0)
        single = preset == SWIFT or rng.random() < 0.8
        if preset != SWIFT:
            bits.put(single, 1)
        for parity in (0, 1):
            taps, errors = sites(preset, where, parity)
            directions = 3 if preset in (1, 2) else 0
            put_predictor(bits, rng, len(taps), len(errors) + directions, directions, single)


def random_cut(rng: random.Random, shape: tuple[int, int], row_size: int) -> tuple[int, int]:
    """Slices and rows of a chunk: of all, or of the fewest that a chunk may have."""
    slices, height = shape
    few_slices, few_rows = -(-CHUNK_LEAST // (height * row_size)), -(-CHUNK_LEAST // row_size)
    if few_rows < height and rng.random() < 0.7:
        return 0, few_rows
    if few_slices < slices and rng.random() < 0.7:
        return few_slices, height
    return slices, height


def put_predicted(bits: BitWriter, rng: random.Random, grid: Grid, has_ranks: bool, samples: int) -> bytes:
    """All that follows the flags."""
    values = rng.randrange(1, min(60, samples) + 1) if has_ranks else 1 << 8 * int(grid.kind[1:])
    lowest = {"u1": 0, "i1": -128}.get(grid.kind, -32768)
    low, high = sorted(rng.choice([0, values - 1, rng.randrange(values), rng.randrange(values)]) for _ in range(2))
    put_signed(bits, low + lowest)
    put_signed(bits, high + lowest)
    if has_ranks:
        bits.put(values, 17)
        for _ in range(values):
            bits.golomb(rng.randrange(4), 0)
    reach = rng.choice([0, 40, 511])
    for _ in range(9):
        bits.put(512 + rng.randint(-reach, reach), 10)
    return bits.done()


def random_model(rng: random.Random, grid: Grid) -> bytes:
    slices, height, width, components = shape_of(grid)
    preset = rng.choice([0, 1, 2]) if width % 16 or height == 1 else rng.choice([0, 1, 2, SWIFT])
    flags, bits = random_flags(rng, grid, preset), BitWriter()
    samples = slices * height * width * components
    if flags.folded:  # all pixels but those after the last slice
        fold_height = rng.randrange(2, 40)
        fold_width = width // fold_height
        slices, height, width = 1, fold_height, fold_width
    bits.put(flags.number(), 16)
    if flags.folded:
        bits.put(width, 32).put(height, 32)
    if flags.transposed:
        height, width = width, height
    chunk_slices, chunk_rows = slices, height
    if not flags.transposed:
        chunk_slices, chunk_rows = random_cut(rng, (slices, height), width * components * int(grid.kind[1:]))
    flags.series = flags.series and chunk_slices > 3
    bits.bits[:16] = BitWriter().put(flags.number(), 16).bits
    if flags.predicted:
        return put_predicted(bits, rng, grid, flags.ranks, samples)
    is_whole = (chunk_slices, chunk_rows) == (slices, height)
    bits.put(is_whole and rng.random() < 0.8, 1)
    if not bits.bits[-1]:
        bits.put(chunk_slices, 32).put(chunk_rows, 32)
    if flags.series:
        bits.put(rng.randrange(2, chunk_slices), 32)
    low, high = sorted((rng.choice([-32768, -100, 0, 7]), rng.choice([-5, 0, 255, 32767])))
    is_plain = flags.label or flags.raster
    for number in () if is_plain else (low, high, rng.choice([low, high, 0, 5])):
        put_signed(bits, number)
    apart = False
    if flags.cells:
        at = len(bits.bits)
        put_cells(bits, rng, grid, samples)
        apart = bool(bits.bits[at])
    if flags.ranks:
        narrow = grid.kind in ("u1", "i1") and not flags.cells
        put_ranks(bits, rng, components, 256 if narrow else 65536, samples)
    if flags.raster:
        bits.put(grid.kind in ("u1", "i1") and rng.getrandbits(1), 1)  # literals by value
    if not is_plain:
        put_intensity(bits, rng, (components, chunk_slices), flags, preset, apart)
    return bits.done()


# ---- Images ------------------------------------------------------------------------------------------------------


def make_voxel_chunk(data: bytes, grid: Grid, ordinal: int, rng: random.Random) -> tuple[bytes, bytes]:
    """The stored and the raw bytes of a chunk."""
    model = Model(data, grid)
    _, slices, _, rows = box_of(model, ordinal)
    if model.label:
        return make_labels(model, slices, rows, model.components * model.sample_size, rng)
    if model.raster:
        stored, pixels = make_raster(model, slices, rows, rng)
        return stored, samples_of_pixels(pixels, model.components, grid)
    if model.predicted:
        return make_predicted(model, slices, rows, rng)
    make = make_swift if model.preset == SWIFT else make_intensities
    stored, values = make(model, slices, rows, rng)
    values = values.transpose((0, 3, 2, 1) if model.transposed else (0, 2, 3, 1))
    if model.ranks:
        lowest = -32768 if model.cells else {"u1": 0, "i1": -128}.get(grid.kind, -32768)
        values = without_ranks(values, model, lowest)
    if not model.cells:
        return stored, samples_of(values, grid)
    cells = values + 32768
    if model.cells.has_maps:
        tail = make_maps(model.cells, cells, rng)
        return struct.pack("<I", len(stored)) + stored + tail, model.cells.samples(cells, tail)
    chosen = np.where(cells < len(model.cells.low), cells, 0).ravel().tolist()
    count = sum(model.cells.width[cell] for cell in chosen)
    tail = (rng.getrandbits(count) if count else 0).to_bytes((count + 7) // 8, "little")
    return struct.pack("<I", len(stored)) + stored + tail, model.cells.samples(cells, tail)


def random_grid(rng: random.Random, kind: str) -> tuple[Grid, int]:
    """A small one, and its components."""
    while True:
        dimension = rng.randrange(1, 6)
        components = rng.choice([1, 1, 1, 2, 3, 4, 5])
        if kind[1] == "8" and rng.random() < 0.3:  # several chunks
            return Grid(kind, rng.random() < 0.3, (24, rng.choice([25, 101]), rng.choice([1, 4])), 2), 2
        if rng.random() < 0.08:
            size = [rng.choice([8192, 8200])] + [1] * (dimension - 1)
            components = 1
        else:
            size = [rng.choice([1, 2, 3, 5, 16, 24, 25, 32, 33]) for _ in range(dimension)]
            size[0] = rng.choice([3, 24, 31, 32, 33, 48])
        grid = Grid(kind, kind[1] != "1" and rng.random() < 0.3, tuple(size), components)
        count = math.prod(size) * components
        try:
            shape_of(grid)
        except DamagedError:
            continue
        if count <= SAMPLES_MAX or 8192 in size or 8200 in size:
            return grid, components


@dataclasses.dataclass
class Piece:
    """Of the value: chunks, and the geometry of an image that they make up."""

    chunks: list[Chunk]
    raw: bytes
    image: bytes | None = None
    model: bytes | None = None


def chunk_of(codec: int, stored: bytes, raw: bytes) -> Chunk:
    return Chunk(len(raw), codec, stored, xxh3(raw))


def zstd_frame(rng: random.Random, raw: bytes) -> bytes:
    settings = {"level": rng.choice([-5, 1, 3, 19]), "write_checksum": rng.random() < 0.5}
    return zstandard.ZstdCompressor(**settings).compress(raw)  # type: ignore[arg-type]


def plain_chunk(rng: random.Random, raw: bytes) -> Chunk:
    return chunk_of(STORE, raw, raw) if rng.random() < 0.5 else chunk_of(ZSTD, zstd_frame(rng, raw), raw)


def planes_chunk(rng: random.Random, image: Image, size: int) -> tuple[Chunk, bytes]:
    stored = bytes([rng.randrange(8)]) + zstd_frame(rng, random_bytes(rng, size))
    raw = decode_planes(stored, size, image)
    return chunk_of(PLANES, stored, raw), raw


def image_body(
    rng: random.Random,
    grid: Grid,
    number: int,
    place: tuple[int, int],
    padding: int = 0,
    pieces: tuple[int, int, int, int] | None = None,
) -> bytes:
    """`place`: offset in the value, and bytes of its text, if it is one."""
    offset, text_size = place
    reading = random_reading(random.Random(f"{offset} {grid} {number}"), grid, number, padding)
    if pieces:
        reading = reading or bytes(8)
        reading = reading[:2] + bytes([reading[2] | 4]) + reading[3:] + struct.pack("<IIII", *pieces)
    complex_pixels = number in (10, 11) and grid.components % 2 == 0 and rng.random() < 0.5
    flags = int(grid.big_endian) | complex_pixels << 1 | (number == 1 and rng.random() < 0.2) << 2
    flags |= rng.getrandbits(1) << 3 | rng.getrandbits(1) << 4 | rng.getrandbits(1) << 5 | (text_size > 0) << 6
    flags = flags & ~4 | 128 if reading else flags  # no reading of a bool
    dimension = len(grid.size)
    body = struct.pack("<BBBBIQ", rng.randrange(23), number, dimension, flags, grid.components, offset)
    body += struct.pack(f"<{dimension}Q", *grid.size)
    if flags & 16:
        body += struct.pack(
            f"<{2 * dimension + dimension**2}d", *(rng.uniform(-9, 9) for _ in range(2 * dimension + dimension**2))
        )
    return body + (struct.pack("<Q", text_size) if text_size else b"") + reading


def count_chunks(model: bytes, grid: Grid) -> int:
    """Chunks of a model."""
    for count in itertools.count():
        try:
            chunk_range(model, grid, count)
        except DamagedError:
            if count == 0:
                raise
            return count
    raise AssertionError


def image_with_model(rng: random.Random, offset: int) -> Piece:
    narrow = [number for number, kind in SAMPLE_TYPES.items() if kind in NARROW]  # they have more kinds of chunks
    while True:
        sample_type = rng.choice([*SAMPLE_TYPES, *2 * narrow])
        grid, _ = random_grid(rng, SAMPLE_TYPES[sample_type])
        model = random_model(rng, grid)
        try:
            made = [make_voxel_chunk(model, grid, i, rng) for i in range(count_chunks(model, grid))]
        except DamagedError:  # weights, keys or memory beyond the limits
            continue
        break
    whole = b"".join(samples for _, samples in made)
    size = len(whole)
    is_text = any(byte > 127 for byte in whole) and rng.random() < 0.2
    total = int(grid.kind[1:]) * grid.components * math.prod(grid.size)
    padding = 0 if is_text else max(0, random.Random(whole).randrange(-20, 9))
    about = Image(grid.kind, grid.big_endian, grid.components, offset, grid.size, row_padding=padding)
    fields = None
    if not padding and not is_text and total == size:
        fields = random_pieces(random.Random(whole), about, [len(samples) for _, samples in made])
    pieces = fields and Pieces.of(about.width * about.components, about.size, fields)
    place = 0

    def as_stored(stored: bytes, part: bytes) -> tuple[bytes, bytes]:
        """Stored and raw bytes."""
        nonlocal place
        place += len(part)
        if pieces:
            return put_in_pieces(random.Random(part), pieces, place - len(part), stored, part)
        return stored, part.decode("latin-1").encode() if is_text else pad(part, place - len(part), about)

    pairs = list(itertools.starmap(as_stored, made))
    raws = [raw for _, raw in pairs]
    chunks = [chunk_of(VOXEL, stored, raw) for stored, raw in pairs]
    if len(chunks) > 1 and rng.random() < 0.3:
        number = rng.randrange(len(chunks))
        chunks[number] = plain_chunk(rng, raws[number])
    if total > size:  # pixels after the last slice of a fold
        raws.append(as_stored(b"", random_bytes(rng, total - size))[1])
        chunks.append(plain_chunk(rng, raws[-1]))
    raw = b"".join(raws)
    place_of = (offset, len(raw) if is_text else 0)
    return Piece(chunks, raw, image_body(rng, grid, sample_type, place_of, padding, fields), model)


def image_without_model(rng: random.Random, offset: int) -> Piece:
    number = rng.choice([*SAMPLE_TYPES])
    grid, components = random_grid(rng, SAMPLE_TYPES[number])
    width = int(grid.kind[1:])
    image = Image(grid.kind, grid.big_endian, components, offset, grid.size)
    chunks, raw, left = [], b"", math.prod(grid.size) * components
    while left:
        count = rng.choice([left, rng.randrange(1, left + 1)])
        if rng.random() < 0.6:
            chunk, piece = planes_chunk(rng, image, count * width)
        else:
            piece = random_bytes(rng, count * width)
            chunk = plain_chunk(rng, piece)
        chunks.append(chunk)
        raw += piece
        left -= count
    return Piece(chunks, raw, image_body(rng, grid, number, (offset, 0)))


def image_by_planes(rng: random.Random, offset: int) -> Piece:
    """All of it in one chunk, and as text, in rows with padding, or in pieces."""
    number = rng.choice([*SAMPLE_TYPES])
    grid, components = random_grid(rng, SAMPLE_TYPES[number])
    image = Image(grid.kind, grid.big_endian, components, offset, grid.size)
    chunk, samples = planes_chunk(rng, image, image.byte_size)
    stored, text = chunk.stored, samples.decode("latin-1").encode()
    fields = random_pieces(rng, image, [image.byte_size])
    if fields:
        pieces = Pieces.of(image.width * components, image.size, fields)
        stored, raw = put_in_pieces(rng, pieces, 0, stored, samples)
    elif len(text) > len(samples) and rng.random() < 0.5:
        raw = text
    else:
        image.row_padding = rng.randrange(1, 9)
        raw = pad(samples, 0, image)
    place = (offset, len(raw) if raw is text else 0)
    return Piece([chunk_of(PLANES, stored, raw)], raw, image_body(rng, grid, number, place, image.row_padding, fields))


def gap(rng: random.Random, _: int) -> Piece:
    raw = random_bytes(rng, rng.randrange(1, 300))
    return Piece([plain_chunk(rng, raw)], raw)


# ---- Frames ------------------------------------------------------------------------------------------------------


def compose_ordinary(rng: random.Random) -> tuple[bytes, bytes]:
    pieces: list[Piece] = []
    raw = b""
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        kinds = [gap, image_without_model, image_by_planes, image_with_model, image_with_model]
        piece = rng.choice(kinds)(rng, len(raw))
        pieces.append(piece)
        raw += piece.raw
    sections = [Section(IMAGE, piece.image) for piece in pieces if piece.image]
    with_model = [piece.model for piece in pieces if piece.image]
    sections += [
        Section(MODEL, struct.pack("<BHB", VOXEL, i, 0) + model) for i, model in enumerate(with_model) if model
    ]
    later = sorted(rng.randrange(3, 0x8000) for _ in range(rng.choice([0, 0, 1, 2])))
    sections += [Section(number, rng.randbytes(rng.randrange(20))) for number in later]
    level = rng.randrange(1, 10) | rng.choice([0, 128])
    parts = Parts(sections, [chunk for piece in pieces for chunk in piece.chunks], level=level)
    parts.value_type = rng.randrange(3)
    return parts.pack(), raw


def compact_frame(rng: random.Random, form: int, raw_size: int, stored: bytes, dictionary_id: int = 0) -> bytes:
    value_type, source = rng.randrange(3), rng.randrange(2) + 2 * rng.randrange(9)  # the column's flag, and the level
    kind, id_size = form + 4 * (value_type + 3 * source), 3 if form >= 2 else 0
    if raw_size < 240:
        size = bytes([raw_size])
    elif raw_size < 4080:
        size = bytes([240 + (raw_size - 240 >> 8), raw_size - 240 & 255])
    else:
        size = b"\xff" + struct.pack("<H", raw_size)
    covered = bytes([kind]) + size + dictionary_id.to_bytes(id_size, "little") + stored
    return b"\xc1ZBS" + struct.pack("<I", xxh3(covered) & 0xFFFFFFFF) + covered


def block_of(raw: bytes, dictionary: bytes | None, level: int) -> bytes | None:
    """The content of the one compressed block that a Zstandard frame of it has, if it has one."""
    known = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
    settings = zstandard.ZstdCompressionParameters.from_level(level, source_size=len(raw), write_dict_id=False)
    frame = zstandard.ZstdCompressor(compression_params=settings, dict_data=known).compress(raw)
    at = zstandard.frame_header_size(frame)
    head = int.from_bytes(frame[at : at + 3], "little")
    is_only = head & 7 == 5 and head >> 3 == len(frame) - at - 3
    return frame[at + 3 :] if is_only and len(frame) - at - 3 < len(raw) else None


def short_form(rng: random.Random, block: bytes) -> bytes | None:
    """Of a block, if it has one; where there are several, any of them."""
    kind, size = block[0] & 3, block[0] >> 2 & 3
    if kind == 3 and size == 0:
        head, at = int.from_bytes(block[:3], "little"), 3
        count, kept = head >> 4 & 1023, head >> 14
    elif kind == 0 and size in (0, 1, 2):
        at = 2 if size == 1 else 1
        count = kept = int.from_bytes(block[:at], "little") >> (4 if size == 1 else 3)
    else:
        return None
    saved, literals, sequences = count - kept, block[at : at + kept], block[at + kept :]
    if count > 1023 or saved < 0 or (kind == 3 and saved == 0):
        return None
    after = 1 if sequences[0] < 128 else 2 if sequences[0] < 255 else 3
    has_known_tables = sequences[0] != 0 and sequences[after : after + 1] == b"\xfc"
    forms = []
    if has_known_tables:
        head = (count & 127 | (saved & 31) << 7 | 15 << 12) | (count >> 7 | saved >> 5 << 3) << 16
        forms.append(head.to_bytes(3, "little") + literals + sequences[:after] + sequences[after + 1 :])
    if count < 128 and saved < 32:
        forms.append(struct.pack("<H", count | saved << 7) + literals + sequences)
        if has_known_tables and sequences[0] < 15:
            forms.append(struct.pack("<H", count | saved << 7 | sequences[0] << 12) + literals + sequences[2:])
    return rng.choice(forms) if forms else None


def record(rng: random.Random) -> bytes:
    """One of many small values that are much alike."""
    words = [rng.choice(["left", "right", "axial", "contrast", "T1", "T2", "flair", "none"]) for _ in range(6)]
    return json.dumps({"series": words[:2], "plane": words[2], "id": rng.randrange(9999), "note": words[3:]}).encode()


@functools.cache
def trained_dictionary() -> bytes:
    rng = random.Random(1)
    return zstandard.train_dictionary(2048, [record(rng) for _ in range(600)]).as_bytes()


def compose_compact(rng: random.Random) -> tuple[bytes, bytes, dict[int, bytes]]:
    raw = random_bytes(rng, rng.choice([0, 1, 239, 240, 255, 256, 4079, 4080, 65535, rng.randrange(2000)]))
    dictionary = rng.choice([None, rng.randbytes(rng.choice([256, 3000])), trained_dictionary(), trained_dictionary()])
    if dictionary == trained_dictionary():
        raw = b"".join(record(rng) for _ in range(rng.choice([1, 1, 2, 40])))
    elif dictionary:
        raw = (dictionary[100:200] + raw)[:65535]
    block = block_of(raw, dictionary, rng.choice([1, 3, 19])) if raw else None
    if block is None:
        return compact_frame(rng, 0, len(raw), raw), raw, {}
    if dictionary is None:
        return compact_frame(rng, 1, len(raw), block), raw, {}
    number = xxh3(dictionary) & 0xFFFFFF or 1
    short = short_form(rng, block)
    form, stored = (3, short) if short else (2, block)
    frame = compact_frame(rng, form, len(raw), stored, number)
    return frame, raw, {number: dictionary}


def compose_image_frame(rng: random.Random) -> tuple[bytes, bytes]:
    before, after = (random_bytes(rng, rng.choice([0, 0, 5, 150])) for _ in range(2))
    while True:
        kinds = [image_without_model, image_by_planes, image_with_model, image_with_model]
        piece = rng.choice(kinds)(rng, len(before))
        is_small = len(piece.chunks) == 1 and len(piece.chunks[0].stored) < 60000
        if is_small and piece.image:
            break
    chunk, raw = piece.chunks[0], before + piece.raw + after
    covered = bytes([216 + rng.randrange(18)]) + struct.pack("<I", xxh3(raw) & 0xFFFFFFFF)
    covered += image_fields(rng, piece.image, chunk.codec, len(after))
    if chunk.codec == VOXEL and piece.model:
        covered += put_varint(len(piece.model)) + piece.model
    if before + after:
        block = block_of(before + after, USUAL_ENDS, 3) if rng.random() < 0.8 else None
        ends = block or before + after
        covered += put_varint(len(ends)) + ends
    covered += chunk.stored
    return b"\xc1ZBS" + struct.pack("<I", xxh3(covered) & 0xFFFFFFFF) + covered, raw


def compose(seed: int) -> tuple[bytes, bytes, dict[int, bytes]]:
    """A frame, the bytes of its value, and the dictionaries that it needs."""
    rng = random.Random(seed)
    kind = rng.random()
    if kind < 0.15:
        return compose_compact(rng)
    if kind < 0.25:
        return *compose_image_frame(rng), {}
    return *compose_ordinary(rng), {}
