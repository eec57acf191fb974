"""Envelopes of every released version stay loadable, by pickle alone, and are what docs/format.md says."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from .decoder import decode

VALUE = {"numbers": list(range(500)), "text": "Ünïcode" * 50, "bytes": bytes(range(256)) * 8}


@pytest.mark.parametrize("path", sorted((Path(__file__).parent / "envelopes").iterdir()), ids=lambda path: path.name)
def test_envelopes_of_every_released_version_stay_loadable(path: Path) -> None:
    assert pickle.loads(path.read_bytes()) == VALUE


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parent / "envelopes").glob("v0.1.*")), ids=lambda path: path.name
)
def test_layout(path: Path) -> None:
    envelope = path.read_bytes()
    size = int.from_bytes(envelope[36:44], "little")
    assert envelope[:36] == b"\x80\x04\x8c\x15sqlite_zblob.unpickle\x8c\x07load_v1\x93\x8e"
    assert envelope[44 + size :] == b"\x85R."
    pickled = decode(envelope[44 : 44 + size])
    assert isinstance(pickled, bytes) and pickle.loads(pickled) == VALUE
