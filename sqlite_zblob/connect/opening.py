"""Open databases for the functions that take a path or an open connection: three profiles, one contract of errors.

`reading` serves functions that only look. `connected` serves those that work on the caller's own connection, within its
transaction, and opens one for a path. `rewriting` serves the long work of a migration, a restoration or a check, which
always has a connection of its own. A file that cannot be opened is an `OSError` that names it; whatever SQLite
itself refuses is a `DatabaseError` that names it.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import stat
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote_to_bytes

import apsw

from ..errors import DatabaseError, DiskSpaceError, OptionError, WrongTypeError
from ..log import log
from . import wal_reset
from .database import pragma, run
from .loader import Connection, load

_Result = TypeVar("_Result")

FilePath = str | bytes | os.PathLike[str] | os.PathLike[bytes]

# A path, a `file:` URI (only as str or bytes), or an open connection.
Database = FilePath | Connection

READING_SECONDS = 10.0  # to wait for a lock that somebody else holds
REWRITING_SECONDS = 300.0
QUIET_SECONDS = 2.0  # of such a wait; then the log tells of it

PROGRESS_STEPS = 20_000  # of SQLite's machine, a few milliseconds

CACHE_KIB = 32 << 10  # page cache of a rewriting connection

# How much of a file SQLite may map where only parts of values are read: as much as it was compiled for.
MAPPED_SIZE = 1 << 40

# With fewer bytes free, an error of input or output is put down to the full disk.
LITTLE_SPACE = 1 << 20

# A file is taken to be open through another library if it is so this many times in a row.
LOOKS = 5


@dataclass(frozen=True)
class Location:
    """Where a database is."""

    name: str  # as the caller wrote it, for messages and reports
    target: str  # what SQLite opens: an absolute path, or the `file:` URI
    path: Path | None  # the file; None: a database in memory
    mode: str | None = None  # of a URI: "ro", "rw", "rwc" or "memory"
    has_vfs: bool = False  # a URI names a VFS, which may keep the database elsewhere than in that file


def locate(database: FilePath) -> Location:
    """Take a path or a URI apart. Looks at no file.

    :raises OptionError: it is a name that no database can have.
    """
    try:
        name = os.fsdecode(database)
    except TypeError as error:
        kind = type(database).__name__
        raise WrongTypeError(f"expected a path, a file: URI or an open connection, not {kind}") from error
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise OptionError(f"the file name {name!r} is not UTF-8, and SQLite opens no others") from error
    if "\0" in name:
        raise OptionError(f"the file name {name!r} contains a NUL character")
    if isinstance(database, str | bytes) and name.startswith("file:"):
        return _locate_uri(name)
    return Location(name, str(Path(name).absolute()) if name else "", Path(name))


def _locate_uri(uri: str) -> Location:
    """As https://www.sqlite.org/uri.html describes it."""
    rest, _, query = uri.removeprefix("file:").partition("#")[0].partition("?")
    if rest.startswith("//"):
        authority, slash, rest = rest[2:].partition("/")
        if authority not in ("", "localhost"):
            raise OptionError(f"{uri} names the host {authority}: SQLite opens files of this host alone")
        rest = slash + rest
    try:
        path = unquote_to_bytes(rest).partition(b"\0")[0].decode()
    except UnicodeDecodeError as error:
        raise OptionError(f"the file name in {uri} is not UTF-8") from error
    options = dict(part.partition("=")[::2] for part in query.split("&"))
    has_file = options.get("mode") != "memory" and path not in ("", ":memory:")
    return Location(uri, uri, Path(path) if has_file else None, options.get("mode"), "vfs" in options)


def name_of(database: Database) -> str:
    """The database in messages and reports: the path or URI as it was given, or the file of a connection."""
    if not isinstance(database, apsw.Connection | sqlite3.Connection):
        return locate(database).name
    return run(database, "PRAGMA database_list")[0][2] or ":memory:"


def open_again(target: str) -> apsw.Connection:
    """One more connection that only reads what a Location's `target` names, for a worker. It has no extension.

    :raises apsw.Error: SQLite cannot open it.
    """
    return _open(locate(target), writes=False)


