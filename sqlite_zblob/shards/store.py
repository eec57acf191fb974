"""A sharded store as a mapping: put, get, delete and iterate by key. Each shard's connection is opened when needed."""

from __future__ import annotations

import errno
import os
import threading
import uuid
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw

from ..codec import DEFAULT_LEVEL, compress, decompress, has_magic, make_options
from ..connect.database import atomic, quote, run
from ..connect.dictionaries import with_dictionaries
from ..connect.opening import errors_of, opened
from ..errors import DamagedFrameError, OptionError, WrongTypeError
from ..units import key_text
from . import layout as layouts
from .layout import FILLING, READY, Key, Layout, check_layouts, matching, names_for, shard_of
from .lease import Lease

PATIENCE = 60.0  # seconds to wait for another writer
PAGE_ROWS = 500

Value = bytes | str


class ShardedStore(MutableMapping[Key, Value]):
    """The shards of one store. Threads may share it; every process opens its own. A context manager.

    The first write to a shard takes its lease, so that each shard has one writer process at a time; reads take none.
    `zb.shards.open` makes it.
    """

    def __init__(
        self, pattern: str | os.PathLike[str], *, level: int, patience: float, only: Iterable[int] | None
    ) -> None:
        if isinstance(only, str | bytes) or not isinstance(only, Iterable | None):
            raise WrongTypeError(f"only takes numbers of shards, such as [0, 2], not {only!r}")
        if isinstance(patience, bool) or not isinstance(patience, int | float):
            raise WrongTypeError(f"patience is a number of seconds, not {patience!r}")
        only = None if only is None else tuple(only)
        self._settings = (layouts.path_text(pattern), level, patience, only)
        self._level, self._patience = level, patience
        self._process = os.getpid()
        make_options(level=level)
        self._connections: dict[int, apsw.Connection] = {}
        self._leases: dict[int, Lease] = {}
        found = []
        for name in matching(pattern):
            connection = opened(name, writes=False)
            try:
                with errors_of(name):
                    found.append((name, layouts.read_layout(connection, name)))
            finally:
                connection.close()
        found.sort(key=lambda each: each[1].shard)
        check_layouts(found)
        self.paths: tuple[str, ...] = tuple(name for name, _ in found)
        self.layout: Layout = found[0][1]
        self._states = [layout.state for _, layout in found]
        if FILLING in self._states:
            raise OptionError(
                f"the store of {self.paths[0]} is not complete: run reshard again, which goes on from where it stands"
            )
        self._only = range(len(self.paths)) if only is None else frozenset(only)
        if not set(self._only) <= set(range(len(self.paths))):
            raise OptionError(f"the store has shards 0 to {len(self.paths) - 1}, not {sorted(self._only)}")
        self._locks = [threading.RLock() for _ in self.paths]

    def __reduce__(self) -> Any:
        return _open_again, self._settings

    # ---- Keys and values -----------------------------------------------------------------------------------

    def shard_of(self, key: Key) -> int:
        """The number of the shard that holds a key; `paths` has its file."""
        return shard_of(key, len(self.paths))

    def __getitem__(self, key: Key) -> Value:
        """:raises KeyError: there is no such row, or it holds no BLOB and no text.
        :raises DamagedFrameError: the value is damaged.
        """
        number = self.shard_of(key)
        table, key_name, column = layouts.address(self.layout)
        with self._locks[number], errors_of(self.paths[number]):
            connection = self._connection(number)
            rows = run(connection, f"SELECT {column} FROM {table} WHERE {key_name} = ?", (key,))
            if not rows or not isinstance(rows[0][0], bytes | str):
                raise KeyError(key)
            with with_dictionaries(connection):
                return _value_of(rows[0][0], key, self.paths[number])

    def __setitem__(self, key: Key, value: Value) -> None:
        self.put(key, value)

    def put(self, key: Key, value: Value, **columns: Any) -> None:
        """Store a value under a key, compressed, in place of the one that is there.

        :param columns: values of other columns of the row. A row that is there keeps those that are not named.
        :raises OptionError: the value is a frame already; `put_frame` takes those. Or this store may not write here.
        :raises DatabaseError: another process writes to this shard.
        """
        self.put_frame(key, self.pack(value), **columns)

    def pack(self, value: Value) -> bytes:
        """The frame that `put` stores. It needs no lease and no lock, so that other threads may make it."""
        if not isinstance(value, str) and has_magic(value):
            raise OptionError("this value is a frame already: put_frame stores it as it is")
        return compress(value, self._level, for_column=True)

    def put_frame(self, key: Key, frame: bytes, **columns: Any) -> None:
        """Store a value as it is: a frame, or bytes or text that are to stay uncompressed.

        :raises OptionError: a text has half of a surrogate pair, which SQLite cannot hold.
        """
        number = self.shard_of(key)
        with self._writing(number) as connection, atomic(connection):
            self._store(connection, key, frame, columns)

    def put_many(self, items: Iterable[tuple[Key, Value]]) -> None:
        """Store several values, in one transaction for each shard: of each shard all are stored, or none."""
        by_shard: dict[int, list[tuple[Key, bytes]]] = {}
        for key, value in items:
            by_shard.setdefault(self.shard_of(key), []).append((key, self.pack(value)))
        for number, pairs in sorted(by_shard.items()):  # so that no two writers wait for each other's leases
            with self._writing(number) as connection, atomic(connection):
                for key, frame in pairs:
                    self._store(connection, key, frame, {})

    def _store(self, connection: apsw.Connection, key: Key, frame: bytes, columns: dict[str, Any]) -> None:
        table, key_name, column = layouts.address(self.layout)
        names = [key_name, column, *map(quote, columns)]
        changes = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
        sql = f"INSERT INTO {table}({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "
        try:
            run(connection, f"{sql}ON CONFLICT({key_name}) DO UPDATE SET {changes}", (key, frame, *columns.values()))
        except (TypeError, OptionError) as error:
            raise OptionError(f"the row of {key_text(key)} has a value that SQLite cannot hold: {error}") from error

    def __delitem__(self, key: Key) -> None:
        """:raises KeyError: there is no such row."""
        number = self.shard_of(key)
        table, key_name, _ = layouts.address(self.layout)
        with self._writing(number) as connection, atomic(connection):
            run(connection, f"DELETE FROM {table} WHERE {key_name} = ?", (key,))
            if not connection.changes():
                raise KeyError(key)

    def delete(self, key: Key) -> None:
        """:raises KeyError: there is no such row."""
        del self[key]

    def __contains__(self, key: object) -> bool:
        try:
            number = self.shard_of(key)  # type: ignore[arg-type]
        except (WrongTypeError, OptionError):  # no row can have it
            return False
        table, key_name, _ = layouts.address(self.layout)
        with self._locks[number], errors_of(self.paths[number]):
            return bool(run(self._connection(number), f"SELECT 1 FROM {table} WHERE {key_name} = ?", (key,)))

    def __iter__(self) -> Iterator[Key]:
        """All keys, shard by shard, in the order in which they were stored. Others may write meanwhile."""
        for number in range(len(self.paths)):
            yield from self.keys_of(number)

    def keys_of(self, number: int) -> Iterator[Key]:
        """The keys of one shard."""
        table, key_name, _ = layouts.address(self.layout)
        after = -(1 << 63)
        while True:
            with self._locks[number], errors_of(self.paths[number]):
                rowid = layouts.key_table(self._connection(number), self.layout, self.paths[number]).rowid_name
                sql = f"SELECT {rowid}, {key_name} FROM {table} WHERE {rowid} > ? ORDER BY {rowid} LIMIT {PAGE_ROWS}"
                rows = run(self._connection(number), sql, (after,))
            if not rows:
                return
            yield from (key for _, key in rows)
            after = rows[-1][0]

    def __len__(self) -> int:
        table, _, _ = layouts.address(self.layout)
        total = 0
        for number, path in enumerate(self.paths):
            with self._locks[number], errors_of(path):
                total += run(self._connection(number), f"SELECT count(*) FROM {table}")[0][0]
        return total

    # ---- Connections ---------------------------------------------------------------------------------------

    def _connection(self, number: int) -> apsw.Connection:
        if os.getpid() != self._process:
            raise OptionError("this store was opened in another process, before a fork: open it again in this one")
        if number not in self._connections:
            self._connections[number] = opened(self.paths[number], writes=number in self._only)
        return self._connections[number]

    def _writing(self, number: int) -> _Writing:
        return _Writing(self, number)

    def _take(self, number: int) -> apsw.Connection:
        """The connection of a shard that this process may write to from now on."""
        path = self.paths[number]
        if number not in self._only:
            raise OptionError(
                f"this key belongs to shard {number}, {path}, and the store was opened to write to others"
            )
        connection = self._connection(number)
        if number not in self._leases:
            lease = Lease(path, self._patience)
            state = layouts.read_layout(connection, path).state  # which may have changed since the store was opened
            if state != READY:
                lease.release()
                raise OptionError(
                    f"{path} is {state}: reshard moves its rows to another store, or has moved them. Write to that "
                    "one; zb.shards.unseal lets this one be written again, if the other is not wanted"
                )
            layouts.key_table(connection, self.layout, path)
            self._leases[number] = lease
        return connection

    def release(self, number: int | None = None) -> None:
        """Let other processes write, to one shard or to all; the next write takes the lease again."""
        for each in list(self._leases) if number is None else [number]:
            with self._locks[each]:
                lease = self._leases.pop(each, None)
                if lease:
                    lease.release()

    def close(self) -> None:
        for number in list(self._connections):
            with self._locks[number], suppress(apsw.FullError, apsw.IOError):
                self._connections.pop(number).close()
        self.release()

    def __enter__(self) -> ShardedStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Writing:
    """The lock, the lease and the connection of one shard, for `with`."""

    def __init__(self, store: ShardedStore, number: int) -> None:
        self.store, self.number = store, number
        self.errors = errors_of(store.paths[number])

    def __enter__(self) -> apsw.Connection:
        self.store._locks[self.number].acquire()
        try:
            with errors_of(self.store.paths[self.number]):
                connection = self.store._take(self.number)
        except BaseException:
            self.store._locks[self.number].release()
            raise
        self.errors.__enter__()
        return connection

    def __exit__(self, *about: Any) -> None:
        try:
            self.errors.__exit__(*about)
        finally:
            self.store._locks[self.number].release()


