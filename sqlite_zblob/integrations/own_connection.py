"""A connection for each process and thread that uses an object, so that the object can be handed to workers."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable


class OwnConnection:
    """Opened when it is first asked for.

    :param open: opens one; a function that can be pickled where the object that has this one is.
    """

    def __init__(self, open: Callable[[], sqlite3.Connection]) -> None:
        self._open = open
        self._local = threading.local()

    def get(self) -> sqlite3.Connection:
        if getattr(self._local, "pid", None) != os.getpid():  # a connection must not be taken through a fork
            self._local.connection, self._local.pid = self._open(), os.getpid()
        found: sqlite3.Connection = self._local.connection
        return found

    def __reduce__(self) -> tuple[type[OwnConnection], tuple[Callable[[], sqlite3.Connection]]]:
        return OwnConnection, (self._open,)
