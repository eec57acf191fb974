"""A system that gives a process no more threads: the work is done all the same, by the thread that there is."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest

import sqlite_zblob as zb

from ..conftest import ROOT

# Stacks of threads that are larger than the process may be.
WITHOUT_THREADS = """
import resource, sys, threading
import sqlite_zblob as zb
import sqlite_zblob.migration.migrate
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
threading.stack_size(8 << 30)
try:
    threading.Thread(target=print).start()
except RuntimeError as error:
    print(error)
report = zb.migrate(sys.argv[1], "t", "data")
print(report.changed_rows, report.finished)
print(zb.verify(sys.argv[1], "t", "data").damages)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
def test_migration_without_threads(path: str) -> None:
    db = apsw.Connection(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    db.executemany("INSERT INTO t(data) VALUES(?)", [(bytes(9000),), (b"x" * 900_000,)] * 3)
    db.close()
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THREADS, path], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert done.stdout.splitlines() == ["can't start new thread", "6 True", "()"], done.stderr


def test_an_executor_that_takes_no_work_is_named(path: str, tmp_path: Path) -> None:
    db = apsw.Connection(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data); INSERT INTO t(data) VALUES(zeroblob(9000))")
    db.close()
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(zb.WorkerError, match="the workers cannot start: cannot schedule new futures after shutdown"):
        zb.migrate(path, "t", "data", executor=pool)
    report = zb.migrate(path, "t", "data")
    assert report.finished and report.changed_rows == 1
