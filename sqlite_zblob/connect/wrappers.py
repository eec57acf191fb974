"""The driver's own connection behind what a library hands out. Imports none of these libraries."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import apsw

from ..errors import LoadError, WrongTypeError

T = TypeVar("T")


def unwrap(connection: Any) -> Any:
    """The sqlite3.Connection, apsw.Connection or aiosqlite.Connection that was given, or that a library has wrapped.

    :raises WrongTypeError: it is none of these; the message says where a library keeps its own.
    """
    # SQLAlchemy's pool and its adapter for asyncio have a `driver_connection`.
    for candidate in (connection, getattr(connection, "driver_connection", None)):
        found = behind_proxy(candidate)
        if issubclass(type(found), sqlite3.Connection | apsw.Connection) or is_aiosqlite(found):
            return found
    raise WrongTypeError(
        "expected a sqlite3.Connection, an apsw.Connection or an aiosqlite.Connection, not "
        f"{full_name(connection)}{_advice(connection)}"
    )


def no_connection(given: Any) -> WrongTypeError:
    """For functions that take a connection of sqlite3 or APSW itself."""
    return WrongTypeError(
        f"expected a sqlite3.Connection or an apsw.Connection, not {full_name(given)}{_advice(given)}"
    )


def behind_proxy(found: Any) -> Any:
    """Tools that trace a program put proxies before connections and cursors, which only claim to be of their class."""
    kinds = sqlite3.Connection | sqlite3.Cursor | apsw.Connection | apsw.Cursor
    while not issubclass(type(found), kinds) and hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    return found


def is_aiosqlite(connection: Any) -> bool:
    """Is it a connection of aiosqlite? If that was never imported, it is not."""
    kind = getattr(sys.modules.get("aiosqlite"), "Connection", None)
    return isinstance(kind, type) and isinstance(connection, kind)


def inner_connection(connection: Any) -> sqlite3.Connection:
    """What an aiosqlite.Connection works with; only its own thread may run statements on it.

    :raises LoadError: the connection is not open.
    """
    try:
        inner: sqlite3.Connection = connection._conn
    except ValueError as error:
        raise LoadError(f"the aiosqlite connection is not open ({error}): await it first") from error
    return inner


def run_in_its_thread(connection: Any, function: Callable[[sqlite3.Connection], T]) -> T:
    """Call `function` with the sqlite3.Connection of an aiosqlite.Connection, in the thread that owns it, and wait.

    The event loop stands still meanwhile: for what is done in a moment, on a connection that is not busy.

    :raises LoadError: the connection is not open, or no event loop is running in this thread.
    """
    inner, outcome = inner_connection(connection), Future[T]()

    def work() -> None:  # must not raise: nobody awaits aiosqlite's own future
        try:
            outcome.set_result(function(inner))
        except BaseException as error:
            outcome.set_exception(error)

    # aiosqlite's coroutine queues the call as soon as it is started, and then waits for the event loop, which
    # cannot tell it anything before this function has returned.
    queued = connection._execute(work)
    try:
        queued.send(None)
    except RuntimeError as error:
        raise LoadError(f"an aiosqlite connection is used inside its event loop ({error})") from error
    try:
        return outcome.result()
    finally:
        queued.close()


def full_name(value: Any) -> str:
    """Its class, for messages."""
    kind = value if isinstance(value, type) else type(value)
    prefix = "the class " if isinstance(value, type) else ""
    return prefix + (kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}")


def _advice(value: Any) -> str:
    """What to give instead."""
    if isinstance(value, str | bytes):
        return ": open the database first"
    library = type(value).__module__.partition(".")[0]
    return {
        "django": ": its own is django.db.connection.connection, after ensure_connection()",
        "sqlalchemy": ": its own is engine.raw_connection().driver_connection, or what the pool's connect event gives",
        "peewee": ": its own is database.connection()",
        "playhouse": ": its own is database.connection()",
        "dataset": ": its own is database.executable.connection.driver_connection",
    }.get(library, "")
