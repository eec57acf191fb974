"""Values above 64 MiB, whose encoded chunks are moved together batch by batch, and which are read in parts."""

from __future__ import annotations

import numpy as np
import pytest

import sqlite_zblob as zb


@pytest.mark.parametrize("level", [1, 5])
def test_noise_between_what_compresses(level: int) -> None:
    """Chunks that zstd cannot shrink become zstd frames in the end, after others were moved next to them."""
    rng = np.random.default_rng(5)
    parts = [rng.bytes(3 << 20) if i % 3 == 0 else rng.integers(0, 9, 3 << 20, "u1").tobytes() for i in range(24)]
    value = b"".join(parts)
    frame = zb.compress(value, level=level)
    assert len(frame) < len(value) * 0.8
    assert zb.decompress(frame) == value


def test_a_large_image_has_small_chunks() -> None:
    rng = np.random.default_rng(6)
    steps = rng.integers(-3, 4, (130, 512, 512), "i1")
    image = np.cumsum(steps, axis=2, dtype="i2")
    for slices, least in ((130, 60), (60, 0)):
        frame = zb.compress(image[:slices].tobytes(), level=1, dtype="int16", shape=image[:slices].shape)
        count = zb.info(frame).chunk_count
        assert count >= least and (least or count <= 20)
    whole = zb.compress(image.tobytes(), level=1, dtype="int16", shape=image.shape)
    assert zb.decompress(whole) == image.tobytes()
