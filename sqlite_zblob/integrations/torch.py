"""Images in a database as a map-style data set, as PyTorch's `DataLoader` takes it. Needs NumPy, but not PyTorch."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..codec import ImageInfo, decompress, info
from ..connect.database import fold, quote, run
from ..descriptions import largest
from ..errors import OptionError, WrongTypeError
from ..readings import dtype_of, flat_samples
from .opening import expect_connections, set_up
from .own_connection import OwnConnection
from .places import describe, place_of, rowid_of


class ImageDataset:
    """Random access to the volumes of a column, or to their slices.

    `dataset[i]` is a NumPy array of its own memory, the slowest axis first, in native byte order; `keys[i]` names its
    row, and the slice. Every process and thread opens a connection of its own, when it asks for its first item: a data
    set can be handed to worker processes, forked or spawned.

    :param path: the database, which is only read. It is no connection, since each of those stays where it was opened.
    :param key: the column that names a row; the rowid, if None.
    :param where: SQL that chooses rows, such as `"split = 'train'"`.
    :param axis: None: items are volumes. Otherwise slices across this axis, counted from the slowest; only the chunks
        that a slice needs are decoded.
    :param transform: what is called with each array, and whose result is the item.
    :raises FileNotFoundError: there is no such file.
    :raises OptionError: there is no such table or column; or a value that was chosen holds no image, or has no such
        axis, and the message names its row.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        table: str,
        *,
        column: str = "data",
        key: str | None = None,
        where: str = "1",
        axis: int | None = None,
        transform: Callable[[np.ndarray[Any, Any]], Any] | None = None,
    ) -> None:
        self.path, self.table, self.column, self.axis, self.transform = Path(path), table, column, axis, transform
        self._own = OwnConnection(partial(_open, self.path))
        self._key = "rowid" if key is None else quote(self._existing(key))
        self._existing(column)
        self._images: dict[Any, ImageInfo] = {}  # of each key, where items are slices
        self._rowid = rowid_of(self._own.get(), table)
        self.keys: list[Any] = []
        sql = f"SELECT {self._key} FROM {quote(table)} WHERE ({where}) AND {quote(column)} IS NOT NULL ORDER BY 1"
        for (each,) in run(self._own.get(), sql):
            self.keys += [each] if axis is None else [(each, at) for at in range(self._slice_count(each, axis))]

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> Any:
        if not hasattr(index, "__index__"):
            kind = type(index).__name__
            raise WrongTypeError(
                f"items are asked for one by one, by an integer, not by a {kind}: [ds[i] for i in ...]"
            )
        if self.axis is None:
            found = self._volume(self.keys[index])
        else:
            key, at = self.keys[index]
            found = self._slice(key, self.axis, at)
        return found if self.transform is None else self.transform(found)

    def _existing(self, column: str) -> str:
        """SQLite takes a quoted name that it does not know for a text.

        :raises OptionError: there is no such table, view or column.
        """
        names = [row[1] for row in run(self._own.get(), f"PRAGMA table_xinfo({quote(self.table)})")]
        if not names:
            raise OptionError(f"there is no table {self.table} in {self.path}")
        if fold(column) not in [*map(fold, names), "rowid", "oid", "_rowid_"]:
            raise OptionError(f"table {self.table} has no column {column}: it has {', '.join(names)}")
        return column

    def _select(self, expression: str, key: Any, *values: int) -> Any:
        """`expression` over one row."""
        rows = run(
            self._own.get(), f"SELECT {expression} FROM {quote(self.table)} WHERE {self._key} = ?", [*values, key]
        )
        if not rows:
            raise OptionError(f"row {key!r} of table {self.table} is gone")
        return rows[0][0]

    def _slice_count(self, key: Any, axis: int) -> int:
        """Of one image, whose description is kept. Of most frames nothing but the header is read."""
        if self._rowid:
            images = describe(self._own.get(), self.table, self.column, self._select(self._rowid, key)).images
        else:
            images = _images_in(self._select(quote(self.column), key))
        image = self._largest([each for each in images if each.has_slices] or images, key)
        if image.dimension < 2 or not 0 <= axis < image.dimension:
            raise OptionError(f"the image in row {key!r} of table {self.table} has no slices across axis {axis}")
        if not image.has_slices:
            raise OptionError(
                f"the samples in row {key!r} of table {self.table} stand as text, in rows with padding or in tiles: "
                "axis=None gives them as a whole"
            )
        self._images[key] = image
        return _shape(image)[axis]

    def _volume(self, key: Any) -> np.ndarray[Any, Any]:
        stored = self._select(quote(self.column), key)
        image, value = self._largest(_images_in(stored), key), decompress(stored)
        assert isinstance(value, bytes)
        return _array(image, flat_samples(value, image), _shape(image))

    def _slice(self, key: Any, axis: int, index: int) -> np.ndarray[Any, Any]:
        image = self._images[key]
        in_memory = image.dimension - 1 - axis if image.order == "F" else axis
        place = place_of(self.table, self.column, self._rowid)
        call = f"zslice_at({place}, ?, ?)" if self._rowid else f"zslice({quote(self.column)}, ?, ?)"
        raw = self._select(call, key, in_memory, index)
        shape = _shape(image)
        del shape[axis]
        return _array(image, np.frombuffer(raw, dtype_of(image)), shape)

    def _largest(self, images: Sequence[ImageInfo], key: Any) -> ImageInfo:
        """The image that zslice() takes: a guess is none."""
        known = [each for each in images if not each.is_guess]
        if not known:
            raise OptionError(f"row {key!r} of table {self.table} holds no image in column {self.column}")
        found = known[largest(known)]
        if found.order == "K":
            raise OptionError(f"the array in row {key!r} of table {self.table} has its axes in an order of its own")
        return found


def _open(path: Path) -> sqlite3.Connection:
    expect_connections()
    if not path.exists():  # SQLite's error has no path
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    set_up(connection, decodes=False, keeps=False)
    return connection


def _images_in(stored: Any) -> tuple[ImageInfo, ...]:
    return info(stored).images if isinstance(stored, bytes) else ()


def _shape(image: ImageInfo) -> list[int]:
    """As NumPy counts the axes."""
    return list(image.size) if image.order == "F" else [*reversed(image.size)]


def _array(image: ImageInfo, samples: np.ndarray[Any, Any], shape: list[int]) -> np.ndarray[Any, Any]:
    shape = shape + [image.components] * (image.components > 1)
    found = samples.reshape(shape, order="F" if image.order == "F" else "C")
    return np.array(found, samples.dtype.newbyteorder("="), order="C")
