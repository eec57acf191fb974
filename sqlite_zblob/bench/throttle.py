"""A slow disk for SQLite: an APSW VFS that lets a database's bytes through at so many a second, and counts them."""

from __future__ import annotations

import time

import apsw

VFS_NAME = "sqlite_zblob_throttled"
_SHORTEST_SLEEP = 0.001  # seconds: sleeping less is not exact


class ThrottledVFS(apsw.VFS):
    """Reads of main databases take as long as on a medium of `bandwidth` bytes a second (0: no limit)."""

    def __init__(self) -> None:
        super().__init__(VFS_NAME, "")
        self.bandwidth = 0.0
        self.bytes_read = 0
        self._due = 0.0  # when the medium would have delivered all that was asked for

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        is_main = bool(flags[0] & apsw.SQLITE_OPEN_MAIN_DB)
        return ThrottledFile(self, name, flags) if is_main else apsw.VFSFile("", name, flags)

    def account(self, count: int) -> None:
        self.bytes_read += count
        if not self.bandwidth:
            return
        self._due = max(self._due, time.perf_counter()) + count / self.bandwidth
        if (wait := self._due - time.perf_counter()) > _SHORTEST_SLEEP:
            time.sleep(wait)

    def settle(self) -> None:
        """Wait for what is due: at the end of a statement that is timed."""
        if (wait := self._due - time.perf_counter()) > 0:
            time.sleep(wait)


class ThrottledFile(apsw.VFSFile):
    def __init__(self, vfs: ThrottledVFS, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._vfs = vfs

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        data = super().xRead(amount, offset)
        self._vfs.account(len(data))
        return data
