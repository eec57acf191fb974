"""An independent decoder of the voxel codec, written from docs/voxel-format.md alone. Slow on purpose: it says the
rules once more, in plain Python and NumPy, so that what one implementation wrote stays readable without it.

    decode_chunk(model, grid, ordinal, chunk) -> bytes        grid: Grid(sample type, big endian, sizes, components)
"""

from __future__ import annotations

import dataclasses
import math
import re
import struct

import numpy as np
import numpy.typing as npt

from .bits import Bits, DamagedError, Grid, require, samples_of, unzigzag, varints
from .label_decoder import decode_label
from .mixed_decoder import decode_mixed
from .predicted_decoder import Prediction
from .rans import Rans, read_tables
from .raster_decoder import decode_raster, samples_of_pixels
from .sites import Site, site, sites
from .swift_streams import Streams
from .wide_decoder import Cells

Values = npt.NDArray[np.int64]


# ---- Section 1 and 2: shape and samples ----------------------------------------------------------------------


def shape_of(grid: Grid) -> tuple[int, int, int, int]:
    require(math.prod(grid.size) * grid.components <= 2**40, "samples")
    components, axes = grid.components, [n for n in grid.size if n > 1]
    if len(axes) > 1 and components * axes[0] <= 4:
        components *= axes.pop(0)
    while len(axes) > 1 and axes[0] < 24:
        axes[1] *= axes[0]
        axes.pop(0)
    width = axes[0] if axes else 1
    height = axes[1] if len(axes) > 1 else 1
    slices = math.prod(axes[2:])
    require(components <= 256 and slices < 2**32 and height < 2**32, "shape")
    require(width >= 8192 if height == 1 else width * components * int(grid.kind[1:]) <= 2**23, "row")
    return slices, height, width, components


def without_ranks(values: Values, model: Model, lowest: int) -> Values:
    """Values, whose last axis are the components, for their ranks."""
    ranks = (values - lowest) & (0xFFFF if lowest == -32768 else 0xFF)
    for c in range(ranks.shape[-1]):
        used = model.ranks[c % len(model.ranks)]
        ranks[..., c] = used[np.where(ranks[..., c] < len(used), ranks[..., c], 0)]
    return ranks + lowest


# ---- Section 4 and 5: the model ------------------------------------------------------------------------------

PRESETS = {0: (8, 64, 0), 1: (16, 64, 6), 2: (32, 128, 16), 3: (0, 0, 0)}  # bins, steps, split
SWIFT = 3

PAIRS = {  # (has a reference, parity) -> x, y, z
    (0, 0): ("0-1 0-2 3-4", "0-3 1-4 2-5", "2-3 1-3 6-7"),
    (0, 1): ("1-2 0-3 0-4", "1-3 2-4 0-5", "1-0 2-0 3-5"),
    (1, 0): ("1-2 0-4 0-5", "0-6 0-7 1-12", "1-6 2-8 3-9"),
    (1, 1): ("14-15 0-4 0-5", "14-2 15-3 0-6", "14-4 15-5 1-6"),
}


@dataclasses.dataclass
class Predictor:
    weights: np.ndarray  # [tap][class]
    activity: list[int]
    context: list[int]


@dataclasses.dataclass
class Channel:
    component: int
    minus: int
    floor: int
    offset: int
    low: int
    high: int


PLATEAU_SITES = {  # group -> even, odd: three candidates, and three pairs
    0: ("N NW NE N NN NW NNW NE NNE", "W E N NW W NE E N NN"),
    1: ("P N NE PN N PW NW PE NE", "P W E PW W PE E PN N"),
    2: ("N NW NE P PN PW P P PE", "W E N P PW PE P PN P"),
    3: ("Q N NE P PN PW P QN N", "Q W E P PW PE P QW W"),
}
CELLS = 320


