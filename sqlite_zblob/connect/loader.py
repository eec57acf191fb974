"""Bring the extension into connections: one at a time with `load`, or all of a process with `install`.

Knows the connections of APSW and of the sqlite3 module. Both may be used in one process, each with an SQLite
library of its own.
"""

from __future__ import annotations

import ctypes
import sqlite3
import sys
import threading
from pathlib import Path

import apsw

from ..errors import LoadError

Connection = sqlite3.Connection | apsw.Connection

_SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"
_ENTRY_POINT = "sqlite3_zblob_init"

_NO_LOADING = (
    "this Python's sqlite3 module was built without extension loading (pyenv and Apple build it so): call "
    "sqlite_zblob.install() before the connection is opened, or use apsw"
)


def loadable_path() -> str:
    """The extension's path without its suffix, as `load_extension` and the sqlite3 shell's `.load` want it."""
    return str(Path(__file__).resolve().parents[1] / "zblob")


def load(connection: Connection) -> None:
    """Give one open connection the SQL functions. Doing it twice does no harm.

    The connection's permission to load further extensions is left as it was.

    :raises LoadError: this connection cannot load extensions; the message says what can be done.
    """
    if isinstance(connection, apsw.Connection):
        _load_apsw(connection)
    elif isinstance(connection, sqlite3.Connection):
        _load_sqlite3(connection)
    else:
        raise TypeError(f"expected a sqlite3.Connection or an apsw.Connection, not {type(connection).__name__}")


def _load_apsw(connection: apsw.Connection) -> None:
    switch = apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION
    was_enabled = connection.config(switch, -1)
    connection.config(switch, 1)
    try:
        connection.load_extension(loadable_path())
    except apsw.ExtensionLoadingError as error:
        raise LoadError(f"cannot load {loadable_path()}{_SUFFIX}: {error}") from error
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
        raise LoadError(f"cannot load {loadable_path()}{_SUFFIX}: {error}") from error
    finally:
        connection.enable_load_extension(was_enabled)


def _is_loaded(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT zblob_version()").close()
    except sqlite3.OperationalError:
        return False
    return True


def _may_load(connection: sqlite3.Connection) -> bool:
    """The SQL function does nothing with NULL, but says whether it is allowed to."""
    try:
        connection.execute("SELECT load_extension(NULL)").close()
    except sqlite3.OperationalError:
        return False
    return True


# ---- Every connection of a process -------------------------------------------------------------------------

_lock = threading.Lock()


def install() -> None:
    """Give the SQL functions to every connection that this process opens from now on, sqlite3's and APSW's.

    Works where the sqlite3 module was built without extension loading, too.

    :raises LoadError: the sqlite3 module's SQLite library cannot be reached, or refuses (Apple's own does).
    """
    with _lock:
        if load not in apsw.connection_hooks:
            apsw.connection_hooks.append(load)
        library = _sqlite_library()
        if library.sqlite3_auto_extension(_entry_point()) != sqlite3.SQLITE_OK:
            raise LoadError(
                "this SQLite library refuses sqlite3_auto_extension (Apple's does): use load(connection) or apsw"
            )


def uninstall() -> None:
    """Undo `install` for connections opened from now on. Those that are open keep the functions."""
    with _lock:
        if load in apsw.connection_hooks:
            apsw.connection_hooks.remove(load)
        _sqlite_library().sqlite3_cancel_auto_extension(_entry_point())


def _entry_point() -> ctypes.c_void_p:
    try:
        extension = ctypes.CDLL(loadable_path() + _SUFFIX)
    except OSError as error:
        raise LoadError(f"cannot load {loadable_path()}{_SUFFIX}: {error}") from error
    return ctypes.cast(extension[_ENTRY_POINT], ctypes.c_void_p)


def _sqlite_library() -> ctypes.CDLL:
    """The SQLite that the sqlite3 module calls: through its own shared object, so that it is no other one."""
    import _sqlite3

    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))  # None: built into the interpreter
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
