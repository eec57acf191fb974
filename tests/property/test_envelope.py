"""Whatever is pickled: the envelope loads as the pickle does, and whatever is no pickle stays as it is."""

from __future__ import annotations

import contextlib
import pickle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import sqlite_zblob as zb

ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(max_size=2000)
OBJECTS = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=30,
)


@given(OBJECTS, st.integers(2, 5), st.integers(1, 9))
def test_objects_come_back(value: Any, protocol: int, level: int) -> None:
    pickled = pickle.dumps(value, protocol=protocol)
    envelope = zb.compress_pickle(pickled, level=level)
    assert zb.info(envelope).envelope == "pickle"
    assert pickle.loads(envelope) == value
    assert zb.decompress(envelope) == pickled
    assert zb.compress_pickle(envelope) == envelope


@given(st.binary(max_size=3000))
def test_other_bytes_stay_as_they_are(value: bytes) -> None:
    wrapped = zb.compress_pickle(value)
    assert zb.decompress(wrapped) == value
    if wrapped == value:
        assert not zb.is_frame(value) or zb.decompress(value)


@given(st.binary(max_size=300), st.integers(0, 60))
def test_what_begins_as_an_envelope_is_one_or_damaged(tail: bytes, keep: int) -> None:
    value = zb.compress_pickle(pickle.dumps(b"x" * 700))[: 44 + keep] + tail
    with contextlib.suppress(zb.DamagedFrameError, zb.UnsupportedFrameError):
        assert zb.decompress(value) == pickle.dumps(b"x" * 700)
