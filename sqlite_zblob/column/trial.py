"""Try what the triggers will do to a row, and take it back: whether the table's owner's own triggers let it happen.

What they do cannot be told from their text. So a row's value is replaced by a frame, in a savepoint, as the triggers
would replace it: a row that is there, or one that is made up.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import apsw

from ..codec import compress, compress_pickle
from ..connect.database import fold, quote, run, text_of, tokens
from ..connect.loader import Connection
from ..errors import OptionError
from .obstacles import update_triggers
from .schema import Column, Table
from .triggers import Setting

_PROBE = pickle.dumps(b"sqlite_zblob tries whether a compressed value can be stored. " * 40)

_VALUES: dict[str, Any] = {"integer": 1, "real": 1.0, "numeric": 1, "text": "x", "blob": b"x"}

Key = tuple[Any, ...]  # for each column of the key its value and its type; of a TEXT, its bytes


@dataclass(frozen=True)
class Outcome:
    """How it went, where it was not refused."""

    changed: tuple[str, ...] = ()  # other columns that the owner's triggers change along with it
    untried: str | None = None  # why nothing could be tried


def try_frame(connection: Connection, table: Table, column: Column, setting: Setting) -> Outcome:
    """Store a frame in a row, and take it back. In a transaction of the caller, in which the column has its triggers.

    :raises OptionError: no row accepts it; the message says what happened.
    """
    _refuse_rollback(table)
    with _with_triggers(connection), _taken_back(connection):
        keys = _some_keys(connection, table)
        if keys:
            return _first_that_takes_it(connection, table, column, keys, setting)
        try:
            key = _make_row(connection, table, column)
        except (apsw.Error, sqlite3.Error) as error:
            if "sqlite_zblob" in str(error):  # the row was accepted, and then our trigger failed
                raise OptionError(str(error)) from error
            return Outcome(untried=str(error))
        if not key:
            return Outcome(untried="a row that is inserted is not there afterwards")
        was_plain = _is_plain(connection, table, column, key)
        outcome = _first_that_takes_it(connection, table, column, [key], setting)
        if was_plain and setting.min_size <= len(_PROBE):
            raise OptionError("a row that is inserted keeps its value uncompressed, because of its triggers")
        return outcome


def _first_that_takes_it(
    connection: Connection, table: Table, column: Column, keys: list[Key], setting: Setting
) -> Outcome:
    """:raises OptionError: none of the rows does."""
    refusals = []
    for key in keys:
        try:
            return _replace(connection, table, column, key, setting.envelope)
        except (apsw.Error, sqlite3.Error) as error:
            refusals.append(f"a compressed value is refused by the table: {error}")
        except OptionError as error:
            refusals.append(str(error))
    raise OptionError(refusals[0])


def _refuse_rollback(table: Table) -> None:
    """What ends the transaction cannot be tried, and can never be taken back."""
    for name, sql in table.triggers:
        words = {token.text for token in tokens(sql) if token.kind == "word"}
        if {"update", "rollback"} <= words:
            raise OptionError(
                f"trigger {name} may end the transaction with ROLLBACK when a row is updated: use RAISE(ABORT, ...)"
            )


@contextmanager
def _with_triggers(connection: Connection) -> Iterator[None]:
    """Triggers fire, as they do for other connections."""
    if not isinstance(connection, apsw.Connection):
        yield
        return
    switch = apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER
    before = connection.config(switch, -1)
    connection.config(switch, 1)
    try:
        yield
    finally:
        connection.config(switch, before)


@contextmanager
def _taken_back(connection: Connection) -> Iterator[None]:
    run(connection, "SAVEPOINT zblob_trial")
    try:
        yield
    finally:
        if connection.in_transaction:
            run(connection, "ROLLBACK TO zblob_trial")
            run(connection, "RELEASE zblob_trial")


# ---- The row -----------------------------------------------------------------------------------------------


def _key_names(table: Table) -> list[str]:
    if table.rowid_name and not table.rowid_alias:
        return [table.rowid_name]
    return [quote(column.name) for column in table.primary_key]


def _some_keys(connection: Connection, table: Table) -> list[Key]:
    """The last row's and the first one's."""
    names = _key_names(table)
    found: list[Key] = []
    for order in ("DESC", "ASC"):
        by = ", ".join(f"{name} {order}" for name in names)
        found += run(connection, f"SELECT {_with_types(names)} FROM {table.address} ORDER BY {by} LIMIT 1")
    return list(dict.fromkeys(found))


def _make_row(connection: Connection, table: Table, column: Column) -> Key:
    """Insert a row with values that are made up; an error of SQLite's says that the table does not accept them."""
    needed = [
        each
        for each in table.columns
        if not each.is_generated
        and (each.is_required or each.key_position or each.name == column.name)
        and not (table.rowid_alias and each.name == table.rowid_alias.name)
    ]
    values = [_PROBE if each.name == column.name else _VALUES[each.affinity] for each in needed]
    places = ", ".join("?" * len(needed))
    names = ", ".join(quote(each.name) for each in needed)
    run(connection, f"INSERT INTO {table.address} ({names}) VALUES ({places})", values)
    return next(iter(_some_keys(connection, table)), ())


