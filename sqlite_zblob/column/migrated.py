"""What a migration has recorded of a column that is not enabled any more: `enable` takes the settings that it had."""

from __future__ import annotations

import json
import sqlite3
from typing import NamedTuple

import apsw

from ..choices import Envelope
from ..connect.database import fold, quote, run
from ..connect.loader import Connection
from .anchor import find_anchors
from .hint import HintFrom

MIGRATIONS = "zblob_migrations"


class Migrated(NamedTuple):
    envelope: Envelope
    level: int
    min_size: int
    hint: HintFrom
    dictionary: int | str | None


def migrated_settings(connection: Connection, schema: str, table: str, column: str) -> Migrated | None:
    """Of a column in place. None: it was not migrated, or the record makes no sense, which `migrate` says."""
    try:
        rows = run(connection, f"SELECT id, table_name, column_name, settings FROM {quote(schema)}.{MIGRATIONS}")
    except (apsw.SQLError, sqlite3.OperationalError):  # there is no such table
        return None
    anchors = find_anchors(connection, schema)
    for id, *names, text in rows:
        if [fold(str(name)) for name in anchors.get(id, names)] == [fold(table), fold(column)]:
            return _parse(text)
    return None


def _parse(text: str) -> Migrated | None:
    try:
        found = json.loads(text)
        hint = HintFrom(found.get("dtype_from"), found.get("shape_from"))
        settings = Migrated(found["envelope"], found["level"], found["min_size"], hint, found.get("dictionary"))
    except (TypeError, ValueError, KeyError, AttributeError):
        return None
    is_known = found.get("mode") == "in-place" and settings.envelope in ("frame", "pickle")
    is_known = is_known and all(text is None or isinstance(text, str) for text in hint)
    is_known = is_known and (settings.dictionary in (None, "auto") or type(settings.dictionary) is int)
    has_numbers = type(settings.level) is int and type(settings.min_size) is int
    return settings if is_known and has_numbers and 1 <= settings.level <= 9 and settings.min_size >= 0 else None
