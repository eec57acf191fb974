"""The table `zblob_columns`, in which a database remembers what is compressed in place, beside the triggers that do it.

The triggers follow ALTER TABLE ... RENAME; the record does not. So an entry belongs to the table that its triggers are
on, and to the table that it names where they are gone.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import apsw

from ..codec import HEAD_PREFIX_SIZE, is_for_column
from ..connect.database import atomic, fold, quote, run
from ..connect.loader import Connection
from ..errors import MetadataError
from .hint import HintFrom
from .schema import METADATA_TABLES, check_metadata, is_ordinary, master_of
from .triggers import EVENTS, Setting, old_trigger_names, parse_kind, setting_of, trigger_name

RECORD = "zblob_columns"

# A database's ids begin somewhere from here on: those of two that are attached to each other should not be the same.
_FIRST_ID = 1 << 31

_CREATE = """CREATE TABLE IF NOT EXISTS {record} (/* zblob 1 */
    id INTEGER PRIMARY KEY,
    table_name TEXT NOT NULL,
    column_name TEXT NOT NULL,
    mode TEXT NOT NULL,
    envelope TEXT NOT NULL,
    level INTEGER NOT NULL,
    min_size INTEGER NOT NULL,
    dtype_from TEXT,
    shape_from TEXT
)"""

# Columns that records of the first versions lack.
_ADDED = ("dtype_from", "shape_from")


@dataclass(frozen=True)
class Entry:
    """One column, under the names that it has now."""

    schema: str
    table: str
    setting: Setting
    triggers: dict[str, str]  # event -> SQL, of those that exist on this table
    trouble: str | None  # why it is not intact, as far as the triggers' places tell
    has_column: bool  # False: the table was dropped, or made anew without the column
    is_recorded: bool  # False: its triggers have left it, or they came without a record
    # No triggers are left, and this other column, of a table and a name, may be the one that was compressed.
    rival: tuple[str, str] | None = None
    moved_to: str | None = None  # its triggers have gone with this table, renamed; the one of the old name is a new one
    was: str | None = None  # its recorded name, where nothing but its values says that it is this column (lost.py)

    @property
    def is_certain(self) -> bool:
        """Is this the column that was enabled?"""
        return not self.rival and not self.was

    @property
    def arguments(self) -> str:
        """The settings as arguments of `enable`, for messages."""
        return f"level={self.setting.level}, min_size={self.setting.min_size}"

    @property
    def remedy(self) -> str:
        """What to call, for messages."""
        place = f"connection, {self.table!r}, {self.setting.column!r}"
        if self.rival:
            table, column = self.rival
            other = f"zb.enable(connection, {table!r}, {column!r}, {self.arguments})"
            return f"{other} compresses that one again, zb.enable({place}) this one"
        if self.was:
            mends = f"zb.enable({place}, {self.arguments}) mends it"
            return f"{mends}; if it is another one, zb.disable({place}) keeps it as it is"
        return f"zb.enable({place}) mends it"

    def is_column(self, table: str, column: str) -> bool:
        return fold(self.table) == fold(table) and fold(self.setting.column) == fold(column)

    def has_rival(self, table: str, column: str) -> bool:
        return self.rival is not None and [fold(each) for each in self.rival] == [fold(table), fold(column)]


def entries(connection: Connection, schema: str) -> list[Entry]:
    """What is compressed in place in one database. Looks at no more of the schema than it must."""
    sql = f"SELECT name, tbl_name, sql FROM {master_of(schema)} WHERE type = 'trigger' AND name GLOB 'zblob_*'"
    triggers = {name: Trigger(table, sql) for name, table, sql in run(connection, sql)}
    found: list[Entry] = []
    recorded: set[int] = set()
    if has_record(connection, schema):
        check_metadata(connection, schema)
        settings = _settings(connection, schema)
        places = {(fold(table), fold(setting.column)) for table, setting in settings}
        for table, setting in settings:
            recorded.add(setting.id)
            found += _recorded(connection, schema, (table, setting), triggers, places)
    return found + _unrecorded(connection, schema, recorded, triggers)


def _settings(connection: Connection, schema: str) -> list[tuple[str, Setting]]:
    """With the table, as it is recorded.

    :raises MetadataError: somebody has changed the record so that it makes no sense.
    """
    fields = "id, table_name, column_name, envelope, level, min_size"
    record = f"{quote(schema)}.{RECORD}"
    # In one statement, since others may make the table anew: a column that it lacks is found in the outer query.
    added = ", ".join(f"(SELECT {name} FROM {record} AS own WHERE own.id = r.id)" for name in _ADDED)
    absent = ", ".join(f"NULL AS {name}" for name in _ADDED)
    try:
        rows = run(connection, f"SELECT {fields}, {added} FROM {record} AS r, (SELECT {absent}) ORDER BY id")
    except (apsw.SQLError, sqlite3.OperationalError) as error:
        if not has_record(connection, schema):  # it was dropped a moment ago
            return []
        raise MetadataError(
            f"table {RECORD} is not the one that sqlite_zblob makes ({error}): drop it. Triggers go on without it, and "
            "zb.enable(connection, table, column) records their columns again"
        ) from error
    found = []
    for id, table, column, kind, level, min_size, *texts in rows:
        envelope, dictionary = parse_kind(kind) if isinstance(kind, str) else (None, None)
        names, numbers = (table, column, envelope), (id, level, min_size)
        hint = HintFrom(*(text if isinstance(text, str) else None for text in texts))
        are_numbers = all(isinstance(each, int) for each in numbers)
        if envelope is None or not are_numbers or not all(isinstance(each, str) for each in names):
            raise MetadataError(
                f"table {RECORD}, record {id} of {table!r}.{column!r}, makes no sense: names and numbers are expected "
                f"in {fields}. Put it right, or give it up with DELETE FROM {RECORD} WHERE id = {id}"
            )
        found.append((table, Setting(id, column, envelope, level, min_size, hint, dictionary)))
    return found


def has_record(connection: Connection, schema: str) -> bool:
    sql = f"SELECT 1 FROM {master_of(schema)} WHERE type = 'table' AND name = '{RECORD}'"
    return run(connection, sql) != []


class Trigger(NamedTuple):
    table: str
    sql: str


def _recorded(
    connection: Connection,
    schema: str,
    record: tuple[str, Setting],
    triggers: dict[str, Trigger],
    places: set[tuple[str, str]],
) -> list[Entry]:
    """:param record: table and setting, with the names that are recorded.
    :param places: table and column, folded, of all that are recorded.
    """
    table, setting = record
    own = _own(setting.id, triggers)
    has_column = _column(connection, schema, table, setting.column) is not None
    trouble = _trouble(setting.id, own, triggers)
    if has_column and not own and trouble == _GONE and (rival := _rival(connection, schema, record, triggers, places)):
        what = "column" if fold(rival[0]) == fold(table) else "table"
        name = rival[0] if fold(rival[1]) == fold(setting.column) else ".".join(rival)
        trouble = (
            f"its triggers are gone: it was made anew, or it is another {what}, and the one that was compressed is now "
            f"{name}, which has compressed values, while this one has none"
        )
        return [Entry(schema, table, setting, {}, trouble, has_column, is_recorded=True, rival=rival)]
    if len({fold(each.table) for each in own.values()}) != 1:
        return [Entry(schema, table, setting, {}, trouble, has_column, is_recorded=True)]
    now = _by_triggers(connection, schema, setting, own)
    found = [replace(now, trouble=trouble, is_recorded=True)]
    if fold(now.table) != fold(table) and has_column:
        trouble = f"its triggers have gone with the table that is now {now.table}, and {table} was made anew"
        found.append(Entry(schema, table, setting, {}, trouble, True, is_recorded=False, moved_to=now.table))
    return found


_GONE = "its triggers are gone: the table was made anew"

# As frames and envelopes of pickles begin.
_COMPRESSED = (
    "substr(value, 1, 4) IN (x'5a2a4d18', x'c15a4253') OR instr(substr(value, 1, 100), CAST('sqlite_zblob' AS BLOB))"
)


def _rival(
    connection: Connection,
    schema: str,
    record: tuple[str, Setting],
    triggers: dict[str, Trigger],
    places: set[tuple[str, str]],
) -> tuple[str, str] | None:
    """A column that may have had this one's name: it has compressed values and no triggers, and this one has no such
    values. It is another one of this table, or one of this name in a table that was renamed: renaming takes triggers
    along, and what makes the table anew then drops them.
    """
    table, setting = record
    if _has_compressed(connection, schema, table, setting.column):
        return None
    told = (setting_of(each.sql) for each in triggers.values())
    taken = {(fold(each.table), one.column) for each, one in zip(triggers.values(), told, strict=True) if one}
    with_triggers = {fold(each.table) for each in triggers.values()}
    for name, columns in _ordinary_tables(connection, schema):
        for column in columns:
            is_own = fold(name) == fold(table)
            is_named = fold(column) == fold(setting.column)
            is_free = (fold(name), fold(column)) not in taken | places if is_own else fold(name) not in with_triggers
            if is_free and is_own is not is_named and _has_compressed(connection, schema, name, column):
                return name, column
    return None


def values_without_triggers(connection: Connection, schema: str, taken: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """Table and column of all that have values of a compressed column.

    :param taken: table and column, folded, of those that are left out.
    """
    places = [(name, column) for name, columns in _ordinary_tables(connection, schema) for column in columns]
    free = [place for place in places if (fold(place[0]), fold(place[1])) not in taken]
    return [place for place in free if _has_compressed(connection, schema, *place)]


def _ordinary_tables(connection: Connection, schema: str) -> Iterator[tuple[str, list[str]]]:
    """Of the database's owner, with their columns."""
    backing = _backing(connection, schema)
    for name, sql in run(connection, f"SELECT name, sql FROM {master_of(schema)} WHERE type = 'table' ORDER BY name"):
        if is_ordinary(sql) and not {fold(name)} & (backing | _OWN):
            rows = run(connection, f"PRAGMA {quote(schema)}.table_xinfo({quote(name)})")
            yield name, [row[1] for row in rows]


