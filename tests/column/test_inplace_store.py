"""A program's store, to the letter: its code knows nothing of sqlite_zblob and runs unchanged."""

from __future__ import annotations

import pickle
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

import sqlite_zblob as zb

from ..samples.images import same_image


class ResultStore:
    """What a processing pipeline keeps its results in. Nothing in this class is about compression."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.local = threading.local()
        connection = self.connection()
        connection.execute("""
            CREATE TABLE IF NOT EXISTS results (
                operation_id TEXT PRIMARY KEY,
                data BLOB NOT NULL,
                data_type TEXT NOT NULL,
                created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
                size_bytes INTEGER,
                metadata TEXT
            )
        """)
        connection.execute("CREATE INDEX IF NOT EXISTS idx_results_created ON results(created_at)")
        connection.execute("""
            CREATE TABLE IF NOT EXISTS execution_state (
                workflow_id TEXT PRIMARY KEY,
                state TEXT NOT NULL,
                updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
            )
        """)

    def connection(self) -> sqlite3.Connection:
        if not hasattr(self.local, "connection"):
            connection = sqlite3.connect(self.path, isolation_level=None, timeout=60)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA cache_size=10000")
            self.local.connection = connection
        return self.local.connection  # type: ignore[no-any-return]

    def save(self, operation_id: str, obj: Any, metadata: str | None = None) -> None:
        data = pickle.dumps(obj)
        self.connection().execute(
            "INSERT OR REPLACE INTO results (operation_id, data, data_type, size_bytes, metadata) "
            "VALUES (?, ?, ?, ?, ?)",
            (operation_id, data, type(obj).__name__, len(data), metadata),
        )

    def upsert(self, operation_id: str, obj: Any) -> None:
        data = pickle.dumps(obj)
        self.connection().execute(
            "INSERT INTO results (operation_id, data, data_type, size_bytes) VALUES (?, ?, ?, ?) "
            "ON CONFLICT(operation_id) DO UPDATE SET data = excluded.data, size_bytes = excluded.size_bytes",
            (operation_id, data, type(obj).__name__, len(data)),
        )

    def load(self, operation_id: str) -> Any:
        row = self.connection().execute("SELECT data FROM results WHERE operation_id = ?", (operation_id,)).fetchone()
        if row is None:
            raise KeyError(operation_id)
        return pickle.loads(row[0])

    def delete(self, operation_id: str) -> bool:
        return self.connection().execute("DELETE FROM results WHERE operation_id = ?", (operation_id,)).rowcount == 1

    def statistics(self) -> tuple[Any, ...]:
        row = self.connection().execute("SELECT COUNT(*), SUM(size_bytes), AVG(size_bytes) FROM results").fetchone()
        return tuple(row)

    def set_state(self, workflow_id: str, state: str) -> None:
        self.connection().execute(
            "INSERT OR REPLACE INTO execution_state (workflow_id, state) VALUES (?, ?)", (workflow_id, state)
        )

    def close(self) -> None:
        self.local.connection.close()
        del self.local.connection


@pytest.fixture(scope="module")
def image(brain: sitk.Image) -> sitk.Image:
    """As the store's rows: 8 bits, with spacing, origin and direction of its own."""
    image = sitk.Cast(sitk.RescaleIntensity(brain, 0, 255), sitk.sitkUInt8)
    image.SetSpacing((0.9, 1.1, 1.25))
    image.SetOrigin((-98.0, -134.5, -72.25))
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    image.SetMetaData("patient", "Ünknown")
    return image


@pytest.fixture
def installed() -> Iterator[None]:
    """The one line in a program's start."""
    zb.install()
    yield
    zb.uninstall()


def expected_objects(image: sitk.Image) -> dict[str, Any]:
    return {
        "image": image,
        "float": 3.25,
        "none": None,
        "vector": sitk.GetImageFromArray(np.random.default_rng(1).random((9, 8, 7, 3)), isVector=True),
        "list": [{"a": i, "b": str(i)} for i in range(500)],
        "array": np.arange(60_000, dtype=np.int16).reshape(30, 40, 50),
    }


