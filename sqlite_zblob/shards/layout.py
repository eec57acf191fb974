"""Which file of a sharded store holds which key, and the catalogue that each file carries: docs/shards.md.

A store is N ordinary SQLite databases. The table `zblob_shard` of each says which store it belongs to, its number, and
where rows and keys are, so that no file is needed to understand another one.
"""

from __future__ import annotations

import glob
import os
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeGuard

import apsw

from ..codec import checksum
from ..column.schema import Table, look_at_table
from ..connect.database import quote, run
from ..connect.opening import Database, locate, path_of
from ..errors import MetadataError, OptionError, WrongTypeError
from ..units import key_text

Key = str | bytes | int

# A path, a pattern such as "store-*.db", an APSW connection to a file, or several paths and connections.
Databases = Database | Sequence[Database]

TABLE = "zblob_shard"
HASH = "xxh3-mod"
READY, FILLING, SEALED = STATES = ("ready", "filling", "sealed")
MOST_SHARDS = 10_000

_COLUMNS = ("store", "shard", "shards", "hash", "table_name", "key_column", "data_column", "state")
_SQL = (
    f"CREATE TABLE {TABLE}(/* zblob 1 */ store TEXT NOT NULL, shard INTEGER NOT NULL, shards INTEGER NOT NULL, "
    "hash TEXT NOT NULL, table_name TEXT NOT NULL, key_column TEXT NOT NULL, data_column TEXT NOT NULL, "
    "state TEXT NOT NULL)"
)


@dataclass(frozen=True)
class Layout:
    """What one file says of the store that it belongs to."""

    store: str  # the same random text in all files of a store
    shard: int  # the number of this file, from 0
    shards: int
    table: str
    key: str  # the column that holds the keys; it is unique
    column: str  # the column that holds the values
    state: str = READY  # "filling": a target of `reshard` that is not complete; "sealed": no writes, it is being moved


def key_bytes(key: Key) -> bytes:
    """What is hashed: of a text its UTF-8, of an integer its decimal digits, of a BLOB its bytes.

    :raises WrongTypeError: it is none of these.
    :raises OptionError: SQLite cannot hold it.
    """
    if isinstance(key, bytes):
        return key
    if isinstance(key, str):
        try:
            return key.encode()
        except UnicodeEncodeError as error:
            raise OptionError(
                f"the key {key_text(key)} has half of a surrogate pair, which no text of SQLite can: give it as bytes"
            ) from error
    if isinstance(key, int) and not isinstance(key, bool):
        if not -(1 << 63) <= key < 1 << 63:
            raise OptionError(f"the key {key_text(key)} has more than the 64 bits of an integer: give it as text")
        return b"%d" % key
    raise WrongTypeError(f"a key is a str, an int or bytes, not {type(key).__name__}")


def shard_of(key: Key, shards: int) -> int:
    """The number of the shard that holds a key: XXH3, seed 0, modulo the number of shards."""
    return checksum(key_bytes(key)) % shards


# ---- The catalogue -----------------------------------------------------------------------------------------


