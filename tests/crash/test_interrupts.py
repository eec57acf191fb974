"""sqlite3_interrupt() and Ctrl-C stop a call that takes seconds, wherever it is, and leave nothing half done."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlite_zblob as zb
from sqlite_zblob.codec import interrupt_by, is_plain_pickle

from ..conftest import ROOT, one

# SQL promises half of it. A busy machine may delay any single try.
LONGEST = 0.1
TRIES = 8

NOISE = np.random.default_rng(1).normal(0, 40, 3_000_000).astype("<i2")
SLOW = NOISE.tobytes()  # half a minute of zstd's highest level
SCAN = np.cumsum(NOISE.astype("<i4").repeat(8), dtype="<i4").tobytes()

Opener = Callable[..., Any]


def seconds_until_stopped(connection: Any, sql: str, *values: Any, after: float = 0.1) -> float:
    """From the interruption to the error. Infinite without one: on a busy machine, the statement may end first."""
    called = [0.0]

    def interrupt() -> None:
        called[0] = time.perf_counter()
        connection.interrupt()

    timer = threading.Timer(after, interrupt)
    timer.start()
    try:
        connection.execute(sql, values).fetchall()
    except (apsw.InterruptError, sqlite3.OperationalError) as error:
        assert "interrupted" in str(error)
        return time.perf_counter() - called[0]
    finally:
        timer.join()
    return math.inf


def is_stopped(connection: Any, sql: str, *values: Any, after: float = 0.1) -> bool:
    return any(seconds_until_stopped(connection, sql, *values, after=after) < LONGEST for _ in range(TRIES))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "options", ['{"level": 9, "codec": "zstd"}', '{"level": 9, "codec": "planes"}', '{"level": 8, "codec": "zstd"}']
)
def test_compression_stops(db: Any, options: str, threads: int) -> None:
    db.execute("SELECT zblob_config('threads', ?)", (threads,)).fetchall()
    options = options.replace("}", ', "dtype": "int16", "shape": [3000, 1000]}')
    assert is_stopped(db, "SELECT zcompress(?, ?)", SLOW, options)
    assert one(db, "SELECT zdecompress(zcompress(?, 5))", b"and then " * 99) == b"and then " * 99


def test_a_small_value_at_the_highest_level_stops(db: Any) -> None:
    """One block takes longer than anybody waits for."""
    assert is_stopped(
        db,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9999) "
        'SELECT sum(length(zcompress(?, \'{"level": 9, "codec": "zstd"}\'))) FROM n',
        SLOW[:120_000],
    )


@pytest.mark.parametrize("sql", ["SELECT zdecompress(?)", "SELECT zverify(?)", "SELECT zsubstr(?, 2)"])
def test_decompression_stops(db: Any, sql: str) -> None:
    db.execute("SELECT zblob_config('threads', 1)").fetchall()
    frame = zb.compress(SCAN, 1, dtype="int32", shape=(len(SCAN) // 4000, 1000))
    assert is_stopped(db, sql, frame, after=0.05)


def test_a_write_that_is_interrupted_is_undone(db: Any) -> None:
    db.execute("CREATE VIRTUAL TABLE t USING zblob(id INTEGER PRIMARY KEY, data BLOB COMPRESSED, level=9, codec=zstd)")
    db.execute("INSERT INTO t VALUES(1, ?)", (b"first " * 99,))
    assert is_stopped(db, "INSERT INTO t VALUES(2, ?)", SLOW)
    assert is_stopped(db, "UPDATE t SET data = ?", SLOW)
    assert db.execute("SELECT id, data FROM t").fetchall() == [(1, b"first " * 99)]
    assert one(db, "PRAGMA integrity_check") == "ok"


def test_an_integrity_check_stops() -> None:
    connection = apsw.Connection(":memory:")
    zb.load(connection)
    connection.execute("CREATE VIRTUAL TABLE t USING zblob(data BLOB COMPRESSED, level=1)")
    connection.execute("INSERT INTO t SELECT ? FROM (VALUES(1), (2), (3))", (SCAN,))
    assert is_stopped(connection, "PRAGMA integrity_check", after=0.05)
    connection.close()


# ---- Python ------------------------------------------------------------------------------------------------


class AlarmError(Exception):
    """What the handler of a signal raises."""


def seconds_until_alarm(work: Callable[[], object]) -> float:
    sent = [0.0]

    def ring(*_: object) -> None:
        raise AlarmError

    def send() -> None:
        sent[0] = time.perf_counter()
        os.kill(os.getpid(), signal.SIGUSR1)

    previous = signal.signal(signal.SIGUSR1, ring)
    timer = threading.Timer(0.1, send)
    try:
        timer.start()
        with pytest.raises(AlarmError):
            work()
        return time.perf_counter() - sent[0]
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, previous)


def test_handlers_of_signals_run_within_compress_and_decompress() -> None:
    frame = zb.compress(SCAN, 1, dtype="int32", shape=(len(SCAN) // 4000, 1000))
    for work in (
        lambda: zb.compress(SLOW, 9, codec="zstd"),
        lambda: [zb.decompress(frame, threads=1) for _ in range(9)],
    ):
        assert any(seconds_until_alarm(work) < LONGEST for _ in range(TRIES))


def test_a_long_pickle_is_read_with_questions() -> None:
    numbers = b"\x80\x04](" + b"K\x01" * 60_000_000 + b"e."
    asked = []
    with ThreadPoolExecutor(1) as pool:
        pool.submit(interrupt_by, lambda: asked.append(time.perf_counter())).result()
        began = time.perf_counter()
        assert pool.submit(is_plain_pickle, numbers).result()
    took = time.perf_counter() - began
    assert len(asked) > took / LONGEST


@pytest.mark.parametrize(
    "options", [{"level": 9, "codec": "zstd"}, {"level": 8}, {"level": 9, "dtype": "i2", "shape": (150, 1000)}], ids=str
)
def test_frames_do_not_depend_on_who_may_interrupt(options: dict[str, Any]) -> None:
    value = SLOW[:300_000]
    with ThreadPoolExecutor(1) as pool:  # in another thread nobody may
        alone = pool.submit(zb.compress, value, **options).result()
    assert zb.compress(value, **options) == alone


MIGRATE = """
import sys
import sqlite_zblob as zb
from sqlite_zblob.codec import interrupt_by, is_plain_pickle
try:
    print("ready", flush=True)
    zb.migrate(sys.argv[1], "t", "data", level=9, progress=lambda at: print("rows", flush=True))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_ctrl_c_stops_the_workers_of_a_migration(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    text = (SLOW[:3_000_000].hex()).encode()  # which zstd takes its time for, as no image is found in it
    connection.execute("INSERT INTO t(data) VALUES(?), (?), (CAST(? AS TEXT))", (text, text, text))
    connection.close()
    command = [sys.executable, "-c", MIGRATE, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert process.stdout and process.stdout.readline() == "ready\n"
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    sent = time.perf_counter()
    output = process.communicate(timeout=60)[0]
    assert output.endswith("interrupted\n") and process.returncode == 0
    assert time.perf_counter() - sent < 2  # of which the interpreter takes most, to end
