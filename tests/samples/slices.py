"""A volume for the SQL functions on images, and the forms in which it may be stored."""

from __future__ import annotations

import numpy as np

import sqlite_zblob as zb

VOLUME = np.random.RandomState(5).randint(0, 60, (40, 90, 100)).cumsum(axis=0, dtype="u2")


def stored_as(store: str, value: bytes) -> bytes:
    return {"frame": zb.compress(value), "envelope": zb.compress_pickle(value), "plain": value}[store]
