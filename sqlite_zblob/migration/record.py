"""What the database itself records of a migration: how far it is, which values stay as they are, and why.

There are two small tables beside `zblob_columns`. `zblob_migrations` has a row for each column that was migrated, from
the beginning until it is restored. `zblob_exceptions` has one for each value that is not what one would expect:

- "kept": the value looked like a frame before it was migrated, so restore must leave it alone (note: its checksum);
- "failed": the value could not be compressed or restored (note: why).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

import apsw

from ..column.schema import check_metadata, master_of
from ..column.storage import ColumnStatus, status
from ..connect.database import fold, pragma, run
from ..connect.loader import Connection
from ..errors import MetadataError
from .values import Key, decode_key, encode_key

MIGRATIONS, EXCEPTIONS = "zblob_migrations", "zblob_exceptions"

_CREATE = f"""
CREATE TABLE IF NOT EXISTS main.{MIGRATIONS} (/* zblob 1 */
    id INTEGER PRIMARY KEY,
    table_name TEXT NOT NULL,
    column_name TEXT NOT NULL,
    operation TEXT NOT NULL, -- 'migrate' or 'restore'
    state TEXT NOT NULL, -- 'running' or 'done'
    settings TEXT NOT NULL, -- JSON: mode, envelope, level, min_size
    position TEXT, -- JSON: the key up to which rows are done
    schema_version INTEGER NOT NULL, -- PRAGMA schema_version when position was written: rowids may change with it
    counts TEXT NOT NULL, -- JSON
    changed_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE IF NOT EXISTS main.{EXCEPTIONS} (/* zblob 1 */
    migration INTEGER NOT NULL,
    row_key TEXT NOT NULL, -- JSON
    kind TEXT NOT NULL, -- 'kept' or 'failed'
    note TEXT NOT NULL,
    PRIMARY KEY (migration, row_key, kind)
) WITHOUT ROWID
"""


class Settings(NamedTuple):
    """How the column is compressed: what `enable` takes."""

    mode: str
    envelope: str
    level: int
    min_size: int

    @classmethod
    def of(cls, column: ColumnStatus) -> Settings:
        return cls(column.mode, column.envelope, column.level, column.min_size)


@dataclass
class Counts:
    """Figures of all runs of one operation together, the interrupted ones included."""

    rows: int = 0  # looked at
    changed: int = 0
    missed: int = 0  # changed or deleted by others meanwhile
    raw_bytes: int = 0
    stored_bytes: int = 0
    rows_total: int = 0
    bytes_total: int = 0  # before compression
    largest: int = 0  # bytes of the largest value, before compression


@dataclass
class Record:
    """The entry of one column. It is changed in the same transaction as the rows that it describes."""

    id: int
    table: str
    column: str
    operation: str
    state: str
    settings: Settings
    position: Key | None = None
    counts: Counts = field(default_factory=Counts)

    def save(self, connection: apsw.Connection) -> None:
        position = None if self.position is None else encode_key(self.position)
        run(
            connection,
            f"""UPDATE main.{MIGRATIONS} SET operation = ?, state = ?, settings = ?, position = ?, counts = ?,
                schema_version = ?, changed_at = CURRENT_TIMESTAMP WHERE id = ?""",
            (
                self.operation,
                self.state,
                json.dumps(self.settings._asdict()),
                position,
                json.dumps(asdict(self.counts)),
                pragma(connection, "schema_version"),
                self.id,
            ),
        )

    def begin(self, connection: apsw.Connection, operation: str, settings: Settings, totals: Counts) -> None:
        """Start an operation from the first row.

        :param totals: how much there is to do.
        """
        self.operation, self.state, self.settings, self.counts = operation, "running", settings, totals
        self.restart(connection)

    def restart(self, connection: apsw.Connection) -> None:
        """Begin at the first row again. Rows that are done already will be recognised and passed over."""
        totals = self.counts
        self.position = None
        self.counts = Counts(rows_total=totals.rows_total, bytes_total=totals.bytes_total, largest=totals.largest)
        run(connection, f"DELETE FROM main.{EXCEPTIONS} WHERE migration = ? AND kind = 'failed'", (self.id,))
        self.save(connection)

    def add(self, connection: apsw.Connection, kind: str, key: Key, note: str) -> None:
        sql = f"INSERT OR REPLACE INTO main.{EXCEPTIONS} VALUES (?, ?, ?, ?)"
        run(connection, sql, (self.id, encode_key(key), kind, note))

    def is_kept(self, connection: apsw.Connection, key: Key, note: str) -> bool:
        sql = f"SELECT note FROM main.{EXCEPTIONS} WHERE (migration, row_key, kind) = (?, ?, 'kept')"
        return run(connection, sql, (self.id, encode_key(key))) == [(note,)]

    def failures(self, connection: apsw.Connection) -> list[tuple[Key, str]]:
        sql = f"SELECT row_key, note FROM main.{EXCEPTIONS} WHERE migration = ? AND kind = 'failed'"
        return [(decode_key(key), note) for key, note in run(connection, sql, (self.id,))]

    def failure_count(self, connection: Connection) -> int:
        sql = f"SELECT count(*) FROM main.{EXCEPTIONS} WHERE migration = ? AND kind = 'failed'"
        return int(run(connection, sql, (self.id,))[0][0])

    def remove(self, connection: apsw.Connection) -> None:
        """Forget the column, and drop the two tables together with the last one."""
        run(connection, f"DELETE FROM main.{EXCEPTIONS} WHERE migration = ?", (self.id,))
        run(connection, f"DELETE FROM main.{MIGRATIONS} WHERE id = ?", (self.id,))
        if not run(connection, f"SELECT 1 FROM main.{MIGRATIONS} LIMIT 1"):
            run(connection, f"DROP TABLE main.{EXCEPTIONS}")
            run(connection, f"DROP TABLE main.{MIGRATIONS}")


def records(connection: Connection) -> list[Record]:
    """The records of all columns of the main database.

    :raises MetadataError: a newer version has made them, or they make no sense.
    """
    check_metadata(connection, "main")
    tables = {row[0] for row in run(connection, f"SELECT name FROM {master_of('main')} WHERE type = 'table'")}
    if not {MIGRATIONS, EXCEPTIONS} <= tables:
        return []
    schema_version = pragma(connection, "schema_version")
    found = []
    for row in run(connection, f"SELECT * FROM main.{MIGRATIONS} ORDER BY id"):
        number, table, column, operation, state, settings, position, version, counts, _ = row
        try:
            # A VACUUM may change rowids that no column names. It also changes the schema's version.
            key = decode_key(position) if position is not None and version == schema_version else None
            found.append(
                Record(
                    *(number, table, column, operation, state, Settings(**json.loads(settings))),
                    position=key,
                    counts=Counts(**json.loads(counts)),
                )
            )
        except (TypeError, ValueError) as error:
            raise MetadataError(f"table {MIGRATIONS}, row {number}, makes no sense: {error}") from error
    return found


def find_record(connection: apsw.Connection, table: str, column: str) -> Record | None:
    for each in records(connection):
        if (fold(each.table), fold(each.column)) == (fold(table), fold(column)):
            return each
    return None


def compressed_columns(connection: apsw.Connection) -> list[tuple[str, str]]:
    """Table and column of every column that is enabled or was migrated."""
    enabled = [(each.table, each.column) for each in status(connection, schema="main")]
    return list(dict.fromkeys(enabled + [(each.table, each.column) for each in records(connection)]))


def make_record(connection: apsw.Connection, table: str, column: str, operation: str, settings: Settings) -> Record:
    """Make a new entry, in place of a stale one if there is one. To be called in a write transaction."""
    for sql in _CREATE.split(";"):
        run(connection, sql)
    sql = f"DELETE FROM main.{MIGRATIONS} WHERE (table_name, column_name) = (?, ?)"
    run(connection, sql, (table, column))
    run(connection, f"DELETE FROM main.{EXCEPTIONS} WHERE migration NOT IN (SELECT id FROM main.{MIGRATIONS})")
    run(
        connection,
        f"""INSERT INTO main.{MIGRATIONS} (table_name, column_name, operation, state, settings, schema_version, counts)
            VALUES (?, ?, ?, 'running', ?, ?, '{{}}')""",
        (table, column, operation, json.dumps(settings._asdict()), pragma(connection, "schema_version")),
    )
    return Record(connection.last_insert_rowid(), table, column, operation, "running", settings)
