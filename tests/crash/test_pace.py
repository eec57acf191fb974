"""`pace` bounds the share of time for which a run holds the write lock, as the system's table of locks shows it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import apsw
import pytest

from ..conftest import ROOT

LOCKS = Path("/proc/locks")
ROWS, VALUE_SIZE = 24, 1 << 20
PACE = 0.1  # without it, the share is 0.3 and more

# The byte that a writer locks, by journal: of the file -shm WAL_WRITE_LOCK, of the database RESERVED_BYTE.
WRITE_LOCK = {"wal": 120, "delete": 0x40000001}

pytestmark = pytest.mark.skipif(not LOCKS.exists(), reason="this system does not show its locks")


def holds(pid: int, byte: int) -> bool:
    """Has this process locked the byte for writing?"""
    for line in LOCKS.read_text().splitlines():
        kind, owner, first, last = (line.split()[at] for at in (-5, -4, -2, -1))
        if kind == "WRITE" and owner == str(pid) and int(first) <= byte and (last == "EOF" or byte <= int(last)):
            return True
    return False


def held_share(path: Path, journal: str, operation: str) -> float:
    """Of the time between the first and the last moment at which the process was seen with the lock."""
    options = {"pace": PACE, "batch_size": 2 << 20}
    command = [sys.executable, "-m", "tests.crash.process", operation, str(path), json.dumps(options)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        seen: list[tuple[float, bool]] = []
        while process.poll() is None:
            seen.append((time.monotonic(), holds(process.pid, WRITE_LOCK[journal])))
            time.sleep(0.0005)
        assert process.stdout and json.loads(process.stdout.read().splitlines()[-1])["finished"]
    begin, *_, end = (moment for moment, is_held in seen if is_held)
    spans = [(after - before, is_held) for (before, is_held), (after, _) in pairwise(seen) if begin <= before < end]
    return sum(span for span, is_held in spans if is_held) / (end - begin)


@pytest.mark.parametrize("journal", WRITE_LOCK)
def test_the_lock_is_held_for_a_share_of_the_time(journal: str, tmp_path: Path) -> None:
    rng, path = random.Random(1), tmp_path / "store.db"
    db = apsw.Connection(str(path))
    db.execute(f"PRAGMA journal_mode = {journal}")
    db.execute("CREATE TABLE store(id INTEGER PRIMARY KEY, data BLOB)")
    with db:
        for _ in range(ROWS):
            value = rng.randbytes(VALUE_SIZE * 3 // 4) + bytes(VALUE_SIZE // 4)
            db.execute("INSERT INTO store(data) VALUES (?)", (value,))
    db.close()
    shares = [held_share(path, journal, operation) for operation in ("migrate", "restore")]
    print(f"{journal}: write lock held for {shares[0]:.1%} of migrate and {shares[1]:.1%} of restore, pace {PACE:.0%}")
    for share in shares:
        assert PACE / 5 < share < 1.5 * PACE
