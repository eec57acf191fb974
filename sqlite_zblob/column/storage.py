"""Switch transparent compression on and off for a column of a table: enable, disable, status.

Mode "table": see virtual.py. In place: the table stays an ordinary one. Triggers replace what is stored by its
compressed form, so that statements, constraints and generated keys keep their meaning; readers decompress
(docs/in-place.md). What is enabled is recorded in one small table, `zblob_columns`, in the table's own database.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, replace

from ..codec import DEFAULT_LEVEL, make_options
from ..connect.database import Token, atomic, fold, quote, run, tokens
from ..connect.loader import Connection, load
from ..errors import OptionError, ZblobWarning
from .schema import (
    Column,
    Table,
    check_metadata,
    column_obstacles,
    look_at_table,
    master_of,
    require_schema,
    update_triggers,
)
from .virtual import change_virtual, give_up_column, make_virtual, refuse_virtual, virtual_columns

DEFAULT_MIN_SIZE = 512

MODES = ("in-place", "table")
ENVELOPES = ("frame", "pickle")


@dataclass(frozen=True)
class ColumnStatus:
    """One enabled column."""

    schema: str  # "main", "temp" or the name it was attached by
    table: str
    column: str
    mode: str  # "in-place" or "table"
    envelope: str  # "frame" or "pickle"
    level: int  # 1 .. 9
    min_size: int  # smaller values (BLOB: bytes, TEXT: characters) are stored as they come
    is_intact: bool  # False: the triggers are gone, because the table was dropped and made anew; enable it again

    def is_column(self, table: str, column: str) -> bool:
        return fold(self.table) == fold(table) and fold(self.column) == fold(column)


def enable(
    connection: Connection,
    table: str,
    column: str,
    *,
    mode: str = "in-place",
    envelope: str = "frame",
    level: int = DEFAULT_LEVEL,
    min_size: int = DEFAULT_MIN_SIZE,
    schema: str = "main",
    force: bool = False,
) -> ColumnStatus:
    """Compress what is stored in a column from now on. Rows that are there already stay as they are.

    Doing it again changes the settings, or nothing. Every connection that writes the column needs the extension
    from then on: without it, its INSERT fails with `no such function`.

    :param mode: "in-place": triggers on the ordinary table. "table": the table becomes a virtual table of the same
        name over its own rows, whose readers need nothing but the extension (docs/in-place.md).
    :param envelope: "frame", for readers that call `zdecompress` or use `decode_rows`; "pickle", for programs that
        `pickle.loads` what they read: complete pickles are stored as pickles that unpack themselves, and all
        else stays as it is. Never for columns that are read as raw bytes.
    :param level: 1 (fastest) to 9 (smallest).
    :param min_size: smaller values are stored as they come (BLOB: bytes, TEXT: characters).
    :param schema: the attached database that the table is in.
    :param force: mode "table" in spite of an INTEGER PRIMARY KEY, whose generated values INSERT ... RETURNING does not
        give there.
    :raises OptionError: the column cannot be compressed so; the message gives every reason.
    :raises LoadError: the connection does not have the extension and cannot load it.
    :warns ZblobWarning: in place, triggers of the table's owner fire once more for each value that is compressed; in
        mode "table", the table's indexes work on, but CREATE INDEX IF NOT EXISTS fails from now on.
    """
    wanted = ColumnStatus(schema, table, column, mode, envelope, level, min_size, is_intact=True)
    _check_settings(wanted)
    load(connection)
    current = _current(connection, wanted)
    for each in current:
        if each.is_column(table, column) and each == replace(wanted, table=each.table, column=each.column):
            return each
    if mode == "table" and current:
        change_virtual(connection, current[0].table, column, schema, level=level, min_size=min_size)
        return next(each for each in status(connection, schema=schema) if each.is_column(table, column))
    found = look_at_table(connection, table, schema)
    name = found.column(column).name
    wanted = replace(wanted, table=found.name, column=name)
    if mode == "table":
        make_virtual(connection, found, found.column(column), level=level, min_size=min_size, force=force)
        _warn_of_indexes(found)
    else:
        with atomic(connection):
            _write(connection, wanted)
    return wanted


def check_enable(connection: Connection, wanted: ColumnStatus, *, force: bool = False) -> None:
    """Only look whether `enable` would refuse.

    :raises OptionError: it would; the message gives every reason.
    """
    _check_settings(wanted)
    if wanted.mode == "table" and _current(connection, wanted):
        return
    table = look_at_table(connection, wanted.table, wanted.schema)
    if wanted.mode == "table":
        refuse_virtual(table, table.column(wanted.column), force=force)
    else:
        _current(connection, wanted)
        _refuse(table, table.column(wanted.column))


def _check_settings(wanted: ColumnStatus) -> None:
    _check_choice("mode", wanted.mode, MODES)
    _check_choice("envelope", wanted.envelope, ENVELOPES)
    make_options(level=wanted.level, min_size=wanted.min_size)  # raises
    if (wanted.mode, wanted.envelope) == ("table", "pickle"):
        raise OptionError('mode "table" decompresses for every reader: envelope "pickle" is for mode "in-place"')


def _current(connection: Connection, wanted: ColumnStatus) -> list[ColumnStatus]:
    """The enabled columns of the table, all in the mode that is wanted."""
    current = [each for each in status(connection, schema=wanted.schema) if fold(each.table) == fold(wanted.table)]
    for each in current:
        if each.mode != wanted.mode:
            raise OptionError(
                f'column {each.column} of table {each.table} is enabled in mode "{each.mode}": disable it, '
                "or restore it where it was migrated"
            )
    return current


def disable(connection: Connection, table: str, column: str, *, schema: str = "main") -> None:
    """Store what comes from now on as it comes.

    In place, rows that are compressed stay so, and readable as before. In mode "table", the table becomes an ordinary
    one again, and all its values are decompressed, since nothing would do that for its readers any more.

    :raises OptionError: the column is not enabled.
    """
    require_schema(connection, schema)
    load(connection)
    for each in virtual_columns(connection, schema):
        if (fold(each.table), fold(each.column)) == (fold(table), fold(column)):
            give_up_column(connection, each.table, each.column, schema)
            return
    with atomic(connection):
        entries = [entry for entry in _entries(connection, schema) if entry.status.is_column(table, column)]
        if not entries:
            raise OptionError(f"column {column} of table {table} is not enabled")
        for entry in entries:
            _forget(connection, entry)
        _drop_record_if_empty(connection, schema)


def status(connection: Connection, *, schema: str | None = None) -> list[ColumnStatus]:
    """The enabled columns of one database, or of all that are attached."""
    found = []
    if schema is not None:
        require_schema(connection, schema)
    for name in [row[1] for row in run(connection, "PRAGMA database_list")] if schema is None else [schema]:
        found += [entry.status for entry in _entries(connection, name) if entry.has_table]
        for each in virtual_columns(connection, name):
            settings = ("table", "frame", each.level, each.min_size)
            found.append(ColumnStatus(name, each.table, each.column, *settings, is_intact=each.is_intact))
    return found


def _warn_of_indexes(table: Table) -> None:
    made = [index.name for index in table.indexes if index.origin == "c"]
    if made:
        warnings.warn(
            f"index {', '.join(made)} is now one of {table.name}_rows and serves as before, but CREATE INDEX [IF NOT "
            f"EXISTS] on {table.name} fails: SQLite has no indexes on virtual tables",
            ZblobWarning,
            stacklevel=3,
        )


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise OptionError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")


# ---- The record --------------------------------------------------------------------------------------------

RECORD = "zblob_columns"

_CREATE_RECORD = """CREATE TABLE IF NOT EXISTS {record} (/* zblob 1 */
    id INTEGER PRIMARY KEY,
    table_name TEXT NOT NULL,
    column_name TEXT NOT NULL,
    mode TEXT NOT NULL,
    envelope TEXT NOT NULL,
    level INTEGER NOT NULL,
    min_size INTEGER NOT NULL
)"""


@dataclass(frozen=True)
class _Entry:
    id: int
    status: ColumnStatus
    triggers: tuple[str, ...]  # those of its two triggers that exist
    has_table: bool  # False: the table was dropped


def _trigger_names(entry_id: int) -> tuple[str, str]:
    return f"zblob_{entry_id}_insert", f"zblob_{entry_id}_update"


def _entries(connection: Connection, schema: str) -> list[_Entry]:
    """What is recorded, under the names that table and column have now: a RENAME rewrites the triggers, not us."""
    objects = {row[0]: row for row in run(connection, f"SELECT name, type, tbl_name, sql FROM {master_of(schema)}")}
    tables = {fold(row[0]) for row in objects.values() if row[1] == "table"}
    if RECORD not in objects:
        return []
    check_metadata(connection, schema)
    found = []
    for row in run(connection, f"SELECT * FROM {quote(schema)}.{RECORD} ORDER BY id"):
        triggers = tuple(name for name in _trigger_names(row[0]) if name in objects)
        table, column = row[1], row[2]
        if triggers:
            table = objects[triggers[0]][2]
            column = _column_of_trigger(connection, schema, table, objects[triggers[-1]][3]) or column
        state = ColumnStatus(schema, table, column, row[3], row[4], row[5], row[6], is_intact=len(triggers) == 2)
        found.append(_Entry(row[0], state, triggers, fold(table) in tables))
    return found


def _column_of_trigger(connection: Connection, schema: str, table: str, sql: str) -> str | None:
    """The column that a trigger of ours sets, as the table writes its name."""
    words = tokens(sql)
    at = words.index(Token("word", "set")) + 1
    columns = run(connection, f"PRAGMA {quote(schema)}.table_xinfo({quote(table)})")
    return next((row[1] for row in columns if fold(row[1]) == words[at].text), None)


def _write(connection: Connection, wanted: ColumnStatus) -> None:
    """Record one column and make its triggers, in place of those it has."""
    table = look_at_table(connection, wanted.table, wanted.schema)
    column = table.column(wanted.column)
    _refuse(table, column)
    _warn(table, column)
    for entry in _entries(connection, wanted.schema):
        if entry.status.is_column(wanted.table, wanted.column) or not entry.has_table:
            _forget(connection, entry)
    record = f"{quote(wanted.schema)}.{RECORD}"
    run(connection, _CREATE_RECORD.format(record=record))
    values = (table.name, column.name, wanted.mode, wanted.envelope, wanted.level, wanted.min_size)
    run(connection, f"INSERT INTO {record} VALUES (NULL, ?, ?, ?, ?, ?, ?)", values)
    (entry_id,) = run(connection, f"SELECT max(id) FROM {record}")[0]
    for sql in _trigger_texts(entry_id, table, column, wanted):
        run(connection, sql)


def _forget(connection: Connection, entry: _Entry) -> None:
    schema = quote(entry.status.schema)
    for name in entry.triggers:
        run(connection, f"DROP TRIGGER {schema}.{name}")
    run(connection, f"DELETE FROM {schema}.{RECORD} WHERE id = ?", (entry.id,))


def _drop_record_if_empty(connection: Connection, schema: str) -> None:
    if not run(connection, f"SELECT 1 FROM {quote(schema)}.{RECORD} LIMIT 1"):
        run(connection, f"DROP TABLE {quote(schema)}.{RECORD}")


# ---- In place ----------------------------------------------------------------------------------------------


def _refuse(table: Table, column: Column) -> None:
    obstacles = column_obstacles(table, column)
    if obstacles:
        raise OptionError(
            f"column {column.name} of table {table.name} cannot be compressed in place: {'; '.join(obstacles)}"
        )


def _warn(table: Table, column: Column) -> None:
    fired = update_triggers(table, column)
    if fired:
        warnings.warn(
            f"trigger {', '.join(fired)} of table {table.name} fires once more for each value that is compressed, "
            f"and sees the compressed value in NEW.{column.name}",
            ZblobWarning,
            stacklevel=4,
        )


def _trigger_texts(entry_id: int, table: Table, column: Column, wanted: ColumnStatus) -> list[str]:
    """The AFTER INSERT and the AFTER UPDATE OF trigger.

    Their guards are false for what they have stored themselves, whether or not `recursive_triggers` is on. The
    options are given in full, so that a connection's own zblob_config() does not leave a value uncompressed that
    the guard would then let through for ever.
    """
    on, name = quote(table.name), quote(column.name)
    options = json.dumps({"level": wanted.level, "min_size": 0})
    types, condition, function = {
        "frame": ("'blob', 'text'", "NOT zis_frame", "zcompress"),
        "pickle": ("'blob'", "zis_pickle", "zpickle"),
    }[wanted.envelope]
    guard = f"typeof(NEW.{name}) IN ({types}) AND length(NEW.{name}) >= {wanted.min_size} AND {condition}(NEW.{name})"
    body = f"UPDATE {on} SET {name} = {function}(NEW.{name}, '{options}') WHERE {_same_row(table)}"
    insert_name, update_name = (f"{quote(wanted.schema)}.{name}" for name in _trigger_names(entry_id))
    return [
        f"CREATE TRIGGER {insert_name} AFTER INSERT ON {on} WHEN {guard} BEGIN {body}; END",
        f"CREATE TRIGGER {update_name} AFTER UPDATE OF {name} ON {on} WHEN {guard} BEGIN {body}; END",
    ]


def _same_row(table: Table) -> str:
    """The condition that finds the row that the trigger fired for."""
    if table.rowid_name:
        return f"{table.rowid_name} = NEW.{table.rowid_name}"
    key = next(index for index in table.indexes if index.origin == "pk")
    named = [(quote(part.name or ""), quote(part.collation)) for part in key.columns]
    return " AND ".join(f"{name} = NEW.{name} COLLATE {collation}" for name, collation in named)
