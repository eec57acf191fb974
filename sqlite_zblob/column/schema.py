"""What the schema says of one table and one of its columns. Only looks, and changes nothing.

`look_at_table` gathers the facts; obstacles.py says why a column cannot be compressed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..connect.database import Token, fold, group_after, quote, run, tokens
from ..connect.loader import Connection
from ..errors import MetadataError, OptionError

ROWID_NAMES = ("rowid", "_rowid_", "oid")

# The layout of zblob_columns, zblob_migrations, zblob_exceptions and of the backing tables of virtual tables.
METADATA_VERSION = 1
METADATA_TABLES = ("zblob_columns", "zblob_migrations", "zblob_exceptions")


@dataclass(frozen=True)
class Column:
    name: str
    declared: str  # type as written; "" where there is none
    key_position: int  # in the primary key, from 1; 0: not in it
    is_generated: bool
    is_required: bool  # NOT NULL and no DEFAULT: an INSERT has to give it a value

    @property
    def affinity(self) -> str:
        """What SQLite makes of the declared type: "integer", "text", "blob", "real" or "numeric"."""
        declared = fold(self.declared)
        for affinity, words in _AFFINITIES:
            if any(word in declared for word in words):
                return affinity
        return "numeric" if declared else "blob"


MOST_NAMED = 12  # tables, in a message

# In the order in which SQLite looks for the words.
_AFFINITIES = (
    ("integer", ("int",)),
    ("text", ("char", "clob", "text")),
    ("blob", ("blob",)),
    ("real", ("real", "floa", "doub")),
)


@dataclass(frozen=True)
class IndexColumn:
    name: str | None  # None: an expression, or the rowid
    collation: str


@dataclass(frozen=True)
class Index:
    name: str
    origin: str  # "pk", "u" for UNIQUE, "c" for CREATE INDEX
    columns: tuple[IndexColumn, ...]  # the columns of its key
    sql: str | None  # None for "pk" and "u"


@dataclass(frozen=True)
class Table:
    """The facts of one ordinary table."""

    schema: str
    name: str  # as the schema writes it
    sql: str
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...]
    foreign_keys: tuple[str, ...]  # the columns that refer to other tables
    inbound: tuple[str, ...]  # the tables whose foreign keys refer to this one
    triggers: tuple[tuple[str, str], ...]  # name and SQL; without those of this package
    text_indexes: tuple[tuple[str, str], ...]  # name and SQL of the database's FTS tables
    views: tuple[tuple[str, str], ...]  # name and SQL of the database's views
    is_strict: bool
    has_rowid: bool
    words: tuple[Token, ...] = field(repr=False)

    @property
    def address(self) -> str:
        return f"{quote(self.schema)}.{quote(self.name)}"

    def column(self, name: str) -> Column:
        """:raises OptionError: there is none of that name."""
        for column in self.columns:
            if fold(column.name) == fold(name):
                return column
        names = ", ".join(column.name for column in self.columns)
        raise OptionError(f"table {self.name} has no column {name}: it has {names}")

    @property
    def rowid_name(self) -> str | None:
        """A name of the rowid that is no column's name; None: there is no such name, or no rowid."""
        taken = {fold(column.name) for column in self.columns}
        free = [name for name in ROWID_NAMES if name not in taken]
        return free[0] if self.has_rowid and free else None

    @property
    def primary_key(self) -> tuple[Column, ...]:
        return tuple(sorted((c for c in self.columns if c.key_position), key=lambda c: c.key_position))

    @property
    def rowid_alias(self) -> Column | None:
        """The INTEGER PRIMARY KEY, if there is one: SQLite makes its values where an INSERT leaves them out."""
        key = self.primary_key
        has_index = any(index.origin == "pk" for index in self.indexes)
        return key[0] if len(key) == 1 and self.has_rowid and not has_index else None


def master_of(schema: str) -> str:
    """The schema table of a database."""
    return "sqlite_temp_master" if fold(schema) == "temp" else f"{quote(schema)}.sqlite_master"


def require_schema(connection: Connection, schema: str) -> None:
    """:raises OptionError: no database is attached by that name."""
    if fold(schema) not in {fold(row[1]) for row in run(connection, "PRAGMA database_list")} | {"temp"}:
        raise OptionError(f"there is no attached database {schema}")


