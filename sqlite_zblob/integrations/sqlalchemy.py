"""For SQLAlchemy: column types that compress, and the engine plugin `zblob`.

The types compress in Python, so they serve any database. The plugin, `create_engine(url, plugins=["zblob"])`, gives
every connection of an engine the extension and decoded rows, for columns that the database compresses (`zb.enable`).
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import CreateEnginePlugin
from sqlalchemy.sql import operators
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

_COMPARISONS = {
    operators.eq,
    operators.ne,
    operators.lt,
    operators.le,
    operators.gt,
    operators.ge,
    operators.in_op,
    operators.not_in_op,
    operators.between_op,
    operators.like_op,
    operators.ilike_op,
    operators.contains_op,
    operators.startswith_op,
    operators.endswith_op,
    operators.icontains_op,
    operators.istartswith_op,
    operators.iendswith_op,
    operators.is_distinct_from,
    operators.is_not_distinct_from,
    operators.match_op,
    operators.not_between_op,
    operators.not_like_op,
    operators.not_ilike_op,
    operators.regexp_match_op,
}


class _Comparator(TypeDecorator.Comparator[Any]):
    def operate(self, op: Any, *other: Any, **settings: Any) -> Any:
        if op in _COMPARISONS and any(each is not None and not self._is_of(each) for each in other):
            raise OptionError(
                f"{self.expr} holds compressed values, which SQL cannot compare: on SQLite compare "
                "func.zdecompress(column), with the plugin zblob"
            )
        return super().operate(op, *other, **settings)

    def _is_of(self, other: Any) -> bool:
        """SQLAlchemy compares a column with itself where it looks for it in a dict, as at an UPDATE of the ORM."""
        return isinstance(other, sa.ColumnElement) and hash(other) == hash(self.expr)


class _Compressed(TypeDecorator[Any]):
    """What the types share: their settings, and that the database cannot compare what they store."""

    cache_ok = True
    impl = sa.LargeBinary

    def __init__(self, level: int = DEFAULT_LEVEL, min_size: int = DEFAULT_MIN_SIZE) -> None:
        """:param level: 1 (fastest) to 9 (smallest).
        :param min_size: smaller values are stored as they come; in bytes.
        """
        check_settings(level, min_size)
        super().__init__()
        self.level, self.min_size = level, min_size

    comparator_factory: Any = _Comparator


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
    """Text whose values are frames; short ones stay TEXT. On SQLite a TEXT column, elsewhere a binary one."""

    cache_ok = True

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
_MARK = "zblob_schema_changed"  # likewise: look at its columns when the transaction ends


class ZblobPlugin(CreateEnginePlugin):
    """The extension, decoded rows, and columns that stay compressed when their table is made anew.

    `create_engine(url, plugins=["zblob"])`, or `plugin=zblob` in the URL. Both take two more arguments:
    `zblob_decode_rows` (True): rows come decompressed; `zblob_keep` (True): after a change of the schema, such as a
    batch operation of Alembic, columns whose table was made anew are enabled again before the transaction ends.

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
        if self.keeps:
            event.listen(engine, "after_cursor_execute", _note_change)
            event.listen(engine, "commit", _committing)
            event.listen(engine, "rollback", _rolled_back)
            event.listen(engine, "checkin", _returned)

    def _connected(self, connection: Any, _record: Any) -> None:
        set_up(connection, decodes=self.decodes, keeps=self.keeps)


def _note_change(
    connection: sa.Connection, _cursor: Any, statement: str, _values: Any, _context: Any, _many: bool
) -> None:
    if statement.lstrip()[:6].upper() in ("ALTER ", "CREATE", "DROP T"):
        connection.info[_MARK] = True
    if Trail.heeds(statement):
        trail = connection.info.setdefault(_TRAIL, Trail())
        _on_owner(connection.connection.driver_connection, lambda owner: follow(owner, trail, statement))


def _committing(connection: sa.Connection) -> None:
    trail = connection.info.pop(_TRAIL, None)
    if connection.info.pop(_MARK, False):
        _mend(connection.connection.driver_connection, trail)


def _rolled_back(connection: sa.Connection) -> None:
    connection.info.pop(_TRAIL, None)


def _returned(connection: Any, record: Any) -> None:
    """For changes that no commit followed: drivers commit them by themselves."""
    trail = record.info.pop(_TRAIL, None)
    if connection is not None and record.info.pop(_MARK, False):
        _mend(connection, trail)


def _on_owner(connection: Any, call: Callable[[Any], Any]) -> Any:
    owner = unwrap(connection)
    return run_in_its_thread(owner, call) if is_aiosqlite(owner) else call(owner)


def _mend(connection: Any, trail: Trail | None) -> None:
    try:
        _on_owner(connection, lambda owner: mend(owner, trail))
    except ZblobError as error:
        warnings.warn(f"a column is not compressed any more: {error}", ZblobWarning, stacklevel=3)


def include_name(name: str | None, type_: str, parent_names: Any) -> bool:
    """For Alembic's `context.configure(include_name=...)`: leave our own tables out of `--autogenerate`."""
    return not (type_ == "table" and name is not None and name.startswith("zblob_"))
