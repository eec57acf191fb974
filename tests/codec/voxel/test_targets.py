"""Every CPU target writes the same bytes: integers, labels, floats, of all strange kinds."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ...conftest import ROOT
from ...samples.strange import KINDS, LEVELS, images

TARGETS = ("scalar", "portable", "avx2", "avx512")


@pytest.mark.parametrize("kind", KINDS)
def test_every_target_writes_the_same_bytes(kind: str) -> None:
    """The targets that this CPU has; a forced one that it has not falls back to the best."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.codec.voxel.digests", kind],
            env={**os.environ, "ZBLOB_TARGET": target},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for target in TARGETS
    ]
    digests = set()
    for process in processes:
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        assert len(output.splitlines()) == len(LEVELS) * len(list(images(kind)))
        digests.add(output)
    assert len(digests) == 1
