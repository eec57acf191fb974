"""What the database itself records of a migration: how far it is, which values stay as they are, and why.

There are two small tables beside `zblob_columns`. `zblob_migrations` has a row for each column that was migrated, from
the beginning until it is restored. `zblob_exceptions` has one for each value that is left as it is (spared.py). The
column may be renamed meanwhile: the record's anchor follows (column/anchor.py). If the anchor is gone, because the
table was made anew, the record belongs to the column that has the names of then.
"""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import apsw

from ..choices import ENVELOPES, MODES, Envelope, Mode
from ..column.anchor import drop_anchor, find_anchors, set_anchor
from ..column.hint import HintFrom
from ..column.migrated import MIGRATIONS
from ..column.schema import check_metadata, master_of
from ..column.storage import ColumnStatus, status
from ..column.virtual import virtual_columns
from ..connect.database import fold, pragma, quote, run
from ..connect.loader import Connection
from ..errors import MetadataError, SupersededError
from .spared import CREATE_EXCEPTIONS, EXCEPTIONS
from .values import Key, decode_key, encode_key

OPERATIONS = ("migrate", "restore")

_FIELDS = "id, table_name, column_name, operation, state, settings, position, schema_version, counts"

_CREATE = f"""
CREATE TABLE IF NOT EXISTS main.{MIGRATIONS} (/* zblob 1 */
    id INTEGER PRIMARY KEY, -- a random number, which the anchor's name contains
    table_name TEXT NOT NULL, -- when the operation began
    column_name TEXT NOT NULL,
    operation TEXT NOT NULL, -- 'migrate' or 'restore'
    state TEXT NOT NULL, -- 'running' or 'done'
    settings TEXT NOT NULL, -- JSON: what `enable` takes
    position TEXT, -- JSON: the key up to which rows are done
    schema_version INTEGER NOT NULL, -- PRAGMA schema_version when position was written: rowids may change with it
    counts TEXT NOT NULL, -- JSON
    run TEXT NOT NULL, -- a random name of the run that is at work, or was the last one
    changed_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
{CREATE_EXCEPTIONS}
"""


class Settings(NamedTuple):
    """How the column is compressed: what `enable` takes."""

    mode: Mode
    envelope: Envelope
    level: int
    min_size: int
    dtype_from: str | None = None  # SQL expressions by which a row says what its raw voxels are
    shape_from: str | None = None
    dictionary: int | str | None = None  # for small values: an id, or "auto"

    @classmethod
    def of(cls, column: ColumnStatus) -> Settings:
        return cls(*(getattr(column, name) for name in cls._fields))

    @property
    def hint(self) -> HintFrom:
        return HintFrom(self.dtype_from, self.shape_from)


@dataclass
class Tally:
    """What one walk over the rows has seen."""

    rows: int = 0
    raw_bytes: int = 0
    stored_bytes: int = 0
    kept: int = 0  # rows with frames of the program's own
    others: dict[str, int] = field(default_factory=dict)  # "envelope level" -> frames with other settings than wanted


@dataclass
class Counts(Tally):
    """Figures of all runs of one operation together, the interrupted ones included."""

    changed: int = 0
    missed: int = 0  # rows that others kept changing, and that are left
    rows_total: int = 0
    bytes_total: int = 0  # before compression
    largest: int = 0  # bytes of the largest value, before compression

    def take(self, tally: Tally) -> None:
        """What a later walk has seen counts instead."""
        vars(self).update(vars(tally))


