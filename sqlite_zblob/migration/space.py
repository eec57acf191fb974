"""The database's files while rows are rewritten: bound their growth, and give space back. Knows no values."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import apsw

from ..connect.database import pragma, run
from ..connect.opening import REWRITING_SECONDS, free_space, patience
from ..connect.wal_reset import is_affected, nobody_commits
from ..errors import DiskSpaceError, OptionError
from ..units import size_text
from .work import BUNDLE_SIZE

VACUUM_STEP_PAGES = 4096

# Bytes for everything but the values: the record, headers of the journal, the rounding of a checkpoint.
SMALL_CHANGE = 1 << 20

# A log of so many pages is checkpointed: half as many as make another connection do it, within a commit of its own.
LOG_PAGES = 500

# A log that has grown by so much is checkpointed in any case.
LOG_BYTES = 16_000_000

# One transaction adds compressed values of no more than this share of a batch, unless one value has more: the file
# grows by them before the pages of the values that they replace are free.
NEW_SHARE = 8


def require_space(connection: apsw.Connection, size: int, why: str, remedy: str) -> None:
    """:raises DiskSpaceError: the file system of the database has fewer bytes free."""
    path = Path(connection.filename)
    free = free_space(path)
    if free < size:
        raise DiskSpaceError(
            f"{why} needs {size_text(size)} of free space in {path.parent}, which has {size_text(free)}: {remedy}"
        )


def step_bytes(connection: apsw.Connection, *, batch_size: int, largest: int) -> int:
    """The most that files grow by until the first transaction is over and the log, where there is one, is begun anew.

    :param largest: of the values, before compression or as stored.
    """
    if pragma(connection, "journal_mode") != "wal":
        return max(batch_size // NEW_SHARE, largest) + SMALL_CHANGE
    job = max(min(BUNDLE_SIZE, batch_size), largest)
    return 2 * job + LOG_BYTES + LOG_PAGES * int(pragma(connection, "page_size")) + SMALL_CHANGE


def file_bytes(connection: apsw.Connection) -> int:
    """Of the database file itself."""
    return int(pragma(connection, "page_count") * pragma(connection, "page_size"))


def free_bytes(connection: apsw.Connection) -> int:
    """Bytes of the free pages within the file, which SQLite will use again."""
    return int(pragma(connection, "freelist_count") * pragma(connection, "page_size"))


# ---- The write-ahead log -----------------------------------------------------------------------------------


def checkpoint(connection: apsw.Connection, most_bytes: int, tick: Callable[[], None]) -> None:
    """Copy the log into the database. If the log is too large, wait until it can be begun anew.

    :param most_bytes: how large the log may be without waiting.
    :param tick: called while waiting.
    :raises DiskSpaceError: a reader has kept its transaction open for too long.
    """
    log_size = _checkpoint(connection) * pragma(connection, "page_size")
    if log_size < LOG_BYTES or _begin_log_anew(connection) or log_size <= most_bytes:
        return
    deadline = time.monotonic() + REWRITING_SECONDS
    while time.monotonic() < deadline:
        if _begin_log_anew(connection):
            return
        tick()
        time.sleep(0.02)
    raise DiskSpaceError(
        f"a transaction that another connection has kept open for {REWRITING_SECONDS:g} seconds keeps the write-ahead "
        f"log from being emptied, and it has {size_text(log_size)}: end it and run it again"
    )


def _checkpoint(connection: apsw.Connection) -> int:
    """Copy what can be copied now. Returns the pages in the log: 0 if there is none, or others are at work on it."""
    return _copy(connection)[0]


def _copy(connection: apsw.Connection) -> tuple[int, int]:
    """The pages in the log, and how many of them are in the database by now."""
    with nobody_commits(connection) if is_affected() else nullcontext(True) as may:
        try:
            pages, copied = connection.wal_checkpoint(None, apsw.SQLITE_CHECKPOINT_PASSIVE) if may else (0, 0)
        except apsw.BusyError:
            return 0, 0
    return max(0, pages), max(0, copied)


def _begin_log_anew(connection: apsw.Connection) -> bool:
    """Try it without waiting for readers: nobody could write during such a wait.

    A RESTART that finds a writer at work becomes a passive checkpoint beside it, which a library with the WAL-reset bug
    must not do. There the next commit begins the log anew, once all of it has been copied.
    """
    if is_affected():
        pages, copied = _copy(connection)
        return 0 < pages == copied
    connection.set_busy_timeout(0)
    try:
        connection.wal_checkpoint(None, apsw.SQLITE_CHECKPOINT_RESTART)
    except (apsw.BusyError, apsw.LockedError):
        return False
    finally:
        connection.set_busy_handler(patience())
    return True


# ---- VACUUM ------------------------------------------------------------------------------------------------

VACUUMS = ("none", "full", "incremental")


def check_vacuum(connection: apsw.Connection, kind: str) -> None:
    """:raises OptionError: there is no such kind, or it does nothing in this database."""
    if kind not in VACUUMS:
        raise OptionError(f"vacuum must be one of {', '.join(VACUUMS)}, not {kind!r}")
    if kind == "incremental" and pragma(connection, "auto_vacuum") != 2:
        raise OptionError(
            'vacuum "incremental" needs a database with PRAGMA auto_vacuum = INCREMENTAL: set it and run VACUUM once, '
            'or take vacuum "full"'
        )


def vacuum_database(
    connection: apsw.Connection, kind: str, pace: float, tick: Callable[[], None], *, checks_space: bool
) -> None:
    """Give the file's free pages back to the file system, at once or in steps between which others may write."""
    if kind == "full":
        used = file_bytes(connection) - free_bytes(connection)
        copies = 2 if pragma(connection, "journal_mode") == "wal" else 1
        if checks_space:
            require_space(connection, (1 + copies) * used, "VACUUM", "free some, or leave it out")
        run(connection, "VACUUM main")
        _checkpoint(connection)
    while kind == "incremental" and free_bytes(connection):
        begun = time.monotonic()
        run(connection, f"PRAGMA main.incremental_vacuum({VACUUM_STEP_PAGES})")
        _checkpoint(connection)
        held = time.monotonic() - begun
        tick()
        time.sleep(held / pace - held)
