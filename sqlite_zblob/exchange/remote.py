"""A frame in object storage as a lazy array: an index reads its header once, and then the chunks that it needs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from ..errors import ChangedValueError, OptionError
from ..parts.array import StoredImage, image_of
from ..parts.value import StoredValue
from .objects import PATIENCE, Objects

FIRST_READ = 32 << 10  # bytes; the header and index of most frames


class RemoteValue(StoredValue):
    """One object, read by ranges, each on the condition that the object is still the one that was opened.

    `objects.requests` and `objects.received` count what that costs.
    """

    def __init__(self, objects: Objects, name: str) -> None:
        self.objects = objects
        self._name = name
        self._etag: str | None = None
        self._lock = threading.RLock()
        try:
            self._first, self._whole, self._etag = objects.get_range(name, 0, FIRST_READ)
        except FileNotFoundError as error:
            raise OptionError(f"there is no object {objects.url}/{name}") from error
        self._open(f"{objects.url}/{name}")

    def again(self) -> None:
        return None

    def _dictionaries(self) -> AbstractContextManager[None]:
        return nullcontext()

    def _interruptible(self, steps: int) -> AbstractContextManager[Callable[[], None]]:
        return nullcontext(lambda: None)

    def _stored_size(self) -> int:
        return self._whole

    def _stored(self, offset: int, count: int) -> bytes:
        if offset + count <= len(self._first):
            return self._first[offset : offset + count]
        data, size, _ = self.objects.get_range(self._name, offset, offset + count, self._etag)
        if len(data) != count or size != self._whole:
            raise self._changed()
        return data

    def slice(self, axis: int, index: int) -> None:
        """No database is there to ask."""

    def _require_unchanged(self) -> None:
        """Each request says so, where the storage has tags; chunks have checksums in any case."""

    def _changed(self) -> ChangedValueError:
        return ChangedValueError(f"{self.name} was changed while it was being read: open it again")


def open_remote(url: str | os.PathLike[str], *, image: int | None = None, patience: float = PATIENCE) -> StoredImage:
    """An image in an object that is a frame, such as `export_rows` writes to `frames:`, as a lazy array.

    One request reads size, header and index, if these have at most 32 KiB; an index into the array then makes one
    request for all neighbouring chunks that it needs.

    :param image: as for `zb.images.open_image`.
    :param url: of the object: a path, `s3://bucket/prefix/name.zblob`, `https://` ...
    :raises OptionError: there is no such object, or no such image in it.
    :raises StorageError: the server refuses, or has been away for too long.
    :raises DamagedFrameError: the frame is damaged.
    :raises UnsupportedFrameError: a newer version has written it.
    :raises ChangedValueError: only while indexing: the object has been changed since.
    """
    folder, _, name = os.fspath(url).rpartition("/")
    return image_of(RemoteValue(Objects(folder or ".", patience=patience), name), image)