def write_layout(connection: apsw.Connection, layout: Layout) -> None:
    """Make the catalogue, or write it anew."""
    if not run(connection, "SELECT 1 FROM sqlite_master WHERE name = ?", (TABLE,)):
        run(connection, _SQL)
    run(connection, f"DELETE FROM {TABLE}")
    values = (layout.store, layout.shard, layout.shards, HASH, layout.table, layout.key, layout.column, layout.state)
    run(connection, f"INSERT INTO {TABLE}({', '.join(_COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)


def set_state(connection: apsw.Connection, state: str) -> None:
    run(connection, f"UPDATE {TABLE} SET state = ?", (state,))


def read_layout(connection: apsw.Connection, name: str) -> Layout:
    """:raises OptionError: the database has no catalogue.
    :raises MetadataError: its catalogue comes from a newer version, or makes no sense.
    """
    found = run(connection, "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (TABLE,))
    if not found:
        raise OptionError(f"{name} is no shard: it has no table {TABLE}. zb.shards.create makes a store")
    version = re.search(r"/\* zblob (\d+) \*/", found[0][0])
    if not version or int(version[1]) != 1:
        raise MetadataError(f"{name}: table {TABLE} has the layout of another version of sqlite_zblob")
    rows = run(connection, f"SELECT {', '.join(_COLUMNS)} FROM {TABLE}")
    if len(rows) != 1:
        raise MetadataError(f"{name}: table {TABLE} has {len(rows)} rows, not one")
    store, shard, shards, hash_name, table, key, column, state = rows[0]
    numbers = isinstance(shard, int) and isinstance(shards, int) and 0 <= shard < shards <= MOST_SHARDS
    if (
        not numbers
        or hash_name != HASH
        or state not in STATES
        or not all(isinstance(n, str) for n in (store, table, key, column))
    ):
        raise MetadataError(f"{name}: table {TABLE} makes no sense: {rows[0]!r}")
    return Layout(store, shard, shards, table, key, column, state)


def check_layouts(layouts: Sequence[tuple[str, Layout]]) -> None:
    """Are these all files of one store, in the order of their numbers?

    :raises OptionError: a file is missing, or belongs to another store; the message names it.
    """
    first_name, first = layouts[0]
    for name, layout in layouts:
        if replace(layout, shard=first.shard, state=first.state) != first:
            raise OptionError(f"{name} and {first_name} are of different stores: give a pattern that matches one store")
    numbers = [layout.shard for _, layout in layouts]
    missing = sorted(set(range(first.shards)) - set(numbers))
    if missing:
        few = ", ".join(map(str, missing[:10])) + (" ..." if len(missing) > 10 else "")
        raise OptionError(f"the store of {first_name} has {first.shards} shards, and these are missing: {few}")
    if len(numbers) > first.shards:
        raise OptionError(f"the store of {first_name} has {first.shards} shards, but {len(numbers)} files match")


def key_table(connection: apsw.Connection, layout: Layout, name: str) -> Table:
    """The table of a shard.

    :raises OptionError: it is no ordinary table with a rowid, or has not these columns, or the key is not unique.
    """
    table = look_at_table(connection, layout.table)
    key, _ = table.column(layout.key), table.column(layout.column)
    if table.rowid_name is None:
        raise OptionError(f"{name}: table {layout.table} has no rowid, which values are read by: make it with one")
    unique = [index.columns for index in table.indexes if index.origin in ("pk", "u")]
    is_unique = any(len(columns) == 1 and columns[0].name == key.name for columns in unique)
    if not is_unique and table.rowid_alias != key:
        raise OptionError(f"{name}: column {layout.key} of table {layout.table} is neither PRIMARY KEY nor UNIQUE")
    return table


def address(layout: Layout) -> tuple[str, str, str]:
    """Table, key and column, quoted."""
    return f"main.{quote(layout.table)}", quote(layout.key), quote(layout.column)


# ---- Names of files ----------------------------------------------------------------------------------------


def is_pattern(database: object) -> TypeGuard[str | os.PathLike[str]]:
    """Does it name several databases? A file of that very name is one database."""
    name = os.fspath(database) if isinstance(database, str | os.PathLike) else None
    if not isinstance(name, str) or name.startswith("file:") or not glob.has_magic(name):
        return False
    return not Path(name).exists()


def matching(pattern: str | os.PathLike[str]) -> list[str]:
    """The files that match, by name. Files that SQLite keeps beside a database are none.

    :raises OptionError: none does.
    """
    beside = ("-wal", "-shm", "-journal", "-writer")
    found = sorted(name for name in glob.iglob(path_text(pattern)) if not name.endswith(beside))  # noqa: PTH207
    found = [name for name in found if not Path(name).is_dir()]
    if not found:
        raise OptionError(f"no file matches {path_text(pattern)}")
    return found


def each_of(databases: Databases) -> Sequence[Database]:
    """One database, or several, as a sequence."""
    if isinstance(databases, str | bytes | os.PathLike | apsw.Connection | sqlite3.Connection):
        return [databases]
    return databases


def paths_of(databases: Databases) -> list[str]:
    """The absolute paths (or URIs) of one database, of those that match a pattern, or of several.

    :raises OptionError: a connection has no file, is in a transaction, or is one of the sqlite3 module.
    """
    names = matching(databases) if is_pattern(databases) else [path_of(each) for each in each_of(databases)]
    return [locate(each).target for each in names]


def names_for(pattern: str | os.PathLike[str], shards: int) -> list[str]:
    """The files of a new store: the pattern with a number in place of its `*`.

    :raises OptionError: the pattern has no `*` or several, or the number of shards is out of range.
    """
    name = path_text(pattern)
    if name.count("*") != 1 or "*" in str(Path(name).parent):
        raise OptionError(
            f'the name of a new store has one * for the number of the shard, as in "store-*.db", not {name}'
        )
    if isinstance(shards, bool) or not isinstance(shards, int) or not 1 <= shards <= MOST_SHARDS:
        raise OptionError(f"a store has 1 to {MOST_SHARDS} shards, not {shards!r}")
    return [name.replace("*", f"{number:04}") for number in range(shards)]


def path_text(pattern: str | os.PathLike[str]) -> str:
    """:raises WrongTypeError: it is no path."""
    name = os.fspath(pattern) if isinstance(pattern, str | os.PathLike) else None
    if not isinstance(name, str):
        raise WrongTypeError(f'a pattern is a str or a path, such as "store-*.db", not {type(pattern).__name__}')
    return name
