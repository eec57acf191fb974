"""For SQLAlchemy: column types that compress, and the engine plugin `zblob`.

The types compress in Python, so they serve any database. The plugin, `create_engine(url, plugins=["zblob"])`, gives
every connection of an engine the extension and decoded rows, for columns that the database compresses (`zb.enable`).
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import CreateEnginePlugin
from sqlalchemy.sql import operators, visitors
from sqlalchemy.types import PickleType, TypeDecorator
from sqlalchemy.util import asbool

from ..codec import DEFAULT_LEVEL
from ..column.virtual import DEFAULT_MIN_SIZE
from ..connect.wrappers import is_aiosqlite, run_in_its_thread, unwrap
from ..errors import OptionError, ZblobError, ZblobWarning
from .mending import follow, mend
from .opening import expect_connections, set_up
from .trail import Trail
from .values import check_settings, pack, pack_text, unpack

# ---- Types -------------------------------------------------------------------------------------------------

# What SQL may do with a stored value without looking into it: sort rows, somehow, and leave out those that are equal.
_HARMLESS = {
    operators.asc_op,
    operators.desc_op,
    operators.nulls_first_op,
    operators.nulls_last_op,
    operators.distinct_op,
    operators.collate,
}

_WITH_NULL = {operators.eq, operators.ne, operators.is_, operators.is_not}
_WITH_NULL |= {operators.is_distinct_from, operators.is_not_distinct_from}


class _Comparator(TypeDecorator.Comparator[Any]):
    def operate(self, op: Any, *other: Any, **settings: Any) -> Any:
        is_of_null = op in _WITH_NULL and all(each is None or isinstance(each, sa.Null) for each in other)
        if is_of_null or op in _HARMLESS:
            return super().operate(op, *other, **settings)
        is_column = bool(other) and (isinstance(other[0], sa.ColumnElement) or hasattr(other[0], "__clause_element__"))
        if op in (operators.eq, operators.ne) and is_column:
            found = super().operate(op, *other, **settings)
            return _Refused(found.left, found.right, op, type_=found.type)
        raise _refusal(other[0] if isinstance(self.expr, sa.BindParameter) and is_column else self.expr)

    def reverse_operate(self, op: Any, other: Any, **settings: Any) -> Any:
        raise _refusal(self.expr)


class _Refused(sa.BinaryExpression[Any]):
    """Two columns that are compared: where SQLAlchemy looks for a column in a list, a set or a dict, it lets Python do
    that, which is right. In SQL it is an error.
    """

    inherit_cache = False

    def _compiler_dispatch(self, visitor: Any, **kw: Any) -> str:
        raise _refusal(self.left)


def _refusal(column: Any) -> OptionError:
    return OptionError(
        f"{column} holds compressed values, which SQL can neither compare nor compute with: on SQLite use "
        "func.zdecompress(column) in its place, with the plugin zblob"
    )


class _Compressed(TypeDecorator[Any]):
    """What the types share: their settings, and that the database cannot compare what they store."""

    cache_ok = True
    impl: Any = sa.LargeBinary

    def __init__(self, level: int = DEFAULT_LEVEL, min_size: int = DEFAULT_MIN_SIZE) -> None:
        """:param level: 1 (fastest) to 9 (smallest).
        :param min_size: smaller values are stored as they come; in bytes.
        """
        check_settings(level, min_size)
        super().__init__()
        self.level, self.min_size = level, min_size

    comparator_factory: Any = _Comparator

    def __repr__(self) -> str:
        return _repr(self, level=DEFAULT_LEVEL, min_size=DEFAULT_MIN_SIZE)


def _repr(kind: Any, **defaults: Any) -> str:
    """As it is written in a program, which is what Alembic puts into a migration."""
    settings = {name: getattr(kind, name) for name in defaults}
    given = [f"{name}={value!r}" for name, value in settings.items() if value != defaults[name]]
    return f"{type(kind).__name__}({', '.join(given)})"


class CompressedBinary(_Compressed):
    """`LargeBinary` whose values are frames. Values that were stored before it was used stay readable.

    :raises OptionError: at a value that is a frame itself; store it in a `LargeBinary`.
    """

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> bytes | None:
        return None if value is None else pack(value, self.level, self.min_size)

    def process_result_value(self, value: Any, dialect: Any) -> bytes | None:
        return None if value is None else unpack(value)

    @property
    def python_type(self) -> type[Any]:
        return bytes


class CompressedText(_Compressed):
    """Text whose values are frames; short ones stay TEXT. On SQLite a TEXT column, elsewhere a binary one.

    :raises WrongTypeError: at a value that is no `str`.
    :raises OptionError: at a text with lone surrogates.
    """

    cache_ok = True
    impl = sa.Text  # to Alembic a change from Text is none of the type, and it casts no value

    def load_dialect_impl(self, dialect: Any) -> Any:
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else sa.LargeBinary())

    def process_bind_param(self, value: str | None, dialect: Any) -> str | bytes | None:
        if value is None:
            return None
        packed = pack_text(value, self.level, self.min_size)
        return packed.encode() if isinstance(packed, str) and dialect.name != "sqlite" else packed

    def process_result_value(self, value: Any, dialect: Any) -> str | None:
        if value is None or isinstance(value, str):
            return value
        found = unpack(value)
        return found if isinstance(found, str) else bytes(found).decode()

    @property
    def python_type(self) -> type[Any]:
        return str


class CompressedPickle(PickleType):
    """`PickleType` whose pickles are frames. As with `PickleType`, only for values that you trust."""

    cache_ok = True

    def __init__(
        self,
        protocol: int = pickle.HIGHEST_PROTOCOL,
        comparator: Callable[[Any, Any], bool] | None = None,
        level: int = DEFAULT_LEVEL,
        min_size: int = DEFAULT_MIN_SIZE,
    ) -> None:
        """:param protocol: of the pickles.
        :param comparator: says whether two objects are equal, as for `PickleType`.
        :param level: 1 (fastest) to 9 (smallest).
        :param min_size: smaller pickles are stored as they come; in bytes.
        """
        check_settings(level, min_size)
        self.level, self.min_size = level, min_size
        super().__init__(protocol, _Pickler(level, min_size), comparator)

    comparator_factory: Any = _Comparator

    def __repr__(self) -> str:
        defaults = {"protocol": pickle.HIGHEST_PROTOCOL, "comparator": None}
        return _repr(self, **defaults, level=DEFAULT_LEVEL, min_size=DEFAULT_MIN_SIZE)

    def __reduce__(self) -> Any:
        return CompressedPickle, (self.protocol, self.comparator, self.level, self.min_size)


class _Pickler:
    """The pickler of a `PickleType`."""

    def __init__(self, level: int, min_size: int) -> None:
        self.level, self.min_size = level, min_size

    def dumps(self, value: Any, protocol: int) -> bytes:
        return pack(pickle.dumps(value, protocol), self.level, self.min_size)

    def loads(self, stored: Any) -> Any:
        return pickle.loads(unpack(stored))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Pickler) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.level, self.min_size))


# ---- The plugin --------------------------------------------------------------------------------------------

_SETTINGS = ("zblob_decode_rows", "zblob_keep")  # of create_engine, or in the URL
_TRAIL = "zblob_trail"  # in a connection's info: where columns went in this transaction
_CAST = "zblob_cast"  # likewise: columns, by table and name, whose values a statement has cast to another type
_MARK = "zblob_schema_changed"  # likewise: look at its columns when the transaction ends


class ZblobPlugin(CreateEnginePlugin):
    """The extension, decoded rows, and columns that stay compressed when their table is made anew.

    `create_engine(url, plugins=["zblob"])`, or `plugin=zblob` in the URL. Both take two more arguments:
    `zblob_decode_rows` (True): rows come decompressed; `zblob_keep` (True): after a change of the schema, such as a
    batch operation of Alembic, columns whose table was made anew are enabled again before the transaction ends. Where
    such an operation casts values to another type, they are decompressed first.

    :raises OptionError: the engine is none of SQLite.
    """

    def __init__(self, url: sa.URL, kwargs: dict[str, Any]) -> None:
        super().__init__(url, kwargs)
        self.decodes, self.keeps = (asbool(kwargs.pop(name, url.query.get(name, True))) for name in _SETTINGS)

    def update_url(self, url: sa.URL) -> sa.URL:
        return url.difference_update_query(_SETTINGS)

    def engine_created(self, engine: sa.Engine) -> None:
        if engine.dialect.name != "sqlite":
            raise OptionError(f'the plugin "zblob" is for SQLite, not for {engine.dialect.name}: use the types alone')
        expect_connections()
        event.listen(engine, "connect", self._connected)
        event.listen(engine, "before_execute", _decode_in_casts, retval=True)
        event.listen(engine, "handle_error", _explain)
        if self.keeps:
            event.listen(engine, "after_cursor_execute", _note_change)
            event.listen(engine, "commit", _committing)
            event.listen(engine, "rollback", _rolled_back)
            event.listen(engine, "checkin", _returned)

    def _connected(self, connection: Any, _record: Any) -> None:
        set_up(connection, decodes=self.decodes, keeps=self.keeps)


def _decode_in_casts(
    connection: sa.Connection, statement: Any, values: Any, parameters: Any, _options: Any
) -> tuple[Any, Any, Any]:
    """Rows that are copied into a table with another type: the value is cast, and not the frame."""
    if not isinstance(statement, sa.Insert) or statement.select is None:
        return statement, values, parameters
    cast: set[tuple[str, str]] = connection.info.setdefault(_CAST, set())

    def decode(element: Any, **_: Any) -> Any:
        column = element.clause if isinstance(element, sa.Cast) else None
        if not isinstance(column, sa.ColumnClause):
            return None
        cast.add((getattr(column.table, "name", ""), column.name))
        return sa.cast(sa.func.zdecompress(column), element.type)

    return visitors.replacement_traverse(statement, {}, decode), values, parameters


def _explain(context: Any) -> None:
    """The sqlite3 module's error does not say what such a text may be."""
    if "Could not decode to UTF-8 column" in str(context.original_exception):
        warnings.warn(
            "a text that is no UTF-8 may be a frame of which a CAST has made a text: sqlite-zblob verify finds it, "
            "sqlite-zblob migrate mends it, and zdecompress(CAST(column AS BLOB)) reads it",
            ZblobWarning,
            stacklevel=2,
        )