_OWN = {*METADATA_TABLES, "zblob_dictionaries"}


def _backing(connection: Connection, schema: str) -> set[str]:
    """Names that belong to virtual tables."""
    sql = f"SELECT name || '_rows' FROM {master_of(schema)} WHERE sql LIKE 'create virtual%'"
    return {fold(name) for (name,) in run(connection, sql)}


def _has_compressed(connection: Connection, schema: str, table: str, column: str) -> bool:
    """Of a compressed column, not a program's own. Looks at a hundred rows."""
    rows = f"SELECT {quote(column)} AS value FROM {quote(schema)}.{quote(table)} LIMIT 100"
    head = f"substr(value, 1, {HEAD_PREFIX_SIZE})"
    sql = f"SELECT {head} FROM ({rows}) WHERE typeof(value) = 'blob' AND ({_COMPRESSED}) LIMIT 3"
    try:
        return any(is_for_column(value) for (value,) in run(connection, sql))
    except (apsw.SQLError, sqlite3.OperationalError):  # a collation or a function that this connection does not have
        return False


# The same, looked for in TEXT, which may say whatever it likes behind its first bytes.
_CAST = (
    "substr(value, 1, 4) = x'c15a4253' OR substr(value, 1, 2) = x'8004' OR "
    "(substr(value, 1, 4) = x'5a2a4d18' AND substr(value, 9, 4) = x'5a424c42')"
)


