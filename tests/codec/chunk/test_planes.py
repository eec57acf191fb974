"""Planes of samples of every width and byte order, read back by the independent decoder."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import sqlite_zblob as zb

from ...compat.decoder import decode


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i2", "<u4", ">i4", "<i8", ">u8", "<f4", ">f8"])
@pytest.mark.parametrize("shape", [(5000,), (50, 100), (10, 20, 30), (3, 7, 11, 30)])
def test_planes_of_every_width_and_order(dtype: str, shape: tuple[int, ...]) -> None:
    index = np.indices(shape).sum(axis=0)
    value = pickle.dumps((index * 3 + index % 5).astype(dtype))
    frame = zb.compress(value, codec="planes")
    assert zb.info(frame).codec == "planes"
    assert decode(frame) == value
