"""The cells of models and chunks (section 10 of docs/voxel-format.md), composed at random: runs, lists, and maps of
values for each chunk.
"""

from __future__ import annotations

import itertools
import random
import struct

import numpy as np
import numpy.typing as npt

from ..samples.frame_parts import BitWriter
from .bits import Bits as BitReader
from .bits import Grid
from .making import zigzag
from .wide_decoder import Cells

NARROW = ("u1", "i1", "u2", "i2")


def put_cells(bits: BitWriter, rng: random.Random, grid: Grid, samples: int) -> None:
    """Runs of cells, or a list of values with what leads from one to the next."""
    width = 8 * int(grid.kind[1:])
    bits.put(rng.getrandbits(1), 1)  # apart
    has_maps = grid.kind in NARROW or rng.random() < 0.3
    bits.put(has_maps, 1)
    if has_maps:
        return
    formula = rng.choice([0, 0, 1, 2]) if grid.kind in ("f4", "f8") else 0
    if grid.kind in ("f4", "f8"):
        bits.put(formula, 2)
    if formula:
        (divisor,) = struct.unpack("<Q", struct.pack("<d", rng.choice([1, 3, 2.0**-64, 1e-3, 7777.7, 2.0**64])))
        for at in range(0, 64, 16):
            bits.put(divisor >> at & 0xFFFF, 16)
    most = 24 if formula else {"f2": 10, "f4": 23, "f8": 52}.get(grid.kind, width - 8)
    shift = rng.choice([0, 0, 1, most, rng.randrange(most + 1)])
    key_bits = (32 if formula else width) - shift
    bits.put(shift, 6).put(rng.choice([0, 0, 0, 1, 2, 3, 4, 7]), 3)
    if rng.random() < 0.4:
        bits.put(1, 1)
        # Only the kind, the formula and the size of keys matter for what is done with this one.
        cells = Cells(BitReader(BitWriter().put(1, 1).done()), grid, samples)
        cells.has_maps, cells.formula, cells.shift, cells.key_bits = 0, formula, shift, key_bits
        put_list(bits, rng, cells, samples)
    else:
        bits.put(0, 1)
        put_runs(bits, rng, key_bits)


def put_list(bits: BitWriter, rng: random.Random, cells: Cells, samples: int) -> None:
    count = min(rng.choice([1, 2, 5, 30]), 1 << cells.key_bits - 1, samples)
    has_integers = rng.random() < 0.5
    bits.put(count, 17).put(has_integers, 1)
    integers = [*range(count)]
    if has_integers:
        integers = put_integers(bits, rng, integers, is_list=True)
    put_values(bits, rng, cells, integers, is_list=True)


def put_integers(bits: BitWriter, rng: random.Random, cells: list[int], *, is_list: bool = False) -> list[int]:
    """Choose those of ascending cells."""
    while True:
        start, order = rng.choice([0, 1, -5, rng.randint(-(2**24), 2**24)]), rng.randrange(16)
        ratio = rng.choice([0, 1, 128, 256, 256, 300, rng.randrange(1 << rng.randrange(1, 29))])
        reach = rng.choice([0, 1, 30])
        is_bare = is_list and ratio == 256  # surprises are never negative
        surprises = [rng.randint(0 if is_bare else -reach, reach) for _ in cells[1:]]
        integers = [start]
        for (before, cell), surprise in zip(itertools.pairwise(cells), surprises, strict=True):
            integers.append(integers[-1] + (ratio * (cell - before) + 128 >> 8) + surprise)
        if max(map(abs, integers)) <= 2**24:
            break
    bits.put(zigzag(start), 26)
    put_long(bits, ratio, 28)
    bits.put(order, 4)
    for surprise in surprises:
        bits.golomb(surprise if is_bare else zigzag(surprise), order)
    return integers


