"""verify --salvage: undamaged chunks of damaged values come back, and the holes are named."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import sqlite_zblob as zb
from sqlite_zblob.chunks import FrameDecoder
from sqlite_zblob.cli import cli
from sqlite_zblob.codec import head_size

from ..conftest import open_apsw


@pytest.fixture(scope="module")
def volume() -> Any:
    return np.random.default_rng(1).integers(-9, 10, (40, 256, 256)).cumsum(axis=2).astype("<i2")


def damaged(frame: bytes, *chunks: int) -> bytes:
    """With one wrong byte in the middle of each of these chunks, which count from 0."""
    places = FrameDecoder(frame[: head_size(frame)], len(frame)).chunks
    broken = bytearray(frame)
    for chunk in chunks:
        broken[places[chunk].stored_offset + places[chunk].stored_size // 2] ^= 0x55
    return bytes(broken)


@pytest.mark.parametrize("is_envelope", [False, True])
def test_what_is_left(volume: Any, is_envelope: bool) -> None:
    value = pickle.dumps(volume)
    frame = zb.compress_pickle(value) if is_envelope else zb.compress(value)
    whole = zb.salvage(frame)
    assert whole.value == value and not whole.holes and whole.chunk_count > 3
    found = zb.salvage(damaged(frame, 1, whole.chunk_count - 2))
    assert [hole.chunk for hole in found.holes] == [2, whole.chunk_count - 1]
    missing = np.zeros(len(value), bool)
    for hole in found.holes:
        missing[hole.start : hole.stop] = True
        assert f"chunk {hole.chunk}" in hole.reason
    before, after = np.frombuffer(value, "u1"), np.frombuffer(found.value, "u1")
    assert (after[~missing] == before[~missing]).all() and not after[missing].any()
    image = pickle.loads(found.value)
    planes = {n for hole in found.holes if hole.planes for n in range(hole.planes[0], hole.planes[1] + 1)}
    assert planes and all((image[n] == volume[n]).all() for n in set(range(40)) - planes)


def test_text_and_what_cannot_be_salvaged() -> None:
    frame = zb.compress("words \u00e9 " * 90_000)
    assert zb.salvage(frame).is_text and zb.salvage(frame).value.decode() == zb.decompress(frame)
    header = bytearray(frame)
    header[20] ^= 1
    for bad in (bytes(header), frame[:-9]):
        with pytest.raises(zb.DamagedFrameError):
            zb.salvage(bad)
    for plain in (b"plain", b""):
        with pytest.raises(zb.OptionError, match="not a frame"):
            zb.salvage(plain)


@pytest.mark.parametrize("key", ["id TEXT PRIMARY KEY", "id INTEGER PRIMARY KEY", "id"])
def test_the_command(tmp_path: Path, volume: Any, key: str) -> None:
    path, value = tmp_path / "store.db", pickle.dumps(volume)
    db = open_apsw(str(path))
    db.execute(f"CREATE TABLE t({key}, v BLOB)")
    frames = [zb.compress(value), damaged(zb.compress(value), 1), b"\x28\xb5" + zb.compress(value)[2:900]]
    with db:
        db.executemany("INSERT INTO t VALUES (?, ?)", enumerate(frames, 7))
    before = db.execute("SELECT v FROM t").fetchall()
    folder = tmp_path / "salvaged"
    command = ["verify", str(path), "t", "v", "--salvage", str(folder)]
    done = CliRunner(env={"TTY_COMPATIBLE": "0"}).invoke(cli, command)
    assert done.exit_code == 1 and "missing: bytes" in done.stdout and "planes" in done.stdout
    (file,) = folder.glob("*.salvaged")
    about = json.loads(file.with_suffix(".json").read_text())
    assert [hole["chunk"] for hole in about["holes"]] == [2] and len(file.read_bytes()) == len(value)
    assert pickle.loads(file.read_bytes()).shape == volume.shape
    assert db.execute("SELECT v FROM t").fetchall() == before
    CliRunner().invoke(cli, command)  # again: nothing is overwritten
    assert len(list(folder.glob("*.salvaged"))) == 2
    (report,) = [zb.verify(str(path), "t", "v")]
    assert [row.found is not None for row in zb.salvage_rows(str(path), report)] == [True]
