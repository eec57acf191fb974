"""Bring the extension into one connection, and find the libraries that this takes.

Knows the connections of APSW and of the sqlite3 module. Both may be used in one process, each with an SQLite
library of its own.
"""

from __future__ import annotations

import ctypes
import inspect
import sqlite3
import sys
from typing import Any

import apsw

from .._codec import LIBRARY
from ..errors import LoadError
from .wrappers import is_aiosqlite, run_in_its_thread, unwrap

Connection = sqlite3.Connection | apsw.Connection

_NO_LOADING = (
    "this Python's sqlite3 module was built without extension loading (pyenv and Apple build it so): call "
    "sqlite_zblob.install() before the connection is opened, or use apsw"
)


def loadable_path() -> str:
    """The extension's path without its suffix, as `load_extension` and the sqlite3 shell's `.load` want it."""
    return str(LIBRARY.with_suffix(""))


def load(connection: Any) -> None:
    """Give one open connection the SQL functions. Doing it twice does no harm.

    The connection's permission to load further extensions is left as it was.

    :param connection: of sqlite3, APSW or aiosqlite, or one of these that SQLAlchemy has wrapped.
    :raises LoadError: this connection cannot load extensions; the message says what can be done.
    :raises WrongTypeError: it is no connection.
    """
    owner = unwrap(connection)
    if isinstance(owner, apsw.Connection):
        _load_apsw(owner)
    elif is_aiosqlite(owner):
        run_in_its_thread(owner, _load_sqlite3)
    else:
        _load_sqlite3(owner)


def _load_apsw(connection: apsw.Connection) -> None:
    try:
        _load_open_apsw(connection)
    except (apsw.ConnectionClosedError, apsw.ThreadingViolationError) as error:  # closed, or busy in another thread
        raise LoadError(f"cannot load the extension: {error}") from error


def _load_open_apsw(connection: apsw.Connection) -> None:
    switch = apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION
    was_enabled = connection.config(switch, -1)
    if inspect.iscoroutine(was_enabled):
        was_enabled.close()
        raise LoadError("this APSW connection is asynchronous: call sqlite_zblob.install() before it is opened")
    connection.config(switch, 1)
    try:
        connection.load_extension(loadable_path())
    except apsw.ExtensionLoadingError as error:
        raise LoadError(f"cannot load {LIBRARY}: {error}") from error
    finally:
        connection.config(switch, was_enabled)


def _load_sqlite3(connection: sqlite3.Connection) -> None:
    if _is_loaded(connection):
        return  # by install()
    if not hasattr(connection, "enable_load_extension"):
        raise LoadError(_NO_LOADING)
    was_enabled = _may_load(connection)
    try:
        connection.enable_load_extension(True)
        connection.load_extension(loadable_path())
    except sqlite3.Error as error:
        raise LoadError(f"cannot load {LIBRARY}: {error}") from error
    finally:
        connection.enable_load_extension(was_enabled)


def _is_loaded(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT zblob_version()").close()
    except sqlite3.OperationalError:
        return False
    except sqlite3.ProgrammingError as error:  # it is closed, or belongs to another thread
        raise LoadError(f"cannot load the extension: {error}") from error
    return True


def _may_load(connection: sqlite3.Connection) -> bool:
    """The SQL function does nothing with NULL, but says whether it is allowed to."""
    try:
        connection.execute("SELECT load_extension(NULL)").close()
    except sqlite3.OperationalError:
        return False
    return True


# ---- Libraries ---------------------------------------------------------------------------------------------


def load_shared() -> ctypes.CDLL:
    """The extension as a shared library of this process.

    :raises LoadError: the file is not there, or does not fit this system.
    """
    try:
        return ctypes.CDLL(str(LIBRARY))
    except OSError as error:
        raise LoadError(f"cannot load {LIBRARY}: {error}") from error


def find_library() -> ctypes.CDLL:
    """The SQLite that the sqlite3 module calls: through its own shared object, so that it is no other one.

    Windows finds names in one library alone: there it is the sqlite3.dll that the module has loaded.
    """
    import _sqlite3

    own = "sqlite3.dll" if sys.platform == "win32" else getattr(_sqlite3, "__file__", None)
    library = ctypes.CDLL(own)  # None: built into the interpreter
    try:
        library.sqlite3_libversion.restype = ctypes.c_char_p
        version = library.sqlite3_libversion().decode()
    except AttributeError as error:
        raise LoadError("the sqlite3 module's SQLite library cannot be reached: use load(connection)") from error
    if version != sqlite3.sqlite_version:
        raise LoadError(
            f"found SQLite {version}, but the sqlite3 module uses {sqlite3.sqlite_version}: use load(connection)"
        )
    library.sqlite3_auto_extension.argtypes = [ctypes.c_void_p]
    library.sqlite3_cancel_auto_extension.argtypes = [ctypes.c_void_p]
    return library