def _flags(location: Location, *, writes: bool) -> int:
    """The URI's own mode is obeyed. No file is made even so: `_check_file` has seen it before."""
    if location.mode == "rwc":
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    elif location.mode == "rw" or (writes and location.mode != "ro"):
        flags = apsw.SQLITE_OPEN_READWRITE
    else:
        flags = apsw.SQLITE_OPEN_READONLY
    return flags | apsw.SQLITE_OPEN_URI


# ---- The profiles ------------------------------------------------------------------------------------------


@contextmanager
def reading(database: Database) -> Iterator[Connection]:
    """A connection that only reads, with the extension: one of our own, or the caller's, which stays open.

    :raises OSError: there is no such file, it is a directory, or it may not be read.
    :raises DatabaseError: it is no database, or SQLite cannot read it. Errors of the caller's own connection pass as
        they are.
    :raises OptionError: this process has the file open through another SQLite library.
    """
    if isinstance(database, apsw.Connection | sqlite3.Connection):
        load(database)
        yield database
        return
    location = locate(database)
    _check_file(location, writes=False)
    with _named_errors(location), closing(_open(location, writes=False)) as connection:
        connection.set_busy_handler(patience(READING_SECONDS))
        load(connection)
        run(connection, "SELECT count(*) FROM sqlite_master")  # whether it is a database shows only now
        yield connection


@contextmanager
def connected(database: Database, *, writes: bool) -> Iterator[Connection]:
    """The caller's own connection as it is, or one of our own to this path, with the extension, whose triggers fire.

    :param writes: False: a connection of our own only reads, and waits for locks as long as that of `reading`.
    :raises OSError: of a path, as `reading`.
    :raises DatabaseError: of a path, as `reading`.
    :raises OptionError: of a path, as `reading`.
    """
    if not isinstance(database, str | bytes | os.PathLike):
        yield database
        return
    with closing(opened(database, writes=writes)) as connection, errors_of(database):
        yield connection


@contextmanager
def rewriting(database: Database, *, writes: bool = True) -> Iterator[tuple[apsw.Connection, Location]]:
    """A connection of our own for long work, on which triggers and foreign keys are off.

    Locks that others hold are waited for in Python, so that Ctrl-C ends the wait.

    :param database: if it is an open connection, its file is opened once more.
    :param writes: False: open it to read only, as for a check or a dry run.
    :returns: the connection, and what `open_again` opens it by.
    :raises OSError: there is no such file, it is a directory, or it may not be read or written.
    :raises DatabaseError: it is no database, or SQLite cannot use it.
    :raises DiskSpaceError: the disk is full.
    :raises OptionError: this process has the file open through another SQLite library, or the connection that was
        given is one of the sqlite3 module, has no file, or is in a transaction.
    """
    location = _locate_file(database)
    _check_file(location, writes=writes)
    with _named_errors(location):
        connection = _open(location, writes=writes)
        try:
            _require_file(connection.filename)
            connection.set_busy_handler(patience())
            load(connection)
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
            _off_on_purpose.add(connection)
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 0)
            connection.wal_autocheckpoint(0)
            connection.set_progress_handler(_let_signals_in, PROGRESS_STEPS)
            run(connection, f"PRAGMA cache_size = -{CACHE_KIB}")
            # With a log, a power failure takes away whole commits, together with the record of them. Without one, a
            # journal that reappears after its deletion would be rolled back over a file that auto_vacuum has
            # truncated since.
            has_log = pragma(connection, "journal_mode") == "wal"
            run(connection, f"PRAGMA main.synchronous = {'NORMAL' if has_log else 'EXTRA'}")
            if has_log and writes:
                wal_reset.warn_once()
            if writes:
                _refuse_read_only(connection, location)
            yield connection, location
        finally:
            with suppress(apsw.FullError, apsw.IOError):  # the log keeps what a last checkpoint cannot move
                connection.close()


_off_on_purpose: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()


def triggers_are_off(connection: Connection) -> bool:
    """By SQLITE_DBCONFIG_ENABLE_TRIGGER, on a connection of others. Python's own module says so from 3.12 on."""
    if isinstance(connection, apsw.Connection):
        is_off = connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, -1) == 0
        return is_off and connection not in _off_on_purpose
    getconfig = getattr(connection, "getconfig", None)
    return getconfig is not None and not getconfig(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER)


def _let_signals_in() -> bool:
    """Do nothing: as soon as the interpreter runs, Ctrl-C raises KeyboardInterrupt, which ends the statement."""
    return False


