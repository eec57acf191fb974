"""Recorded columns that are not there any more under their names, and the columns that they have become.

A tool that makes a table anew under another name, or with another name for the column, drops the triggers, and nothing
in the database says what became of the column but its values: a compressed column has made them, and nothing compresses
new ones. A column that was switched off looks alike. So these are told, and never enabled by themselves.
"""

from __future__ import annotations

from dataclasses import replace

from ..connect.database import fold
from ..connect.loader import Connection
from .record import Entry, entries, values_without_triggers


def all_entries(connection: Connection, schema: str) -> list[Entry]:
    """`entries`, with what lost columns may have become in place of those. Reads some rows of all tables where there
    are lost ones."""
    found = entries(connection, schema)
    lost = [each for each in found if each.is_recorded and not each.has_column]
    if not lost:
        return found
    taken = {(fold(each.table), fold(each.setting.column)) for each in found if each.has_column}
    taken |= {(fold(table), fold(column)) for table, column in (each.rival for each in found if each.rival)}
    free = values_without_triggers(connection, schema, taken)
    told = []
    for each in lost:
        for table, column in _nearest(each, free):
            told.append(_become(each, table, column))
    gone = [each for each in lost if each.setting.id not in {one.setting.id for one in told}]
    return [each for each in found if each not in lost] + told + gone


def uncertain_entries(connection: Connection, schema: str) -> list[Entry]:
    """Columns that may not be the ones that were enabled: only their owner can say so."""
    return [each for each in all_entries(connection, schema) if not each.is_certain]


def _nearest(entry: Entry, free: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of its own table; or those of its name; or all."""
    own = [place for place in free if fold(place[0]) == fold(entry.table)]
    alike = [place for place in free if fold(place[1]) == fold(entry.setting.column)]
    return own or alike or free


def _become(entry: Entry, table: str, column: str) -> Entry:
    old = f"{entry.table}.{entry.setting.column}"
    trouble = (
        f"its triggers are gone: it seems to be what was {old} ({entry.arguments}) and was made anew under another "
        "name, since a column has compressed its values, and nothing compresses new ones"
    )
    setting = replace(entry.setting, column=column)
    return replace(entry, table=table, setting=setting, trouble=trouble, has_column=True, was=old)
