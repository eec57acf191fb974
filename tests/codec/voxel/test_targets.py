"""Every CPU target writes the same bytes: integers, labels, floats, of all strange kinds."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

import sqlite_zblob as zb

from ...conftest import ROOT
from ...samples.values import coloured
from . import test_integers, test_label, test_wide

TARGETS = ("scalar", "portable", "avx2", "avx512")
LEVELS = (1, 5, 9)


def images(kind: str) -> Iterator[np.ndarray]:
    if kind == "integers":
        yield from test_integers.STRANGE.values()
        yield from (test_integers.smooth((6, 90, 101), dtype) for dtype in ("u1", "<i2", ">u2", "<i4"))
        yield from (coloured(3, (90, 250)), coloured(4, (5, 70, 90)))
    elif kind == "labels":
        yield from test_label.STRANGE.values()
    else:
        yield from test_wide.STRANGE.values()


def print_digests(kind: str) -> None:
    """In a process that was told its target."""
    for image in images(kind):
        for level in LEVELS:
            value = pickle.dumps(image)
            frame = zb.compress(value, level)
            assert zb.decompress(frame) == value
            print(hashlib.sha256(frame).hexdigest())


@pytest.mark.parametrize("kind", ["integers", "labels", "floats"])
def test_every_target_writes_the_same_bytes(kind: str) -> None:
    """The targets that this CPU has; a forced one that it has not falls back to the best."""
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.codec.voxel import test_targets as t"
    digests = set()
    for target in TARGETS:
        done = subprocess.run(
            [sys.executable, "-c", f"{script}; t.print_digests({kind!r})"],
            env={**os.environ, "ZBLOB_TARGET": target},
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == len(LEVELS) * len(list(images(kind)))
        digests.add(done.stdout)
    assert len(digests) == 1