def _locate_file(database: Database) -> Location:
    """For one more connection of our own to open, even where a connection is given."""
    return _file_of(database) if isinstance(database, apsw.Connection | sqlite3.Connection) else locate(database)


def _file_of(connection: Connection) -> Location:
    if isinstance(connection, sqlite3.Connection):
        raise OptionError(
            "this needs a connection of its own, through APSW's SQLite library, and two libraries in one process undo "
            "each other's locks on a file: close the sqlite3 connection and give the path instead"
        )
    path = connection.filename
    _require_file(path)
    if connection.in_transaction:
        raise OptionError(
            f"the connection to {path} is in a transaction, which would lock out this one: COMMIT it first"
        )
    return Location(path, path, Path(path), "ro" if connection.readonly("main") else None)


def _require_file(path: str) -> None:
    if not path:
        raise OptionError(
            "this needs connections of its own, and a database in memory has no file that they could open: save it "
            "first, with VACUUM INTO 'file'"
        )


def patience(seconds: float | None = None) -> Callable[[int], bool]:
    """A busy handler that waits for so long, REWRITING_SECONDS by default. Ctrl-C ends the wait."""
    limit = REWRITING_SECONDS if seconds is None else seconds
    began, is_told = 0.0, False

    def wait(attempts: int) -> bool:
        nonlocal began, is_told
        if attempts == 0:
            began, is_told = time.monotonic(), False
        time.sleep(min(0.001 * (attempts + 1), 0.02))
        waited = time.monotonic() - began
        if waited > QUIET_SECONDS and not is_told:
            is_told = True
            log.warning("another connection has locked the database: waiting for it, for up to %.0f seconds", limit)
        return waited < limit

    return wait


def patiently(connection: Connection, act: Callable[[], _Result]) -> _Result:
    """Do what ends a long work, again and again while another connection holds a lock: on the caller's own connection,
    which may have no busy timeout. In the caller's transaction it is done once, since only its end gives locks back.

    :raises apsw.BusyError: somebody has held it for READING_SECONDS; or the error of the sqlite3 module.
    """
    wait = patience(READING_SECONDS)
    tries = 0
    while True:
        try:
            return act()
        except (apsw.BusyError, sqlite3.OperationalError) as error:
            is_busy = isinstance(error, apsw.BusyError) or "locked" in str(error)
            if connection.in_transaction or not is_busy or not wait(tries):
                raise
            tries += 1


def path_of(database: Database) -> str:
    """The path or URI to open again, elsewhere or by workers: as it was given, or the file of an APSW connection.

    :raises OptionError: the connection has no file, is in a transaction, or is one of the sqlite3 module.
    """
    return _locate_file(database).name


def opened(path: FilePath, *, writes: bool, is_job: bool = False) -> apsw.Connection:
    """A connection of our own that stays open, with the extension, whose triggers fire. The caller closes it.

    :param is_job: nobody sits before it, so that it waits for a lock as long as one that writes.
    :raises OSError: as `reading`.
    :raises DatabaseError: as `reading`.
    :raises OptionError: as `reading`.
    """
    location = locate(path)
    _check_file(location, writes=writes)
    with _named_errors(location):
        connection = _open(location, writes=writes)
        try:
            connection.set_busy_handler(patience(REWRITING_SECONDS if writes or is_job else READING_SECONDS))
            load(connection)
            run(connection, "SELECT count(*) FROM sqlite_master")
            if writes:
                _refuse_read_only(connection, location)
            else:  # the pages before the middle of a large value are then passed over without being read
                run(connection, f"PRAGMA mmap_size = {MAPPED_SIZE}")
        except BaseException:
            connection.close()
            raise
    return connection


def errors_of(path: FilePath) -> AbstractContextManager[None]:
    """Within it, errors of SQLite become errors of ours that name this file."""
    return _named_errors(locate(path))


# ---- Errors ------------------------------------------------------------------------------------------------


def _check_file(location: Location, *, writes: bool) -> None:
    """Report what SQLite would only call "unable to open".

    :raises OSError: the file does not exist, is a directory, or may not be read or written.
    :raises DatabaseError: it is something else than a file.
    """
    path = location.path
    if path is None or (location.has_vfs and not path.is_file()):
        return
    kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        raise _os_error(errno.EISDIR, "it is a directory, not a database", location)
    if not stat.S_ISREG(kind):
        raise DatabaseError(f"{path} is not a regular file, so it is no SQLite database")
    if not _is_allowed(path, os.R_OK):
        raise _os_error(errno.EACCES, "no permission to read", location)
    if writes and not _is_allowed(path, os.W_OK):
        raise _os_error(errno.EACCES, "no permission to write", location)
    if writes and not _is_allowed(path.resolve().parent, os.W_OK):
        raise _os_error(errno.EACCES, "no permission to write to its folder, where SQLite makes its journal", location)
    _refuse_other_libraries(path)


