"""What the zstd path makes is a zstd file: the zstd command reads it."""

from __future__ import annotations

import pickle
import subprocess
from pathlib import Path

import numpy as np

import sqlite_zblob as zb


def test_zstd_reads_general_frames(tmp_path: Path, brain_pickle: bytes) -> None:
    """No lock-in: the zstd command recovers what the zstd path made."""
    hopeless = pickle.dumps([np.random.default_rng(4).integers(0, 256, (400, 200), "u1"), "note " * 2000])
    values = {"text": b"general data " * 200_000, "small": b"y" * 99, "image": brain_pickle, "hopeless image": hopeless}
    for name, value in values.items():
        file = tmp_path / f"{name}.zst"
        file.write_bytes(zb.compress(value, codec="auto" if value is hopeless else "zstd"))
        assert zb.info(file.read_bytes()).codec == "zstd"
        assert subprocess.run(["zstd", "-dc", str(file)], capture_output=True, check=True).stdout == value
