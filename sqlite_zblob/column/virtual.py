"""Make an ordinary table a virtual table `zblob` over its own rows, and an ordinary one again.

The rows stay where they are: the table is renamed to NAME_rows, and the virtual table adopts it. Nothing else records
this: `virtual_columns` reads the definition of the virtual table from the schema.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import apsw

from ..codec import DEFAULT_LEVEL
from ..connect.database import atomic, definitions, fold, literal, quote, run, tokens, without_word
from ..connect.loader import Connection
from ..errors import OptionError
from .hint import HintFrom
from .obstacles import column_obstacles, virtual_obstacles
from .schema import Column, Table, look_at_table, master_of

# Bytes; the defaults of the C module. Smaller values gain nothing (docs/decisions/small.md).
DEFAULT_MIN_SIZE = 512
MIN_SIZE_WITH_DICTIONARY = 64


def choose_min_size(
    given: int | None, known: int, dictionary: int | str | None, known_dictionary: int | str | None
) -> int:
    """The one that is given, or that of the column; but a column that gets its first dictionary does not keep the
    default of columns without one, by which few of its values would be compressed.

    :param dictionary: that is given; None or 0: there is none.
    """
    if given is not None:
        return given
    is_first = bool(dictionary) and not known_dictionary
    return MIN_SIZE_WITH_DICTIONARY if is_first and known == DEFAULT_MIN_SIZE else known


class TableSettings(NamedTuple):
    """The settings of a virtual table, which are those of all its compressed columns."""

    level: int
    min_size: int
    hint: HintFrom
    dictionary: int | str | None = None  # an id, or "auto": each column's newest


class ChangedError(OptionError):
    """Another connection has changed the table since it was looked at."""


class VirtualColumn(NamedTuple):
    """One compressed column of a virtual table."""

    table: str
    column: str
    settings: TableSettings
    is_intact: bool  # the backing table exists


def virtual_columns(connection: Connection, schema: str) -> list[VirtualColumn]:
    """The compressed columns of all virtual tables `zblob` in one database."""
    objects = run(connection, f"SELECT name, sql FROM {master_of(schema)} WHERE type = 'table'")
    tables = {fold(row[0]) for row in objects}
    found = []
    for name, sql in objects:
        if not is_zblob(sql):
            continue
        parts = definitions(sql)
        dictionary = _dictionary(parts)
        level = _setting(parts, "level", DEFAULT_LEVEL)
        min_size = _setting(parts, "min_size", MIN_SIZE_WITH_DICTIONARY if dictionary else DEFAULT_MIN_SIZE)
        hint = HintFrom(_text(parts, "dtype_from"), _text(parts, "shape_from"))
        settings = TableSettings(level, min_size, hint, dictionary)
        for part in parts:
            if _is_compressed(part):
                column = _name_of(connection, schema, name, part)
                found.append(VirtualColumn(name, column, settings, fold(f"{name}_rows") in tables))
    return found


def find_rows(connection: Connection, name: str) -> Table:
    """The ordinary table of that name in the main database, or the one that holds a virtual table's rows.

    :raises OptionError: there is none.
    """
    objects = run(connection, f"SELECT name, sql FROM {master_of('main')} WHERE type = 'table'")
    is_virtual = any(fold(each) == fold(name) and is_zblob(sql) for each, sql in objects)
    return look_at_table(connection, f"{name}_rows" if is_virtual else name, allow_shadow=is_virtual)


def is_zblob(sql: str | None) -> bool:
    """Does this make a virtual table `zblob`?"""
    words = [token.text for token in tokens(sql or "")]
    return words[:2] == ["create", "virtual"] and "using" in words and words[words.index("using") + 1] == "zblob"


def _setting(parts: list[str], name: str, default: int) -> int:
    for part in reversed(parts):  # as the C module does, where an old definition has one twice
        match = re.fullmatch(rf"{name}\s*=\s*['\"]?\+?(\d+)['\"]?", part, re.IGNORECASE)
        if match:
            return int(match[1])
    return default


def _text(parts: list[str], name: str) -> str | None:
    """The text of a setting, which SQL writes as a string or as it comes."""
    for part in reversed(parts):
        match = re.fullmatch(rf"{name}\s*=\s*(.*)", part, re.IGNORECASE | re.DOTALL)
        if match:
            is_quoted = re.fullmatch(r"'(?:[^']|'')*'", match[1])
            return match[1][1:-1].replace("''", "'") if is_quoted else match[1]
    return None


def _dictionary(parts: list[str]) -> int | str | None:
    for part in reversed(parts):
        match = re.fullmatch(r"dictionary\s*=\s*['\"]?(auto|\d+)['\"]?", part, re.IGNORECASE)
        if match:
            return "auto" if match[1].lower() == "auto" else int(match[1]) or None
    return None


def _is_compressed(part: str) -> bool:
    return without_word(part, "compressed") != part and not re.match(r"\w+\s*=", part)


def _name_of(connection: Connection, schema: str, table: str, part: str) -> str:
    """The column's name as it was written."""
    first = tokens(part)[0].text
    names = [row[1] for row in run(connection, f"PRAGMA {quote(schema)}.table_info({quote(table)})")]
    return next((name for name in names if fold(name) == first), first)


# ---- To and fro --------------------------------------------------------------------------------------------


def make_virtual(connection: Connection, table: Table, column: Column, settings: TableSettings, *, force: bool) -> None:
    """Make the table a virtual table of the same name, with this column compressed.

    :raises OptionError: it cannot be one; the message gives every reason.
    """
    refuse_virtual(table, column, force=force)
    with _renaming(connection):
        _refuse_changed(connection, table)
        run(connection, f"ALTER TABLE {table.address} RENAME TO {quote(table.name + '_rows')}")
        _declare(connection, table.address, definitions(table.sql), column.name, settings)


