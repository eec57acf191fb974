"""A virtual table of many small rows with a dictionary: does any step slow down or take more memory as it grows?

    python -m benchmarks.small_million [--rows 1000000]

Rows are JSON records of installed files, repeated. CPU time of this process for each row, by steps of a tenth of the
rows; and the largest resident set so far.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

import sqlite_zblob as zb

from .small import json_events

TRAINED_ROWS = 10_000
SELECTS = 20_000
CREATE = (
    "CREATE VIRTUAL TABLE t USING zblob(id INTEGER PRIMARY KEY, data BLOB COMPRESSED, min_size=64, dictionary=auto)"
)


@contextmanager
def measured(what: str, rows: int) -> Iterator[None]:
    begun = time.process_time()
    yield
    microseconds = (time.process_time() - begun) / rows * 1e6
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:24}{microseconds:8.2f} us{memory:9.0f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    count = parser.parse_args().rows
    rows, step = json_events(), count // 10
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.db"
        connection = apsw.Connection(str(path))
        zb.load(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(CREATE)
        insert = "INSERT INTO t(data) VALUES (?)"
        with connection:
            connection.executemany(insert, ((row,) for row in rows[:TRAINED_ROWS]))
        zb.train(connection, "t", "data")
        connection.execute("DELETE FROM t")
        for start in range(0, count, step):
            with measured(f"INSERT from {start}", step), connection:
                connection.executemany(insert, ((rows[i % len(rows)],) for i in range(start, start + step)))
        for start in range(0, count, step):
            with measured(f"scan from {start}", step):
                for _ in connection.execute("SELECT data FROM t WHERE id > ? LIMIT ?", (start, step)):
                    pass
        with measured("SELECT by key", SELECTS):
            for id in random.Random(1).choices(range(1, count), k=SELECTS):
                connection.execute("SELECT data FROM t WHERE id = ?", (id,)).fetchall()
        with measured("count", count):
            connection.execute("SELECT count(*) FROM t").fetchall()
        connection.close()
        with measured("verify", count):
            zb.verify(path)
        raw = sum(len(rows[i % len(rows)]) for i in range(count))
        print(f"{raw / 1e6:.0f} MB of values in a file of {path.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
