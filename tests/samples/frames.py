"""A small frame of each codec and of each coder of the voxel codec, with the value that it holds."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

import sqlite_zblob as zb


def small_frames() -> dict[str, tuple[bytes, bytes | str]]:
    ramp = np.add.outer(np.arange(24), np.arange(32))
    noisy = np.add.outer(np.arange(40), np.arange(60)) + np.random.default_rng(1).normal(0, 3, (40, 60)) + 9
    distance = np.sqrt(np.add.outer(np.arange(40.0) ** 2, np.arange(3, 63.0) ** 2))
    values: dict[str, tuple[bytes | str, dict[str, Any]]] = {
        "store": (b"incompressible", {}),
        "zstd": (b"compressible " * 20, {}),
        "zstd text": ("compressible " * 20, {}),
        "ordinary store": (b"incompressible", {"codec": "store"}),
        "ordinary zstd": (b"compressible " * 20, {"codec": "zstd"}),
        "planes 8": (pickle.dumps(ramp.astype("u1")), {"codec": "planes"}),
        "planes 16": (pickle.dumps((ramp * 300).astype(">u2")), {"codec": "planes"}),
        "voxel 8": (pickle.dumps(noisy.astype("u1")), {"codec": "voxel"}),
        "voxel 16": (pickle.dumps((noisy * 50).astype("<i2")), {"codec": "voxel", "level": 4}),
        "voxel predicted": (pickle.dumps((noisy * 50).astype("<i2")), {"codec": "voxel", "level": 9}),
        "voxel predicted ranks": (pickle.dumps((noisy[:38] // 1 * 331).astype(">u2")), {"codec": "voxel", "level": 9}),
        "voxel label": (pickle.dumps((ramp // 16).astype("u1").repeat(4, axis=0)), {"codec": "voxel"}),
        "voxel mixed": (
            pickle.dumps((ramp // 16).astype("u1").repeat(4, axis=0)),
            {"codec": "voxel", "level": 9},
        ),
        "voxel float": (pickle.dumps(noisy[:20, :30].astype("<f4")), {"codec": "voxel"}),
        "voxel few doubles": (pickle.dumps(noisy.astype("u1") / 3), {"codec": "voxel"}),
        "voxel differences": (pickle.dumps(distance.astype("<f4")), {"codec": "voxel"}),
        "voxel maps": (
            pickle.dumps((noisy[:24, :40] + np.arange(2).reshape(-1, 1, 1)).round() * [[[0.7]], [[-1.3]]]),
            {"codec": "voxel"},
        ),
        "voxel signal": (pickle.dumps((np.arange(8192) ** 2 // 7000 % 90).astype("u1")), {"codec": "voxel"}),
        "voxel series": (
            pickle.dumps((noisy[:26, :26] * 9 + np.random.default_rng(2).normal(0, 6, (4, 2, 26, 26))).astype("<i2")),
            {"codec": "voxel"},
        ),
        "planes 64": (pickle.dumps((ramp**3).astype("<f8")), {"codec": "planes"}),
        "planes and store": (
            pickle.dumps([ramp.astype("<i4"), np.random.default_rng(0).bytes(100)]),
            {"codec": "planes"},
        ),
    }
    return {name: (zb.compress(value, **options), value) for name, (value, options) in values.items()}


FRAMES = small_frames()
