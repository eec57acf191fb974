"""Orders of migrations, restorations, maintenance and writes; `python -m tests.crash.interleave` runs more of them."""

from __future__ import annotations

import os
import sys

import pytest

import sqlite_zblob as zb

from . import interleave
from .interleave import run_schedule

SCHEDULES = int(os.environ.get("ZBLOB_SCHEDULES", "25"))


def test_no_order_does_harm() -> None:
    wrong = {seed: found for seed in range(SCHEDULES) if (found := run_schedule(seed)[0])}
    assert not wrong


def test_a_seed_gives_the_same_order_again() -> None:
    for seed in range(3):
        assert run_schedule(seed)[1] == run_schedule(seed)[1]
    assert run_schedule(1)[1] != run_schedule(2)[1]


@pytest.mark.parametrize("step", ["prepare", "finish"])
def test_whatever_ends_a_schedule_its_seed_is_printed(
    step: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(case: interleave.Case) -> None:
        raise zb.ZblobError("nothing fits")

    monkeypatch.setattr(interleave.Case, step, fail)
    monkeypatch.setattr(sys, "argv", ["interleave", "--first", "7", "--schedules", "2"])
    with pytest.raises(SystemExit) as ended:
        interleave.main()
    output = capsys.readouterr().out
    assert ended.value.code == 1
    assert "seed 7:" in output and "seed 8:" in output and "nothing fits" in output and "2 failed" in output
