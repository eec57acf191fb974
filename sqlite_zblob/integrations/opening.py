"""Connections that a library opens: they get the extension, also where Python was built without extension loading."""

from __future__ import annotations

import sqlite3
from typing import Any

from ..column.watch import load
from ..connect import process
from ..connect.rows import decode_rows


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
