"""Row factories and row traces that stay behind ours, whenever they are set.

A program, or a library that it uses, sets `row_factory` (sqlite3) or `row_trace` (APSW) at any time, on connections and
on cursors. Both are plain fields of classes in C, and there is no event to listen to. So the attributes themselves are
replaced, in the classes: what is set on a connection that decodes rows goes behind our hook, and reading the attribute
gives what was set. On all other connections the attributes do what they always did.
"""

from __future__ import annotations

import ctypes
import gc
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

import apsw

from ..errors import LoadError
from .wrappers import behind_proxy

Factory = Callable[[Any, Any], Any]


class Hook:
    """A row factory or row trace that comes before the owner's, which is `following`."""

    __slots__ = ("following",)

    def __init__(self, following: Factory | None) -> None:
        self.following = following

    def __call__(self, cursor: Any, row: tuple[Any, ...]) -> Any:
        raise NotImplementedError


class _Attribute:
    """One attribute of a class in C: the descriptor that was there, and one that knows of hooks."""

    def __init__(self, owner: type, name: str) -> None:
        self.stored: Any = owner.__dict__[name]
        self.guarded = property(self.get, self.set, doc=getattr(self.stored, "__doc__", None))

    def get(self, target: Any) -> Any:
        found = self.stored.__get__(target)
        return found.following if isinstance(found, Hook) else found

    def set(self, target: Any, factory: Factory | None) -> None:
        hook = self.find_hook(target)
        self.stored.__set__(target, factory if hook is None else type(hook)(factory))

    def find_hook(self, target: Any) -> Hook | None:
        found = self.stored.__get__(target)
        return found if isinstance(found, Hook) else None


# What it means to set the trace of an APSW cursor to None: none at all, or in older versions the connection's.
_NONE_IS_A_TRACE = tuple(map(int, apsw.apsw_version().split(".")[:2])) >= (3, 51)


class _TraceOfCursor(_Attribute):
    """APSW: a cursor without a trace of its own uses its connection's."""

    def find_hook(self, target: Any) -> Hook | None:
        return super().find_hook(target) or CONNECTION_TRACE.find_hook(target.connection)

    def set(self, target: Any, factory: Factory | None) -> None:
        if factory is None and not _NONE_IS_A_TRACE:
            self.stored.__set__(target, None)
        else:
            super().set(target, factory)


CONNECTION_FACTORY = _Attribute(sqlite3.Connection, "row_factory")
CURSOR_FACTORY = _Attribute(sqlite3.Cursor, "row_factory")
CONNECTION_TRACE = _Attribute(apsw.Connection, "row_trace")
CURSOR_TRACE = _TraceOfCursor(apsw.Cursor, "row_trace")


def add_hook(connection: sqlite3.Connection | apsw.Connection, kind: type[Hook]) -> None:
    """Have all rows go through a hook first. Doing it twice does no harm.

    :raises LoadError: this Python does not let the attributes be replaced.
    """
    guard_attributes()
    attribute = _attribute_of(connection)
    if attribute.find_hook(connection) is None:
        attribute.stored.__set__(connection, kind(attribute.stored.__get__(connection)))


def remove_hook(connection: sqlite3.Connection | apsw.Connection) -> None:
    """Undo `add_hook`: the owner's own factory stays. Cursors that are open keep the hook."""
    attribute = _attribute_of(connection)
    attribute.stored.__set__(connection, attribute.get(connection))


def has_hook(connection: sqlite3.Connection | apsw.Connection) -> bool:
    return _attribute_of(connection).find_hook(connection) is not None


def read_as_stored(cursor: sqlite3.Cursor | apsw.Cursor) -> None:
    """Plain tuples of what is in the database, whatever factories and hooks there are."""
    if isinstance(cursor, apsw.Cursor):
        CURSOR_TRACE.stored.__set__(behind_proxy(cursor), lambda _, row: row)
    else:
        CURSOR_FACTORY.stored.__set__(behind_proxy(cursor), None)


def _attribute_of(connection: sqlite3.Connection | apsw.Connection) -> _Attribute:
    return CONNECTION_TRACE if isinstance(connection, apsw.Connection) else CONNECTION_FACTORY


# ---- Replacing attributes of classes in C ------------------------------------------------------------------

_lock = threading.Lock()
_guarded = False


def guard_attributes() -> None:
    """Replace the attributes, once in a process."""
    global _guarded
    with _lock:
        if _guarded:
            return
        _replace(sqlite3.Connection, {"row_factory": CONNECTION_FACTORY.guarded, "cursor": _make_cursor})
        _replace(sqlite3.Cursor, {"row_factory": CURSOR_FACTORY.guarded})
        _replace(apsw.Connection, _trace_names(CONNECTION_TRACE))
        _replace(apsw.Cursor, _trace_names(CURSOR_TRACE))
        _guarded = True


_cursor_of: Callable[..., Any] = sqlite3.Connection.cursor


def _make_cursor(self: sqlite3.Connection, *arguments: Any, **named: Any) -> Any:
    """`Connection.cursor`. It gives each cursor the connection's factory, if there is one, in place of one that the
    cursor's class has set; so our hook, which is none of the owner's, must not be in its way."""
    hook = CONNECTION_FACTORY.find_hook(self) if arguments or named else None
    if hook is None or hook.following is not None:
        return _cursor_of(self, *arguments, **named)
    CONNECTION_FACTORY.stored.__set__(self, None)
    try:
        cursor = _cursor_of(self, *arguments, **named)
    finally:
        CONNECTION_FACTORY.stored.__set__(self, hook)
    if CURSOR_FACTORY.find_hook(cursor) is None:
        CURSOR_FACTORY.stored.__set__(cursor, type(hook)(CURSOR_FACTORY.stored.__get__(cursor)))
    return cursor


def _trace_names(attribute: _Attribute) -> dict[str, Any]:
    """All names that APSW has for one attribute; the last three are those of its older versions."""

    def get_row_trace(self: Any) -> Any:
        return attribute.get(self)

    def set_row_trace(self: Any, callable: Factory | None) -> None:
        attribute.set(self, callable)

    return {
        "row_trace": attribute.guarded,
        "get_row_trace": get_row_trace,
        "set_row_trace": set_row_trace,
        "rowtrace": attribute.guarded,
        "getrowtrace": get_row_trace,
        "setrowtrace": set_row_trace,
    }


def _replace(owner: type, attributes: dict[str, Any]) -> None:
    """Classes in C refuse setattr, but their dictionary can be reached, and Python can be told that it has changed."""
    found = gc.get_referents(owner.__dict__)
    if len(found) != 1 or type(found[0]) is not dict:
        raise LoadError(f"this Python does not show the attributes of {owner.__name__}: use zdecompress(column) in SQL")
    namespace: dict[str, Any] = found[0]
    namespace.update({name: value for name, value in attributes.items() if name in namespace})
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(owner))