def put_values(bits: BitWriter, rng: random.Random, cells: Cells, integers: list[int], *, is_list: bool) -> None:
    """Choose the keys of these integers: from one to the next, or from a line through them."""
    count, room = len(integers), 1 << cells.key_bits
    is_float = cells.grid.kind[0] == "f" and not cells.formula
    can_be_affine = is_float or not cells.shift
    if count <= min(room, 1 << 62) and (not can_be_affine or rng.random() < 0.4):
        bits.put(31, 5)
        put_distances(bits, sorted(rng.sample(range(min(room, 1 << 62)), count)))
        return
    order = rng.choice([0, 1, 5, 24, 30, 30])
    offset = rng.choice([0, 1 << 32, rng.getrandbits(96), rng.randrange(-(1 << 50), 1 << 50)]) % 2**96
    step = rng.choice([0, 1 << 32, 3 << 31, rng.getrandbits(96), rng.randrange(1 << 45)])
    exponent = rng.choice([0, 0, -1, -10, 3, -33, rng.randrange(-200, 200), rng.randrange(-2000, 2000)])
    line = [key_on_line(cells, offset, step, exponent, integer) for integer in integers]
    reach = rng.choice([0, 0, 1, 100])
    keys = [key + rng.randint(-reach, reach) if rng.random() < 0.3 else key for key in line]
    if is_list and any(a >= b for a, b in itertools.pairwise(keys)):
        keys = sorted(rng.sample(range(min(room, 1 << 62)), count))
    keys = [key if 0 <= key < room else rng.randrange(room) for key in keys]
    if is_list and any(a >= b for a, b in itertools.pairwise(keys)):
        keys = sorted(rng.sample(range(min(room, 1 << 62)), count))
    differences = [(key - place + 2**63) % 2**64 - 2**63 for key, place in zip(keys, line, strict=True)]
    if order <= 24 and max(map(zigzag, differences)) + (1 << order) >= 1 << 25:
        order = 30
    bits.put(order, 5)
    for fixed in (offset, step):
        put_long(bits, fixed >> 32, 64)
        put_long(bits, fixed & 0xFFFFFFFF, 32)
    bits.put(exponent + 32768, 16)
    (put_sparse if order == 30 else put_dense)(bits, differences, order)


def key_on_line(cells: Cells, offset: int, step: int, exponent: int, integer: int) -> int:
    place = (offset + step * integer) % 2**96
    return cells.key_of(place - 2**96 if place >> 95 else place, exponent - 32)


def put_long(bits: BitWriter, number: int, count: int) -> None:
    for at in range(0, count, 16):
        bits.put(number >> at & 0xFFFF, min(16, count - at))


def put_dense(bits: BitWriter, differences: list[int], order: int) -> None:
    for difference in differences:
        bits.golomb(zigzag(difference), order)


def put_sparse(bits: BitWriter, differences: list[int], _: int) -> None:
    zeros = 0
    for difference in differences:
        if difference == 0:
            zeros += 1
            continue
        bits.golomb(zeros, 4)
        zeros, number = 0, zigzag(difference)
        bits.golomb(number.bit_length() - 1, 0)
        put_long(bits, number, number.bit_length() - 1)
    if zeros:
        bits.golomb(zeros, 4)


def put_distances(bits: BitWriter, keys: list[int]) -> None:
    put_long(bits, keys[0], 64)
    length = 1
    for before, key in itertools.pairwise(keys):
        own = (key - before).bit_length()
        bits.golomb(zigzag(own - length), 0)
        put_long(bits, key - before, own - 1)
        length = own


def make_maps(cells: Cells, numbers: npt.NDArray[np.int64], rng: random.Random) -> bytes:
    """What follows a chunk's cells: for each map, the keys of the cells that its slices have."""
    bits, slices = BitWriter(), numbers.reshape(len(numbers), -1)
    share = rng.choice([0, 0.2, 1])
    has_own = [rng.random() < share for _ in slices[1:]]
    for own in has_own:
        bits.put(own, 1)
    starts = [0, *(z for z, own in enumerate(has_own, 1) if own), len(slices)]
    for first, end in itertools.pairwise(starts):
        used = np.unique(slices[first:end]).tolist()
        has_integers = rng.random() < 0.5
        bits.put(has_integers, 1)
        if has_integers:
            integers = put_integers(bits, rng, used)
        else:
            base = rng.choice([0, used[0], rng.randrange(65536)])
            bits.put(base, 16)
            integers = [cell - base for cell in used]
        put_values(bits, rng, cells, integers, is_list=False)
    return bits.done()


def put_runs(bits: BitWriter, rng: random.Random, key_bits: int) -> None:
    runs, start, left = [], 0, 1 << key_bits
    for _ in range(rng.choice([1, 2, 3, 20])):
        width = rng.randrange(min(key_bits, 56) + 1)
        cells = rng.randrange(1, min(left >> width, 300) + 1) if left >> width else 0
        if not cells:
            break
        cut = rng.randrange(1 << width) if rng.random() < 0.3 else 0
        runs.append((width, cells, cut))
        start += (cells << width) - cut
        left = (1 << key_bits) - start
    bits.put(len(runs), 13)
    for k, (width, cells, cut) in enumerate(runs):
        bits.put(width, 6).golomb(cells - 1, 0)
        for at in range(0, width if k + 1 < len(runs) else 0, 16):
            bits.put(cut >> at & (1 << min(16, width - at)) - 1, min(16, width - at))
