"""The anchor of a migration's record: a trigger that never does anything, by which the record finds its column again.

SQLite takes triggers along when a table or a column is renamed, with `legacy_alter_table` on or off. The triggers that
compress a column do not serve for this: `disable` drops them, and `restore` begins with that. A table that is dropped,
or made anew by a tool, loses its anchor.
"""

from __future__ import annotations

import re

from ..connect.database import Token, fold, quote, run, tokens
from ..connect.loader import Connection
from .schema import master_of

_NAME = re.compile(r"zblob_([0-9a-f]{8})_record_until_restore")


def drop_anchor(connection: Connection, id: int) -> None:
    run(connection, f"DROP TRIGGER IF EXISTS main.{_name(id)}")


def set_anchor(connection: Connection, id: int, table: str, column: str) -> None:
    """:param table: an ordinary table; of a virtual table, the one that holds its rows."""
    drop_anchor(connection, id)
    run(
        connection,
        f"CREATE TRIGGER main.{_name(id)} AFTER UPDATE OF {quote(column)} ON {quote(table)} "
        "WHEN 0 BEGIN SELECT 'sqlite_zblob: this finds the column again after a rename'; END",
    )


def is_anchor(trigger: str) -> bool:
    return _NAME.fullmatch(trigger) is not None


def find_anchors(connection: Connection, schema: str = "main") -> dict[int, tuple[str, str]]:
    """Table and column by the record's id, of those whose column exists."""
    sql = f"SELECT name, tbl_name, sql FROM {master_of(schema)} WHERE type = 'trigger' AND name GLOB 'zblob_*'"
    found = {}
    for name, table, text in run(connection, sql):
        match = _NAME.fullmatch(name)
        column = _column(connection, schema, table, text) if match else None
        if match and column is not None:
            found[int(match[1], 16)] = (table, column)
    return found


def _name(id: int) -> str:
    return f"zblob_{id:08x}_record_until_restore"


def _column(connection: Connection, schema: str, table: str, sql: str) -> str | None:
    """The column that the trigger names, as the table writes it."""
    words = tokens(sql)
    if Token("word", "of") not in words:
        return None
    wanted = words[words.index(Token("word", "of")) + 1].text
    columns = run(connection, f"PRAGMA {quote(schema)}.table_xinfo({quote(table)})")
    return next((row[1] for row in columns if fold(row[1]) == wanted), None)
