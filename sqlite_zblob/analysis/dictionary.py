"""Would a dictionary pay for a column's small values? Found out on values that it was not trained from."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from ..codec import compress, is_frame
from ..column.dictionaries import train_from
from ..column.virtual import MIN_SIZE_WITH_DICTIONARY
from ..connect.loader import Connection
from ..migration.gain import LEAST_ROWS, MIN_GAIN
from ..migration.values import Key, Place, select_value
from .sampling import ColumnSizes

MOST_TRAINED = 1000
LEAST_TRAINED = 100
LEAST_TESTED = 30
LARGEST = 65_535  # bytes of a value


@dataclass(frozen=True)
class DictionaryGain:
    """What the values that were held out show."""

    tested_count: int
    without: float  # the share of their bytes that is left without a dictionary, by the column's min_size
    with_one: float

    @property
    def reason(self) -> str:
        return (
            f"a dictionary makes ratio {1 / self.with_one:.2f} of {1 / self.without:.2f}, over {self.tested_count} "
            "values that it was not trained from"
        )


def try_dictionary(
    connection: Connection, place: Place, one: ColumnSizes, *, min_size: int, level: int, seed: int
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
    dictionary = train_from(_read(connection, place, keys))
    if dictionary is None:
        return None
    without = with_one = 0.0
    for value in held_out:
        without += _fraction(value, min_size, len(compress(value, level, threads=1)))
        with_dictionary = len(compress(value, level, threads=1, dictionary=dictionary))
        with_one += _fraction(value, MIN_SIZE_WITH_DICTIONARY, with_dictionary)
    found = DictionaryGain(len(held_out), without / len(held_out), with_one / len(held_out))
    cost = len(dictionary) + MIN_GAIN * found.without * one.bytes
    return found if (found.without - found.with_one) * one.bytes > cost else None


def _read(connection: Connection, place: Place, keys: Iterable[Key]) -> list[bytes]:
    """Small values that are not compressed yet."""
    values = [select_value(connection, place, key, LARGEST) for key in keys]
    return [value for value in values if value and not is_frame(value)]


def _fraction(value: bytes, min_size: int, frame_size: int) -> float:
    return 1.0 if len(value) < min_size else min(1.0, frame_size / len(value))
