"""A store of `joblib.Memory` in one SQLite file, whose items are frames.

    register()
    memory = joblib.Memory("cache.db", backend="zblob")

The items are those of joblib's own store, under the same names, and so are its rules. Like that one, it unpickles what
it finds: the file must be one that you trust.
"""

from __future__ import annotations

import io
import os
import re
import sqlite3
import time
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import joblib
from joblib._store_backends import CacheItemInfo, StoreBackendBase, StoreBackendMixin

from ..codec import DEFAULT_LEVEL, compress, decompress
from ..errors import DatabaseError, OptionError
from .own_connection import OwnConnection
from .values import check_settings

_CREATE = """CREATE TABLE IF NOT EXISTS items(
    name TEXT PRIMARY KEY, -- path within the store
    data BLOB NOT NULL, -- a frame
    accessed REAL NOT NULL -- seconds since 1970, to the minute
)"""

_NEEDLESS = {
    "compress": 'results are always compressed, at backend_options={"level": ...}, 1 to 9',
    "mmap_mode": "results are no files of their own that could be mapped",
}

_BELOW = "(name = :name OR (name >= :name || '/' AND name < :name || '0'))"  # '0' follows '/'


def register() -> None:
    """Make the backend "zblob" known to joblib; importing this module does it, too."""
    joblib.register_store_backend("zblob", ZblobStoreBackend)


class ZblobStoreBackend(StoreBackendBase, StoreBackendMixin):  # type: ignore[misc]
    """Made by `joblib.Memory(path, backend="zblob", backend_options={"level": 5})`."""

    def configure(self, location: Any, verbose: int = 1, backend_options: dict[str, Any] | None = None) -> None:
        """:param location: the file, which is made if there is none.
        :param backend_options: `level`, 1 (fastest) to 9 (smallest).
        :raises OptionError: an option is unknown or out of range.
        :raises DatabaseError: this cannot be the file of a store.
        """
        options = dict(backend_options or {})
        for each in ("compress", "mmap_mode"):  # joblib names them even if they are not set
            if not options.get(each):
                options.pop(each, None)
        for each, why in _NEEDLESS.items():
            if each in options:
                raise OptionError(f"leave out {each} of the joblib backend zblob: {why}")
        self.level, _ = check_settings(options.pop("level", DEFAULT_LEVEL), 0)
        if options:
            raise OptionError(f"the joblib backend zblob has the option level, not {', '.join(sorted(options))}")
        self.location, self.verbose = _file_of(location), verbose
        self.compress, self.mmap_mode = False, None  # joblib must leave the values to us
        self._own = OwnConnection(partial(_open, self.location))
        try:
            self._run("SELECT 1")
        except sqlite3.Error as error:
            raise DatabaseError(f"{self.location} cannot be a store: {_trouble(Path(self.location), error)}") from error

    def clear_location(self, location: str) -> None:
        if location == self.location:
            self._run("DELETE FROM items")
        else:
            self._run(f"DELETE FROM items WHERE {_BELOW}", location)

    def create_location(self, location: str) -> None:
        """There are no folders to be made."""

    def get_items(self) -> list[Any]:
        """Results, each with all that belongs to it."""
        found: dict[str, list[float]] = {}
        for name, size, accessed in self._run("SELECT name, length(data), accessed FROM items"):
            folder = name.rpartition("/")[0]
            if re.fullmatch("[a-f0-9]{32}", folder.rpartition("/")[2]):
                known = found.setdefault(folder, [0, 0])
                found[folder] = [known[0] + size, max(known[1], accessed)]
        return [
            CacheItemInfo(os.path.join(self.location, folder), size, datetime.fromtimestamp(accessed))  # noqa: PTH118
            for folder, (size, accessed) in found.items()
        ]

    def _open_item(self, location: str, mode: str) -> io.BytesIO:
        """:raises FileNotFoundError: there is no such item to be read.
        :raises DamagedFrameError: it is damaged; joblib then computes the result again.
        """
        if mode == "wb":
            return _Item(self, location)
        rows = self._run("SELECT data, accessed FROM items WHERE name = :name", location)
        if not rows:
            raise FileNotFoundError(f"{self.location} has no item {self._name(location)}")
        if time.time() - rows[0][1] > 60:
            self._run("UPDATE items SET accessed = :now WHERE name = :name", location)
        value = decompress(rows[0][0])
        assert isinstance(value, bytes)
        return io.BytesIO(value)

    def _item_exists(self, location: str) -> bool:
        return bool(self._run(f"SELECT 1 FROM items WHERE {_BELOW} LIMIT 1", location))

    def _move_item(self, src: str, dst: str) -> None:
        self._run("UPDATE OR REPLACE items SET name = :to WHERE name = :name", src, to=self._name(dst))

    def store(self, location: str, value: bytes) -> None:
        self._run(
            "INSERT OR REPLACE INTO items VALUES (:name, :data, :now)", location, data=compress(value, self.level)
        )

    def _name(self, location: str) -> str:
        return os.path.relpath(location, self.location).replace(os.sep, "/")

    def _run(self, sql: str, location: str | None = None, **values: Any) -> list[Any]:
        """One statement, which is a transaction."""
        name = None if location is None else self._name(location)
        return self._own.get().execute(sql, {"name": name, "now": time.time(), **values}).fetchall()


class _Item(io.BytesIO):
    """An item that is written, and stored when it is closed without an error."""

    def __init__(self, store: ZblobStoreBackend, location: str) -> None:
        super().__init__()
        self._store, self._location = store, location

    def __exit__(self, kind: Any, *_: object) -> None:
        if kind is None:
            self._store.store(self._location, self.getvalue())
        self.close()


def _file_of(location: Any) -> str:
    """joblib appends a folder to a location that is a `str`, and to no other: the file is what was asked for."""
    appended = isinstance(location, str) and Path(location).name == "joblib"
    return str(Path(location).parent) if appended else os.fspath(location)


def _trouble(path: Path, error: sqlite3.Error) -> str:
    if path.is_dir():
        return "it is a folder, and a store is one file"
    return f"{error}" if path.parent.is_dir() else f"there is no folder {path.parent}"


def _open(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL").close()
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(_CREATE)
    return connection


register()  # workers import this module when they unpickle a store
