"""Connections of both kinds in autocommit mode, in memory or on a file, for the tests of the virtual table."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from ..conftest import open_apsw, open_sqlite3

RESULTS = """CREATE VIRTUAL TABLE results USING zblob(
    operation_id TEXT PRIMARY KEY,
    data BLOB NOT NULL COMPRESSED,
    data_type TEXT NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    size_bytes INTEGER,
    metadata TEXT
)"""

Errors = (apsw.Error, sqlite3.Error)


def open_autocommit(path: str = ":memory:") -> sqlite3.Connection:
    return open_sqlite3(path, isolation_level=None)


@pytest.fixture(params=[open_apsw, open_autocommit], ids=["apsw", "sqlite3"])
def opener(request: pytest.FixtureRequest) -> Callable[..., Any]:
    chosen: Callable[..., Any] = request.param
    return chosen


@pytest.fixture
def db(opener: Callable[..., Any]) -> Iterator[Any]:
    connection = opener()
    yield connection
    connection.close()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "store.db")


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