def _refuse_read_only(connection: apsw.Connection, location: Location) -> None:
    """:raises OSError: the URI says so."""
    if connection.readonly("main"):
        raise _os_error(errno.EACCES, "it is opened read-only (mode=ro or immutable=1)", location)


def _is_allowed(path: Path, access: int) -> bool:
    """Decide as open() will do: for the effective user, where the system supports that."""
    return os.access(path, access, effective_ids=os.access in os.supports_effective_ids)


def _os_error(number: int, reason: str, location: Location) -> OSError:
    """Python itself chooses the class by the number: IsADirectoryError, PermissionError and so on."""
    return OSError(number, reason, str(location.path or location.name))


def _open(location: Location, *, writes: bool) -> apsw.Connection:
    """Double quotes are for names alone: the name of a column that somebody renames must never become a string."""
    connection = apsw.Connection(location.target, flags=_flags(location, writes=writes))
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    return connection


@contextmanager
def _named_errors(location: Location) -> Iterator[None]:
    """Turn errors of SQLite into ones that name the file."""
    try:
        yield
    except apsw.NotADBError as error:
        raise DatabaseError(f"{location.name} is not an SQLite database") from error
    except (apsw.CantOpenError, apsw.ReadOnlyError) as error:
        raise DatabaseError(
            f"SQLite cannot open {location.name}: {error}. A database in WAL mode needs its files with -wal and -shm "
            "at the end of their names, or a folder in which it may make them"
        ) from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise DatabaseError(
            f"{location.name} is locked: another connection has held its lock for too long ({error})"
        ) from error
    except apsw.CorruptError as error:
        raise DatabaseError(f"{location.name} is damaged: {error}") from error
    except (apsw.FullError, apsw.IOError) as error:
        if isinstance(error, apsw.FullError) or _is_disk_full(location):
            raise DiskSpaceError(
                f"no space is left for {location.name}: free some and run it again; nothing is lost, and it goes on "
                "from where it stands"
            ) from error
        raise DatabaseError(f"SQLite cannot read or write {location.name}: {error}") from error
    except apsw.Error as error:
        raise DatabaseError(f"SQLite cannot go on with {location.name}: {error}") from error


def _is_disk_full(location: Location) -> bool:
    return location.path is not None and free_space(location.path) < LITTLE_SPACE


def free_space(path: Path) -> int:
    """Bytes on the file system of this file."""
    return shutil.disk_usage(path.resolve().parent).free


def _refuse_other_libraries(path: Path) -> None:
    """Two SQLite libraries in one process undo each other's locks on a file: closing it in one drops them for both.

    This is seen only where the system shows which files are open (Linux). Other threads may open and close connections
    at the same time, so that a single look proves nothing.
    """
    for _ in range(LOOKS):
        if not _is_open_elsewhere(path):
            return
        time.sleep(0.01)
    raise OptionError(
        f"this process has {path} open through another SQLite library, probably the sqlite3 module's, and their locks "
        "would undo each other: close it before, or call this in a process of its own. Functions that only look take "
        "the open connection itself in place of the path"
    )


def _is_open_elsewhere(path: Path) -> bool:
    """Does this process have the file open, and no connection of APSW to it?"""
    try:
        wanted = path.stat()
        numbers = list(Path("/proc/self/fd").iterdir())
    except OSError:
        return False
    if not any(_is_file(number, wanted) for number in numbers):
        return False
    return not any(_may_be_open_in(connection, wanted) for connection in apsw.connections())


def _may_be_open_in(connection: apsw.Connection, wanted: os.stat_result) -> bool:
    try:
        return bool(connection.filename) and _is_file(Path(connection.filename), wanted)
    except apsw.ConnectionClosedError:
        return False
    except apsw.ThreadingViolationError:  # another thread is using it, and it does not say what it has open
        return True


def _is_file(path: Path, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), wanted)
    except OSError:
        return False
