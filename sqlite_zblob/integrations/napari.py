"""napari: a reader that opens the images of a database as lazy layers, of which only shown slices are read and decoded.

It imports nothing of napari, which finds it by napari.yaml and calls it with a path.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import dask.array as da
import numpy as np

from ..codec import ImageInfo
from ..column.schema import tables_with_rows
from ..column.storage import enabled_columns
from ..connect.database import quote, run
from ..connect.opening import errors_of, opened
from ..errors import DamagedFrameError, OptionError, UnsupportedFrameError, ZblobError, ZblobWarning
from ..parts.array import StoredImage
from ..units import count_text, key_text
from .dask.arrays import lazy_array, rows_of, source_of

MOST_ROWS = 500  # of a column: the header of each is read before anything is shown

_MAGIC = b"SQLite format 3\0"

Layer = tuple[Any, dict[str, Any], str]


def get_reader(path: str | list[str]) -> Callable[[str], list[Layer]] | None:
    """What napari asks for: the function that reads the file; None: it is no database, or has no images."""
    if not isinstance(path, str) or not Path(path).is_file():
        return None
    with Path(path).open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return None
    try:
        return read if next(_images(path), None) else None
    except ZblobError:
        return None


def read(path: str) -> list[Layer]:
    """A layer for the images of a column that have the same shape and type; the first axis is then that of the rows.

    Scale is the images' spacing. Which axis of a layer is which row stands in the layer's metadata, under "keys".

    :raises ZblobError: the file cannot be read.
    """
    groups: dict[Any, list[tuple[Any, Any, StoredImage]]] = {}
    for table, column, key, array, found in _images(path):
        kind = (table, column, array.shape, array.dtype, found.info.spacing)
        groups.setdefault(kind, []).append((key, array, found))
    return [_layer(kind[0], kind[1], rows) for kind, rows in groups.items()]


def _images(path: str) -> Iterator[tuple[str, str, Any, Any, StoredImage]]:
    """Table, column, key, lazy array and what was opened."""
    with closing(opened(path, writes=False)) as connection, errors_of(path):
        for table, column in _columns(connection):
            rows = _rows(connection, table, column)
            if len(rows) > MOST_ROWS:
                text = f"{table}.{column} has more than {MOST_ROWS} rows: the first {MOST_ROWS} are shown"
                warnings.warn(text, ZblobWarning, stacklevel=2)
            for key, rowid in rows[:MOST_ROWS]:
                try:
                    source, found = source_of(connection, path, table, column, rowid, None)
                except (OptionError, DamagedFrameError, UnsupportedFrameError):  # it holds no image that can be shown
                    continue
                if found.ndim > 1:
                    yield table, column, key, lazy_array(source, found), found


def _columns(connection: apsw.Connection) -> list[tuple[str, str]]:
    """Those that are compressed; where there are none, all columns of ordinary tables."""
    compressed = [(each.table, each.column) for each in enabled_columns(connection, "main")]
    if compressed:
        return compressed
    tables = tables_with_rows(connection, "main")
    return [(table, row[1]) for table in tables for row in run(connection, f"PRAGMA table_info({quote(table)})")]


def _rows(connection: apsw.Connection, table: str, column: str) -> list[tuple[Any, Any]]:
    try:
        return rows_of(connection, table, column, MOST_ROWS + 1)
    except OptionError:  # its key has several columns
        return []


def _layer(table: str, column: str, rows: list[tuple[Any, Any, StoredImage]]) -> Layer:
    key, array, found = rows[0]
    keys = [each for each, _, _ in rows]
    is_rgb = array.dtype == np.uint8 and array.ndim > 2 and array.shape[-1] in (3, 4)
    scale = _scale(found.info, array.ndim - is_rgb)
    name = f"{table}.{column} {key_text(key)}"
    limits = None if is_rgb else _limits(array)
    if len(rows) > 1:
        array = da.stack([each for _, each, _ in rows])
        scale, name = (1.0, *scale), f"{table}.{column}, {count_text(len(rows), 'row')}"
    settings = {
        "name": name,
        "scale": scale,
        "rgb": is_rgb,
        "multiscale": False,
        "metadata": {"table": table, "column": column, "keys": keys},
    }
    if limits:
        settings["contrast_limits"] = limits
    return array, settings, "image"


def _scale(info: ImageInfo, axes: int) -> tuple[float, ...]:
    """Of each axis, the slowest first; 1 for axes without spacing, such as that of a vector's components."""
    known = tuple(abs(each) or 1.0 for each in reversed(info.spacing or ()))
    known = known if info.order == "C" else ()
    return (*known, *(1.0,) * axes)[:axes]


def _limits(array: Any) -> tuple[float, float]:
    """The grey values to show, from the image's middle: napari would read the whole layer for them."""
    middle = np.asarray(array[array.shape[0] // 2] if array.ndim > 2 else array)
    values = np.abs(middle) if middle.dtype.kind == "c" else middle.astype(np.float64)
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(finite, [0.5, 99.5])
    return float(low), float(high if high > low else low + 1)
