"""SQLite's WAL-reset bug (https://www.sqlite.org/wal.html): where the library has it, and how to keep clear of it.

From 3.7.0 on until 3.51.3, 3.50.7 and 3.44.6, a checkpoint that runs while another connection commits, and by that
commit begins the log anew, may take pages of the new log for copied ones, which are then lost. It is very rare, and two
connections that write are enough for it. A checkpoint cannot meet it while nobody commits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from ..log import log

FIRST, FIXED = (3, 7, 0), (3, 51, 3)
FIXED_BEFORE = {(3, 50): 7, (3, 44): 6}  # patch releases of older versions that have the fix

_said = [False]


def has_bug(version: str) -> bool:
    numbers = tuple(int(part) for part in version.split("."))[:3]
    if numbers[:2] in FIXED_BEFORE:
        return numbers[2] < FIXED_BEFORE[numbers[0], numbers[1]]
    return FIRST <= numbers < FIXED


def is_affected() -> bool:
    """Does APSW's library, by which we rewrite databases, have the bug?"""
    return has_bug(apsw.sqlite_lib_version())


def warn_once() -> None:
    """Once per process: the programs that write beside us may meet the bug among themselves."""
    if _said[0] or not is_affected():
        return
    _said[0] = True
    log.warning(
        "SQLite %s has the WAL-reset bug: in rare cases it damages a database in WAL mode that several connections "
        "write. Upgrade apsw to 3.51.3 or newer, and the SQLite libraries of the programs that write beside it",
        apsw.sqlite_lib_version(),
    )


@contextmanager
def nobody_commits(connection: apsw.Connection) -> Iterator[bool]:
    """Hold the write lock by a second connection, in which nothing happens. False: somebody else has it."""
    second = _open_beside(connection)
    try:
        second.execute("BEGIN IMMEDIATE")
    except apsw.BusyError:
        second.close()
        yield False
        return
    try:
        yield True
    finally:
        second.execute("ROLLBACK")
        second.close()


def _open_beside(connection: apsw.Connection) -> apsw.Connection:
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
    second = apsw.Connection(connection.filename, flags=flags, vfs=connection.open_vfs or None)
    second.wal_autocheckpoint(0)
    return second
