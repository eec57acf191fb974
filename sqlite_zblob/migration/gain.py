"""What a dictionary would bring to a column, measured on a random sample of its small values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import apsw

from ..codec import compress, dictionaries_from, dictionary_id
from ..column.dictionaries import dictionary_of, newest, train, train_from
from ..column.storage import ColumnStatus
from ..connect.database import octet_length, quote, run
from ..connect.dictionaries import TABLE, finder
from ..errors import DamagedFrameError, OptionError
from .values import Place

# The share of its stored bytes that a column must gain before its rows are rewritten.
MIN_GAIN = 0.02

# A column with fewer rows gets no dictionary; one that has one, no new one before it has so many times the rows that
# the last one was trained from.
LEAST_ROWS = 500
GROWTH = 2

SAMPLE_ROWS = 2000
SAMPLE_BYTES = 16 << 20
_LARGEST = 65_535


@dataclass
class Sample:
    """Random small values of a column."""

    rows: int  # of the column, with small values
    values: list[tuple[bytes | str, int, bool]]  # each value, how many bytes it takes now, and whether it may change

    @property
    def stored_bytes(self) -> int:
        return sum(stored for _, stored, _ in self.values)


def take_sample(connection: apsw.Connection, place: Place) -> Sample:
    """Values that cannot be read, and frames of the program's own, are left out."""
    name, size = place.data, octet_length(connection, place.data)
    keys = ", ".join(place.keys)
    is_small = f"typeof({name}) IN ('blob', 'text') AND {size} <= {_LARGEST}"
    ((rows,),) = run(connection, f"SELECT count(*) FROM {place.address} WHERE {is_small}")
    sql = (
        f"SELECT CASE WHEN zverify({name}) = 'ok' THEN zdecompress({name}) END, {size}, sqlite_zblob_head({name}) "
        f"FROM {place.address} WHERE ({keys}) IN "
        f"(SELECT {keys} FROM {place.address} WHERE {is_small} ORDER BY random() LIMIT {SAMPLE_ROWS})"
    )
    sample, total = Sample(rows, []), 0
    for value, stored, head in run(connection, sql):
        fields = (head or "").split(" ")
        is_own = head is not None and (fields[4] == "0" or fields[1] == "-")
        if value is None or is_own or len(value) > _LARGEST or total > SAMPLE_BYTES:
            continue
        total += len(value)
        sample.values.append((value, stored, head is None or fields[3] == "frame"))
    return sample


def choose_dictionary(connection: apsw.Connection, column: ColumnStatus, sample: Sample) -> int | None:
    """Train a new dictionary, if enough new rows came and a sample gains by it. Returns its id; None: there is none."""
    place = (connection, "main", column.table, column.column)
    if column.dictionary != "auto" or sample.rows < max(LEAST_ROWS, GROWTH * _trained_rows(*place)):
        return None
    train_part, test_part = sample.values[::2], sample.values[1::2]
    tried = train_from(value for value, _, _ in train_part)
    if tried is None:
        return None
    known = finder(connection)
    trial = dictionary_id(tried)
    with dictionaries_from(lambda id: tried if id == trial else known(id)):
        sizes = [_total(column, test_part, id) for id in (newest(*place), trial)]
    gain = (sizes[0] - sizes[1]) * sample.rows / max(1, len(test_part))
    if gain < len(tried) + MIN_GAIN * sizes[0] * sample.rows / max(1, len(test_part)):
        return None
    try:
        return train(connection, column.table, column.column, schema="main")
    except OptionError:
        return None


def expected_gain(connection: apsw.Connection, column: ColumnStatus, sample: Sample) -> float:
    """The share of stored bytes that would be gained if every row was compressed by the column's settings of now."""
    id = dictionary_of(connection, "main", column.table, column.column)
    gained = 0
    with dictionaries_from(finder(connection)):
        for value, stored, may_change in sample.values:
            gained += max(0, stored - _size(column, value, id)) if may_change else 0
    return gained / max(1, sample.stored_bytes)


def _trained_rows(connection: apsw.Connection, schema: str, table: str, column: str) -> int:
    """From how many rows the newest dictionary of the column was trained."""
    id = newest(connection, schema, table, column)
    if not id:
        return 0
    ((text,),) = run(connection, f"SELECT trained FROM {quote(schema)}.{TABLE} WHERE id = ?", (id,))
    try:
        return int(json.loads(text)["rows"])
    except (ValueError, KeyError, TypeError):
        return 0


def _total(column: ColumnStatus, values: list[tuple[bytes | str, int, bool]], id: int) -> int:
    return sum(_size(column, value, id) for value, _, _ in values)


def _size(column: ColumnStatus, value: bytes | str, id: int) -> int:
    """Bytes that a compressed column stores of a value."""
    plain = len(value.encode() if isinstance(value, str) else value)
    if plain < column.min_size:
        return plain
    options: dict[str, Any] = {"dictionary": id} if id else {}
    try:
        return min(plain, len(compress(value, column.level, threads=1, for_column=True, **options)))
    except DamagedFrameError:  # a value that looks like one stays as it is
        return plain
