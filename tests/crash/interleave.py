"""Migrations, a restoration, maintenance and a writer on one table, in thousands of different orders.

    python -m tests.crash.interleave --schedules 5000 [--first SEED]

A schedule that fails prints its seed; `--schedules 1 --first SEED` runs it again. Whatever the order, the database is
sound, everybody reads what the writer has written, a run ends well or with an error that its documentation names, and
one more migration and restoration find nothing amiss.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

import sqlite_zblob as zb

from .executors import InlineExecutor
from .scheduler import Scheduler

ROWS = 14
WRITES = 12

# How a run may end beside a colleague that undoes its work: each names the reason, and nothing is lost.
EXPECTED = (zb.SupersededError, zb.NotCompressedError)
EXPECTED_TEXTS = (
    "was switched off while its rows were being compressed",
    "was restored a moment ago",
    "no column of",
    "another connection has changed table t a moment ago",
)


def make_value(key: int, version: int, rng: random.Random) -> bytes:
    return b"%d/%d;" % (key, version) * rng.choice([1, 80, 300, 900])


@dataclass
class Case:
    """One schedule: who takes part follows from the seed, too."""

    seed: int
    path: str
    truth: dict[int, bytes] = field(default_factory=dict)  # acknowledged
    found: list[str] = field(default_factory=list)  # what is wrong

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        modes: list[zb.Mode] = ["in-place", "in-place", "table"]
        self.mode = self.rng.choice(modes)
        self.journal = self.rng.choice(["wal", "wal", "delete"])
        self.column = "data" if self.mode == "table" else "zdecompress(data)"

    # ---- The actors ----

    def write(self) -> None:
        rng = random.Random(self.seed + 1)
        db = self.open()
        for version in range(1, WRITES + 1):
            key, kind = rng.randrange(ROWS + 6), rng.random()
            if kind < 0.2:
                db.execute("DELETE FROM t WHERE id = ?", (key,))
                self.truth.pop(key, None)
            elif kind < 0.35 and key in self.truth and key + 50 not in self.truth:
                db.execute("UPDATE t SET id = id + 50 WHERE id = ?", (key,))
                self.truth[key + 50] = self.truth.pop(key)
            elif kind < 0.85:
                value = make_value(key, version, rng)
                db.execute("REPLACE INTO t(id, data) VALUES (?, ?)", (key, value))
                self.truth[key] = value
            else:
                self.write_several(db, rng, version)
            self.compare(db)
        db.close()

    def write_several(self, db: apsw.Connection, rng: random.Random, version: int) -> None:
        db.execute("BEGIN IMMEDIATE")
        changed = {key: make_value(key, version, rng) for key in rng.sample(range(ROWS), 3)}
        for key, value in changed.items():
            db.execute("REPLACE INTO t(id, data) VALUES (?, ?)", (key, value))
        is_kept = rng.random() < 0.6
        db.execute("COMMIT" if is_kept else "ROLLBACK")
        if is_kept:
            self.truth |= changed

    def compare(self, db: apsw.Connection) -> None:
        read: list[Any] = db.execute(f"SELECT id, {self.column} FROM t").fetchall()
        if dict(read) != self.truth:
            wrong = sorted(
                key for key in dict(read).keys() | self.truth.keys() if dict(read).get(key) != self.truth.get(key)
            )
            self.found.append(f"rows {wrong} are not as they were written")

    def migrate(self) -> None:
        zb.migrate(
            self.path,
            "t",
            "data",
            mode=self.mode,
            level=1,
            min_size=64,
            batch_size=2000,
            executor=InlineExecutor(),
            force=True,
        )

    def restore(self) -> None:
        zb.restore(self.path, "t", "data", batch_size=2000, executor=InlineExecutor())

    def maintain(self) -> None:
        zb.maintain(self.path, load=1)

    # ---- The schedule ----

    def open(self) -> apsw.Connection:
        db = apsw.Connection(self.path)
        zb.load(db)
        db.set_busy_handler(self.wait)
        return db

    @staticmethod
    def wait(attempts: int) -> bool:
        time.sleep(0.001)
        return True

    def prepare(self) -> None:
        db = apsw.Connection(self.path)
        db.execute(f"PRAGMA journal_mode = {self.journal}")
        db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
        self.truth = {key: make_value(key, 0, self.rng) for key in range(ROWS)}
        with db:
            db.executemany("INSERT INTO t VALUES (?, ?)", self.truth.items())
        db.close()
        if self.rng.random() < 0.5:
            self.migrate()

    def run(self, scheduler: Scheduler) -> None:
        self.prepare()
        scheduler.add("writer", self.write)
        kinds = {"migrate": self.migrate, "restore": self.restore}
        if self.mode == "in-place":
            kinds["maintain"] = self.maintain
        for number in range(self.rng.choice([1, 2, 2, 3])):
            kind = self.rng.choice(list(kinds))
            dies_at = self.rng.randrange(5, 200) if self.rng.random() < 0.25 else None
            scheduler.add(f"{kind} {number}", kinds[kind], dies_at=dies_at)
        for name, error in scheduler.run().items():
            self.judge(name, error)
        if not self.found:
            self.finish()

    def judge(self, name: str, error: BaseException | None) -> None:
        if error is None or isinstance(error, (*EXPECTED, KeyboardInterrupt)):
            return
        if isinstance(error, zb.ZblobError) and any(text in str(error) for text in EXPECTED_TEXTS):
            return
        self.found.append(f"{name}: " + "".join(traceback.format_exception(error)))

    def finish(self) -> None:
        db = self.open()
        self.compare(db)
        if db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            self.found.append("the database is damaged")
        db.close()
        self.migrate()
        self.restore()
        db = self.open()
        self.column = "data"
        self.compare(db)
        db.close()


def run_schedule(seed: int) -> tuple[list[str], str, int]:
    """What is wrong, a digest of the order, and how many turns there were."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        case = Case(seed, str(Path(folder) / "store.db"))
        scheduler = Scheduler(seed)
        with warnings.catch_warnings(), scheduler.in_charge():
            warnings.simplefilter("ignore")
            try:
                case.run(scheduler)
            except Exception as error:  # of the preparation or of the last check: the seed is wanted for these, too
                case.found.append("".join(traceback.format_exception(error)))
        return case.found, scheduler.order.hexdigest(), scheduler.turns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=0, help="as many schedules as there is time for")
    options = parser.parse_args()
    begun, counts = time.monotonic(), Counter[str]()
    for seed in itertools.count(options.first):
        is_over = time.monotonic() - begun > options.minutes * 60
        if is_over if options.minutes else seed >= options.first + options.schedules:
            break
        found, _, turns = run_schedule(seed)
        counts["schedules"] += 1
        counts["turns"] += turns
        if found:
            counts["failed"] += 1
            print(f"seed {seed}:", *found, sep="\n  ", flush=True)
    print(f"{counts['schedules']} schedules, {counts['turns']} turns, {counts['failed']} failed")
    sys.exit(bool(counts["failed"]))


if __name__ == "__main__":
    main()
