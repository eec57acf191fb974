"""A slow disk for SQLite with a cache in front of it: an APSW VFS that lets bytes through at a limited rate.

It stands for the operating system's cache and the medium below it: a page that was read lately is there at once, and
any other one takes time. SQLite itself reads the pages of large values without its own page cache.
"""

from __future__ import annotations

import time
from collections import OrderedDict

import apsw

VFS_NAME = "sqlite_zblob_throttled"
PAGE_SIZE = 4096
_SHORTEST_SLEEP = 0.004  # seconds: many short sleeps would add up to more than was due


class ThrottledVFS(apsw.VFS):
    """Reads of main databases take as long as on a medium of `bandwidth` bytes a second (0: no limit)."""

    def __init__(self) -> None:
        super().__init__(VFS_NAME, "")
        self._cached: OrderedDict[int, None] = OrderedDict()  # page numbers, the least recently used first
        self._due = 0.0  # when the medium will have delivered all that was asked for
        self.reset(0.0, 0)

    def reset(self, bandwidth: float, cache_size: int) -> None:
        """Begin with an empty cache of this many bytes, in front of a medium of this many bytes per second."""
        self.bandwidth, self.cache_pages = bandwidth, cache_size // PAGE_SIZE
        self._cached.clear()
        self.forget_counts()

    def forget_counts(self) -> None:
        self.hits = self.misses = 0  # pages

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        is_main = bool(flags[0] & apsw.SQLITE_OPEN_MAIN_DB)
        return ThrottledFile(self, name, flags) if is_main else apsw.VFSFile("", name, flags)

    def start(self) -> None:
        """Begin a statement: the medium has been idle until now."""
        self._due = time.perf_counter()

    def account(self, offset: int, count: int) -> None:
        for page in range(offset // PAGE_SIZE, (offset + count - 1) // PAGE_SIZE + 1):
            if page in self._cached:
                self._cached.move_to_end(page)
                self.hits += 1
                continue
            self.misses += 1
            if self.cache_pages:
                self._cached[page] = None
                if len(self._cached) > self.cache_pages:
                    self._cached.popitem(last=False)
            if self.bandwidth:
                self._due += PAGE_SIZE / self.bandwidth
        self.settle(_SHORTEST_SLEEP)

    def settle(self, shortest: float = 0.0) -> None:
        """Wait until the medium would have delivered: at the end of a statement, or if that is worth a sleep."""
        wait = self._due - time.perf_counter()
        if wait > shortest:
            time.sleep(wait)


class ThrottledFile(apsw.VFSFile):
    def __init__(self, vfs: ThrottledVFS, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._vfs = vfs

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        data = super().xRead(amount, offset)
        self._vfs.account(offset, len(data))
        return data