def _refuse_changed(connection: Connection, table: Table) -> None:
    """The facts were gathered before the transaction.

    :raises ChangedError: another connection has changed the table since.
    """
    sql = f"SELECT sql FROM {master_of(table.schema)} WHERE type = 'table' AND name = ?"
    if run(connection, sql, (table.name,)) != [(table.sql,)]:
        raise ChangedError(f"another connection has changed table {table.name} a moment ago: try again")


def refuse_virtual(table: Table, column: Column, *, force: bool) -> None:
    """:raises OptionError: the table cannot be a virtual one; the message gives every reason."""
    obstacles = column_obstacles(table, column, is_virtual=True) + virtual_obstacles(table, ignore_keys=force)
    if obstacles:
        raise OptionError(
            f'column {column.name} of table {table.name} cannot be compressed in mode "table": {"; ".join(obstacles)}'
        )


def change_virtual(connection: Connection, name: str, column: str, schema: str, settings: TableSettings) -> None:
    """Compress one more column of a virtual table, or change the settings, which are those of the whole table."""
    with _renaming(connection), _letting_go(connection, name, schema) as parts:
        _declare(connection, f"{quote(schema)}.{quote(name)}", parts, column, settings)


def give_up_column(
    connection: Connection, name: str, column: str, schema: str, decompress: Callable[[], int | None] | None = None
) -> None:
    """Decompress a column of a virtual table. If it was the last compressed one, the table becomes an ordinary one.

    :param decompress: decompresses the values that still are compressed, in this transaction. It may return a new
        `min_size` for the columns that stay compressed. If None, one statement decompresses all values.
    """
    database, data = quote(schema), quote(column)
    settings, *others = [
        each.settings for each in virtual_columns(connection, schema) if fold(each.table) == fold(name)
    ]
    with _renaming(connection):
        rows = f"{database}.{quote(f'{name}_rows')}"
        if decompress is None:
            run(connection, f"UPDATE {rows} SET {data} = zdecompress({data}) WHERE zis_frame({data})")
        else:
            settings = settings._replace(min_size=decompress() or settings.min_size)
        with _letting_go(connection, name, schema) as parts:
            if others:
                parts = [without_word(part, "compressed") if _defines(part, column) else part for part in parts]
                _declare(connection, f"{database}.{quote(name)}", parts, None, settings)
        if not others:
            run(connection, f"ALTER TABLE {rows} RENAME TO {quote(name)}")


def _declare(
    connection: Connection, address: str, parts: list[str], column: str | None, settings: TableSettings
) -> None:
    """Create the virtual table over the existing rows, with these definitions and one more compressed column."""
    names = "level|min_size|adopt|dictionary|dtype_from|shape_from"
    kept = [part for part in parts if not re.match(rf"({names})\s*=", part, re.IGNORECASE)]
    kept = [part for at, part in enumerate(kept) if not (_is_codec(part) and any(map(_is_codec, kept[at + 1 :])))]
    if column is not None:
        kept = [f"{without_word(p, 'compressed')} COMPRESSED" if _defines(p, column) else p for p in kept]
    kept += [f"level={settings.level}", f"min_size={settings.min_size}", "adopt=1"]
    kept += [f"dictionary={settings.dictionary}"] if settings.dictionary else []
    kept += [f"{name}={literal(text)}" for name, text in settings.hint._asdict().items() if text]
    run(connection, f"CREATE VIRTUAL TABLE {address} USING zblob({', '.join(kept)})")


def _is_codec(part: str) -> bool:
    return re.match(r"codec\s*=", part, re.IGNORECASE) is not None


@contextmanager
def _letting_go(connection: Connection, name: str, schema: str) -> Iterator[list[str]]:
    """Drop a virtual table without its rows, and yield its definitions."""
    database = quote(schema)
    rows, kept = f"{name}_rows", f"{name}_rows_kept"
    ((sql,),) = run(connection, f"SELECT sql FROM {master_of(schema)} WHERE name = ? AND type = 'table'", (name,))
    run(connection, f"ALTER TABLE {database}.{quote(rows)} RENAME TO {quote(kept)}")
    run(connection, f"DROP TABLE {database}.{quote(name)}")  # which would drop its rows, too, if they had their name
    run(connection, f"ALTER TABLE {database}.{quote(kept)} RENAME TO {quote(rows)}")
    yield definitions(sql)


def _defines(part: str, column: str) -> bool:
    """Is this the definition of that column, and not a constraint of the table?"""
    first = tokens(part)[0]
    if first.kind == "word" and first.text in ("constraint", "primary", "unique", "check", "foreign"):
        return False
    return fold(first.text.strip("'") if first.kind == "string" else first.text) == fold(column)


@contextmanager
def _renaming(connection: Connection) -> Iterator[None]:
    """A transaction in which RENAME changes nothing but the table's name: no view, trigger or foreign key."""
    if connection.in_transaction:
        raise OptionError('mode "table" needs PRAGMA foreign_keys off for a moment: COMMIT the open transaction first')
    wanted = {"foreign_keys": 0, "legacy_alter_table": 1}
    before = {name: run(connection, f"PRAGMA {name}")[0][0] for name in wanted}
    for name, value in wanted.items():
        run(connection, f"PRAGMA {name} = {value}")
    try:
        with atomic(connection):
            yield
    except (apsw.SQLError, sqlite3.OperationalError) as error:
        raise OptionError(str(error)) from error
    finally:
        for name, value in before.items():
            run(connection, f"PRAGMA {name} = {value}")
