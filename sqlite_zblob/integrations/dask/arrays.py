"""Images of a column, of one database or of several, as lazy Dask arrays whose chunks are those of the stored values.

Only headers are read to make them. A task opens the value again where it runs, so that workers must see the files, and
reads and decodes the chunks that it needs.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from typing import Any, NamedTuple

import apsw
import dask

from ...column.virtual import find_rows
from ...connect.database import quote, run
from ...connect.opening import errors_of, opened
from ...errors import ChangedValueError, OptionError
from ...parts.array import StoredImage, open_image
from ...shards.layout import Databases, paths_of, shard_of

KEPT_IMAGES = 32  # for each thread of a worker: opened, with their decoded chunks


class Source(NamedTuple):
    """One image, for whoever opens it."""

    path: str
    table: str
    column: str
    rowid: Any
    image: int | None
    mark: str


class _Kept(threading.local):
    """What a thread has open."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.connections: dict[str, apsw.Connection] = {}
        self.images: OrderedDict[Source, StoredImage] = OrderedDict()


_kept = _Kept()


def from_store(
    databases: Databases,
    table: str,
    column: str,
    keys: Iterable[Any] | None = None,
    *,
    image: int | None = None,
    stack: bool = True,
    workers_of: Callable[[str], Sequence[str]] | None = None,
) -> Any:
    """The images under these keys, not read before they are computed.

    :param databases: a path, a pattern such as "store-*.db", or paths; an open APSW connection stands for its file.
    :param keys: primary keys, or rowids of tables without one; None: all rows, in the order of the files and of rowids.
    :param image: its number among the images of each value. None: the largest one.
    :param stack: True: one array, whose first axis is that of the keys. False: a dict from keys to arrays, whose shapes
        and types may differ.
    :param workers_of: gives the addresses of the workers that are to read a file, where data lie with the workers;
        others take over if these are gone.
    :raises OptionError: a key has no row, a value has no such image, or (with `stack`) shapes or types differ.
    :raises KeyError: no row has one of these keys.
    :raises DamagedFrameError: a value is damaged.
    :raises UnsupportedFrameError: a newer version has written a value.
    :raises OSError: a file cannot be read.
    :raises DatabaseError: a file is no database.
    :raises ChangedValueError: only while computing: the value has been changed since this call, and has to be read.
        What a worker still has in memory is the value as it was.
    """
    import dask.array as da

    arrays: dict[Any, Any] = {}
    stacked: list[Any] = []  # a key that is named twice is there twice
    for key, source, found in _find(paths_of(databases), table, column, keys, image):
        workers = None if workers_of is None else list(workers_of(source.path))
        with dask.annotate(workers=workers, allow_other_workers=True) if workers else nullcontext():
            arrays[key] = lazy_array(source, found)
        stacked.append(arrays[key])
    if not stack:
        return arrays
    if not arrays:
        raise OptionError("there is nothing to stack: no row has a value")
    kinds = {(each.shape, each.dtype): key for key, each in arrays.items()}
    if len(kinds) > 1:
        few = ", ".join(f"{key!r}: {shape} {dtype}" for (shape, dtype), key in list(kinds.items())[:4])
        raise OptionError(f"images of {len(kinds)} shapes or types cannot be stacked ({few}): take stack=False")
    return da.stack(stacked)


def lazy_array(source: Source, found: StoredImage) -> Any:
    """One image, not read before it is computed."""
    import dask.array as da
    import numpy as np

    return da.map_blocks(
        _read_block,
        source,
        chunks=found.chunks,
        dtype=found.dtype,
        meta=np.empty((0,) * found.ndim, found.dtype),
        name=f"zblob-{dask.base.tokenize(source)}",
    )


def _find(
    paths: list[str], table: str, column: str, keys: Iterable[Any] | None, image: int | None
) -> Iterator[tuple[Any, Source, StoredImage]]:
    """In the order of the keys, if there are any."""
    if keys is None:
        for path in paths:
            with closing(opened(path, writes=False, is_job=True)) as connection, errors_of(path):
                for key, rowid in rows_of(connection, table, column):
                    yield key, *source_of(connection, path, table, column, rowid, image)
        return
    files: dict[str, _File] = {}
    try:
        for key in keys:
            home, rowid = _look_up(files, _candidates(paths, key), table, key)
            with errors_of(home):
                yield key, *source_of(files[home].connection, home, table, column, rowid, image)
    finally:
        for file in files.values():
            file.connection.close()