def has_texts_of_frames(connection: Connection, schema: str, table: str, column: str) -> bool:
    """Has a CAST made TEXT of what is compressed? Looks at a hundred rows."""
    rows = f"SELECT {quote(column)} AS text FROM {quote(schema)}.{quote(table)} LIMIT 100"
    sql = f"SELECT 1 FROM (SELECT CAST(text AS BLOB) AS value FROM ({rows}) WHERE typeof(text) = 'text') WHERE {_CAST}"
    try:
        return run(connection, f"{sql} LIMIT 1") != []
    except (apsw.Error, sqlite3.Error):  # `verify` says what is wrong with the table
        return False


def _trouble(id: int, own: dict[str, Trigger], triggers: dict[str, Trigger]) -> str | None:
    missing = [event for event in EVENTS if event not in own]
    if any(name in triggers for name in old_trigger_names(id)):
        return "its triggers are those of an older version"
    if len(missing) == len(EVENTS):
        return _GONE
    if missing:
        return f"its {missing[0]} trigger is gone"
    return "its two triggers are on different tables" if len({fold(each.table) for each in own.values()}) > 1 else None


def _unrecorded(connection: Connection, schema: str, recorded: set[int], triggers: dict[str, Trigger]) -> list[Entry]:
    """A table that was copied with its triggers into another database."""
    settings = [setting for each in triggers.values() if (setting := setting_of(each.sql)) is not None]
    found = {}
    for setting in settings:
        own = _own(setting.id, triggers)
        if setting.id not in recorded and own:
            found[setting.id] = _by_triggers(connection, schema, setting, own)
    return [replace(each, trouble=f"it is not recorded in {RECORD}") for each in found.values()]


def _own(id: int, triggers: dict[str, Trigger]) -> dict[str, Trigger]:
    """By event."""
    return {event: triggers[name] for event in EVENTS if (name := trigger_name(id, event)) in triggers}


def _by_triggers(connection: Connection, schema: str, setting: Setting, own: dict[str, Trigger]) -> Entry:
    """The entry of a table that has triggers, under the names of now."""
    table = next(iter(own.values())).table
    told = [each.column for trigger in own.values() if (each := setting_of(trigger.sql)) is not None]
    column = _column(connection, schema, table, told[0] if told else setting.column)
    texts = {event: each.sql for event, each in own.items()}
    return Entry(
        schema,
        table,
        replace(setting, column=column or setting.column),
        texts,
        None,
        has_column=column is not None,
        is_recorded=False,
    )


