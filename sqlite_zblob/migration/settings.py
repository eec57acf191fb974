"""With which settings a column is migrated: those that are given, and for the others those that it has or had."""

from __future__ import annotations

from typing import NamedTuple

from ..choices import Envelope, Mode
from ..codec import DEFAULT_LEVEL, is_plain_pickle
from ..column.hint import HintFrom
from ..column.storage import ColumnStatus, status
from ..column.virtual import DEFAULT_MIN_SIZE, choose_min_size
from ..connect.loader import Connection
from ..connect.opening import Database, reading
from .record import Settings, find_record, table_of_rows
from .values import Place, find_place, select_keys, select_value

# Values that are looked at to see whether a column holds pickles; larger ones are not read.
SAMPLE_COUNT = 6
SAMPLE_SIZE = 64_000_000


class Wanted(NamedTuple):
    """What the caller gives; None: what the column has."""

    mode: Mode | None = None
    envelope: Envelope | None = None
    level: int | None = None
    min_size: int | None = None
    dtype_from: str | None = None
    shape_from: str | None = None
    dictionary: int | str | None = None  # 0: none


def resolve(wanted: Wanted, current: ColumnStatus | None, recorded: Settings | None) -> Settings:
    """:param recorded: by an earlier migration."""
    known = Settings.of(current) if current is not None else recorded
    kept = known or Settings("in-place", "frame", DEFAULT_LEVEL, DEFAULT_MIN_SIZE)
    mode = wanted.mode or kept.mode
    envelope = wanted.envelope or ("frame" if mode == "table" else kept.envelope)
    level = kept.level if wanted.level is None else wanted.level
    min_size = choose_min_size(wanted.min_size, kept.min_size, wanted.dictionary, kept.dictionary)
    hint = HintFrom(wanted.dtype_from, wanted.shape_from).or_else(kept.hint)
    dictionary = kept.dictionary if wanted.dictionary is None else wanted.dictionary or None
    return Settings(mode, envelope, level, min_size, *hint, dictionary)


def holds_pickles(connection: Connection, place: Place) -> bool:
    """Are all values that are looked at complete pickles, which envelope "pickle" is for?"""
    some = select_keys(connection, place, f"ORDER BY 1 LIMIT {SAMPLE_COUNT // 2}")
    some += select_keys(connection, place, f"ORDER BY 1 DESC LIMIT {SAMPLE_COUNT // 2}")
    values = [value for key in dict.fromkeys(some) if (value := select_value(connection, place, key, SAMPLE_SIZE))]
    return bool(values) and all(map(is_plain_pickle, values))


def proposes_pickle(database: Database, table: str, column: str) -> bool:
    """Would `migrate` without an envelope store frames in a column whose readers probably call `pickle.loads`?

    Errors are those of `describe`.
    """
    with reading(database) as connection:
        place, _ = find_place(connection, table, column)
        return not is_known(connection, table, column) and holds_pickles(connection, place)


def is_known(connection: Connection, table: str, column: str) -> bool:
    """Has the column settings already?"""
    name = table_of_rows(connection, table)
    enabled = any(each.is_column(name, column) for each in status(connection, schema="main"))
    return enabled or find_record(connection, name, column) is not None
