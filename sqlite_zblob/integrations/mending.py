"""Columns whose triggers went with a table that a tool has made anew are enabled again, with the settings they had."""

from __future__ import annotations

from ..column.record import follow_renames, names_by_triggers
from ..column.storage import enable, enabled_columns
from ..connect.database import run
from ..connect.loader import Connection
from ..errors import ZblobError

Names = dict[tuple[str, int], tuple[str, str]]  # schema and id in its record: table and column


def is_rename(statement: str) -> bool:
    """Triggers follow it, and go when the table is made anew later on: call `names` before that."""
    return statement.lstrip()[:6].upper() == "ALTER " and " RENAME " in statement.upper()


def names(connection: Connection) -> Names:
    """What the columns that have their triggers are named now, for `mend`."""
    schemas = _schemas(connection)
    return {(each, id): name for each in schemas for id, name in names_by_triggers(connection, each).items()}


def mend(connection: Connection, seen: Names | None = None) -> list[tuple[str, str]]:
    """Enable again what should be compressed and is not; in the transaction that is open, if one is.

    :param seen: what `names` gave after renames.
    :returns: table and column of each that was mended.
    :raises ZblobError: a column cannot be compressed any more, for instance because the new table looks at its values.
        The others were mended.
    """
    schemas = _schemas(connection)
    for schema in schemas:
        follow_renames(connection, schema, {id: name for (of, id), name in (seen or {}).items() if of == schema})
    broken = [each for schema in schemas for each in enabled_columns(connection, schema) if not each.is_intact]
    mended, problems = [], []
    for each in broken:
        if each.mode == "in-place":
            try:
                enable(connection, each.table, each.column, schema=each.schema)
            except ZblobError as problem:
                problems.append(problem)
            else:
                mended.append((each.table, each.column))
    if problems:
        raise problems[0]
    return mended


def _schemas(connection: Connection) -> list[str]:
    return [row[1] for row in run(connection, "PRAGMA database_list")]
