"""The store's table as a virtual table, and what tests ask of statements: rows, plans, error codes."""

from __future__ import annotations

import sqlite3
from typing import Any

import apsw

RESULTS = """CREATE VIRTUAL TABLE results USING zblob(
    operation_id TEXT PRIMARY KEY,
    data BLOB NOT NULL COMPRESSED,
    data_type TEXT NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    size_bytes INTEGER,
    metadata TEXT
)"""

Errors = (apsw.Error, sqlite3.Error)


def rows(connection: Any, sql: str, *bindings: Any) -> list[tuple[Any, ...]]:
    return list(connection.execute(sql, bindings))


def plan(connection: Any, sql: str) -> str:
    """EXPLAIN QUERY PLAN's lines, without what only the module reads (behind '#')."""
    lines = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
    return "\n".join(line.split(" #")[0].replace("VIRTUAL TABLE INDEX 0:", "") for line in lines)


def error_code(error: BaseException) -> int:
    """The extended result code."""
    code = getattr(error, "sqlite_errorcode", None) or getattr(error, "extendedresult", None)
    assert code is not None, error
    return int(code)
