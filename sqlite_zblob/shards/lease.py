"""One writer process for each shard: a lock of the operating system, which ends with the process that holds it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from ..errors import DatabaseError

LOOK_SECONDS = 0.02


class Lease:
    """The right to write to one shard, held until `release` or the end of the process.

    :param database: the shard's file. The lock is on a file beside it, which says who holds it.
    :param patience: seconds to wait for another process.
    :raises DatabaseError: another process holds it for longer.
    """

    def __init__(self, database: str, patience: float) -> None:
        self.path = Path(f"{database}-writer")
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + patience
        while not self._try():
            if time.monotonic() >= deadline:
                holder = os.pread(self._file, 200, 0).decode("utf-8", "replace") or "unknown"
                os.close(self._file)
                raise DatabaseError(f"{database} is being written by {_advice(holder)}")
            time.sleep(LOOK_SECONDS)
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, _own_name().encode(), 0)

    def _try(self) -> bool:
        import fcntl  # which Windows has not

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        os.close(self._file)


def _own_name() -> str:
    return f"process {os.getpid()} on {os.uname().nodename}"


def _advice(holder: str) -> str:
    if holder == _own_name():
        return "another store of this very process, and a shard has one writer at a time: close or release that one"
    return f"another process ({holder}), and a shard has one writer at a time: wait for it, or let it write these keys"