def check(store: ResultStore, expected: dict[str, Any]) -> None:
    for operation_id, obj in expected.items():
        found = store.load(operation_id)
        if isinstance(obj, sitk.Image):
            assert same_image(found, obj)
        elif isinstance(obj, np.ndarray):
            assert found.dtype == obj.dtype and np.array_equal(found, obj)
        else:
            assert found == obj
    sizes = [len(pickle.dumps(obj)) for obj in expected.values()]
    assert store.statistics() == (len(sizes), sum(sizes), sum(sizes) / len(sizes))


def test_the_store_runs_unchanged_through_restarts(tmp_path: Path, image: sitk.Image, installed: None) -> None:
    path = tmp_path / "results.db"
    expected = expected_objects(image)
    legacy = ResultStore(path)  # before anybody thought of compression
    legacy.save("legacy image", image)
    legacy.save("legacy float", 1.5)
    legacy.close()
    db = sqlite3.connect(path)
    zb.enable(db, "results", "data", envelope="pickle")
    db.close()
    expected |= {"legacy image": image, "legacy float": 1.5}
    for restart in range(3):
        store = ResultStore(path)  # all IF NOT EXISTS statements again
        if restart == 0:
            for operation_id in ("image", "float", "none", "vector", "list", "array"):
                store.save(operation_id, expected[operation_id])
        if restart == 1:
            for _ in range(2):
                store.upsert("list", expected["list"])
            store.upsert("new", image)
            expected["new"] = image
            store.save("gone", image)
            assert store.delete("gone")
            store.set_state("workflow", "running")
        check(store, expected)
        with pytest.raises(KeyError):
            store.load("gone")
        kinds = dict(store.connection().execute("SELECT operation_id, zis_frame(data) FROM results").fetchall())
        assert (kinds["legacy image"], kinds["float"], kinds["image"], kinds["list"]) == (0, 0, 1, 1)
        assert store.connection().execute("SELECT count(*) FROM results WHERE zverify(data) <> 'ok'").fetchone() == (0,)
        assert store.connection().execute("PRAGMA integrity_check").fetchone() == ("ok",)
        plan = store.connection().execute(
            "EXPLAIN QUERY PLAN SELECT operation_id FROM results WHERE created_at > '2020-01-01'"
        )
        assert "idx_results_created" in str(plan.fetchall())
        store.close()
    assert path.stat().st_size < 4 * len(pickle.dumps(image))  # four images, of which one is legacy, and a dead copy


def test_rows_read_by_a_process_that_only_unpickles(tmp_path: Path, image: sitk.Image, installed: None) -> None:
    """Reading needs no extension in the connection: the package alone, which the pickle names."""
    path = tmp_path / "results.db"
    store = ResultStore(path)
    zb.enable(store.connection(), "results", "data", envelope="pickle")
    store.save("image", image)
    store.close()
    script = """
        import pickle, sqlite3, sys
        row = sqlite3.connect(sys.argv[1]).execute("SELECT data FROM results").fetchone()
        print(pickle.loads(row[0]).GetSize())
    """
    root = str(Path(zb.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(path)], capture_output=True, text=True, cwd=root
    )
    assert done.stdout.strip() == str(image.GetSize()), done.stderr


def test_one_connection_a_thread(tmp_path: Path, image: sitk.Image, installed: None) -> None:
    store = ResultStore(tmp_path / "results.db")
    zb.enable(store.connection(), "results", "data", envelope="pickle", level=1)
    small = sitk.Shrink(image, [4, 4, 4])
    failures: list[BaseException] = []

    def work(worker: int) -> None:
        try:
            for i in range(10):
                store.save(f"{worker}-{i}", small + worker)
                assert same_image(store.load(f"{worker}-{i}"), small + worker)
            store.close()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.statistics()[0] == 60
    for worker in range(6):
        assert same_image(store.load(f"{worker}-3"), small + worker)
    store.close()
