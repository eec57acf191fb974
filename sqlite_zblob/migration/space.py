"""The database's files while rows are rewritten: open them, bound their growth, give space back. Knows no values."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import apsw

from ..connect.database import run
from ..connect.loader import load
from ..errors import DiskSpaceError, OptionError

# A lock that others hold for longer is theirs to explain.
BUSY_SECONDS = 300

CACHE_KIB = 32 << 10

VACUUM_STEP_PAGES = 4096

# Beside what the values themselves take: record, journal headers, a checkpoint's rounding.
SMALL_CHANGE = 1 << 20


@contextmanager
def opened(database: str | os.PathLike[str], *, read_only: bool = False) -> Iterator[apsw.Connection]:
    """A connection that changes rows and fires no trigger while it does.

    Locks of others are waited for in Python, so that Ctrl-C ends the wait.

    :raises DiskSpaceError: the disk was full.
    :raises OptionError: this process has the file open through another SQLite library.
    """
    _refuse_other_libraries(os.fspath(database))
    flags = apsw.SQLITE_OPEN_URI | (apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE)
    connection = apsw.Connection(os.fspath(database), flags=flags)
    try:
        connection.set_busy_handler(_patience())
        load(connection)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 0)
        connection.wal_autocheckpoint(0)
        run(connection, f"PRAGMA cache_size = -{CACHE_KIB}")
        # With a log, a power failure takes away whole commits again, and the record of them. Without one, a journal
        # that comes back after its deletion would be played back over a file that auto_vacuum has cut off since.
        has_log = run(connection, "PRAGMA main.journal_mode") == [("wal",)]
        run(connection, f"PRAGMA main.synchronous = {'NORMAL' if has_log else 'EXTRA'}")
        with _clear_errors(connection):
            yield connection
    finally:
        with suppress(apsw.FullError, apsw.IOError):  # the log keeps what a last checkpoint cannot move
            connection.close()


def _refuse_other_libraries(database: str) -> None:
    """Two SQLite libraries in one process undo each other's locks on a file: closing it in one drops them for both.

    Seen where the system shows which files are open (Linux).
    """
    path = unquote(urlsplit(database).path) if database.startswith("file:") else database
    try:
        wanted = Path(path).stat()
        numbers = list(Path("/proc/self/fd").iterdir())
    except OSError:
        return
    if any(_is_file(number, wanted) for number in numbers) and not any(
        each.filename and _is_file(Path(each.filename), wanted) for each in apsw.connections()
    ):
        raise OptionError(
            f"this process has {path} open through another SQLite library, probably the sqlite3 module's: their locks "
            "would undo each other. Close it before, or call this in a process of its own"
        )


def _is_file(path: Path, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), wanted)
    except OSError:
        return False


def _patience() -> Callable[[int], bool]:
    """A busy handler."""
    deadline = [0.0]

    def wait(attempts: int) -> bool:
        if attempts == 0:
            deadline[0] = time.monotonic() + BUSY_SECONDS
        time.sleep(min(0.001 * (attempts + 1), 0.02))
        return time.monotonic() < deadline[0]

    return wait


@contextmanager
def _clear_errors(connection: apsw.Connection) -> Iterator[None]:
    """A full disk as an error that says what to do."""
    try:
        yield
    except (apsw.FullError, apsw.IOError) as error:
        if isinstance(error, apsw.IOError) and _free_space(connection) >= SMALL_CHANGE:
            raise
        raise DiskSpaceError(
            f"no space is left for {connection.filename}: free some and run it again; nothing is lost, and it goes on "
            "from where it stands"
        ) from error


def require_space(connection: apsw.Connection, size: int, why: str) -> None:
    """:raises DiskSpaceError: the file system of the database has fewer bytes free."""
    free = _free_space(connection)
    if free < size:
        folder = Path(connection.filename).parent
        raise DiskSpaceError(f"{why} needs {_mib(size)} of free space in {folder}, which has {_mib(free)}")


def _free_space(connection: apsw.Connection) -> int:
    return shutil.disk_usage(Path(connection.filename).resolve().parent).free


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"


def free_bytes(connection: apsw.Connection) -> int:
    """Within the file, to be reused."""
    return int(run(connection, "PRAGMA main.freelist_count")[0][0]) * _page_size(connection)


def _page_size(connection: apsw.Connection) -> int:
    return int(run(connection, "PRAGMA main.page_size")[0][0])


# ---- The write-ahead log -----------------------------------------------------------------------------------


def checkpoint(connection: apsw.Connection, most_bytes: int, tick: Callable[[], None]) -> None:
    """Move the log into the database, and hold still where others keep it from being begun anew.

    :param most_bytes: how large the log may become.
    :param tick: called while waiting.
    :raises DiskSpaceError: a reader has kept its transaction open for too long.
    """
    frames = _checkpoint(connection)
    if frames * _page_size(connection) <= most_bytes:
        return
    deadline = time.monotonic() + BUSY_SECONDS
    while time.monotonic() < deadline:
        if _begin_log_anew(connection):
            return
        tick()
        time.sleep(0.02)
    raise DiskSpaceError(
        f"a transaction that another connection has kept open for {BUSY_SECONDS} seconds keeps the write-ahead log "
        f"from being emptied, and it has {_mib(frames * _page_size(connection))}: end it and run it again"
    )


def _checkpoint(connection: apsw.Connection) -> int:
    """As much as can be moved now; how many pages the log has had. None where there is no log, or others are at it."""
    try:
        return max(0, connection.wal_checkpoint(None, apsw.SQLITE_CHECKPOINT_PASSIVE)[0])
    except apsw.BusyError:
        return 0


def _begin_log_anew(connection: apsw.Connection) -> bool:
    """Without waiting for readers, during which nobody could write."""
    connection.set_busy_timeout(0)
    try:
        connection.wal_checkpoint(None, apsw.SQLITE_CHECKPOINT_RESTART)
    except (apsw.BusyError, apsw.LockedError):
        return False
    finally:
        connection.set_busy_handler(_patience())
    return True


# ---- VACUUM ------------------------------------------------------------------------------------------------

VACUUMS = ("none", "full", "incremental")


def check_vacuum(connection: apsw.Connection, kind: str) -> None:
    """:raises OptionError: there is no such kind, or it does nothing in this database."""
    if kind not in VACUUMS:
        raise OptionError(f"vacuum must be one of {', '.join(VACUUMS)}, not {kind!r}")
    if kind == "incremental" and run(connection, "PRAGMA main.auto_vacuum") != [(2,)]:
        raise OptionError(
            'vacuum "incremental" needs a database with PRAGMA auto_vacuum = INCREMENTAL: set it and run VACUUM once, '
            'or take vacuum "full"'
        )


def vacuum_database(connection: apsw.Connection, kind: str, pace: float, tick: Callable[[], None]) -> None:
    """Give the file's free pages back to the file system: all at once, or in steps that let others in."""
    if kind == "full":
        used = run(connection, "PRAGMA main.page_count")[0][0] * _page_size(connection) - free_bytes(connection)
        copies = 2 if run(connection, "PRAGMA main.journal_mode") == [("wal",)] else 1
        require_space(connection, (1 + copies) * used, "VACUUM")
        run(connection, "VACUUM main")
        _checkpoint(connection)
    while kind == "incremental" and free_bytes(connection):
        begun = time.monotonic()
        run(connection, f"PRAGMA main.incremental_vacuum({VACUUM_STEP_PAGES})")
        _checkpoint(connection)
        held = time.monotonic() - begun
        tick()
        time.sleep(held / pace - held)
