"""Find out where rows say what their raw voxels are: in columns `dtype` and `shape`, or in JSON with such members."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from ..codec import fits
from ..column.hint import NO_HINT, HintFrom, ask_row
from ..column.schema import Column, Table
from ..connect.database import fold, octet_length, quote, run
from ..connect.loader import Connection
from ..migration.values import Key, Place, raw_sizes

MOST_ROWS = 12  # that are asked
MOST_COLUMNS = 16  # that may hold JSON
LEAST_SIZE = 4096  # bytes; smaller values are no volumes, and fit too much
LEAST_SHARE = 0.5  # of the rows that are asked


def propose_hint(
    connection: Connection, place: Place, table: Table, keys: Sequence[Key], *, seconds: float
) -> HintFrom:
    """Expressions that describe most values of the column, as far as some of them show; NO_HINT if there are none.

    :param keys: of the rows, in random order. Their values may be compressed.
    :param seconds: no further row is asked after so long. A column behind a large value is expensive to read, as SQLite
        goes through all pages of the value.
    """
    deadline = time.monotonic() + seconds
    size_of = f"SELECT {octet_length(connection, place.data)} FROM {place.address} WHERE {place.condition}"
    is_blob = f" AND typeof({place.data}) = 'blob'"
    stored = {
        key: size for key in dict.fromkeys(keys[:MOST_ROWS]) for (size,) in run(connection, size_of + is_blob, key)
    }
    sizes = {key: size for key, size in raw_sizes(connection, place, stored).items() if size >= LEAST_SIZE}
    for hint in _candidates(table, place.column):
        said: list[bool] = []
        for key, size in sizes.items():
            if said and time.monotonic() > deadline:
                break
            said.append(fits(ask_row(connection, place.address, place.condition, key, hint), size))
        if said and sum(said) >= LEAST_SHARE * len(said):
            return hint
        if time.monotonic() > deadline:
            break
    return NO_HINT


def _candidates(table: Table, column: str) -> Iterator[HintFrom]:
    others = [each for each in table.columns if fold(each.name) != fold(column)]
    named = {fold(each.name): f"NEW.{quote(each.name)}" for each in others}
    if "dtype" in named and "shape" in named:
        yield HintFrom(named["dtype"], named["shape"])
    for each in [each for each in others if _may_be_json(each)][:MOST_COLUMNS]:
        name = f"NEW.{quote(each.name)}"
        yield HintFrom(f"json_extract({name}, '$.dtype')", f"json_extract({name}, '$.shape')")


def _may_be_json(column: Column) -> bool:
    return column.affinity in ("text", "blob") or "json" in fold(column.declared)
