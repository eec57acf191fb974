"""One of several processes that write, read and delete in one store, in several threads each.

    python -m tests.sqlite.table.store_process PATH NUMBER THREADS SECONDS

Every value says from its first bytes what the rest must be. Prints how many operations it did, as JSON; fails on the
first wrong byte, lost row or error.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from typing import Any

import sqlite_zblob as zb

from ...samples.store import Store


def make_value(owner: str, version: int, rng: random.Random) -> list[Any]:
    """Small or large, compressible or not; the key and the version are part of it."""
    size = rng.choice([0, 30, 400, 4000, 60000, 400000])
    body = rng.randbytes(size) if rng.random() < 0.2 else f"{owner}/{version} ".encode() * (size // 8)
    return [owner, version, len(body), body[:50] * (len(body) // 50), body]


def check_value(key: str, value: list[Any]) -> None:
    owner, _, size, _, body = value
    assert owner == key and len(body) == size, (key, value[:3])


def work(store: Store, name: str, end: float, counts: dict[str, int], errors: list[str]) -> None:
    rng = random.Random(name)
    mine: dict[str, list[Any]] = {}
    try:
        while time.monotonic() < end:
            key = f"{name}-{rng.randrange(12)}"
            kind = rng.random()
            if kind < 0.35:
                mine[key] = make_value(key, counts["stored"], rng)
                store.store(key, mine[key])
                counts["stored"] += 1
            elif kind < 0.85:
                if key in mine:
                    assert store.read(key) == mine[key], f"{key} is not what was written"
                    counts["read"] += 1
                for other, data in store.connection.execute(
                    "SELECT operation_id, length(data) FROM results WHERE operation_id >= ? LIMIT 3", (key,)
                ):
                    assert other and data
            elif kind < 0.93:
                store.delete(key)
                mine.pop(key, None)
                counts["deleted"] += 1
            else:
                store.statistics()
        for key, value in mine.items():
            assert store.read(key) == value, f"{key} is not what was written"
        found = store.connection.execute(
            "SELECT count(*) FROM results WHERE operation_id GLOB ?", (f"{name}-*",)
        ).fetchone()[0]
        assert found == len(mine), f"{name}: {found} rows, {len(mine)} were written"
        store.close()
    except Exception as error:
        errors.append(f"{name}: {type(error).__name__}: {error}")


def main(path: str, number: str, thread_count: str, seconds: str) -> int:
    zb.install()
    store, end = Store(path), time.monotonic() + float(seconds)
    errors: list[str] = []
    counts = [{"stored": 0, "read": 0, "deleted": 0} for _ in range(int(thread_count))]
    threads = [
        threading.Thread(target=work, args=(store, f"p{number}t{i}", end, counts[i], errors))
        for i in range(int(thread_count))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"errors": errors, **{key: sum(count[key] for count in counts) for key in counts[0]}}))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