class Model:
    channels: list[Channel] | None = None

    def __init__(self, data: bytes, grid: Grid) -> None:
        bits = Bits(data)
        self.slices, self.height, self.width, self.components = shape_of(grid)
        self.kind, self.sample_size = grid.kind, int(grid.kind[1:])
        flags = bits.take(16)
        self.predicted, self.mixed = flags >> 12 & 1, flags >> 13
        require(not self.predicted or flags & ~8 == 4096, "flags of predicted samples")
        require(self.mixed <= flags & 1 and (not flags & 2049 or flags & ~8320 in (1, 2048)), "flags")
        require(bool(flags & 128) == (self.height == 1), "folding")
        if flags & 128:
            self._fold(bits.take(32), bits.take(32))
        self.label, self.reference, self.floor = flags & 1, flags >> 1 & 1, flags >> 2 & 1
        self.margins, self.transposed, self.few_states = flags >> 5 & 1, flags >> 6 & 1, flags >> 9 & 1
        self.plateaus, self.raster = flags >> 10 & 1, flags >> 11 & 1
        if self.transposed:
            self.height, self.width = self.width, self.height
        is_whole = self.predicted or bits.take(1)
        self.chunk_slices, self.chunk_rows = (self.slices, self.height) if is_whole else (bits.take(32), bits.take(32))
        self.distance = bits.take(32) if flags & 256 else 1
        given = 0 if self.label or self.raster else 2 if self.predicted else 3
        numbers = [(bits.take(16) ^ 0x8000) - 0x8000 for _ in range(given)]
        self.low, self.high, self.modal = *numbers, *[0] * (3 - given)
        require(self.low <= self.high, "range")
        require(self.chunk_slices <= self.slices and 1 <= self.chunk_rows <= self.height, "chunks")
        require(not self.chunk_slices or self.chunk_rows == self.height, "chunks")
        require(not self.transposed or (self.chunk_slices > 0 and self.width >= 24), "transposed")
        require(not flags & 256 or 2 <= self.distance < self.chunk_slices, "distance")
        is_narrow = grid.kind in ("u1", "i1", "u2", "i2")
        require(bool(self.label or is_narrow or flags & 16), "cells")
        samples = self.slices * self.height * self.width * self.components
        self.apart = 0
        self.cells: Cells | None = None
        if flags & 16:
            self.apart = bits.take(1)
            self.cells = Cells(bits, grid, samples)
        self.ranks: list[Values] = []
        if flags & 8:
            each = 2 <= self.components <= 4 and bits.take(1)
            limit = 256 if grid.kind in ("u1", "i1") and not self.cells else 65536
            self.ranks = [
                self._read_ranks(bits, min(limit, samples), limit) for _ in range(self.components if each else 1)
            ]
        self.by_value = self.raster and bits.take(1)
        most = {1: 4, 2: 1}.get(self.sample_size, 0) if is_narrow else 0
        require(not self.raster or self.components <= most, "samples of a pixel")
        require(not self.by_value or self.sample_size == 1, "samples by value")
        if self.predicted:
            require(is_narrow and self.components == 1 and self.width <= 2**20, "predicted samples")
            self.prediction = Prediction(bits, grid, (self.low, self.high), self.ranks)
        elif not self.label and not self.raster:
            self._read_intensity(bits)
        bits.require_end()
        self._require_chunks()

    def _fold(self, width: int, height: int) -> None:
        require(24 <= width <= 2**23 and height >= 2 and width * height <= self.width, "fold")
        require(width * self.components * self.sample_size <= 2**23, "row of a fold")
        self.slices, self.width, self.height = self.width // (width * height), width, height
        require(self.slices < 2**32, "slices of a fold")

    def _require_chunks(self) -> None:
        bands = -(-self.height // self.chunk_rows)
        count = -(-self.slices // self.chunk_slices) if self.chunk_slices else self.slices * bands
        slices, rows = self.chunk_slices or 1, self.chunk_rows
        samples = slices * rows * self.width * self.components
        size = samples * self.sample_size
        require(size <= 2**24 and (size >= 16384 or count == 1), "size of chunks")
        if self.label or self.predicted:
            return
        ring, half = min(slices, 2 * self.distance + 1), ((self.width + 1) // 2 + 8 + 31) // 32 * 32
        memory = 4 * (ring * self.components * (rows * 2 * half + 32) + half + 64)
        if self.transposed:
            row, tile = self.width * self.components, 32 * (self.height + 40)
            memory += 2 * (max(row, tile * (self.components if self.components <= 4 else 1)) + 64)
        if self.cells:
            memory += samples * (10 if self.cells.axes else 2)
        require(memory <= 48 << 20, "memory")

    @staticmethod
    def _read_ranks(bits: Bits, most: int, limit: int) -> Values:
        values: list[int] = []
        following = 0
        count = bits.take(17)
        require(0 < count <= most, "number of ranks")
        for _ in range(count):
            following += bits.golomb(0)
            values.append(following)
            following += 1
        require(values[-1] < limit, "ranks")
        return np.array(values, dtype=np.int64)

    def where(self, kind: int) -> int:
        later = kind > 2 or (kind == 2 and self.chunk_slices > 1)
        return 2 if later else int(kind > 0)

    def _read_channels(self, bits: Bits) -> list[Channel]:
        channels = []
        for c in range(self.components):
            component, minus, floor = bits.take(2), bits.take(2), bits.take(1)
            offset, low, high = (bits.take(16) for _ in range(3))
            if minus > c or floor > self.floor:
                raise DamagedError("channel")
            channels.append(Channel(component, minus, floor, offset, (low ^ 0x8000) - 0x8000, (high ^ 0x8000) - 0x8000))
            require(channels[-1].low <= channels[-1].high, "range of a channel")
        if sorted(channel.component for channel in channels) != list(range(self.components)):
            raise DamagedError("channels")
        return channels

    def _read_intensity(self, bits: Bits) -> None:
        if 2 <= self.components <= 4 and bits.take(1):
            self.channels = self._read_channels(bits)
        self.preset = bits.take(4)
        require(self.preset in PRESETS, "preset")
        self.bins, self.steps, self.split = PRESETS[self.preset]
        if self.preset != SWIFT:
            self.shift, self.energy_shift = bits.take(4), bits.take(4)
            require(self.shift <= 6 and self.energy_shift <= 10, "shifts")
            self.thresholds = [bits.take(8) for _ in range(1, self.bins)]
            require(self.thresholds == sorted(self.thresholds), "thresholds")
        else:
            require(not (self.floor or self.margins or self.few_states or self.plateaus), "flags of the swift preset")
        self.tables = self.plain_tables = self.bins + self.split + (4 * (self.bins // 2) if self.floor else 0)
        if self.plateaus:
            self._read_plateaus(bits)
        self.kinds: dict[int, list[Predictor]] = {}
        for kind in range(1 + min(self.components, 4)):
            if kind == 0 or (self.reference and (self.chunk_slices > 1 or (kind > 1 and not self.apart))):
                classes = 1 if self.preset == SWIFT or bits.take(1) else 32
                self.kinds[kind] = [self._read_predictor(bits, self.where(kind), parity, classes) for parity in (0, 1)]

    def _read_plateaus(self, bits: Bits) -> None:
        count = bits.take(7)
        later = self.reference and self.components > 1 and not self.apart
        following = self.chunk_slices > 1
        groups = (True, self.reference and following, later, later and following)
        cells = [
            (group, parity, cell) for group in range(4) if groups[group] for parity in (0, 1) for cell in range(CELLS)
        ]
        self.map = np.zeros((4, 2, CELLS), dtype=np.int64)
        at = 0
        while at < len(cells):
            number, length = bits.take(7), bits.golomb(0) + 1
            if number > count or length > len(cells) - at:
                raise DamagedError("plateaus")
            for place in cells[at : at + length]:
                self.map[place] = number
            at += length
        if not 0 < count <= 64:
            raise DamagedError("plateau tables")
        self.tables += count

    def _read_predictor(self, bits: Bits, where: int, parity: int, classes: int) -> Predictor:
        taps, errors = sites(self.preset, where, parity)
        weights = np.zeros((len(taps), 32), dtype=np.int64)
        for t in range(1, len(taps)):
            last = 0
            for c in range(classes):
                last += 4 * unzigzag(bits.golomb(7))
                weights[t, c] = last
            if classes == 1:
                weights[t] = last
        weights[0] = 4096 - weights.sum(0)
        if np.abs(weights).max() > 16000 or np.abs(weights).sum(0).max() > 60000:
            raise DamagedError("weights")
        directions = 3 if self.preset in (1, 2) else 0
        activity = [bits.take(16) for _ in range(directions)]
        return Predictor(weights, activity, [bits.take(16) for _ in range(len(errors) + directions)])


# ---- Section 6 and 7: planes, neighbours, contexts -----------------------------------------------------------


class Planes:
    """Values and errors of a chunk, as arrays of whole rows: [slice][component][y][x]."""

    def __init__(self, model: Model, slices: int, rows: int) -> None:
        shape = (slices, model.components, rows, model.width)
        self.model, self.rows = model, rows
        self.values = np.full(shape, model.modal, dtype=np.int64)
        self.errors = np.zeros(shape, dtype=np.int64)

    def sources(self, z: int, c: int) -> list[tuple[int, int]]:
        """(slice, component) of this plane, of P and of Q; the last two are missing without a reference."""
        d, alone = self.model.distance, c == 0 or self.model.apart
        if not self.model.reference or (z < d and alone):
            return [(z, c)]
        if alone:
            return [(z, c), (z - d, c), (z - 2 * d if z >= 2 * d else z - d, c)]
        return [(z, c), (z, c - 1), (z - d, c) if z >= d else (z, max(c - 2, 0))]

    def look(
        self, array: Values, sources: list[tuple[int, int]], where: Site, y: int, parity: int, blank: int
    ) -> Values:
        """The neighbour at a site, of each sample of a half-row."""
        source, dy, dx = where
        row = y + dy
        count = (self.model.width + 1 - parity) // 2
        if source == 0 and y == 0 and row < 0:
            if len(sources) == 1:
                return np.full(count, blank, dtype=np.int64)
            source, row = 1, 0
        row = min(max(row, 0), self.rows - 1)
        z, c = sources[source]
        column = parity + dx
        half: Values = array[z, c, row, column & 1 :: 2]
        if len(half) == 0:
            half = array[z, c, row, 0::2]
        index = np.arange(count) + (column >> 1)
        return half[np.clip(index, 0, len(half) - 1)]


def magnitude(a: Values, b: Values) -> Values:
    d: Values = ((a - b) + 32768) % 65536 - 32768
    return np.abs(d)


def directions_of(model: Model, reference: bool, parity: int, taps: list[Values]) -> list[Values]:
    result = []
    for text in PAIRS[int(reference), parity]:
        total = np.zeros(len(taps[0]), dtype=np.int64)
        for a, b in re.findall(r"(\d+)-(\d+)", text):
            total = np.minimum(total + magnitude(taps[int(a)], taps[int(b)]), 65535)
        result.append(np.minimum(total >> model.shift, 3069))
    return result


def group_of(model: Model, sources: list[tuple[int, int]], c: int) -> int:
    if len(sources) == 1:
        return 0
    if sources[1][1] == c:
        return 1
    return 3 if sources[2][0] != sources[0][0] else 2


def plateaus_of(
    model: Model, planes: Planes, z: int, c: int, y: int, parity: int, energy: Values, table: Values
) -> tuple[Values, Values, Values]:
    """-> table of each sample of a half-row, its candidates, and which of them it has."""
    sources = planes.sources(z, c)
    group = group_of(model, sources, c)
    names = PLATEAU_SITES[group][parity].split()
    seen = [planes.look(planes.values, sources, site(name), y, parity, model.modal) for name in names]
    first, second, third = seen[:3]
    same = np.select(
        [(first == second) & (first == third), first == second, first == third, second == third], [4, 1, 2, 3]
    )
    pattern = 40 * (first == model.modal) + 8 * same
    for i in range(3):
        pattern = pattern + (seen[3 + 2 * i] == seen[4 + 2 * i]) * 2**i
    level = sum((energy >= limit).astype(np.int64) for limit in (1, 16, 64))
    number = model.map[group, parity][pattern + 80 * level]
    has = np.stack([number > 0, (number > 0) & (second != first), (number > 0) & (third != first) & (third != second)])
    return np.where(number > 0, model.plain_tables + number - 1, table), np.stack(seen[:3]), has


def without_candidates(code: int, candidates: list[int]) -> int:
    """z, of which the code is that with candidates' z."""
    if code < len(candidates):
        return candidates[code]
    code -= len(candidates)
    for candidate in sorted(candidates):
        code += code >= candidate
    return code


def predict(
    model: Model, planes: Planes, z: int, c: int, y: int, parity: int
) -> tuple[Values, Values, Values, Values | None, Values | None]:
    """-> prediction, fraction, table of each sample of a half-row; with plateaus, candidates and which it has."""
    sources = planes.sources(z, c)
    reference = len(sources) > 1
    kind = 1 + min(c, 3) if reference else 0
    predictor = model.kinds[kind][parity]
    tap_sites, error_sites = sites(model.preset, model.where(kind), parity)
    taps = [planes.look(planes.values, sources, s, y, parity, model.modal) for s in tap_sites]
    errors = [planes.look(planes.errors, sources, s, y, parity, 0) for s in error_sites]
    classes, energy = np.zeros(len(taps[0]), dtype=np.int64), np.zeros(len(taps[0]), dtype=np.int64)
    for e, w in zip(errors, predictor.context, strict=False):
        energy = energy + (e * w >> 16)
    if model.preset:
        x, yy, zz = directions_of(model, reference, parity, taps)
        classes = (yy > x) + 2 * (zz > x) + 4 * (zz > yy)
        for threshold in predictor.activity:
            classes = classes + 8 * (x + yy + zz > threshold)
        for d, w in zip((x, yy, zz), predictor.context[len(errors) :], strict=True):
            energy = energy + (16 * d * w >> 16)
    total = 2048 + sum(predictor.weights[t][classes] * tap for t, tap in enumerate(taps))
    raw = np.clip(total >> 12, -32768, 32767)
    limits = model.channels[c] if model.channels else model
    table, fraction = table_of(model, limits, energy % 65536, raw, total & 4095)
    candidates, has = None, None
    if model.plateaus:
        table, candidates, has = plateaus_of(model, planes, z, c, y, parity, energy % 65536, table)
    return np.clip(raw, limits.low, limits.high), fraction, table, candidates, has


def table_of(model: Model, limits: Model | Channel, e: Values, raw: Values, fraction: Values) -> tuple[Values, Values]:
    bins, split = model.bins, model.split
    fine, half = e >> model.energy_shift, model.steps // 2
    step = np.where(fine < half, fine, half + np.minimum((fine - half) >> 3, half - 1))
    found = sum((step >= t).astype(np.int64) for t in model.thresholds)
    table = np.where((found < split) & ((fraction < 1024) | (fraction >= 3072)), found + bins, found)
    if limits.floor:
        distance = (raw - limits.low + 8192) % 65536
        reaches = (8192 + ((e + e + (e >> 1)) % 65536 >> 4), 8192 + (e >> 4), 8192 + (e >> 6), 8192 - (e >> 5))
        near = sum((reach % 65536 > distance).astype(np.int64) for reach in reaches)
        table = np.where(near > 0, bins + split + (near - 1) * (bins // 2) + (found >> 1), table)
        fraction = np.where(near > 0, 2048, fraction)
    return table, fraction


# ---- Section 8: a chunk of intensities -----------------------------------------------------------------------


def decode_half(
    model: Model, planes: Planes, rans: Rans, z: int, c: int, y: int, parity: int, first: int, last: int
) -> None:
    whole = predict(model, planes, z, c, y, parity)
    prediction, fraction, table = (a[first:last] for a in whole[:3])
    code = np.array(rans.half_row(table.tolist()), dtype=np.int64)
    if whole[3] is not None and whole[4] is not None:
        wrapped = (whole[3][:, first:last] - prediction + 32768) % 65536 - 32768
        turned = (np.where(fraction < 2048, -wrapped, wrapped) + 32768) % 65536 - 32768
        own = np.where(turned < 0, -2 * turned - 1, 2 * turned)
        has = whole[4][:, first:last]
        code = np.array(
            [without_candidates(int(v), own[:, i][has[:, i]].tolist()) for i, v in enumerate(code)], dtype=np.int64
        )
    residual = np.where(code & 1, -((code + 1) >> 1), code >> 1)
    residual = np.where(fraction < 2048, -residual, residual)
    value = (prediction + residual + 32768) % 65536 - 32768
    size = np.abs((residual + 32768) % 65536 - 32768)
    where = np.s_[z, c, y, parity + 2 * first : parity + 2 * last : 2]
    planes.values[where] = value
    planes.errors[where] = 16 * np.minimum(size >> model.shift, 1023)


def chunk_header(model: Model, data: bytes) -> tuple[list[int], int]:
    """Four numbers, and where they end."""
    if not model.few_states:
        require(len(data) >= 16, "header of a chunk")
        return list(struct.unpack_from("<4I", data)), 16
    sizes, at = [], 0
    for _ in range(4):
        end = at
        while end < len(data) and data[end] & 128:
            end += 1
        end += 1
        (size,) = varints(data[at:end])
        require(size < 1 << 32, "a number of the header")
        sizes.append(size)
        at = end
    return sizes, at


def decode_planes(model: Model, data: bytes, slices: int, rows: int) -> Values:
    sizes, at = chunk_header(model, data)
    parts, state_count = [], 8 if model.few_states else 64
    require(at + sum(sizes[:3]) <= len(data), "parts of a chunk")
    for size in sizes[:3]:
        parts.append(data[at : at + size])
        at += size
    rans: Rans | None = None
    if sizes[0]:
        end = len(data) - (sizes[3] + 7) // 8
        words_size = end - 4 * state_count - at
        require(words_size >= 0 and words_size % 2 == 0, "words")
        words = np.frombuffer(data[at : end - 4 * state_count], "<u2").tolist()
        states = list(struct.unpack_from(f"<{state_count}I", data, end - 4 * state_count))
        rans = Rans(read_tables(model.tables, parts[0]), states, words, data[end:], sizes[3])
    else:
        require(sizes[3] == 0 and at == len(data), "a chunk of flat rows")
    runs, margins, sides = varints(parts[1]), Bits(parts[2]), [0, 0]
    planes, half = Planes(model, slices, rows), ((model.width + 1) // 2, model.width // 2)
    gap, length = next(runs, None), next(runs, None)
    for z, c, y in np.ndindex(slices, model.components, rows):
        if gap == 0 and length == 0:
            gap, length = next(runs, None), next(runs, None)
        if gap == 0:
            if length is None:
                raise DamagedError("a gap without a run")
            length -= 1
            continue
        if rans is None:
            raise DamagedError("half-rows without tables")
        gap = None if gap is None else gap - 1
        if model.margins:
            sides = [side + unzigzag(margins.golomb(0)) for side in sides]
            require(min(sides) >= 0 and 8 * sum(sides) <= half[0] and 8 * sides[0] <= half[1], "margins")
        first, last = 8 * sides[0], half[0] - 8 * sides[1]
        decode_half(model, planes, rans, z, c, y, 0, first, last)
        decode_half(model, planes, rans, z, c, y, 1, first, min(half[1], last))
    if rans:
        rans.check_end()
    require(gap in (0, None) and length in (0, None) and next(runs, None) is None, "flat rows that are left")
    margins.require_end()
    return components_of(model, planes.values)


# ---- Section 11: a chunk of the swift preset -----------------------------------------------------------------


def swift_half(model: Model, planes: Planes, z: int, c: int, y: int, parity: int, codes: list[int]) -> None:
    sources = planes.sources(z, c)
    kind = 1 + min(c, 3) if len(sources) > 1 else 0
    weights = model.kinds[kind][parity].weights[:, 0]
    taps, _ = sites(SWIFT, model.where(kind), parity)
    total = sum(
        weight * planes.look(planes.values, sources, where, y, parity, model.modal)
        for weight, where in zip(weights, taps, strict=True)
    )
    limits = model.channels[c] if model.channels else model
    prediction = np.clip(2048 + total >> 12, limits.low, limits.high)
    if any(codes[len(prediction) :]):
        raise DamagedError("codes after the end of a half-row")
    code = np.array(codes[: len(prediction)], dtype=np.int64)
    residual = np.where(code & 1, -((code + 1) >> 1), code >> 1)
    planes.values[z, c, y, parity::2] = (prediction + residual + 32768) % 65536 - 32768


def decode_swift(model: Model, data: bytes, slices: int, rows: int, streams: Streams | None = None) -> Values:
    streams, planes = streams or Streams(data), Planes(model, slices, rows)
    groups = [-(-((model.width + 1 - parity) // 2) // 8) for parity in (0, 1)]
    for z, c in np.ndindex(slices, model.components):
        above = [[0] * groups[0], [0] * groups[1]]
        for first in range(0, rows, 2):
            has, is_flat = streams.pair()
            above = [streams.classes_of(above[parity]) if has[parity] else [0] * groups[parity] for parity in (0, 1)]
            for y in range(first, min(first + 2, rows)):
                for parity in (0, 1):
                    codes = [code for group in above[parity] for code in streams.codes_of(group)]
                    if is_flat:
                        planes.values[z, c, y, parity::2] = model.modal
                    else:
                        swift_half(model, planes, z, c, y, parity, codes)
    streams.check_end()
    return components_of(model, planes.values)


def components_of(model: Model, values: Values) -> Values:
    """[slice][plane][y][x] -> [slice][component][y][x]"""
    if not model.channels:
        return values
    result = np.empty_like(values)
    for c, channel in enumerate(model.channels):
        plane = values[:, c] - channel.offset
        if channel.minus:
            plane = plane + result[:, model.channels[channel.minus - 1].component]
        result[:, channel.component] = (plane + 32768) % 65536 - 32768
    return result


def box_of(model: Model, ordinal: int) -> tuple[int, int, int, int]:
    """First slice, slices, first row, rows."""
    if model.chunk_slices:
        first = ordinal * model.chunk_slices
        require(first < model.slices, "number of a chunk")
        return first, min(model.chunk_slices, model.slices - first), 0, model.height
    bands = -(-model.height // model.chunk_rows)
    row = ordinal % bands * model.chunk_rows
    require(ordinal // bands < model.slices, "number of a chunk")
    return ordinal // bands, 1, row, min(model.chunk_rows, model.height - row)


def chunk_range(model_bytes: bytes, grid: Grid, ordinal: int) -> tuple[int, int]:
    """Offset and size of the chunk among the samples."""
    model = Model(model_bytes, grid)
    first, slices, row, rows = box_of(model, ordinal)
    row_size = model.width * model.components * model.sample_size
    return (first * model.height + row) * row_size, slices * rows * row_size


def decode_chunk(model_bytes: bytes, grid: Grid, ordinal: int, chunk: bytes) -> bytes:
    """The bytes of the image's chunk of that number."""
    model = Model(model_bytes, grid)
    _, slices, _, rows = box_of(model, ordinal)
    if model.label:
        require(model.components * model.sample_size <= 64, "size of a pixel")
        decode = decode_mixed if model.mixed else decode_label
        return decode(chunk, model.width, rows, slices, model.components * model.sample_size)
    if model.raster:
        pixels = decode_raster(
            chunk, model.width, slices * rows, model.components, 8 * model.sample_size, bool(model.by_value)
        )
        return samples_of_pixels(np.array(pixels), model.components, grid)
    if model.predicted:
        return model.prediction.decode(chunk, model.width, slices * rows)
    tail = b""
    if model.cells:
        require(len(chunk) >= 4, "a chunk's cells")
        (size,) = struct.unpack_from("<I", chunk)
        require(size <= len(chunk) - 4, "size of the cells")
        chunk, tail = chunk[4 : 4 + size], chunk[4 + size :]
    decoder = decode_swift if model.preset == SWIFT else decode_planes
    values = decoder(model, chunk, slices, rows)
    axes = (0, 3, 2, 1) if model.transposed else (0, 2, 3, 1)
    values = values.transpose(axes)
    if model.ranks:
        lowest = -32768 if model.cells else {"u1": 0, "i1": -128}.get(grid.kind, -32768)
        values = without_ranks(values, model, lowest)
    return model.cells.samples(values + 32768, tail) if model.cells else samples_of(values, grid)
