"""Columns whose triggers went with a table that a tool has made anew are enabled again, with the settings they had."""

from __future__ import annotations

from ..column.storage import enable, enabled_columns
from ..connect.database import run
from ..connect.loader import Connection
from ..errors import ZblobError


def mend(connection: Connection) -> list[tuple[str, str]]:
    """Enable again what should be compressed and is not; in the transaction that is open, if one is.

    :returns: table and column of each that was mended.
    :raises ZblobError: a column cannot be compressed any more, for instance because the new table looks at its values.
        The others were mended.
    """
    schemas = [row[1] for row in run(connection, "PRAGMA database_list")]
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
