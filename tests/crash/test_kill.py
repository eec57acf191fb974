"""SIGKILL at random moments of migrate and of restore: nothing is lost, and running it again finishes the work.

ZBLOB_CRASH_KILLS sets how many processes of each of the two operations are killed (default: six).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import sqlite_zblob as zb

from ..conftest import ROOT
from .store import (
    SETUPS,
    Setup,
    Value,
    build,
    check_original,
    check_readable,
    count_frames,
    damaged_count,
    make_values,
    open_store,
)
from .store import schema_of as schema_of_store

KILLS = int(os.environ.get("ZBLOB_CRASH_KILLS", "6"))

ROWS = 90

OPERATIONS = ("migrate", "restore")


@dataclass
class Victim:
    """Runs processes on one store and kills them."""

    path: str
    setup: Setup
    rng: random.Random
    durations: dict[str, float] = field(default_factory=lambda: dict.fromkeys(OPERATIONS, 0.3))
    kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OPERATIONS, 0))

    def run(self, operation: str, *, kill: bool) -> dict[str, Any] | None:
        """The report; None if it was killed."""
        options = (
            self.setup.options() if operation == "migrate" else {"vacuum": self.setup.vacuum, "batch_size": 1 << 17}
        )
        command = [sys.executable, "-m", "tests.crash.process", operation, self.path, json.dumps(options)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, cwd=ROOT, **pipes) as process:  # type: ignore[call-overload]
            ready = process.stdout.readline()
            begun = time.monotonic()
            if kill and ready:
                time.sleep(self.rng.uniform(0, self.durations[operation]))
                process.send_signal(signal.SIGKILL)
            output, errors = process.stdout.read(), process.stderr.read()
        if process.returncode == -signal.SIGKILL:
            self.kills[operation] += 1
            return None
        assert process.returncode == 0, errors
        if not kill:
            self.durations[operation] = time.monotonic() - begun
        report: dict[str, Any] = json.loads(output)
        return report


@pytest.mark.parametrize("number", range(min(KILLS, len(SETUPS))), ids=lambda number: str(SETUPS[number]))
def test_a_killed_run_loses_nothing_and_goes_on(number: int, tmp_path: Path) -> None:
    setup, rng = SETUPS[number], random.Random(number)
    wanted = KILLS // len(SETUPS) + (number < KILLS % len(SETUPS))
    path, values = str(tmp_path / "store.db"), make_values(setup, ROWS, rng)
    build(path, setup, values)
    db = open_store(path)
    schema = schema_of_store(db)
    db.close()
    victim = Victim(path, setup, rng)
    while min(victim.kills.values()) < wanted:
        for operation in OPERATIONS:
            before = dict(victim.kills)
            report = None
            for _ in range(40):
                # Not for ever: a killed run that leaves nothing behind would never end.
                is_last = victim.kills[operation] >= wanted or victim.kills[operation] - before[operation] >= 8
                report = victim.run(operation, kill=not is_last)
                db = open_store(path)
                check_readable(db, setup, values)
                db.close()
                if report is not None:
                    break
            assert report is not None
            assert report["finished"] and report["missed_rows"] == 0
            refused = (operation == "migrate") * damaged_count(values)
            assert [failure["reason"][:13] for failure in report["failures"]] == ["damaged frame"] * refused
            db = open_store(path)
            if operation == "migrate":
                check_migrated(path, setup, values)
            else:
                check_original(db, values, schema)
            db.close()
    print(f"{setup}: killed {victim.kills}")


def check_migrated(path: str, setup: Setup, values: list[Value]) -> None:
    db = open_store(path)
    assert count_frames(db, setup) > (5 if setup.envelope == "pickle" else ROWS // 2)
    db.close()
    assert len(zb.verify(path, "store", "data").damages) == damaged_count(values)
