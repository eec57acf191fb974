"""Load the extension, and say which columns are no longer compressed: tools that rebuild a table drop its triggers.

The connection's owner should not notice it otherwise: nothing is read in an open transaction, of a file that is still
empty, or while somebody holds a lock.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from ..connect import loader, process
from ..connect.database import pragma, run
from ..connect.loader import Connection
from ..connect.opening import locate
from ..connect.wrappers import is_aiosqlite, run_in_its_thread, unwrap
from ..errors import ZblobError, ZblobWarning
from ..log import log
from .lost import all_entries
from .record import Entry, entries
from .storage import enable

_said: set[tuple[str, str, str]] = set()  # file, table, column: once per process

_seen: dict[Path, tuple[tuple[int, int], ...]] = {}  # how a file was when it was looked at
_thread = threading.local()

_keeps = False  # what `install` was told


def load(connection: Any, *, keep: bool = False) -> None:
    """Give one open connection the SQL functions. Doing it twice does no harm.

    The connection's permission to load further extensions is left as it was.

    :param connection: of sqlite3, APSW or aiosqlite, or one of these that SQLAlchemy has wrapped.
    :param keep: where a column's triggers are gone because its table was made anew, enable it again; not where another
        table may be the one that was compressed.
    :raises LoadError: this connection cannot load extensions; the message says what can be done.
    :raises WrongTypeError: it is no connection.
    :warns ZblobWarning: a column of this database should be compressed, but its triggers are gone; once per column and
        process. Where warnings are errors it is logged, and never raised.
    """
    loader.load(connection)
    owner = unwrap(connection)
    if is_aiosqlite(owner):
        run_in_its_thread(owner, lambda inner: _look(inner, keep=keep))
    else:
        _look(owner, keep=keep)


def install(*, decode_rows: bool = False, keep: bool = False) -> None:
    """Give the SQL functions to every connection that this process opens from now on, sqlite3's and APSW's.

    Works where the sqlite3 module was built without extension loading, too. Connections that are open already stay as
    they are, and so do other SQLite modules (pysqlite3, DuckDB, ADBC ...).

    :param decode_rows: have each of them decode its rows, too, whatever library opens it (see `decode_rows`). It stays
        on until `uninstall`, even if `install` is called again without it.
    :param keep: as for `load`, and so the warning.
    :raises LoadError: the sqlite3 module's SQLite library cannot be reached, or refuses (Apple's own does). APSW's
        connections have the functions all the same, and rows are decoded if that was asked for.
    """
    global _keeps
    _keeps = keep
    try:
        process.install(decode_rows=decode_rows)
    finally:
        process.observe(_look_beside)
        if _opened not in apsw.connection_hooks:
            apsw.connection_hooks.append(_opened)


def uninstall() -> None:
    """Undo `install` for connections opened from now on. Those that are open keep the functions and go on decoding."""
    if _opened in apsw.connection_hooks:
        apsw.connection_hooks.remove(_opened)
    process.uninstall()


def _opened(connection: apsw.Connection) -> None:
    _look(connection, keep=_keeps)


def _look_beside(database: str | bytes | os.PathLike[str]) -> None:
    """With a connection of our own, which is announced in turn: the one of which we hear cannot be used yet."""
    if getattr(_thread, "is_looking", False):
        return
    _thread.is_looking = True
    try:
        _look_at_file(database)
    finally:
        _thread.is_looking = False


def _look_at_file(database: str | bytes | os.PathLike[str]) -> None:
    with suppress(OSError, ZblobError, sqlite3.Error):
        path = locate(database).path
        if path and _has_content(path) and not _is_in_apsw(path) and _state(path) != _seen.get(path):
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0)
            try:
                _look(connection, keep=_keeps)
            finally:
                connection.close()
            _seen[path] = _state(path)


def _is_in_apsw(path: Path) -> bool:
    """Closing a file in one SQLite library would take away the locks that another one holds in the same process."""
    return any(each.filename and path.samefile(each.filename) for each in apsw.connections())


def _state(path: Path) -> tuple[tuple[int, int], ...]:
    """What changes whenever somebody writes."""
    files = [each for each in (path, Path(f"{path}-wal")) if each.exists()]
    return tuple((each.stat().st_mtime_ns, each.stat().st_size) for each in files)


# ---- Looking -----------------------------------------------------------------------------------------------


def _look(connection: Connection, *, keep: bool) -> None:
    try:
        for file, entry in _broken(connection):
            if keep and entry.is_certain and _mend(connection, file, entry):
                continue
            _say(file, entry, f"{entry.trouble}. {entry.remedy}")
    except (apsw.Error, sqlite3.Error, ZblobError, OSError):
        return  # what is wrong with the database, its owner's own statements will say


def _broken(connection: Connection) -> list[tuple[str, Entry]]:
    if connection.in_transaction:
        return []
    found = []
    with _without_waiting(connection):
        for _, schema, file in run(connection, "PRAGMA database_list"):
            if file and _has_content(Path(file)):
                found += [
                    (file, each) for each in _entries(connection, schema, file) if each.trouble and each.has_column
                ]
    return found


# File and schema: the version that the schema had when nothing was found to be lost.
_without_lost: dict[tuple[str, str], int] = {}


def _entries(connection: Connection, schema: str, file: str) -> list[Entry]:
    """To look for lost columns reads rows of all tables: once for each version of the schema where none is found."""
    version = pragma(connection, "schema_version", schema)
    if _without_lost.get((file, schema)) == version:
        return entries(connection, schema)
    found = all_entries(connection, schema)
    if not any(each.was for each in found):
        _without_lost[file, schema] = version
    return found


def _has_content(file: Path) -> bool:
    """An empty file's owner may still want to set its encoding or page size, before anybody reads."""
    return file.is_file() and file.stat().st_size > 0


@contextmanager
def _without_waiting(connection: Connection) -> Iterator[None]:
    """A busy timeout is set aside for a moment. A busy handler of the owner's would be lost: it stays."""
    ((timeout,),) = run(connection, "PRAGMA busy_timeout")
    if timeout:
        run(connection, "PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        if timeout:
            run(connection, f"PRAGMA busy_timeout = {timeout}")


def _mend(connection: Connection, file: str, entry: Entry) -> bool:
    setting = entry.setting
    try:
        enable(
            connection,
            entry.table,
            setting.column,
            envelope=setting.envelope,
            level=setting.level,
            min_size=setting.min_size,
            schema=entry.schema,
        )
    except (apsw.Error, sqlite3.Error, ZblobError) as error:
        _say(file, entry, f"{entry.trouble}, and it could not be enabled again: {error}")
        return False
    return True


def _say(file: str, entry: Entry, what: str) -> None:
    place = (file, entry.table, entry.setting.column)
    if place in _said:
        return
    _said.add(place)
    message = f"{file}: column {entry.setting.column} of table {entry.table} is not compressed any more: {what}"
    try:
        warnings.warn(message, ZblobWarning, stacklevel=4)
    except ZblobWarning:
        log.warning(message)
