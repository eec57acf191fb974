"""What a program does that has the extension alone, without the package: run by tools/versions.py with old SQLites.

    python alone.py SQLITE EXTENSION FILE...

SQLITE is the version that the module pysqlite3 must carry. Each FILE has a table `a` whose column is compressed in
place, and a virtual table `v` with the same rows. All rows are read, written again and read; the files hold what they
held. Runs with Python 3.8.
"""

from __future__ import annotations

import os
import struct
import sys
from contextlib import closing

from pysqlite3 import dbapi2 as sqlite

VALUES = [bytes(range(256)) * 40, "text and more " * 300, None, 2.5, b"small"]
SCAN = struct.pack("<24000h", *((x * y // 9 + z * 11) % 700 for z in range(20) for y in range(30) for x in range(40)))
OTHERS = [SCAN, os.urandom(3000), bytes(5000), b"", "\u00e4 line\r\n" * 900, -7]


def opened(path: str, extension: str) -> sqlite.Connection:
    connection = sqlite.connect(path, isolation_level=None)
    connection.enable_load_extension(True)
    connection.load_extension(extension)
    return connection


def check_functions(connection: sqlite.Connection) -> None:
    for value in [*VALUES, *OTHERS]:
        query = "SELECT zdecompress(zcompress(?1)), zverify(zcompress(?1))"
        back, verdict = connection.execute(query, (value,)).fetchone()
        assert back == value and verdict in ("ok", None), value
    query = "SELECT zsubstr(zcompress(?1), 1000, 50) = substr(?1, 1000, 50), json_valid(zinfo(zcompress(?1)))"
    assert connection.execute(query, (SCAN,)).fetchone() == (1, 1)


def check_table(connection: sqlite.Connection, table: str, value: str) -> None:
    """:param value: SQL for a value as it was before compression."""
    rows = connection.execute(f"SELECT id, {value} FROM {table} ORDER BY id").fetchall()
    assert [each for _, each in rows] == VALUES, table
    for key, _ in rows:
        connection.execute(f"UPDATE {table} SET data = data WHERE id = ?", (key,))
    connection.execute("BEGIN")
    for other in OTHERS:
        connection.execute(f"INSERT INTO {table}(id, data) VALUES (1000, 'before')")
        connection.execute(f"INSERT OR REPLACE INTO {table}(id, data) VALUES (1000, ?)", (other,))
        query = f"SELECT {value} FROM {table} WHERE id = 1000"
        assert connection.execute(query).fetchall() == [(other,)]
        connection.execute(f"UPDATE {table} SET data = ?, id = 1001 WHERE id = 1000", (SCAN,))
        assert connection.execute(query.replace("1000", "1001")).fetchall() == [(SCAN,)]
        assert connection.execute(f"DELETE FROM {table} WHERE id = 1001").rowcount == 1
    connection.execute("COMMIT")
    for key, each in rows:
        connection.execute(f"UPDATE {table} SET data = ? WHERE id = ?", (each, key))
    connection.execute(f"ALTER TABLE {table} RENAME TO {table}2")
    connection.execute(f"UPDATE {table}2 SET data = ? WHERE id = ?", (rows[0][1], rows[0][0]))
    connection.execute(f"ALTER TABLE {table}2 RENAME TO {table}")
    assert connection.execute(f"SELECT id, {value} FROM {table} ORDER BY id").fetchall() == rows


def main() -> None:
    version, extension, *files = sys.argv[1:]
    assert sqlite.sqlite_version == version, sqlite.sqlite_version
    with closing(opened(":memory:", extension)) as connection:
        check_functions(connection)
    for path in files:
        with closing(opened(path, extension)) as connection:
            check_table(connection, "a", "zdecompress(data)")
            check_table(connection, "v", "data")
            assert connection.execute("SELECT zlength(data) > length(data) FROM a WHERE id = 1").fetchone() == (1,)
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


if __name__ == "__main__":
    main()
