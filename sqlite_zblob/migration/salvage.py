"""Salvage what is left of the damaged values that verify has found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ..bars import Bar, callback_of, show_step, takes_bar
from ..column.schema import Table
from ..connect.database import quote, run
from ..connect.dictionaries import with_dictionaries
from ..connect.loader import Connection
from ..connect.opening import Database, reading
from ..errors import ZblobError
from ..holes import Salvaged, salvage
from .reports import Key, VerifyReport
from .values import Place, find_place, select_value

LARGEST = 1 << 40  # bytes of a stored value: any that SQLite can hold


@dataclass(frozen=True)
class SalvagedRow:
    """What is left of one damaged value."""

    table: str
    column: str
    key: Key
    found: Salvaged | None  # None: nothing can be read
    reason: str  # why not; empty if something can


@takes_bar(show_step)
def salvage_rows(
    database: Database, report: VerifyReport, *, progress: Callable[[str, int, int], None] | Bar | None = None
) -> Iterator[SalvagedRow]:
    """What is left of each value that a report of `verify` names as damaged. Reads only; holds one value at a time.

    :param database: as for `stats`.
    :param progress: called with "salvage", the values that are done, and all of them; or "bar".
    :raises OSError: as `verify`.
    :raises DatabaseError: as `verify`.
    """
    named = {(each.table, each.column, json.dumps(each.key, default=repr)): each for each in report.damages if each.key}
    with reading(database) as connection, with_dictionaries(connection):
        show = callback_of(progress) or (lambda step, done, total: None)
        for number, each in enumerate(named.values()):
            show("salvage", number, len(named))
            try:
                place, table = find_place(connection, each.table, each.column)
                value = _value_of(connection, place, table, each.key)
                yield SalvagedRow(each.table, each.column, each.key, salvage(value), "")
            except ZblobError as error:
                yield SalvagedRow(each.table, each.column, each.key, None, str(error))


def _value_of(connection: Connection, place: Place, table: Table, key: Key) -> bytes:
    """The stored value of the row that `describe_key` named."""
    names = " AND ".join(f"{quote(name)} = ?" for name in key)
    if place.has_rowid and any(each.name in key for each in table.primary_key):
        rows = run(connection, f"SELECT {place.key[0]} FROM {place.address} WHERE {names}", tuple(key.values()))
        found = rows[0] if len(rows) == 1 else None
    else:
        found = tuple(key.values())
    value = select_value(connection, place, found, LARGEST) if found else None
    if value is None:
        raise ZblobError("the row is gone")
    return value


def write_salvaged(row: SalvagedRow, folder: Path) -> Path:
    """Write the value, with zeros in its holes, and the holes beside it as JSON.

    :returns: the value's file, whose name is made of the table, the column and the key.
    :raises OSError: a file cannot be written; files that are there already are not replaced.
    """
    assert row.found is not None
    parts = [row.table, row.column, *(str(each) for each in row.key.values())]
    stem = "-".join(re.sub(r"[^\w.]+", "_", part)[:60] for part in parts)
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    while True:
        path = folder / f"{stem}{f'-{number}' if number else ''}.salvaged"
        try:
            with path.open("xb") as file:
                file.write(row.found.value)
            break
        except FileExistsError:
            number += 1
    key = {name: repr(each) for name, each in row.key.items()}
    about: dict[str, object] = {"table": row.table, "column": row.column, "key": key}
    about |= {"chunks": row.found.chunk_count, "holes": [asdict(each) for each in row.found.holes]}
    path.with_suffix(".json").write_text(json.dumps(about, indent=1) + "\n")
    return path