def _column(connection: Connection, schema: str, table: str, name: str) -> str | None:
    """The column, as the table writes its name; None where there is no such ordinary table, or it has none."""
    sql = f"SELECT sql FROM {master_of(schema)} WHERE type = 'table' AND name = ? COLLATE NOCASE"
    if not any(is_ordinary(text) for (text,) in run(connection, sql, (table,))):
        return None
    rows = run(connection, f"PRAGMA {quote(schema)}.table_xinfo({quote(table)})")
    return next((row[1] for row in rows if fold(row[1]) == fold(name)), None)


# ---- Changes: in a write transaction of the caller, but for `follow_renames` --------------------------------


def add(connection: Connection, schema: str, table: str, column: str, **settings: str | int | None) -> int:
    """Record a column, and return its id. `settings`: the record's other columns."""
    record = f"{quote(schema)}.{RECORD}"
    run(connection, _CREATE.format(record=record))
    there = {fold(row[1]) for row in run(connection, f"PRAGMA {quote(schema)}.table_info({RECORD})")}
    for name in _ADDED:
        if name not in there:
            run(connection, f"ALTER TABLE {record} ADD COLUMN {name} TEXT")
    ((last,),) = run(connection, f"SELECT max(id) FROM {record}")
    id = last + 1 if last and last >= _FIRST_ID else _FIRST_ID + (int.from_bytes(os.urandom(4), "big") >> 2)
    row = {"id": id, "table_name": table, "column_name": column, **settings}
    marks = ", ".join("?" * len(row))
    run(connection, f"INSERT INTO {record} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
    return id


def forget(connection: Connection, entry: Entry) -> None:
    """Drop an entry and its triggers; let a table that its triggers have left be."""
    schema, id = quote(entry.schema), entry.setting.id
    for other in entries(connection, entry.schema):
        if other.setting.id == id and other.is_recorded and not entry.is_recorded:
            rename(connection, other)
            return
    for name in [trigger_name(id, event) for event in EVENTS] + old_trigger_names(id):
        run(connection, f"DROP TRIGGER IF EXISTS {schema}.{name}")
    if has_record(connection, entry.schema):
        run(connection, f"DELETE FROM {schema}.{RECORD} WHERE id = ?", (id,))


def rename(connection: Connection, entry: Entry) -> None:
    """Record the names of now."""
    sql = f"UPDATE {quote(entry.schema)}.{RECORD} SET table_name = ?, column_name = ? WHERE id = ?"
    run(connection, sql, (entry.table, entry.setting.column, entry.setting.id))


def names_by_triggers(connection: Connection, schema: str) -> dict[int, tuple[str, str]]:
    """Of each recorded column that has its triggers, by the record's id: table and column, as they are named now."""
    found = [each for each in entries(connection, schema) if each.is_recorded and each.triggers and each.has_column]
    return {each.setting.id: (each.table, each.setting.column) for each in found}


def follow_renames(connection: Connection, schema: str, seen: Mapping[int, tuple[str, str]]) -> set[int]:
    """Record what columns are named now, as nothing tells it once their tables are made anew.

    :param seen: where columns have been seen to go whose triggers may be gone by now. It counts where there is such a
        column.
    :returns: the ids of the columns that were seen, and are there without triggers.
    """
    if not has_record(connection, schema):
        return set()
    by_triggers, found, renamed = names_by_triggers(connection, schema), set(), []
    now = {**seen, **by_triggers}
    for table, setting in _settings(connection, schema):
        name, given = now.get(setting.id, (table, setting.column))
        column = _column(connection, schema, name, given)
        if column is None or setting.id not in now:
            continue
        if setting.id not in by_triggers:
            found.add(setting.id)
        elif _column(connection, schema, table, setting.column) is not None:  # a new one, which is not ours
            continue
        if (fold(name), fold(column)) != (fold(table), fold(setting.column)):
            renamed.append((_written(connection, schema, name), column, setting.id))
    if renamed:
        with atomic(connection):  # or the sqlite3 module would leave a transaction open
            for row in renamed:
                sql = f"UPDATE {quote(schema)}.{RECORD} SET table_name = ?, column_name = ? WHERE id = ?"
                run(connection, sql, row)
    return found


def _written(connection: Connection, schema: str, table: str) -> str:
    """The table's name, as the schema writes it."""
    ((name,),) = run(connection, f"SELECT name FROM {master_of(schema)} WHERE name = ? COLLATE NOCASE", (table,))
    return str(name)


def drop_if_empty(connection: Connection, schema: str) -> None:
    if has_record(connection, schema) and not run(connection, f"SELECT 1 FROM {quote(schema)}.{RECORD} LIMIT 1"):
        run(connection, f"DROP TABLE {quote(schema)}.{RECORD}")
