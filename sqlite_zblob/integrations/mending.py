"""Columns whose triggers went with a table that a tool has made anew are enabled again, with the settings they had."""

from __future__ import annotations

from contextlib import suppress

from ..column.lost import uncertain_entries
from ..column.record import entries, follow_renames, forget
from ..column.storage import enable, enabled_columns
from ..connect.database import atomic, fold, run
from ..connect.loader import Connection
from ..errors import OptionError, ZblobError
from .trail import Place, Trail


def mend(connection: Connection, trail: Trail | None = None) -> list[tuple[str, str]]:
    """Enable again what should be compressed and is not; in the transaction that is open, if one is.

    :param trail: which has followed the statements since the columns were intact.
    :returns: table and column of each that was mended.
    :raises ZblobError: a column cannot be compressed any more, for instance because the new table looks at its values;
        or nothing tells which column it is. The others were mended.
    """
    mended: list[tuple[str, str]] = []
    problems: list[ZblobError] = []
    for _, schema, _ in run(connection, "PRAGMA database_list"):
        places = {id: place for (of, id), place in (trail.places if trail else {}).items() if of == schema}
        if trail:
            _forget_ended(connection, schema, {id for of, id in trail.ended if of == schema})
        seen = follow_renames(connection, schema, places)
        doubts = _doubts(connection, schema, {places[id] for id in seen})
        problems += doubts.values()
        for each in enabled_columns(connection, schema):
            if each.is_intact or each.mode != "in-place" or _place(each.table, each.column) in doubts:
                continue
            try:
                enable(connection, each.table, each.column, schema=schema)
            except ZblobError as problem:
                problems.append(problem)
            else:
                mended.append((each.table, each.column))
    if problems:
        raise problems[0]
    return mended


def _forget_ended(connection: Connection, schema: str, ids: set[int]) -> None:
    """Columns that were dropped: the one that has such a column's name now is another one."""
    ended = (
        [each for each in entries(connection, schema) if each.setting.id in ids and not each.triggers] if ids else []
    )
    if ended:
        with atomic(connection):
            for each in ended:
                forget(connection, each)


def _doubts(connection: Connection, schema: str, seen: set[Place]) -> dict[Place, ZblobError]:
    """Of the columns that may not be the ones that were enabled."""
    found: dict[Place, ZblobError] = {}
    for each in uncertain_entries(connection, schema):
        place = _place(each.table, each.setting.column)
        if place not in seen:
            found[place] = OptionError(f"{each.table}.{each.setting.column}: {each.trouble}. {each.remedy}")
    return found


def _place(table: str, column: str) -> Place:
    return fold(table), fold(column)


def follow(connection: Connection, trail: Trail, statement: str) -> None:
    """After a statement of the library's; a record that makes no sense is told elsewhere."""
    with suppress(ZblobError):
        trail.follow(connection, statement)