def _note_change(
    connection: sa.Connection, _cursor: Any, statement: str, _values: Any, _context: Any, _many: bool
) -> None:
    if statement.lstrip()[:6].upper() in ("ALTER ", "CREATE", "DROP T"):
        connection.info[_MARK] = True
    if Trail.heeds(statement):
        trail = connection.info.setdefault(_TRAIL, Trail())
        _on_owner(connection.connection.driver_connection, lambda owner: follow(owner, trail, statement))


def _committing(connection: sa.Connection) -> None:
    _end(connection.connection.driver_connection, connection.info)


def _rolled_back(connection: sa.Connection) -> None:
    connection.info.pop(_TRAIL, None)


def _returned(connection: Any, record: Any) -> None:
    """For changes that no commit followed: drivers commit them by themselves."""
    if connection is not None:
        _end(connection, record.info)


def _end(connection: Any, info: dict[Any, Any]) -> None:
    trail, cast = info.pop(_TRAIL, None), info.pop(_CAST, set())
    if not info.pop(_MARK, False):
        return
    try:
        mended = _on_owner(connection, lambda owner: mend(owner, trail))
    except ZblobError as error:
        warnings.warn(f"a column is not compressed any more: {error}", ZblobWarning, stacklevel=4)
        return
    for table, column in cast.intersection(mended):
        warnings.warn(
            f"column {column} of table {table} has another type: the values that it has are stored plain until "
            "sqlite-zblob migrate compresses them, new ones are compressed",
            ZblobWarning,
            stacklevel=4,
        )


def _on_owner(connection: Any, call: Callable[[Any], Any]) -> Any:
    owner = unwrap(connection)
    return run_in_its_thread(owner, call) if is_aiosqlite(owner) else call(owner)


def include_name(name: str | None, type_: str, parent_names: Any) -> bool:
    """For Alembic's `context.configure(include_name=...)`: leave our own tables out of `--autogenerate`."""
    return not (type_ == "table" and name is not None and name.startswith("zblob_"))


def render_item(type_: str, item: Any, autogen_context: Any) -> str | Literal[False]:
    """For Alembic's `context.configure(render_item=...)`: migrations that `--autogenerate` writes import our types."""
    if type_ != "type" or not isinstance(item, _Compressed | CompressedPickle):
        return False
    autogen_context.imports.add(f"import {__name__}")
    return f"{__name__}.{item!r}"
