"""A program's store, to the letter: what code that knows nothing of compression does."""

from __future__ import annotations

import pickle
import sqlite3
import threading
from typing import Any

RESULTS_TABLE = """CREATE TABLE IF NOT EXISTS results(operation_id TEXT PRIMARY KEY, data BLOB NOT NULL,
    data_type TEXT NOT NULL, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, size_bytes INTEGER, metadata TEXT)"""
STATE_TABLE = """CREATE TABLE IF NOT EXISTS execution_state(operation_id TEXT PRIMARY KEY, state TEXT NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)"""


class Store:
    def __init__(self, path: str) -> None:
        self.path = path
        self.local = threading.local()
        for sql in (RESULTS_TABLE, STATE_TABLE):
            self.connection.execute(sql)

    @property
    def connection(self) -> sqlite3.Connection:
        """One a thread."""
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, isolation_level=None, timeout=60)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA cache_size = 10000")
            self.local.connection = connection
        return connection

    def store(self, operation_id: str, value: Any) -> None:
        data = pickle.dumps(value)
        self.connection.execute(
            "INSERT OR REPLACE INTO results (operation_id, data, data_type, size_bytes) VALUES (?, ?, ?, ?)",
            (operation_id, data, type(value).__name__, len(data)),
        )
        self.connection.execute(
            "INSERT OR REPLACE INTO execution_state (operation_id, state) VALUES (?, 'done')", (operation_id,)
        )

    def read(self, operation_id: str) -> Any:
        row = self.connection.execute("SELECT data FROM results WHERE operation_id = ?", (operation_id,)).fetchone()
        if row is None:
            raise KeyError(operation_id)
        return pickle.loads(row[0])

    def delete(self, operation_id: str) -> None:
        self.connection.execute("DELETE FROM results WHERE operation_id = ?", (operation_id,))

    def statistics(self) -> tuple[int, int, float]:
        row = self.connection.execute("SELECT COUNT(*), SUM(size_bytes), AVG(size_bytes) FROM results").fetchone()
        return int(row[0]), int(row[1] or 0), float(row[2] or 0)

    def close(self) -> None:
        """The calling thread's connection."""
        self.connection.close()
        del self.local.connection
