"""Voxels in a column, and what their rows say of them: sense and nonsense."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

import sqlite_zblob as zb

from ..conftest import one

SHAPE = (12, 20, 30)
VOXELS = (np.indices(SHAPE).sum(0) % 7 * 30 + np.random.default_rng(0).integers(0, 3, SHAPE)).astype(np.uint8)
BYTES = VOXELS.tobytes()
SAID = json.dumps({"dtype": "uint8", "shape": SHAPE})

CREATE = "CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, meta TEXT)"
DTYPE, SHAPE_SQL = "json_extract(NEW.meta, '$.dtype')", "json_extract(NEW.meta, '$.shape')"
HINT: dict[str, Any] = {"dtype_from": DTYPE, "shape_from": SHAPE_SQL}


def insert(db: Any, id: int, said: Any, value: Any = BYTES, table: str = "t") -> None:
    db.execute(f"INSERT INTO {table}(id, data, meta) VALUES (?, ?, ?)", (id, value, said))


def images(db: Any, id: int, column: str = "data", table: str = "t") -> list[Any]:
    """What the stored frame says, whose value is BYTES in any case."""
    stored = one(db, f"SELECT {column} FROM {table} WHERE id = ?", id)
    assert zb.is_frame(stored) and zb.decompress(stored) == BYTES
    return [(image.source, image.pixel_type, image.size) for image in zb.info(stored).images]


AS_SAID = [("options", "uint8", SHAPE[::-1])]

NONSENSE: list[Any] = [
    None,
    "{bad json",
    "",
    "[]",
    "{}",
    b"\xff\xfe",
    b"{}",
    7,
    1.5,
    json.dumps({"dtype": "uint8"}),
    json.dumps({"shape": SHAPE}),
    json.dumps({"dtype": None, "shape": None}),
    json.dumps({"dtype": "DT_UINT8", "shape": SHAPE}),
    json.dumps({"dtype": "", "shape": SHAPE}),
    json.dumps({"dtype": ".", "shape": SHAPE}),
    json.dumps({"dtype": "u" * 1000, "shape": SHAPE}),
    json.dumps({"dtype": "object", "shape": SHAPE}),
    json.dumps({"dtype": ["uint8"], "shape": SHAPE}),
    json.dumps({"dtype": 8, "shape": SHAPE}),
    json.dumps({"dtype": "uint8", "shape": [12, 20, 31]}),
    json.dumps({"dtype": "uint16", "shape": SHAPE}),
    json.dumps({"dtype": "uint8", "shape": [-12, -20, 30]}),
    json.dumps({"dtype": "uint8", "shape": [0, 20, 30]}),
    json.dumps({"dtype": "uint8", "shape": []}),
    json.dumps({"dtype": "uint8", "shape": [1] * 6 + list(SHAPE)}),
    json.dumps({"dtype": "uint8", "shape": [1 << 62, 1 << 62, 7200]}),
    json.dumps({"dtype": "uint8", "shape": [1 << 63, 2]}),
    json.dumps({"dtype": "uint8", "shape": "18446744073709558816"}),  # 2 ** 64 + 7200
    json.dumps({"dtype": "uint8", "shape": [12.0, 20.5, 30]}),
    json.dumps({"dtype": "uint8", "shape": 7200.0}),
    json.dumps({"dtype": "uint8", "shape": "[12,20,30"}),
    json.dumps({"dtype": "uint8", "shape": "(12,20,30]"}),
    json.dumps({"dtype": "uint8", "shape": "12,20,30]"}),
    json.dumps({"dtype": "uint8", "shape": "12,,20,30"}),
    json.dumps({"dtype": "uint8", "shape": "[[12,20,30]]"}),
    json.dumps({"dtype": "uint8", "shape": "12,20,30 voxels"}),
    json.dumps({"dtype": "uint8", "shape": {"x": 30}}),
]
