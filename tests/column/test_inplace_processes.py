"""4 processes x 3 threads read and write one WAL store in place: nothing lost, no wrong byte, integrity ok.

ZBLOB_STRESS_SECONDS sets how long (default 4).
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import sqlite_zblob as zb

from ..conftest import ROOT, open_sqlite3

PROCESSES, THREADS = 4, 3
SECONDS = float(os.environ.get("ZBLOB_STRESS_SECONDS", "4"))

WORKER = """
import json, pickle, random, sqlite3, sys, threading, time, zlib
import sqlite_zblob as zb

path, envelope = sys.argv[1], sys.argv[5]
process, threads, seconds = int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
zb.install()
deadline = time.monotonic() + seconds
results, failures = {}, []


def value(key, version, size):
    # each value says which row and which version it is, all through
    return pickle.dumps((key, version, (f"{key}:{version};".encode() * (size // 8 + 1))[:size]))


def check(raw):
    key, version, body = pickle.loads(raw)
    assert body == (f"{key}:{version};".encode() * (len(body) // 8 + 1))[: len(body)], "a wrong byte"
    return key, version


def work(thread):
    mine, rng = {}, random.Random(process * 100 + thread)
    db = sqlite3.connect(path, isolation_level=None, timeout=120)
    db.execute("PRAGMA synchronous=NORMAL")
    if envelope == "frame":
        zb.decode_rows(db)
    read = 0
    while time.monotonic() < deadline:
        key = f"{process}/{thread}/{rng.randrange(30)}"
        version = mine.get(key, (0, 0))[0] + 1
        size = rng.choice([100, 1000, 20_000, 300_000])
        raw = value(key, version, size)
        action = rng.randrange(10)
        if action < 4:
            sql = "INSERT OR REPLACE INTO results(operation_id, data, data_type, size_bytes) VALUES (?, ?, 'x', ?)"
            db.execute(sql, (key, raw, len(raw)))
        elif action < 6:
            db.execute(
                "INSERT INTO results(operation_id, data, data_type, size_bytes) VALUES (?, ?, 'x', ?) ON CONFLICT"
                "(operation_id) DO UPDATE SET data = excluded.data, size_bytes = excluded.size_bytes",
                (key, raw, len(raw)),
            )
        elif action < 7:
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM results WHERE operation_id = ?", (key,))
            db.execute("INSERT INTO results(operation_id, data, data_type, size_bytes) VALUES (?, ?, 'y', ?)",
                       (key, raw, len(raw)))
            if rng.randrange(2):
                db.execute("ROLLBACK")
                continue
            db.execute("COMMIT")
        elif action < 8:
            db.execute("DELETE FROM results WHERE operation_id = ?", (key,))
            mine.pop(key, None)
            continue
        else:
            for other, raw in db.execute("SELECT operation_id, data FROM results ORDER BY random() LIMIT 5").fetchall():
                assert check(raw)[0] == other, "a value of another row"
                read += 1
            continue
        mine[key] = (version, len(raw))
    db.close()
    results[thread] = (mine, read)


def guarded(thread):
    try:
        work(thread)
    except BaseException as failure:
        failures.append(f"{type(failure).__name__}: {failure}")


workers = [threading.Thread(target=guarded, args=(thread,)) for thread in range(threads)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
print(json.dumps({"failures": failures, "results": list(results.values())}))
"""


def stress(path: Path, envelope: str) -> tuple[dict[str, tuple[int, int]], int]:
    """What every worker left behind: key -> (version, size), and how many values were read and checked."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path), str(process), str(THREADS), str(SECONDS), envelope],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for process in range(PROCESSES)
    ]
    left: dict[str, tuple[int, int]] = {}
    read = 0
    for process in processes:
        output, errors = process.communicate(timeout=SECONDS + 300)
        assert process.returncode == 0, errors
        report = json.loads(output)
        assert report["failures"] == []
        assert len(report["results"]) == THREADS
        for mine, count in report["results"]:
            left |= {key: (version, size) for key, (version, size) in mine.items()}
            read += count
    return left, read


def test_one_store_many_writers(tmp_path: Path) -> None:
    import pickle

    for envelope in ("pickle", "frame"):
        path = tmp_path / f"{envelope}.db"
        db = open_sqlite3(str(path), isolation_level=None)
        assert isinstance(db, sqlite3.Connection)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("""CREATE TABLE results (operation_id TEXT PRIMARY KEY, data BLOB NOT NULL, data_type TEXT NOT NULL,
            created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, size_bytes INTEGER, metadata TEXT)""")
        db.execute("CREATE INDEX by_time ON results(created_at)")
        zb.enable(db, "results", "data", envelope=envelope, level=3)
        left, read = stress(path, envelope)
        assert read > 0 and len(left) > 0
        found = {}
        for key, stored, size in db.execute("SELECT operation_id, data, size_bytes FROM results"):
            raw = zb.decompress(stored)
            assert isinstance(raw, bytes) and len(raw) == size
            assert zb.is_frame(stored) == (size >= 512)
            owner, version, _ = pickle.loads(raw)
            assert owner == key
            found[key] = (version, size)
        assert found == left
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM results WHERE zverify(data) <> 'ok'").fetchone() == (0,)
        db.close()
