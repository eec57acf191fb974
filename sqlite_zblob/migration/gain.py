"""What a dictionary would bring to a column, measured on a random sample of its small values."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import apsw

from ..codec import compress, dictionaries_from, dictionary_id
from ..column.dictionaries import GROWTH, dictionary_of, has_table, newest, train_from, train_in
from ..column.storage import ColumnStatus
from ..connect.database import octet_length, quote, run, until
from ..connect.dictionaries import TABLE, finder
from ..errors import DamagedFrameError, MissingDictionaryError, OptionError
from .values import Key, Place
from .work import NO_LIMIT, Work

# The share of its stored bytes that a column must gain before its rows are rewritten.
MIN_GAIN = 0.02

# A column with fewer rows gets no dictionary.
LEAST_ROWS = 500

SAMPLE_ROWS = 2000
SAMPLE_BYTES = 16 << 20
SMALL_VALUE = 65_535  # the most bytes that a compact frame holds

COUNT_SHARE = 0.25  # of the time that is left, to count the rows; else their keys say how many there may be


class Value(NamedTuple):
    data: bytes  # before compression; of a text in the database's encoding, valid or not
    stored: int  # bytes that it takes now
    may_change: bool


@dataclass
class Sample:
    """Random values of a column."""

    rows: int  # of the column, with small values
    all_rows: int  # of the table
    stored_bytes: int  # of all values of the column, as far as the sample tells
    values: list[Value] = field(default_factory=list)  # the small ones
    unreadable: list[tuple[Key, str]] = field(default_factory=list)  # rows of small values that are left out, and why
    dictionaries: set[int] = field(default_factory=set)  # that values were compressed with

    @property
    def sampled_bytes(self) -> int:
        return sum(value.stored for value in self.values)


def take_sample(connection: apsw.Connection, place: Place, deadline: float | None = None) -> Sample:
    """Small values of random rows. Frames of the program's own are left out, and values that cannot be read.

    :param deadline: of time.monotonic(), for the one who calls this, who interrupts it then.
    """
    name, size = place.data, octet_length(connection, place.data)
    is_small = f"typeof({name}) IN ('blob', 'text') AND {size} <= {SMALL_VALUE}"
    state = f"CASE WHEN {is_small} THEN zverify({name}) END"
    value = f"CASE WHEN {is_small} AND zverify({name}) = 'ok' THEN CAST(zdecompress({name}) AS BLOB) END"
    head = f"CASE WHEN {is_small} THEN sqlite_zblob_head({name}) END"
    count = _count_rows(connection, place, deadline)
    chosen = _random_keys(connection, place, count)
    columns = f"{state}, {value}, coalesce({size}, 0), {head}, {', '.join(place.keys)}"
    sample, rows, small_rows, stored_bytes, total = Sample(0, count, 0), 0, 0, 0, 0
    for state, data, stored, head, *key in run(connection, f"SELECT {columns} FROM {place.address} WHERE {chosen}"):
        rows += 1
        stored_bytes += stored
        small_rows += state is not None
        if state not in (None, "ok"):
            sample.unreadable.append((tuple(key), state))
        fields = (head or "").split(" ")
        if head is not None and fields[5] != "0":
            sample.dictionaries.add(int(fields[5]))
        is_own = head is not None and (fields[4] == "0" or fields[1] == "-")
        if data is None or is_own or len(data) > SMALL_VALUE or total > SAMPLE_BYTES:
            continue
        total += len(data)
        sample.values.append(Value(data, stored, head is None or fields[3] == "frame"))
    sample.rows = round(count * small_rows / max(1, rows))
    sample.stored_bytes = round(count * stored_bytes / max(1, rows))
    return sample


def _count_rows(connection: apsw.Connection, place: Place, deadline: float | None) -> int:
    """All rows; where counting them takes too long, the most that there can be by their keys."""
    sql = f"SELECT count(*) FROM {place.address}"
    if deadline is None or not place.has_rowid:
        return int(run(connection, sql)[0][0])
    now = time.monotonic()
    try:
        with until(connection, now + COUNT_SHARE * (deadline - now)):
            return int(run(connection, sql)[0][0])
    except apsw.InterruptError:
        first, last = _key_bounds(connection, place)
        return last - first + 1


def _key_bounds(connection: apsw.Connection, place: Place) -> tuple[int, int]:
    """Of rowids. By two statements: SQLite reads the whole table for both in one."""
    bounds = [
        run(connection, f"SELECT {which}({place.keys[0]}) FROM {place.address}")[0][0] for which in ("min", "max")
    ]
    return bounds[0] or 0, bounds[1] or 0


def _random_keys(connection: apsw.Connection, place: Place, count: int) -> str:
    """The condition for SAMPLE_ROWS random rows. In a large table without large gaps, it reads no others."""
    keys = ", ".join(place.keys)
    if place.has_rowid and count > 4 * SAMPLE_ROWS:
        key = place.keys[0]
        first, last = _key_bounds(connection, place)
        starts = {random.randint(first, last) for _ in range(SAMPLE_ROWS)}
        next_one = f"SELECT {key} FROM {place.address} WHERE {key} >= value ORDER BY {key} LIMIT 1"
        sql = f"SELECT DISTINCT ({next_one}) FROM json_each(?)"
        found = [each for (each,) in run(connection, sql, (json.dumps(list(starts)),)) if each is not None]
        if len(found) > SAMPLE_ROWS // 2:
            return f"{key} IN ({', '.join(map(str, found))})"
    return f"({keys}) IN (SELECT {keys} FROM {place.address} ORDER BY random() LIMIT {SAMPLE_ROWS})"


def choose_dictionary(
    connection: apsw.Connection, column: ColumnStatus, sample: Sample, work: Work = NO_LIMIT
) -> int | None:
    """Train a new dictionary, if enough new rows came and a sample gains by it. Returns its id; None: there is none.

    :raises OutOfTimeError: the time of `work` is over; or apsw.InterruptError.
    """
    place = (connection, "main", column.table, column.column)
    if column.dictionary == "auto":
        _follow_rename(*place, sample.dictionaries)
    if column.dictionary != "auto" or sample.rows < max(LEAST_ROWS, GROWTH * _trained_rows(*place)):
        return None
    train_part, test_part = sample.values[::2], sample.values[1::2]
    tried = train_from((value.data for value in train_part), rows=sample.rows, deadline=work.deadline)
    if tried is None:
        return None
    known = finder(connection)
    trial = dictionary_id(tried)
    with dictionaries_from(lambda id: tried if id == trial else known(id)):
        sizes = [sum(_sizes(column, test_part, id, work)) for id in (newest(*place), trial)]
    gain = (sizes[0] - sizes[1]) * sample.rows / max(1, len(test_part))
    if gain < len(tried) + MIN_GAIN * sizes[0] * sample.rows / max(1, len(test_part)):
        return None
    try:
        return train_in(connection, column.table, column.column)
    except OptionError:
        return None


def _follow_rename(connection: apsw.Connection, schema: str, table: str, column: str, used: set[int]) -> None:
    """Give a column without a dictionary those that its values use, where the column that they belong to is gone."""
    if not used or not has_table(connection, schema) or newest(connection, schema, table, column):
        return
    sql = (
        f"SELECT id FROM {quote(schema)}.{TABLE} WHERE NOT EXISTS "
        "(SELECT 1 FROM pragma_table_xinfo(table_name, ?) AS other WHERE other.name = column_name COLLATE NOCASE)"
    )
    for id in used & {id for (id,) in run(connection, sql, (schema,))}:
        sql = f"UPDATE {quote(schema)}.{TABLE} SET table_name = ?, column_name = ? WHERE id = ?"
        run(connection, sql, (table, column, id))


def expected_gain(connection: apsw.Connection, column: ColumnStatus, sample: Sample, work: Work = NO_LIMIT) -> float:
    """The share of stored bytes that would be gained if every row was compressed by the column's settings of now."""
    id = dictionary_of(connection, "main", column.table, column.column)
    changeable = [value for value in sample.values if value.may_change]
    with dictionaries_from(finder(connection)):
        sizes = _sizes(column, changeable, id, work)
        gained = sum(max(0, value.stored - size) for value, size in zip(changeable, sizes, strict=True))
    return gained / max(1, sample.sampled_bytes)


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


def _sizes(column: ColumnStatus, values: list[Value], id: int, work: Work) -> Iterator[int]:
    """Bytes that a compressed column stores of each."""
    for value in values:
        work.check_time()
        yield _size(column, value.data, id)


def _size(column: ColumnStatus, data: bytes, id: int) -> int:
    if len(data) < column.min_size:
        return len(data)
    options: dict[str, Any] = {"dictionary": id} if id else {}
    try:
        return min(len(data), len(compress(data, column.level, threads=1, for_column=True, **options)))
    except (DamagedFrameError, MissingDictionaryError):  # a value that looks like a frame stays as it is
        return len(data)
