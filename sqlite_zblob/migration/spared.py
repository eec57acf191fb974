"""The rows that a migration leaves as they are, and why: the table `zblob_exceptions`.

- "nested": what a value has become by its restoration is a frame itself (note: its mark);
- "failed": the value could not be compressed or restored (note: why).
"""

from __future__ import annotations

import apsw

from ..connect.database import run
from ..connect.loader import Connection
from ..errors import MetadataError
from .values import Entry, Key, Place, decode_key, encode_key, mark_of

EXCEPTIONS = "zblob_exceptions"

CREATE_EXCEPTIONS = f"""
CREATE TABLE IF NOT EXISTS main.{EXCEPTIONS} (/* zblob 1 */
    migration INTEGER NOT NULL,
    row_key TEXT NOT NULL, -- JSON
    kind TEXT NOT NULL, -- 'nested' or 'failed'
    note TEXT NOT NULL,
    PRIMARY KEY (migration, row_key, kind)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS main.{EXCEPTIONS}_by_note ON {EXCEPTIONS}(migration, kind, note)
"""


class Spared:
    """Those of one record.

    A nested frame is known by its mark and its key, or by its mark alone where its row no longer holds it: its owner
    may have moved it, or copied it, and VACUUM changes rowids.
    """

    def __init__(self, connection: apsw.Connection, id: int) -> None:
        self.connection, self.id = connection, id
        rows = run(connection, f"SELECT DISTINCT kind FROM main.{EXCEPTIONS} WHERE migration = ?", (id,))
        self.kinds = {kind for (kind,) in rows}

    def add(self, kind: str, key: Key, note: str) -> None:
        sql = f"INSERT OR REPLACE INTO main.{EXCEPTIONS} VALUES (?, ?, ?, ?)"
        run(self.connection, sql, (self.id, encode_key(key), kind, note))
        self.kinds.add(kind)

    def forget(self, kind: str) -> None:
        run(self.connection, f"DELETE FROM main.{EXCEPTIONS} WHERE (migration, kind) = (?, ?)", (self.id, kind))
        self.kinds.discard(kind)

    def is_nested(self, place: Place, entry: Entry) -> bool:
        """Is this frame a restored value already? To be called in the transaction of the entry."""
        if "nested" not in self.kinds or not entry.has_magic:
            return False
        mark = mark_of(self.connection, place, entry)
        keys = self._keys("nested", mark)
        return entry.key in keys or any(not self._holds(place, key, entry, mark) for key in keys)

    def _keys(self, kind: str, mark: str) -> list[Key]:
        sql = f"SELECT row_key FROM main.{EXCEPTIONS} WHERE (migration, kind, note) = (?, ?, ?)"
        return [_decode(key) for (key,) in run(self.connection, sql, (self.id, kind, mark))]

    def _holds(self, place: Place, key: Key, entry: Entry, mark: str) -> bool:
        if len(key) != len(place.key):
            return False
        sql = f"SELECT octet_length({place.data}) FROM {place.address} WHERE {place.condition}"
        if run(self.connection, f"{sql} AND typeof({place.data}) = 'blob'", key) != [(entry.size,)]:
            return False
        return mark_of(self.connection, place, entry._replace(key=key)) == mark

    # ---- Failures ----

    def failures(self) -> list[tuple[Key, str]]:
        sql = f"SELECT row_key, note FROM main.{EXCEPTIONS} WHERE migration = ? AND kind = 'failed'"
        return [(_decode(key), note) for key, note in run(self.connection, sql, (self.id,))]

    def has_failed(self, key: Key) -> bool:
        if "failed" not in self.kinds:
            return False
        sql = f"SELECT 1 FROM main.{EXCEPTIONS} WHERE (migration, row_key, kind) = (?, ?, 'failed')"
        return run(self.connection, sql, (self.id, encode_key(key))) != []


def failure_count(connection: Connection, id: int) -> int:
    sql = f"SELECT count(*) FROM main.{EXCEPTIONS} WHERE migration = ? AND kind = 'failed'"
    return int(run(connection, sql, (id,))[0][0])


def _decode(key: str) -> Key:
    try:
        return decode_key(key)
    except (TypeError, ValueError, KeyError) as error:
        raise MetadataError(
            f"table {EXCEPTIONS} makes no sense: {key!r} is no key of a row ({error}). Delete that row of it"
        ) from error