def tables_with_rows(connection: Connection, schema: str) -> list[str]:
    """The names of all tables that are not virtual, but for those that SQLite keeps for itself."""
    # The underscore of LIKE is any letter: sqliterows is no name that SQLite keeps.
    sql = (
        f"SELECT name FROM {master_of(schema)} WHERE type = 'table' AND rootpage > 0 "
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    return [name for (name,) in run(connection, sql)]


def check_metadata(connection: Connection, schema: str) -> None:
    """Check the version of the layout of our own tables and of backing tables, which is in a comment in their SQL.

    :raises MetadataError: a newer version of sqlite_zblob has made one of them.
    """
    sql = f"SELECT name, sql FROM {master_of(schema)} WHERE type = 'table' AND sql LIKE '%/* zblob %'"
    for name, definition in run(connection, sql):
        match = re.search(r"\(\s*/\* zblob (\d+) \*/", definition)
        if match and int(match[1]) > METADATA_VERSION:
            raise MetadataError(
                f"table {name} was made by a newer version of sqlite_zblob (layout {match[1]}, this version knows "
                f"{METADATA_VERSION}): upgrade sqlite_zblob"
            )


def look_at_table(
    connection: Connection, name: str, schema: str = "main", *, allow_shadow: bool = False, use: str = "enable"
) -> Table:
    """Gather the facts of a table.

    :param allow_shadow: take backing tables of virtual tables, too.
    :param use: what the caller does with a table, for messages.
    :raises OptionError: there is no such table, or it is a view, a virtual table or an internal one.
    """
    database = quote(schema)
    require_schema(connection, schema)
    objects = run(connection, f"SELECT type, name, tbl_name, sql FROM {master_of(schema)}")
    own = [row for row in objects if row[0] in ("table", "view") and fold(row[1]) == fold(name)]
    if not own and fold(name).startswith("sqlite_"):
        raise OptionError(f"{name} is an internal table")
    if not own:
        raise OptionError(
            f"there is no table {name} in {schema}{_others([row[1] for row in objects if row[0] == 'table'])}"
        )
    kind, name, _, sql = own[0]
    words = tokens(sql or "")
    _refuse_kind(name, kind, words, use)
    if not allow_shadow:
        _refuse_shadow(connection, schema, name)
    behind = {token.text for token in words[_end_of_definition(words) :] if token.kind == "word"}
    return Table(
        schema=schema,
        name=name,
        sql=sql,
        columns=_columns(connection, database, name),
        indexes=_indexes(connection, database, name, {row[1]: row[3] for row in objects if row[0] == "index"}),
        foreign_keys=tuple(row[3] for row in run(connection, f"PRAGMA {database}.foreign_key_list({quote(name)})")),
        inbound=_inbound(connection, database, name, [row[1] for row in objects if row[0] == "table"]),
        triggers=_triggers(connection, objects, name),
        text_indexes=tuple((row[1], row[3]) for row in objects if row[0] == "table" and _is_text_index(row[3])),
        views=tuple((row[1], row[3]) for row in objects if row[0] == "view"),
        is_strict="strict" in behind,
        has_rowid="without" not in behind,
        words=tuple(words),
    )


def is_ordinary(sql: str | None) -> bool:
    """Does this text make a table that is no virtual one?"""
    words = [token.text for token in tokens(sql or "")[:2]]
    return words[:1] == ["create"] and words != ["create", "virtual"]


def _others(tables: list[str]) -> str:
    """The tables that are there, for a message."""
    found = [each for each in tables if not fold(each).startswith(("sqlite_", "zblob_"))]
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return f": it has {', '.join(found[:MOST_NAMED])}{more}" if found else ""


def _refuse_kind(name: str, kind: str, words: list[Token], use: str) -> None:
    if kind == "view":
        raise OptionError(f"{name} is a view: {use} the table behind it")
    if [token.text for token in words[:2]] == ["create", "virtual"]:
        reason = ", which can have no triggers" if use == "enable" else f" of another module: {use} an ordinary table"
        raise OptionError(f"{name} is a virtual table{reason}")
    if fold(name).startswith("sqlite_") or fold(name) in METADATA_TABLES:
        raise OptionError(f"{name} is an internal table")


def _refuse_shadow(connection: Connection, schema: str, name: str) -> None:
    listed = run(connection, "PRAGMA table_list")  # nothing before SQLite 3.37
    if any(fold(row[0]) == fold(schema) and fold(row[1]) == fold(name) and row[2] == "shadow" for row in listed):
        raise OptionError(f"{name} belongs to a virtual table")


def _end_of_definition(words: list[Token]) -> int:
    """Where the table options begin: after the parentheses of the columns."""
    for at, token in enumerate(words):
        if token == Token("other", "("):
            return at + len(group_after(words, at)) + 2
    return len(words)


def _columns(connection: Connection, database: str, name: str) -> tuple[Column, ...]:
    rows = run(connection, f"PRAGMA {database}.table_xinfo({quote(name)})")
    return tuple(Column(row[1], row[2] or "", row[5], row[6] in (2, 3), row[3] == 1 and row[4] is None) for row in rows)


def _indexes(connection: Connection, database: str, table: str, texts: dict[str, str]) -> tuple[Index, ...]:
    found = []
    for row in run(connection, f"PRAGMA {database}.index_list({quote(table)})"):
        name, origin = row[1], row[3]
        parts = run(connection, f"PRAGMA {database}.index_xinfo({quote(name)})")
        key = tuple(IndexColumn(part[2], part[4]) for part in parts if part[5])
        found.append(Index(name, origin, key, texts.get(name)))
    return tuple(found)


def _inbound(connection: Connection, database: str, name: str, tables: list[str]) -> tuple[str, ...]:
    found = []
    for other in tables:
        keys = run(connection, f"PRAGMA {database}.foreign_key_list({quote(other)})")
        if any(fold(key[2]) == fold(name) for key in keys):
            found.append(other)
    return tuple(found)


def _triggers(connection: Connection, objects: list[tuple[str, ...]], name: str) -> tuple[tuple[str, str], ...]:
    """The owner's: those in the table's schema, and the connection's temporary ones."""
    temporary = run(connection, "SELECT type, name, tbl_name, sql FROM sqlite_temp_master")
    rows = {row: None for row in objects + temporary if row[0] == "trigger" and fold(row[2]) == fold(name)}
    return tuple((row[1], row[3]) for row in rows if not is_own_trigger(row[1]))


def is_own_trigger(name: str) -> bool:
    """Does this package make triggers of that name?"""
    return (
        re.fullmatch(
            r"zblob_([0-9a-f]{8}_(insert|update)_until_disable|[0-9a-f]{8}_record_until_restore|\d+_(insert|update))",
            name,
        )
        is not None
    )


def _is_text_index(sql: str | None) -> bool:
    words = [token.text for token in tokens(sql or "")]
    return words[:2] == ["create", "virtual"] and "using" in words and words[words.index("using") + 1].startswith("fts")
