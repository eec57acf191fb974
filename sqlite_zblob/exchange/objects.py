"""Objects in a folder or in object storage, by way of obstore. Counts requests and bytes, and waits for a server that
is away. Knows no frame.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from ..errors import ChangedValueError, DiskSpaceError, OptionError, StorageError

PATIENCE = 60.0  # seconds to wait for a server that is away
WAIT_SECONDS = 0.25

_FULL = (errno.ENOSPC, errno.EDQUOT)
# What a folder says of one name alone: the others may be written all the same.
_OF_ONE_NAME = (errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP)

Result = TypeVar("Result")


class Objects:
    """What lies below one URL. Threads may share it.

    :param url: a path, or a URL such as `s3://bucket/prefix`, `gs://`, `az://`, `https://` or `file://`. Keys and the
        address of a server come from the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, AWS_ALLOW_HTTP ...).
    :raises OptionError: it is no such URL, or obstore is not installed.
    """

    def __init__(self, url: str | os.PathLike[str], *, patience: float = PATIENCE, creates: bool = False) -> None:
        try:
            import obstore
        except ImportError as error:
            raise OptionError(f"this needs the extra: pip install 'sqlite_zblob[exchange]' ({error})") from error
        self._obstore: Any = obstore
        self.url = _path_of(os.fspath(url))
        self._patience = patience if "://" in self.url else 0.0  # a folder does not come back by itself
        self.store: Any = self._open(creates)
        self.requests = self.received = self.sent = 0

    def _open(self, creates: bool) -> Any:
        from obstore.store import LocalStore, from_url

        if "://" not in self.url:
            folder = Path(self.url).absolute()
            if creates:
                folder.mkdir(parents=True, exist_ok=True)
            elif not folder.is_dir():
                raise FileNotFoundError(2, "there is no such folder", self.url)
            return LocalStore(str(folder), automatic_cleanup=True)  # of folders that become empty
        # An outage is waited for below: the client's own attempts are short.
        retry: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=min(5.0, max(self._patience, 0.1)))}
        try:
            return from_url(self.url, retry_config=retry)
        except self._errors() as error:
            raise OptionError(f"{self.url} is no URL of object storage: {_said(error)}") from error

    @property
    def is_folder(self) -> bool:
        return "://" not in self.url

    def _errors(self) -> tuple[type[BaseException], ...]:
        return (self._obstore.exceptions.BaseError, ValueError)

    def _call(self, action: Callable[[], Result], name: str) -> Result:
        """Do it, again and again while the server is away.

        :raises FileNotFoundError: there is no such object.
        :raises OSError: something else in the folder has its name.
        :raises StorageError: the server refuses, or has been away for too long.
        :raises DiskSpaceError: the folder's disk is full.
        """
        exceptions = self._obstore.exceptions
        deadline = time.monotonic() + self._patience
        while True:
            self.requests += 1
            try:
                return action()
            except FileNotFoundError as error:
                raise FileNotFoundError(errno.ENOENT, "there is no such object", f"{self.url}/{name}") from error
            except exceptions.PreconditionError as error:
                raise ChangedValueError(f"{self.url}/{name} was changed while it was being read") from error
            except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
                raise StorageError(f"{self.url}: {self._who} refuses: {_said(error)}") from error
            except (exceptions.GenericError, OSError) as error:
                if self.is_folder:
                    raise self._of_folder(error, name) from error
                if time.monotonic() >= deadline:
                    raise StorageError(f"{self.url}: no answer for {self._patience:g} s: {_said(error)}") from error
                time.sleep(WAIT_SECONDS)
            except exceptions.BaseError as error:
                raise StorageError(f"{self.url}/{name}: {_said(error)}") from error

    @property
    def _who(self) -> str:
        return "the system" if self.is_folder else "the server"

    def _of_folder(self, error: BaseException, name: str) -> Exception:
        """The system's own number is in the text alone."""
        found = re.search(r"\(os error (\d+)\)", str(error))
        number = int(found[1]) if found else 0
        if number in _FULL:
            return DiskSpaceError(
                f"no space is left in {self.url}: free some and run it again, which goes on from where it stands"
            )
        if number in _OF_ONE_NAME:
            return OSError(number, os.strerror(number), str(Path(self.url) / name))
        return StorageError(f"{self.url}/{name}: {os.strerror(number) if number else _said(error)}")

    def put(self, name: str, data: bytes) -> None:
        """All of it or nothing. It replaces what is there."""
        self.sent += len(data)
        self._call(lambda: self._obstore.put(self.store, name, data, use_multipart=False), name)

    def get(self, name: str) -> bytes:
        """:raises FileNotFoundError: there is none."""
        found = bytes(self._call(lambda: self._obstore.get(self.store, name).bytes(), name))
        self.received += len(found)
        return found

    def get_range(self, name: str, start: int, end: int, etag: str | None = None) -> tuple[bytes, int, str | None]:
        """Bytes [start, end) or fewer, the size of the whole object, and its tag.

        :param etag: a tag that it must still have.
        :raises ChangedValueError: it has another.
        """

        def ask() -> tuple[bytes, int, str | None]:
            options: dict[str, Any] = {"range": (start, end)}
            if etag is not None:
                options["if_match"] = etag
            found = self._obstore.get(self.store, name, options=options)
            return bytes(found.bytes()), int(found.meta["size"]), found.meta["e_tag"]

        data, size, tag = self._call(ask, name)
        self.received += len(data)
        if etag is not None and tag != etag:  # a server that ignores the condition
            raise ChangedValueError(f"{self.url}/{name} was changed while it was being read")
        return data, size, tag

    def sizes(self, prefix: str = "") -> dict[str, int]:
        """All objects with their sizes."""

        def ask() -> dict[str, int]:
            pages = self._obstore.list(self.store, prefix or None)
            return {each["path"]: int(each["size"]) for page in pages for each in page}

        return self._call(ask, prefix)

    def folders(self) -> list[str]:
        """The first parts of the objects' names, where there are more parts."""
        found = self._call(lambda: self._obstore.list_with_delimiter(self.store), "")
        return sorted(str(each).rstrip("/").rpartition("/")[2] for each in found["common_prefixes"])

    def delete(self, name: str) -> None:
        """Nothing, where there is none."""
        with suppress(FileNotFoundError):
            self._call(lambda: self._obstore.delete(self.store, name), name)


def _path_of(url: str) -> str:
    """A folder is the same by its path and by its URL.

    :raises OptionError: a `file:` URL names another host.
    """
    if not url.startswith("file://"):
        return url
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise OptionError(f"{url} is no folder of this host: file:///path, or the path itself")
    return unquote(parts.path)


def _said(error: BaseException) -> str:
    """An error of obstore without the dump of its inside."""
    return str(error).partition("\n\nDebug source:")[0].strip()