def source_of(
    connection: apsw.Connection, path: str, table: str, column: str, rowid: Any, image: int | None
) -> tuple[Source, StoredImage]:
    """An image, and what a task opens it by. Only its header is read."""
    found = open_image(connection, table, column, rowid, image=image)
    return Source(path, table, column, rowid, image, found.mark), found


def _candidates(paths: list[str], key: Any) -> list[str]:
    """The files to look in, the likeliest first: that which the key's hash names, in a sharded store."""
    if not isinstance(key, str | bytes | int) or isinstance(key, bool):
        return paths
    likely = paths[shard_of(key, len(paths))]
    return [likely, *(path for path in paths if path != likely)]


def _columns(connection: apsw.Connection, table: str) -> tuple[str, str]:
    """SQL for the key, and for what `open_image` finds the row by."""
    found = find_rows(connection, table)
    primary = found.primary_key
    rowid = found.rowid_name or (quote(found.rowid_alias.name) if found.rowid_alias else None)
    if len(primary) > 1 or (rowid is None and not primary):
        raise OptionError(f"table {table} has {len(primary)} columns in its primary key, not one")
    key = quote(primary[0].name) if primary else str(rowid)
    return key, rowid or key


def rows_of(connection: apsw.Connection, table: str, column: str, most: int = -1) -> list[tuple[Any, Any]]:
    """Of each BLOB in the column, or of the first `most`: its key, and what `open_image` finds the row by."""
    key, rowid = _columns(connection, table)
    address = f"main.{quote(find_rows(connection, table).name)}"
    sql = f"SELECT {key}, {rowid} FROM {address} WHERE typeof({quote(column)}) = 'blob' ORDER BY {rowid} LIMIT ?"
    return [(row[0], row[1]) for row in run(connection, sql, (most,))]


class _File:
    """An open database, and the statement that finds a row by its key."""

    def __init__(self, path: str, table: str) -> None:
        self.connection = opened(path, writes=False, is_job=True)
        with errors_of(path):
            name, rowid = _columns(self.connection, table)
            address = f"main.{quote(find_rows(self.connection, table).name)}"
        self.sql = f"SELECT {rowid} FROM {address} WHERE {name} = ?"


def _look_up(files: dict[str, _File], paths: list[str], table: str, key: Any) -> tuple[str, Any]:
    for path in paths:
        if path not in files:
            files[path] = _File(path, table)
        with errors_of(path):
            rows = run(files[path].connection, files[path].sql, (key,))
        if rows:
            return path, rows[0][0]
    raise KeyError(key)


# ---- In workers --------------------------------------------------------------------------------------------


def _read_block(source: Source, block_info: Mapping[Any, Any] | None = None) -> Any:
    """The samples of one chunk of a lazy array."""
    if not block_info:  # Dask asks for what the result would look like
        return None
    box = tuple(slice(*bounds) for bounds in block_info[None]["array-location"])
    return _open(source)[box]


def _open(source: Source) -> StoredImage:
    if _kept.pid != os.getpid():  # a connection must not be taken through a fork
        _kept.__init__()  # type: ignore[misc]
    if source in _kept.images:
        _kept.images.move_to_end(source)
        return _kept.images[source]
    if source.path not in _kept.connections:
        _kept.connections[source.path] = opened(source.path, writes=False, is_job=True)
    with errors_of(source.path):
        found = open_image(_kept.connections[source.path], *source[1:4], image=source.image)
    if found.mark != source.mark:
        raise ChangedValueError(
            f"{source.column} of row {source.rowid!r} of {source.table} in {source.path} has been changed since the "
            "array was made: make it again"
        )
    _kept.images[source] = found
    while len(_kept.images) > KEPT_IMAGES:
        _kept.images.popitem(last=False)
    return found
