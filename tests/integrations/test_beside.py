"""A store of raw voxels with dtype and shape in a JSON column, as its users write it: it knows nothing of us."""

from __future__ import annotations

import json
import pickle
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

import sqlite_zblob as zb

Array = NDArray[Any]

HINT: dict[str, Any] = {
    "dtype_from": "json_extract(NEW.metadata, '$.dtype')",
    "shape_from": "json_extract(NEW.metadata, '$.shape')",
}


class Store:
    """One connection per thread, in autocommit mode, with a write-ahead log."""

    def __init__(self, path: str) -> None:
        self.path, self.local = path, threading.local()
        self.connection.executescript(
            """CREATE TABLE IF NOT EXISTS results(operation_id TEXT PRIMARY KEY, data BLOB NOT NULL,
                   data_type TEXT NOT NULL, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, size_bytes INTEGER,
                   metadata TEXT);
               CREATE INDEX IF NOT EXISTS results_created ON results(created_at);"""
        )

    @property
    def connection(self) -> sqlite3.Connection:
        if not hasattr(self.local, "connection"):
            self.local.connection = sqlite3.connect(self.path, isolation_level=None)
            self.local.connection.execute("PRAGMA journal_mode = WAL")
            self.local.connection.execute("PRAGMA synchronous = NORMAL")
        opened: sqlite3.Connection = self.local.connection
        return opened

    def put(self, operation: str, array: Array) -> None:
        self.connection.execute(
            """INSERT INTO results(operation_id, data, data_type, size_bytes, metadata) VALUES (?, ?, 'volume', ?, ?)
               ON CONFLICT(operation_id) DO UPDATE SET data = excluded.data, size_bytes = excluded.size_bytes,
                   metadata = excluded.metadata""",
            (operation, array.tobytes(), array.nbytes, json.dumps({"dtype": str(array.dtype), "shape": array.shape})),
        )

    def get(self, operation: str) -> Array:
        sql = "SELECT data, metadata FROM results WHERE operation_id = ?"
        data, metadata = self.connection.execute(sql, (operation,)).fetchone()
        about = json.loads(metadata)
        return np.frombuffer(data, dtype=about["dtype"]).reshape(about["shape"])

    def statistics(self) -> tuple[int, int]:
        found: tuple[int, int] = self.connection.execute("SELECT count(*), sum(size_bytes) FROM results").fetchone()
        return found


@pytest.fixture
def installed() -> Iterator[None]:
    zb.install(decode_rows=True)
    yield
    zb.uninstall()


@pytest.fixture(scope="module")
def volumes(brain: sitk.Image) -> dict[str, Array]:
    image = brain[40:160, 40:200, 60:120]
    labels = sitk.ConnectedComponent(image > 60)
    return {
        "scan": sitk.GetArrayFromImage(image),
        "mask": sitk.GetArrayFromImage(image > 60),
        "labels": sitk.GetArrayFromImage(sitk.Cast(labels, sitk.sitkUInt16)),
        "gradient": sitk.GetArrayFromImage(sitk.GradientMagnitude(image)),
        "signed": sitk.GetArrayFromImage(image).astype(np.int16) - 100,
        "small": np.arange(6, dtype=np.uint8).reshape(1, 2, 3),
        "empty": np.zeros((0, 3, 4), np.float32),
        "number": np.array(3.5),
    }


def test_the_store_runs_unchanged(tmp_path: Path, installed: None, volumes: dict[str, Array]) -> None:
    path = str(tmp_path / "results.db")
    old = Store(path)
    old.put("scan of before", volumes["scan"])
    zb.enable(old.connection, "results", "data", **HINT)
    store = Store(path)  # starts anew, and makes what exists
    for _ in range(2):
        for name, array in volumes.items():
            store.put(name, np.flip(array))
            store.put(name, array)
    for name, array in {**volumes, "scan of before": volumes["scan"]}.items():
        back = store.get(name)
        assert back.dtype == array.dtype and np.array_equal(back, array)
    assert store.statistics() == (9, sum(each.nbytes for each in volumes.values()) + volumes["scan"].nbytes)


def test_threads(tmp_path: Path, installed: None, volumes: dict[str, Array]) -> None:
    store = Store(str(tmp_path / "results.db"))
    zb.enable(store.connection, "results", "data", **HINT)
    failures = []

    def work(number: int) -> None:
        try:
            for name, array in volumes.items():
                store.connection.execute("PRAGMA busy_timeout = 60000")
                store.put(f"{name} {number}", array)
                assert np.array_equal(store.get(f"{name} {number}"), array)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == [] and store.statistics()[0] == 4 * len(volumes)


def test_it_pays(tmp_path: Path, installed: None, volumes: dict[str, Array]) -> None:
    """As small as the same arrays pickled, which say themselves what they are."""
    store = Store(str(tmp_path / "results.db"))
    zb.enable(store.connection, "results", "data", **HINT)
    zb.decode_rows(store.connection, on=False)
    for name, array in volumes.items():
        store.put(name, array)
        (stored,) = store.connection.execute(
            "SELECT length(data) FROM results WHERE operation_id = ?", (name,)
        ).fetchone()
        assert stored <= len(zb.compress(pickle.dumps(array)))
