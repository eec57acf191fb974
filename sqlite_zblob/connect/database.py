"""Run SQL on connections of APSW and of the sqlite3 module alike, and take SQL text apart. Knows no table and no frame.

Rows are returned as plain tuples, whatever row factory or trace the connection's owner has set.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, NamedTuple

import apsw

from ..errors import OptionError, WrongTypeError
from .factories import read_as_stored
from .loader import Connection
from .wrappers import behind_proxy, no_connection

Rows = list[tuple[Any, ...]]


def run(connection: Connection, sql: str, values: Sequence[Any] = ()) -> Rows:
    """All rows of one statement.

    :raises WrongTypeError: it is no connection, or a value is of a type that SQLite cannot hold. Most functions that
        take one come here first.
    :raises OptionError: SQLite cannot hold a value.
    """
    try:
        return _run(connection, sql, values)
    except (TypeError, OverflowError, UnicodeEncodeError, sqlite3.InterfaceError, sqlite3.ProgrammingError) as error:
        for value in values:  # otherwise it comes from a function of the caller's
            _require_holdable(value, error)
        raise


def _require_holdable(value: Any, error: Exception) -> None:
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise OptionError(f"{value} is no value of a database: SQLite's integers have 64 bits") from error
    if isinstance(value, str) and isinstance(error, UnicodeEncodeError) and error.object == value:
        raise OptionError(f"{value!r} is no value of a database: {error.reason}") from error
    if not isinstance(value, int | float | str | bytes | bytearray | memoryview | None):
        kind = type(value).__name__
        raise WrongTypeError(
            f"{value!r} is no value of a database: SQLite holds numbers, text and bytes, and the driver takes no {kind}"
        ) from error


def _run(connection: Connection, sql: str, values: Sequence[Any]) -> Rows:
    if isinstance(connection, apsw.Connection):
        return list(stream(connection, sql, values))
    if not isinstance(connection, sqlite3.Connection):
        raise no_connection(connection)
    cursor = sqlite3.Connection.cursor(behind_proxy(connection))  # whatever a subclass makes of it
    read_as_stored(cursor)
    text_factory, connection.text_factory = connection.text_factory, str
    try:
        return cursor.execute(sql, values).fetchall()
    finally:
        connection.text_factory = text_factory
        cursor.close()


def stream(connection: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
    """The rows of one statement, one after the other."""
    cursor = connection.cursor()
    cursor.exec_trace = lambda *_: True
    read_as_stored(cursor)
    yield from cursor.execute(sql, values)


@contextmanager
def interruptible(connection: Connection) -> Iterator[Callable[[], None]]:
    """Keep an interrupt that falls between two statements; the function that this gives raises the driver's error then.

    SQLite forgets an interrupt when a statement begins while no other one runs. So one runs here, which reads no table
    and holds no lock. End it before the transaction in which it was begun is rolled back: that would be interrupted.
    """
    driver = apsw if isinstance(connection, apsw.Connection) else sqlite3
    cursor: Any = driver.Connection.cursor(behind_proxy(connection))
    if driver is apsw:
        cursor.exec_trace = lambda *_: True
    read_as_stored(cursor)
    try:
        next(cursor.execute("VALUES (1), (2)"))
        yield lambda: _touch(connection)
    finally:
        cursor.close()


@contextmanager
def until(connection: apsw.Connection, deadline: float | None) -> Iterator[None]:
    """Interrupt whatever statement runs after the deadline, of time.monotonic(), also in the midst of a function.

    :raises apsw.InterruptError: the deadline has passed while a statement ran.
    """
    if deadline is None:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        wait = max(0.0, deadline - time.monotonic())
        while not ended.wait(wait):
            connection.interrupt()
            wait = _INTERRUPT_SECONDS  # the next statement, too, unless somebody looks at the clock before

    watcher = threading.Thread(target=watch, name="zblob_until", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


_INTERRUPT_SECONDS = 0.02


def _touch(connection: Connection) -> None:
    run(connection, "SELECT 1")


def pragma(connection: Connection, name: str, schema: str = "main") -> Any:
    """The value of a PRAGMA of one database."""
    return run(connection, f"PRAGMA {quote(schema)}.{name}")[0][0]


def octet_length(connection: Connection, expression: str) -> str:
    """SQL for the bytes of a BLOB or TEXT. Reads no value, but a text where SQLite is older than 3.43."""
    if isinstance(connection, apsw.Connection) or sqlite3.sqlite_version_info >= (3, 43):
        return f"octet_length({expression})"
    return f"length(iif(typeof({expression}) = 'text', CAST({expression} AS BLOB), {expression}))"


def text_of(parameter: str) -> str:
    """SQL for the TEXT whose bytes, in the database's encoding, are bound.

    SQLite before 3.51 takes the bytes of a bound BLOB for UTF-8 and converts them if the database has another encoding.
    It does not do so with the result of a function.
    """
    return f"CAST(substr({parameter}, 1) AS TEXT)"


@contextmanager
def atomic(connection: Connection) -> Iterator[None]:
    """A write transaction, or a savepoint if the connection is in a transaction already: all or nothing is done."""
    if connection.in_transaction:
        begin, commit, rollback = "SAVEPOINT zblob", "RELEASE zblob", "ROLLBACK TO zblob"
    else:
        begin, commit, rollback = "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"
    run(connection, begin)
    try:
        yield
        run(connection, commit)
    except BaseException:
        with _first_error():
            if connection.in_transaction:
                run(connection, rollback)
                if rollback.endswith("zblob"):
                    run(connection, commit)
        raise


def require_journal(connection: Connection, schema: str) -> None:
    """Before what is tried and taken back, or done as a whole or not at all.

    :raises OptionError: without a journal, SQLite can take nothing back: ROLLBACK leaves what was written.
    """
    if pragma(connection, "journal_mode", schema) == "off":
        raise OptionError(
            "PRAGMA journal_mode is OFF on this connection, so that SQLite can take nothing back in database "
            f"{schema}: set another mode, such as MEMORY, before"
        )


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """A transaction in which several statements read the same state of the database; the open one if there is one."""
    if connection.in_transaction:
        yield
        return
    run(connection, "BEGIN")
    try:
        yield
    finally:
        with _first_error():
            if connection.in_transaction:
                run(connection, "ROLLBACK")


def _first_error() -> AbstractContextManager[None]:
    """For going back after an error: many of a disk's faults end the transaction themselves, and what then fails, too,
    must not hide the reason."""
    return suppress(apsw.Error, sqlite3.Error)


def quote(name: str) -> str:
    """The name quoted for SQL, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """The text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def fold(name: str) -> str:
    """The same text for all names that SQLite takes for the same one: it ignores the case of ASCII letters only."""
    return re.sub("[A-Z]+", lambda letters: letters[0].lower(), name)


class Token(NamedTuple):
    kind: str  # "word", "quoted", "string" or "other"
    text: str  # words and quoted names are folded, and without their quotes


_TOKEN = re.compile(
    r"""
      (?P<space>  [ \t\n\f\r]+ | --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<string> '(?:[^']|'')*' )
    | (?P<quoted> "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\] )
    | (?P<word>   [A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]* )
    | (?P<other>  [0-9][0-9A-Za-z_.]* | . )
    """,
    re.VERBOSE | re.DOTALL,
)


def tokens(sql: str) -> list[Token]:
    """The tokens of an SQL text that SQLite has accepted, without spaces and comments."""
    found = []
    for match in _TOKEN.finditer(sql):
        kind, text = str(match.lastgroup), match[0]
        if kind in ("word", "quoted"):
            text = fold(unquote(text) if kind == "quoted" else text)
        if kind != "space":
            found.append(Token(kind, text))
    return found


def unquote(text: str) -> str:
    """The name in a quoted name or a string."""
    return text[1:-1].replace(text[-1] * 2, text[-1])


def definitions(sql: str) -> list[str]:
    """The parts between the commas in the first parentheses of an SQL text, without comments."""
    parts, depth = [""], 0
    for match in _TOKEN.finditer(sql):
        kind, text = match.lastgroup, match[0]
        if kind == "other":
            depth += {"(": 1, ")": -1}.get(text, 0)
            if depth == 0 and text == ")":
                break
            if (depth, text) == (1, "("):
                parts = [""]
                continue
            if (depth, text) == (1, ","):
                parts.append("")
                continue
        parts[-1] += " " if kind == "space" else text
    return [part.strip() for part in parts]


def without_word(sql: str, word: str) -> str:
    """A column's definition without this word. The column's name, and what is in parentheses, are left alone."""
    name = _TOKEN.match(sql)
    at = name.end() if name else 0
    kept, depth = sql[:at], 0
    for match in _TOKEN.finditer(sql, at):
        if match.lastgroup == "other":
            depth += {"(": 1, ")": -1}.get(match[0], 0)
        if depth or match.lastgroup != "word" or fold(match[0]) != word:
            kept += match[0]
    return kept.strip()


def group_after(found: list[Token], at: int) -> list[Token]:
    """The tokens in the parentheses that open at `at`; none if none open there."""
    if at >= len(found) or found[at].text != "(" or found[at].kind != "other":
        return []
    depth = 0
    for end in range(at, len(found)):
        if found[end].kind == "other":
            depth += {"(": 1, ")": -1}.get(found[end].text, 0)
        if depth == 0:
            return found[at + 1 : end]
    return found[at + 1 :]


def names(found: list[Token], name: str) -> bool:
    """Do these tokens name that column?"""
    return any(token.kind in ("word", "quoted") and token.text == fold(name) for token in found)
