"""Connections that a library opens: they get the extension, also where Python was built without extension loading.

A user who asks for it (a SQLAlchemy plugin that is named, a Django app) gets an error where it cannot be had. Plugins
that a library finds by itself, because both are installed, warn instead: its other databases must go on working.
"""

from __future__ import annotations

import sqlite3
import warnings
from typing import Any

from ..column.watch import load
from ..connect import process
from ..connect.rows import decode_rows
from ..errors import LoadError, ZblobWarning


def expect_connections() -> None:
    """To be called before the library opens the first one.

    :raises LoadError: extensions can be loaded neither into a connection nor into the process.
    """
    if not hasattr(sqlite3.Connection, "enable_load_extension"):
        process.install()


def set_up(connection: Any, *, decodes: bool, keeps: bool) -> None:
    """:param decodes: its rows come decompressed.
    :param keeps: columns whose table was made anew are enabled again.
    :raises LoadError: the connection cannot load the extension.
    """
    load(connection, keep=keeps)
    if decodes:
        decode_rows(connection)


def expect_connections_if_possible() -> None:
    """For a plugin that a library finds by itself: it may be imported where nothing can be loaded.

    :warns ZblobWarning: extensions can be loaded neither into a connection nor into the process.
    """
    try:
        expect_connections()
    except LoadError as error:
        _warn(error)


def set_up_if_possible(connection: Any, *, decodes: bool, keeps: bool, advice: str = "") -> None:
    """For a plugin that a library finds by itself. Rows are decoded even without the extension.

    :param advice: what the warning says where extensions can be loaded into the process alone.
    :warns ZblobWarning: the connection cannot load the extension.
    """
    try:
        load(connection, keep=keeps)
    except LoadError as error:
        _warn(error, "" if hasattr(connection, "enable_load_extension") else advice)
    if decodes:
        decode_rows(connection)


def _warn(error: LoadError, advice: str = "") -> None:
    warnings.warn(f"compressed columns cannot be used here: {error}{advice}", ZblobWarning, stacklevel=3)
