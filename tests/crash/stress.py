"""Processes and threads that write one database, with migrations, restorations, schema changes and SIGKILLs among them.

    python -m tests.crash.stress --minutes 10 [--processes 4] [--threads 3] [--seed 0]

Every thread owns some keys. Before it writes a value, it notes in a file of its own what it is about to write, and
after the commit that it is done: a value that was acknowledged must be there, byte for byte, whoever was killed
meanwhile; one that was only begun may be there or not, but nothing else. One process at a time migrates, restores or
changes the schema. When something is wrong, the database and the journals stay where the last line says.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import apsw

import sqlite_zblob as zb

from ..conftest import ROOT

KEYS = 12  # of each thread


def make_value(name: str, number: int) -> bytes:
    rng = random.Random(f"{name}/{number}")
    size = rng.choice([200, 5000, 60_000])
    return f"{name}/{number};".encode() * (size // 10) + rng.randbytes(size // 5)


def digest(value: bytes) -> str:
    return hashlib.blake2b(value, digest_size=16).hexdigest()


# ---- A writing process ---------------------------------------------------------------------------------------


def open_store(path: str) -> apsw.Connection:
    db = apsw.Connection(path)
    db.set_busy_timeout(120_000)
    zb.load(db)
    return db


def write(path: str, name: str, seed: int, until: float) -> None:
    """One thread: its journal has a line before each write and one after it."""
    rng, db = random.Random(f"{name} {seed}"), open_store(path)
    with Path(f"{path}.{name}.journal").open("a", buffering=1) as journal:
        while time.time() < until:
            key, number = f"{name}-{rng.randrange(KEYS)}", rng.getrandbits(40)
            value = None if rng.random() < 0.1 else make_value(name, number)
            entry = [key, None if value is None else digest(value)]
            journal.write(json.dumps(["begin", *entry]) + "\n")
            if value is None:
                db.execute("DELETE FROM t WHERE id = ?", (key,))
            else:
                db.execute("REPLACE INTO t(id, data) VALUES (?, ?)", (key, value))
            journal.write(json.dumps(["done", *entry]) + "\n")
    db.close()


def work(path: str, name: str, seed: int, threads: int, until: float) -> None:
    running = [
        threading.Thread(target=write, args=(path, f"{name}.{number}", seed, until)) for number in range(threads)
    ]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


# ---- A process that rearranges -------------------------------------------------------------------------------


def rearrange(path: str, seed: int, until: float) -> None:
    warnings.simplefilter("ignore")
    rng, db = random.Random(seed), open_store(path)
    done = Counter[str]()
    while time.time() < until:
        kind = rng.choice(["migrate", "migrate", "restore", "maintain", "index", "vacuum", "checkpoint", "column"])
        try:
            _rearrange(db, path, kind, rng)
            done[kind] += 1
        except (zb.SupersededError, zb.NotCompressedError, zb.OptionError, apsw.BusyError, apsw.LockedError) as error:
            done[f"{kind}: {type(error).__name__}"] += 1
        print(json.dumps(done), flush=True)
    db.close()


def _rearrange(db: apsw.Connection, path: str, kind: str, rng: random.Random) -> None:
    if kind == "migrate":
        zb.migrate(path, "t", "data", level=1, batch_size=1 << 18, workers=2, min_size=128)
    elif kind == "restore":
        zb.restore(path, "t", "data", batch_size=1 << 18, workers=2)
    elif kind == "maintain":
        zb.maintain(path, load=1)
    elif kind == "index":
        has_index = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'by_note'").fetchall()
        db.execute("DROP INDEX by_note" if has_index else "CREATE INDEX by_note ON t(note)")
    elif kind == "column":
        names = [row[1] for row in db.execute("PRAGMA table_info(t)")]
        if "extra" in names:
            db.execute("ALTER TABLE t RENAME COLUMN extra TO other")
        elif "other" in names:
            db.execute("ALTER TABLE t RENAME COLUMN other TO extra")
        else:
            db.execute("ALTER TABLE t ADD COLUMN extra DEFAULT 5")
    elif kind == "vacuum":
        db.execute("VACUUM")
    else:
        db.wal_checkpoint(None, rng.choice([apsw.SQLITE_CHECKPOINT_PASSIVE, apsw.SQLITE_CHECKPOINT_TRUNCATE]))


# ---- The judge -----------------------------------------------------------------------------------------------


def expected(path: str) -> dict[str, set[str | None]]:
    """What each key may hold: what was acknowledged last, or what was begun after it."""
    allowed: dict[str, set[str | None]] = {}
    for journal in Path(path).parent.glob("*.journal"):
        for line in journal.read_text().splitlines():
            try:
                what, key, value = json.loads(line)
            except ValueError:  # the process was killed in the middle of a line
                continue
            if what == "done":
                allowed[key] = {value}
            else:
                allowed.setdefault(key, {None}).add(value)
    return allowed


def check(path: str) -> tuple[int, list[str]]:
    """How many values were compared, and what is wrong."""
    wrong, db = [], open_store(path)
    if (found := db.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
        wrong.append(f"integrity_check: {found}")
    stored = {str(key): digest(value) for key, value in db.execute("SELECT id, zdecompress(data) FROM t")}
    db.close()
    allowed = expected(path)
    for key, values in allowed.items():
        if stored.get(key) not in values:
            wrong.append(f"{key} holds {stored.get(key)}, and should hold one of {values}")
    wrong += [f"{key} was never written" for key in stored.keys() - allowed.keys()]
    return len(allowed), wrong


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.crash.stress", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class Judge:
    """Rounds of some seconds; after each of them all processes have ended or been killed, and all is compared."""

    def __init__(self, folder: str, processes: int, threads: int, seed: int, longest: float = 20) -> None:
        self.folder, self.processes, self.threads, self.rng = Path(folder), processes, threads, random.Random(seed)
        self.longest = longest  # round, in seconds
        self.path = str(self.folder / "store.db")
        self.totals, self.done = Counter[str](), Counter[str]()
        self.wrong: list[str] = []
        db = apsw.Connection(self.path)
        db.execute("PRAGMA journal_mode = wal")
        db.execute("CREATE TABLE t(id TEXT PRIMARY KEY, data BLOB, note TEXT DEFAULT 'none')")
        db.close()

    def round(self) -> None:
        rng, seconds = self.rng, self.rng.uniform(0.4, 1) * self.longest
        until = str(time.time() + seconds)
        running = [
            start("work", self.path, f"p{number}", str(rng.getrandbits(40)), str(self.threads), until)
            for number in range(self.processes)
        ]
        running.append(start("rearrange", self.path, str(rng.getrandbits(40)), until))
        for process in rng.sample(running, rng.randrange(1, len(running))):
            time.sleep(rng.uniform(0, seconds / len(running)))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                self.totals["kills"] += 1
        for process in running:
            output, errors = process.communicate()
            if process.returncode not in (0, -signal.SIGKILL):
                self.wrong.append(errors)
            lines = [line for line in output.splitlines() if line.endswith("}")]
            self.done.update(json.loads(lines[-1]) if lines else {})
        try:
            compared, differences = check(self.path)
        except apsw.Error:  # a value that cannot be read, among others
            compared, differences = 0, [traceback.format_exc()]
        self.wrong += differences
        self.totals["rounds"] += 1
        self.totals["values compared"] += compared

    def report(self) -> None:
        journals = [line for each in self.folder.glob("*.journal") for line in each.read_text().splitlines()]
        self.totals["acknowledged writes"] = sum(line.startswith('["done"') for line in journals)
        print(f"{dict(self.totals)}\nbeside them: {dict(self.done)}\nwrong: {len(self.wrong)}", flush=True)


def main() -> None:
    if sys.argv[1:2] == ["work"]:
        path, name, seed, threads, until = sys.argv[2:]
        work(path, name, int(seed), int(threads), float(until))
        return
    if sys.argv[1:2] == ["rearrange"]:
        path, seed, until = sys.argv[2:]
        rearrange(path, int(seed), float(until))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--round", type=float, default=20, metavar="SECONDS", help="longer where programs start slowly")
    options: Any = parser.parse_args()
    folder = tempfile.mkdtemp()
    judge = Judge(folder, options.processes, options.threads, options.seed, options.round)
    end = time.monotonic() + options.minutes * 60
    while time.monotonic() < end and not judge.wrong:
        judge.round()
    judge.report()
    if judge.wrong:
        print(*judge.wrong, f"what is left is in {folder}", sep="\n")
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
