"""The format document, held against the C code: its decoder reads what we write, and fixtures stay readable."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import sqlite_zblob as zb

from ..samples.values import sample_values
from .agree import raw_of, require_value
from .decoder import decode

FIXTURES = Path(__file__).parent / "fixtures"
# Of the names and bytes of a release's frames: nobody makes them anew.
RELEASED = {"v0.1.0": "84c7a9a351921b5f3f0d9f63418ade96123c111c221e3b68030ca51a14d120fa"}


@pytest.mark.parametrize("level", [1, 2, 5, 9])
@pytest.mark.parametrize("name", sample_values())
def test_independent_decoder_reads_what_we_write(name: str, level: int) -> None:
    value = sample_values()[name]
    assert decode(zb.compress(value, level)) == value


def test_samples_cover_every_codec() -> None:
    codecs = {zb.info(zb.compress(value)).codec for value in sample_values().values()}
    assert codecs == {"store", "zstd", "planes", "voxel"}


@pytest.mark.parametrize("folder", sorted(FIXTURES.iterdir()), ids=lambda folder: folder.name)
def test_frames_of_every_released_version_stay_readable(folder: Path) -> None:
    digests = json.loads((folder / "sha256.json").read_text())
    dictionaries = {int(file.stem): file.read_bytes() for file in folder.glob("*.dictionary")}
    frames = sorted(folder.glob("*.zblob"))
    assert len(digests) == len(frames) > 0
    assert (
        hashlib.sha256(b"".join(each.name.encode() + each.read_bytes() for each in frames)).hexdigest()
        == (RELEASED[folder.name])
    )
    for name, expected in digests.items():
        frame = (folder / name).read_bytes()
        raw = raw_of(frame, dictionaries.get(zb.info(frame).dictionary_id))
        assert hashlib.sha256(raw).hexdigest() == expected, name
        require_value(frame, raw, dictionaries, name)
