"""Orders of migrations, restorations, maintenance and writes; `python -m tests.crash.interleave` runs more of them."""

from __future__ import annotations

import os

from .interleave import run_schedule

SCHEDULES = int(os.environ.get("ZBLOB_SCHEDULES", "25"))


def test_no_order_does_harm() -> None:
    wrong = {seed: found for seed in range(SCHEDULES) if (found := run_schedule(seed)[0])}
    assert not wrong


def test_a_seed_gives_the_same_order_again() -> None:
    for seed in range(3):
        assert run_schedule(seed)[1] == run_schedule(seed)[1]
    assert run_schedule(1)[1] != run_schedule(2)[1]