def _value_of(stored: Value, key: Key, path: str) -> Value:
    if isinstance(stored, str):
        return stored
    try:
        return decompress(stored)
    except DamagedFrameError as error:
        raise DamagedFrameError(f"the value of {key_text(key)} in {path}: {error}") from error


def _open_again(pattern: str, level: int, patience: float, only: tuple[int, ...] | None) -> ShardedStore:
    return ShardedStore(pattern, level=level, patience=patience, only=only)


def open(
    pattern: str | os.PathLike[str],
    *,
    level: int = DEFAULT_LEVEL,
    patience: float = PATIENCE,
    only: Iterable[int] | None = None,
) -> ShardedStore:
    """Open a sharded store.

    :param pattern: matches all its files and no others, such as "store-*.db".
    :param level: for values that are put.
    :param patience: seconds to wait for another process that writes to the same shard.
    :param only: the shards that may be written through this object; None: all.
    :raises OptionError: nothing matches, a shard is missing, a file belongs to another store, or a run of `reshard` is
        not finished.
    :raises OSError: a file cannot be opened.
    :raises DatabaseError: a file cannot be opened.
    """
    return ShardedStore(pattern, level=level, patience=patience, only=only)


def create(
    pattern: str | os.PathLike[str],
    shards: int,
    *,
    table: str = "results",
    key: str = "key",
    column: str = "data",
    sql: str | None = None,
    level: int = DEFAULT_LEVEL,
) -> ShardedStore:
    """Make a new store, with journal mode WAL, and open it.

    :param pattern: a path with one `*`, which becomes the number of the shard.
    :param sql: statements that make the table, with a rowid and a unique key column, and whatever else each shard is
        to have. If None, the table has the two columns alone.
    :raises OptionError: the pattern has not one `*`, or `sql` makes no such table.
    :raises FileExistsError: one of the files is there already.
    :raises FileNotFoundError: there is no such folder.
    """
    names = names_for(pattern, shards)
    for name, each in {"table": table, "key": key, "column": column, "sql": "" if sql is None else sql}.items():
        if not isinstance(each, str):
            raise WrongTypeError(f"{name} is a str, not {type(each).__name__}")
    make_options(level=level)
    made = (
        sql
        if sql is not None
        else f"CREATE TABLE {quote(table)}({quote(key)} PRIMARY KEY NOT NULL, {quote(column)} BLOB NOT NULL)"
    )
    about = Layout(uuid.uuid4().hex, 0, shards, table, key, column)
    create_files(names, about, made)
    return open(pattern, level=level)


