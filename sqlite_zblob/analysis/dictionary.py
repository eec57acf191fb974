"""Would a dictionary pay for a column's small values? Found out on values that it was not trained from."""

from __future__ import annotations

import random
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from ..codec import compress, decompress, has_magic, info
from ..column.dictionaries import train_from
from ..column.virtual import MIN_SIZE_WITH_DICTIONARY
from ..connect.dictionaries import with_dictionaries
from ..connect.loader import Connection
from ..errors import ZblobError
from ..migration.gain import LEAST_ROWS, MIN_GAIN
from ..migration.values import Key, Place, select_value
from .sampling import ColumnSizes

MOST_TRAINED = 1000
LEAST_TRAINED = 100
LEAST_TESTED = 30
LARGEST = 65_535  # bytes of a value


class Value(NamedTuple):
    raw: bytes  # before compression
    stored: int  # bytes that it takes now
    is_frame: bool  # a compressed column has made it so


@dataclass(frozen=True)
class DictionaryGain:
    """What the values that were held out show."""

    tested_count: int
    without: float  # the share of their bytes that is left without a dictionary, by the column's min_size
    with_one: float
    dictionary_size: int  # bytes
    is_enabled: bool  # compression is on, so that the bytes are those of frames

    @property
    def reason(self) -> str:
        tested = f"over {self.tested_count} values that it was not trained from"
        if self.is_enabled:
            return f"a dictionary takes {1 - self.with_one / self.without:.0%} less than now, {tested}"
        return f"a dictionary makes ratio {1 / self.with_one:.2f} of {1 / self.without:.2f}, {tested}"

    def size_then(self, bytes: float) -> int:
        """Bytes that a column, which takes `bytes` now, and the dictionary will take together."""
        return round(self.with_one * bytes) + self.dictionary_size


def try_dictionary(
    connection: Connection, place: Place, one: ColumnSizes, *, min_size: int, level: int, seed: int, is_enabled: bool
) -> DictionaryGain | None:
    """None: it would not pay, or there are too few small values to tell.

    Each byte of the column is in one of the values drawn with the same probability: these are held out.
    """
    drawn = set(one.draws())
    rest = [key for key in one.all_keys if key not in drawn]
    if one.rows < LEAST_ROWS or len(rest) < LEAST_TRAINED:
        return None
    held_out = _read(connection, place, one.draws())
    if len(held_out) < max(LEAST_TESTED, len(one.draws()) / 2):
        return None
    keys = random.Random(seed).sample(rest, min(MOST_TRAINED, len(rest)))
    dictionary = train_from((value.raw for value in _read(connection, place, keys)), rows=round(one.rows))
    if dictionary is None:
        return None
    without = with_one = 0.0
    for value in held_out:
        plain = 1.0 if value.is_frame else _fraction(value, min_size, len(compress(value.raw, level, threads=1)))
        with_dictionary = len(compress(value.raw, level, threads=1, dictionary=dictionary))
        without += plain
        with_one += min(plain, _fraction(value, MIN_SIZE_WITH_DICTIONARY, with_dictionary))
    count = len(held_out)
    found = DictionaryGain(count, without / count, with_one / count, len(dictionary), is_enabled)
    cost = len(dictionary) + MIN_GAIN * found.without * one.bytes
    return found if (found.without - found.with_one) * one.bytes > cost else None


def _read(connection: Connection, place: Place, keys: Iterable[Key]) -> list[Value]:
    """Small values. Frames of the program's own are left out, and what cannot be read."""
    found = []
    with with_dictionaries(connection):
        for key in keys:
            value = select_value(connection, place, key, LARGEST)
            if not value:
                continue
            if not has_magic(value):
                found.append(Value(value, len(value), False))
                continue
            with suppress(ZblobError):
                about = info(value)
                if about.for_column and about.envelope is None and 0 < about.raw_size <= LARGEST:
                    raw = decompress(value, threads=1)
                    data = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw
                    found.append(Value(data, len(value), True))
    return found


def _fraction(value: Value, min_size: int, frame_size: int) -> float:
    return 1.0 if len(value.raw) < min_size else min(1.0, frame_size / value.stored)