@dataclass
class Record:
    """The entry of one column. It is changed in the same transaction as the rows that it describes."""

    id: int
    table: str  # under the names that it has now
    column: str
    operation: str
    state: str
    settings: Settings
    position: Key | None = None
    counts: Counts = field(default_factory=Counts)
    is_anchored: bool = False
    run: str = ""  # the name of our own run, once it has begun

    @property
    def is_running(self) -> bool:
        """Or was interrupted."""
        return self.state == "running"

    def save(self, connection: apsw.Connection) -> None:
        """:raises SupersededError: another run has begun, or has even come to its end."""
        position = None if self.position is None else encode_key(self.position)
        values = (self.operation, self.state, json.dumps(self.settings._asdict()), position)
        self.require_own(connection)
        run(
            connection,
            f"""UPDATE main.{MIGRATIONS} SET operation = ?, state = ?, settings = ?, position = ?, counts = ?,
                schema_version = ?, changed_at = CURRENT_TIMESTAMP WHERE id = ?""",
            (*values, json.dumps(asdict(self.counts)), pragma(connection, "schema_version"), self.id),
        )

    def take_over(self, connection: apsw.Connection) -> None:
        """From now on this run works on the column, and one that still does stops at its next commit."""
        self.run = os.urandom(8).hex()
        run(connection, f"UPDATE main.{MIGRATIONS} SET run = ? WHERE id = ?", (self.run, self.id))

    def require_own(self, connection: apsw.Connection) -> None:
        sql = f"SELECT run FROM main.{MIGRATIONS} WHERE id = ?"
        if not _has_tables(connection) or run(connection, sql, (self.id,)) != [(self.run,)]:
            raise SupersededError(
                f"another run of migrate or restore has begun on {self.table}.{self.column} and goes on in place of "
                "this one; what this one has done is kept"
            )

    def begin(self, connection: apsw.Connection, operation: str, settings: Settings, totals: Counts) -> None:
        """Start an operation from the first row.

        :param totals: how much there is to do.
        """
        self.operation, self.state, self.settings, self.position = operation, "running", settings, None
        self.counts = Counts(rows_total=totals.rows_total, bytes_total=totals.bytes_total, largest=totals.largest)
        self.take_over(connection)
        self.save(connection)

    def anchor(self, connection: apsw.Connection, rows: str) -> None:
        """:param rows: the ordinary table."""
        set_anchor(connection, self.id, rows, self.column)
        self.is_anchored = True
        sql = f"UPDATE main.{MIGRATIONS} SET table_name = ?, column_name = ? WHERE id = ?"
        run(connection, sql, (self.table, self.column, self.id))

    def remove(self, connection: apsw.Connection) -> None:
        """Forget the column, and drop the two tables together with the last one."""
        if self.run:
            self.require_own(connection)
        drop_anchor(connection, self.id)
        run(connection, f"DELETE FROM main.{EXCEPTIONS} WHERE migration = ?", (self.id,))
        run(connection, f"DELETE FROM main.{MIGRATIONS} WHERE id = ?", (self.id,))
        ids = {id for (id,) in run(connection, f"SELECT id FROM main.{MIGRATIONS}")}
        for id in find_anchors(connection).keys() - ids:  # of records that somebody has deleted
            drop_anchor(connection, id)
        if not run(connection, f"SELECT 1 FROM main.{MIGRATIONS} LIMIT 1"):
            run(connection, f"DROP TABLE main.{EXCEPTIONS}")
            run(connection, f"DROP TABLE main.{MIGRATIONS}")


# ---- Reading -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BadRecord:
    """A row of `zblob_migrations` that makes no sense."""

    id: int
    table: str  # as far as it says
    column: str
    problem: str

    @property
    def error(self) -> MetadataError:
        return MetadataError(
            f"table {MIGRATIONS}, record {self.id} of {self.table}.{self.column}, makes no sense: {self.problem}. Put "
            f"it right, or give the migration's record up with DELETE FROM {MIGRATIONS} WHERE id = {self.id}"
        )


def records(connection: Connection) -> tuple[list[Record], list[BadRecord]]:
    """The records of all columns of the main database that still exist. A bad one does not hide the others.

    :raises MetadataError: a newer version has made them, or the tables are none of ours.
    """
    check_metadata(connection, "main")
    if not _has_tables(connection):
        return [], []
    try:
        rows = run(connection, f"SELECT {_FIELDS} FROM main.{MIGRATIONS} ORDER BY id")
    except (apsw.SQLError, sqlite3.OperationalError) as error:
        raise MetadataError(f"table {MIGRATIONS} is not the one that sqlite_zblob makes: {error}") from error
    good: dict[tuple[str, str], Record] = {}
    bad = []
    anchors, schema_version = find_anchors(connection), pragma(connection, "schema_version")
    for row in sorted(rows, key=lambda row: row[0] not in anchors):
        try:
            record = _parse(row, schema_version)
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            bad.append(BadRecord(row[0], str(row[1]), str(row[2]), str(error)))
            continue
        if _find_column(connection, record, anchors):
            good.setdefault((fold(record.table), fold(record.column)), record)
    return sorted(good.values(), key=lambda each: (each.table, each.column)), bad


def _has_tables(connection: Connection) -> bool:
    sql = f"SELECT count(*) FROM {master_of('main')} WHERE type = 'table' AND name IN (?, ?)"
    return run(connection, sql, (MIGRATIONS, EXCEPTIONS)) == [(2,)]