def create_files(names: list[str], about: Layout, sql: str) -> None:
    """All of them, or none if one cannot be made.

    :raises FileExistsError: one is there already.
    :raises OSError: there is no such folder, or nothing can be written to it.
    """
    folder = Path(names[0]).absolute().parent
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder, which a store does not make", str(folder))
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, "no permission to make files in this folder", str(folder))
    with ExitStack() as undo:
        for name in names:
            _claim(name)
            undo.callback(_delete_database, name)
        for number, name in enumerate(names):
            _create_file(name, replace(about, shard=number), sql)
        undo.pop_all()


def _claim(name: str) -> None:
    """Make an empty file, which no other process can have made: what is deleted after a failure is ours."""
    try:
        Path(name).touch(exist_ok=False)
    except FileExistsError as error:
        raise FileExistsError(errno.EEXIST, "a new store needs new files, and this one is there", name) from error


def _create_file(name: str, about: Layout, sql: str) -> None:
    with errors_of(name), closing(apsw.Connection(name)) as connection:
        run(connection, "PRAGMA journal_mode = WAL")
        with atomic(connection):
            connection.execute(sql)
            layouts.write_layout(connection, about)
            layouts.key_table(connection, about, name)


def _delete_database(name: str) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(name + suffix).unlink(missing_ok=True)
