"""The tables `zblob_dictionaries` of a connection's databases, in which dictionaries for small values are kept.

The extension finds them by itself (csrc/sqlite/dictionaries.c). This is for what Python decodes without it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import apsw

from ..codec import dictionaries_from, dictionary_id
from ..errors import DamagedFrameError
from .database import quote, run

TABLE = "zblob_dictionaries"

_BYTES = "iif(typeof(dictionary) = 'blob', dictionary, NULL)"  # a text might not be one that Python can hold


def finder(connection: Any) -> Callable[[int], bytes | None]:
    """What gives the bytes of a dictionary by its id, from any database of the connection; each is read once."""
    known: dict[int, bytes | None] = {}

    def find(id: int) -> bytes | None:
        if id not in known:
            known[id] = _read(connection, id)
        return known[id]

    return find


def with_dictionaries(connection: Any) -> AbstractContextManager[None]:
    """Within it, the codec takes dictionaries from this connection's databases."""
    return dictionaries_from(finder(connection))


def _read(connection: Any, id: int) -> bytes | None:
    """As the extension finds it: by its id, and where somebody has given its row another one, by the hash of its bytes.

    :raises DamagedFrameError: two databases have different bytes under one id, or one has other bytes.
    """
    found: bytes | None = None
    for row in run(connection, "PRAGMA database_list"):
        under_id = _dictionaries_of(connection, row[1], "id = ?", id)
        right = _first_that_hashes_to(id, under_id)
        if right is None:
            right = _first_that_hashes_to(id, _dictionaries_of(connection, row[1], "id <> ?", id))
        if (right is None and under_id) or (right is not None and found not in (None, right)):
            raise DamagedFrameError(
                f'dictionary {id} of database "{row[1]}" is damaged, or another database has other bytes under its '
                f"id: take its row of table {TABLE} from a backup"
            )
        found = right or found
    return found


def _dictionaries_of(connection: Any, schema: str, condition: str, id: int) -> list[bytes | None]:
    try:
        rows = run(connection, f"SELECT {_BYTES} FROM {quote(schema)}.{TABLE} WHERE {condition}", (id,))
    except (apsw.SQLError, sqlite3.OperationalError):  # there is no such table
        return []
    return [dictionary for (dictionary,) in rows]


def _first_that_hashes_to(id: int, dictionaries: list[bytes | None]) -> bytes | None:
    return next((each for each in dictionaries if each is not None and dictionary_id(each) == id), None)


def ids_of_others(connection: Any, dictionary: bytes) -> set[int]:
    """The ids under which any database of the connection has other bytes than these."""
    ids: set[int] = set()
    for row in run(connection, "PRAGMA database_list"):
        sql = f"SELECT id FROM {quote(row[1])}.{TABLE} WHERE dictionary IS NOT ?"
        try:
            ids.update(id for (id,) in run(connection, sql, (dictionary,)))
        except (apsw.SQLError, sqlite3.OperationalError):  # there is no such table
            continue
    return ids


def all_dictionaries(connection: Any) -> list[bytes]:
    """Those of the main database."""
    try:
        return [each for (each,) in run(connection, f"SELECT {_BYTES} FROM main.{TABLE}") if each is not None]
    except (apsw.SQLError, sqlite3.OperationalError):  # there is no such table
        return []