def _parse(row: tuple[Any, ...], schema_version: int) -> Record:
    id, table, column, operation, state, settings, position, version, counts = row
    if not (isinstance(table, str) and isinstance(column, str)):
        raise ValueError("its column has no name")
    if operation not in OPERATIONS or state not in ("running", "done"):
        raise ValueError(f"no operation is called {operation!r}, or no state {state!r}")
    # A VACUUM may change rowids that no column names. It also changes the schema's version.
    key = decode_key(position) if position is not None else None
    made = Settings(**json.loads(settings))
    is_known = made.mode in MODES and made.envelope in ENVELOPES
    is_known = is_known and all(text is None or isinstance(text, str) for text in made.hint)
    if not is_known or type(made.level) is not int or type(made.min_size) is not int or made.level not in range(1, 10):
        raise ValueError(f"these are no settings: {settings}")
    return Record(
        *(id, table, column, operation, state, made),
        position=key if version == schema_version else None,
        counts=_parse_counts(counts),
    )


def _parse_counts(text: str) -> Counts:
    counts = Counts(**json.loads(text))
    numbers = [value for name, value in vars(counts).items() if name != "others"]
    if not all(type(value) is int and value >= 0 for value in [*numbers, *counts.others.values()]):
        raise ValueError(f"these are no counts: {text}")
    for name in counts.others:
        envelope, level = name.split()
        if envelope not in ENVELOPES or int(level) not in range(10):
            raise ValueError(f"these are no counts: {text}")
    return counts


def _find_column(connection: Connection, record: Record, anchors: dict[int, tuple[str, str]]) -> bool:
    """Give the record the names that its column has now. False: it is gone."""
    if record.id in anchors:
        rows, record.column = anchors[record.id]
        record.table, record.is_anchored = table_of_rows(connection, rows), True
        return True
    columns = run(connection, f"PRAGMA main.table_xinfo({quote(record.table)})")
    return any(fold(row[1]) == fold(record.column) for row in columns)


def table_of_rows(connection: Connection, rows: str) -> str:
    """The virtual table whose rows this one holds, or the table itself."""
    virtual = (each.table for each in virtual_columns(connection, "main"))
    return next((name for name in virtual if fold(f"{name}_rows") == fold(rows)), rows)


def find_record(connection: Connection, table: str, column: str) -> Record | None:
    """:raises MetadataError: that very record is bad."""
    good, bad = records(connection)
    for each in good:
        if (fold(each.table), fold(each.column)) == (fold(table), fold(column)):
            return each
    for one in bad:
        if (fold(one.table), fold(one.column)) == (fold(table), fold(column)):
            raise one.error
    return None


def compressed_columns(connection: Connection) -> list[tuple[str, str]]:
    """Table and column of every column that is enabled or was migrated."""
    enabled = [(each.table, each.column) for each in status(connection, schema="main")]
    good, bad = records(connection)
    found = enabled + [(each.table, each.column) for each in good]
    for one in bad:
        if run(connection, f"PRAGMA main.table_xinfo({quote(one.table)})"):
            found.append((one.table, one.column))
    names: dict[tuple[str, str], tuple[str, str]] = {}
    for table, column in found:
        names.setdefault((fold(table), fold(column)), (table, column))
    return list(names.values())


# ---- Making ------------------------------------------------------------------------------------------------


def make_record(connection: apsw.Connection, table: str, column: str, operation: str, settings: Settings) -> Record:
    """Make a new entry, in place of a stale one if there is one. To be called in a write transaction."""
    for sql in _CREATE.split(";"):
        run(connection, sql)
    _sweep(connection, table, column)
    id = int.from_bytes(os.urandom(4), "big")
    while run(connection, f"SELECT 1 FROM main.{MIGRATIONS} WHERE id = ?", (id,)):
        id = int.from_bytes(os.urandom(4), "big")
    run(
        connection,
        f"""INSERT INTO main.{MIGRATIONS}
                (id, table_name, column_name, operation, state, settings, schema_version, counts, run)
            VALUES (?, ?, ?, ?, 'running', ?, ?, '{{}}', '')""",
        (id, table, column, operation, json.dumps(settings._asdict()), pragma(connection, "schema_version")),
    )
    return Record(id, table, column, operation, "running", settings)


def _sweep(connection: apsw.Connection, table: str, column: str) -> None:
    """Records of this column, and of columns that are gone, serve for nothing any more."""
    good, bad = records(connection)
    wanted = {each.id for each in good if (fold(each.table), fold(each.column)) != (fold(table), fold(column))}
    wanted |= {each.id for each in bad}
    for (id,) in run(connection, f"SELECT id FROM main.{MIGRATIONS}"):
        if id not in wanted:
            drop_anchor(connection, id)
            run(connection, f"DELETE FROM main.{MIGRATIONS} WHERE id = ?", (id,))
    run(connection, f"DELETE FROM main.{EXCEPTIONS} WHERE migration NOT IN (SELECT id FROM main.{MIGRATIONS})")
