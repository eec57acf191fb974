"""Statements, the extension and the codec under a malloc that fails: the n-th time, for every n (faults.c)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import build

from .faults import build_faults, prepare

# 1 takes every allocation, and some minutes; CI takes every k-th.
STEP = os.environ.get("ZBLOB_FAULTS_STEP", "61")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Under AddressSanitizer and UndefinedBehaviorSanitizer."""
    return build_faults(build.Toolchain(strict=True, sanitize=True), tmp_path_factory.mktemp("faults"))


def test_no_failed_allocation_does_harm(program: Path, tmp_path: Path) -> None:
    """A statement succeeds as usual, or fails for lack of memory and leaves everything as it was."""
    prepare(tmp_path / "prepared.db")
    command = [str(program), str(tmp_path / "faults.db"), STEP, str(tmp_path / "prepared.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600)
    last = done.stdout.splitlines()[-1] if done.stdout else ""
    print(last)  # pytest -s shows it
    assert last.endswith("faults, none was harmful"), f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
