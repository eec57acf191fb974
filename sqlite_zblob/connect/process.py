"""All connections of a process: the extension in each, and decoded rows."""

from __future__ import annotations

import ctypes
import sqlite3
import sys
import threading
from collections.abc import Callable
from typing import Any

import apsw

from ..errors import LoadError
from .factories import has_hook
from .loader import find_library, load, load_shared
from .rows import decode_rows as decode_rows_of

_lock = threading.Lock()
_is_listening = False  # to sqlite3's audit events; one cannot stop listening
_decodes = False
_announced = threading.local()  # .database: what sqlite3.connect was called with
_observers: list[Callable[[Any], None]] = []


def install(*, decode_rows: bool = False) -> None:
    """Give the SQL functions to every connection that this process opens from now on, sqlite3's and APSW's.

    Works where the sqlite3 module was built without extension loading, too. Connections that are open already stay as
    they are, and so do other SQLite modules (pysqlite3, DuckDB, ADBC ...).

    :param decode_rows: have each of them decode its rows, too, whatever library opens it (see `decode_rows`). It stays
        on until `uninstall`, even if `install` is called again without it.
    :raises LoadError: the sqlite3 module's SQLite library cannot be reached, or refuses (Apple's own does). APSW's
        connections have the functions all the same, and rows are decoded if that was asked for.
    """
    with _lock:
        _add_hook(load)
        if decode_rows:
            _decode_all()
        library = find_library()
        if library.sqlite3_auto_extension(_entry_point()) != sqlite3.SQLITE_OK:
            raise LoadError(
                "this SQLite library refuses sqlite3_auto_extension (Apple's does): use load(connection) or apsw"
            )


def uninstall() -> None:
    """Undo `install` and `observe` for connections opened from now on. Those that are open keep the functions and go on
    decoding."""
    global _decodes
    with _lock:
        _decodes = False
        _observers.clear()
        for hook in (load, decode_rows_of):
            if hook in apsw.connection_hooks:
                apsw.connection_hooks.remove(hook)
        find_library().sqlite3_cancel_auto_extension(_entry_point())


def observe(observer: Callable[[Any], None]) -> None:
    """Have `observer` called with the database, as it was given to sqlite3.connect, of each connection that the sqlite3
    module opens from now on: before its owner has it, and while nobody can use it yet."""
    with _lock:
        _listen_to_sqlite3()
        if observer not in _observers:
            _observers.append(observer)


def _add_hook(hook: Any) -> None:
    if hook not in apsw.connection_hooks:
        apsw.connection_hooks.append(hook)


def _entry_point() -> ctypes.c_void_p:
    return ctypes.cast(load_shared()["sqlite3_zblob_init"], ctypes.c_void_p)


# ---- What sqlite3 announces --------------------------------------------------------------------------------


def _listen_to_sqlite3() -> None:
    global _is_listening
    if not _is_listening:
        sys.addaudithook(_listen)
        _is_listening = True


def _decode_all() -> None:
    global _decodes
    _listen_to_sqlite3()
    _decodes = True
    probe = sqlite3.connect(":memory:")
    try:
        _decodes = has_hook(probe)
    finally:
        probe.close()
    if not _decodes:
        raise LoadError("this Python does not say when sqlite3 opens a connection: use decode_rows(connection)")
    _add_hook(decode_rows_of)


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    """sqlite3 announces each new connection, whoever opens it, by whatever class or name of the function: first its
    database, then the connection itself."""
    if event == "sqlite3.connect":
        _announced.database = arguments[0]
    elif event == "sqlite3.connect/handle":
        if _decodes:
            decode_rows_of(arguments[0])
        for observer in tuple(_observers):
            observer(_announced.database)