def _is_plain(connection: Connection, table: Table, column: Column, key: Key) -> bool:
    """Is the value of a row that was made up what was inserted?"""
    sql = f"SELECT {_with_types([quote(column.name)])} FROM {table.address} WHERE {_condition(table)}"
    return run(connection, sql, key) == [(_PROBE, "blob")]


def _with_types(names: list[str]) -> str:
    """Each column as two: its value and its type. TEXT comes as its bytes, since it may be no valid UTF-8. Of
    expressions, the sqlite3 module's converters know no declared type."""
    value = "CASE typeof({0}) WHEN 'text' THEN CAST({0} AS BLOB) ELSE {0} END, typeof({0})"
    return ", ".join(value.format(name) for name in names)


def _pairs(row: tuple[Any, ...]) -> list[tuple[Any, Any]]:
    return list(zip(row[::2], row[1::2], strict=True))


def _condition(table: Table) -> str:
    """Takes a Key."""
    names = zip(_key_names(table), range(1, 100_000, 2), strict=False)
    value = "CASE ?{1} WHEN 'text' THEN {2} ELSE ?{0} END"  # which has no affinity
    return " AND ".join(f"{name} = {value.format(at, at + 1, text_of(f'?{at}'))}" for name, at in names)


def _replace(connection: Connection, table: Table, column: Column, key: Key, envelope: str) -> Outcome:
    name = quote(column.name)
    row = _condition(table)
    others = [quote(each.name) for each in table.columns if fold(each.name) != fold(column.name)]
    beside = f"SELECT {_with_types(others) or 1} FROM {table.address} WHERE {row}"  # the value itself may be large
    look = f"SELECT {_with_types([name, *others])} FROM {table.address} WHERE {row}"
    frame = compress_pickle(_PROBE) if envelope == "pickle" else compress(_PROBE)
    before = run(connection, beside, key)
    run(connection, f"UPDATE {table.address} SET {name} = ?{len(key) + 1} WHERE {row}", (*key, frame))
    after = run(connection, look, key)
    owners = ", ".join(update_triggers(table, column)) or "something"
    if not after:
        raise OptionError(f"trigger {owners} deletes or moves a row whose column {column.name} is updated")
    if after[0][0] != frame:
        raise OptionError(f"a compressed value does not stay in column {column.name}: trigger {owners} prevents it")
    pairs = zip(others, _pairs(before[0][: 2 * len(others)]), _pairs(after[0][2:]), strict=True)
    changed = [other for other, old, new in pairs if old != new]
    return Outcome(changed=tuple(changed))
