"""Lazy arrays of stored images, and rows that workers write, while workers and the scheduler are killed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import distributed
import numpy as np
import pytest

import sqlite_zblob as zb

from ..conftest import open_apsw, slow
from .cluster import SECONDS, Cluster, wait_for

KEYS = [f"scan-{number}" for number in range(8)]


@pytest.fixture
def volumes() -> Any:
    return np.random.default_rng(3).integers(0, 40, (len(KEYS), 24, 128, 160), dtype=np.int16) * 3


@pytest.fixture
def store(tmp_path: Path) -> str:
    pattern = str(tmp_path / "store-*.db")
    zb.shards.create(pattern, 3, level=1).close()
    return pattern


def test_there_and_back(store: str, volumes: Any) -> None:
    lazy = da.from_array(volumes, chunks=(1, 12, 128, 160))
    report = zb.dask.to_store(lazy, store, KEYS)
    assert (report.rows, report.again) == (len(KEYS), 0) and report.stored_bytes < report.raw_bytes / 2
    found = zb.dask.from_store(store, "results", "data", KEYS)
    assert (found.shape, found.dtype) == (volumes.shape, volumes.dtype)
    assert np.array_equal(found[2:4, 5, ::3].compute(scheduler="threads"), volumes[2:4, 5, ::3])
    assert np.array_equal(found.compute(scheduler="threads"), volumes)
    twice = zb.dask.from_store(store, "results", "data", [KEYS[2], KEYS[0], KEYS[2]])
    assert np.array_equal(twice.compute(scheduler="threads"), volumes[[2, 0, 2]])
    by_key = zb.dask.from_store(store, "results", "data", stack=False)
    assert sorted(by_key) == KEYS
    with zb.shards.open(store) as opened:
        assert np.array_equal(zb.images.read_array(opened[KEYS[1]]), volumes[1])
    again = zb.dask.to_store(lazy, store, KEYS, overwrite=False)
    assert (again.rows, again.skipped_rows) == (0, len(KEYS))


def test_chunks_are_those_of_the_values(tmp_path: Path) -> None:
    """So that no chunk is decoded twice. One database does as well."""
    volume = np.random.default_rng(0).integers(0, 9, (40, 256, 256), dtype=np.uint16)
    connection = open_apsw(str(tmp_path / "one.db"))
    zb.images.write_image(connection, "results", 7, volume, level=1)
    chunks = zb.images.open_image(connection, "results", "data", 1).chunks
    found = zb.dask.from_store(tmp_path / "one.db", "results", "data")
    assert found.chunks == ((1,), *chunks) and len(chunks[0]) > 1
    assert np.array_equal(found[0].compute(scheduler="threads"), volume)
    zb.images.write_image(connection, "results", 7, volume + 1, level=1)
    with pytest.raises(zb.ChangedValueError, match="make it again"):
        found[0].compute(scheduler="sync")
    zb.images.write_image(connection, "results", 8, volume[0], level=1)
    with pytest.raises(zb.OptionError, match="take stack=False"):
        zb.dask.from_store(tmp_path / "one.db", "results", "data")
    arrays = zb.dask.from_store(tmp_path / "one.db", "results", "data", [8, 7], stack=False)
    assert list(arrays) == [8, 7] and arrays[8].shape == (256, 256)
    with pytest.raises(KeyError):
        zb.dask.from_store(tmp_path / "one.db", "results", "data", [9])
    connection.close()


def test_wrong_arguments(store: str, volumes: Any) -> None:
    for keys, complaint in ((None, "give the keys"), (KEYS[1:], "7 keys"), ([*KEYS[1:], KEYS[1]], "7 differ")):
        with pytest.raises(zb.OptionError, match=complaint):
            zb.dask.to_store(volumes, store, keys)
    with pytest.raises(zb.OptionError, match="no array for the key 'x'"):
        zb.dask.to_store({"a": volumes[0]}, store, ["x"])
    with pytest.raises(zb.OptionError, match="nothing to stack"):
        zb.dask.from_store(store, "results", "data")


# ---- With a cluster ----------------------------------------------------------------------------------------

SLOW = """
def make(number, folder):
    import time, pathlib, numpy
    with pathlib.Path(folder, f"began-{number}").open("a") as log: log.write("x")
    time.sleep(0.25)
    return numpy.full((16, 64, 64), number, "i2")
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "cluster").mkdir()
    started = Cluster(tmp_path / "cluster")
    try:
        for _ in range(2):
            started.start_worker()
        yield started
    finally:
        started.end()


def rows_in(store: str) -> int:
    with zb.shards.open(store) as opened:
        return len(opened)


@pytest.mark.parametrize("restarts", [False, pytest.param(True, marks=slow)])
def test_kills_lose_nothing_and_double_nothing(cluster: Cluster, store: str, tmp_path: Path, restarts: bool) -> None:
    """A worker in the middle; then also the scheduler, which another one follows under its address."""
    names: dict[str, Any] = {}
    exec(SLOW, names)  # a function that workers get by value
    make = dask.delayed(names["make"], pure=False)
    count = 24 if restarts else 12
    arrays = {number: make(number, str(tmp_path)) for number in range(count)}
    outcome: list[Any] = []

    def write() -> None:
        try:
            outcome.append(zb.dask.to_store(arrays, store, cluster=cluster.address, patience=SECONDS))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    wait_for(lambda: outcome or rows_in(store) >= 3)
    cluster.kill_worker()
    if restarts:
        wait_for(lambda: outcome or rows_in(store) >= 8)
        assert not outcome, outcome
        cluster.restart_scheduler()
        assert 8 <= rows_in(store) < count
        cluster.start_worker()
    thread.join(2 * SECONDS)
    (written,) = outcome
    assert isinstance(written, zb.dask.WriteReport), written
    assert (written.rows, written.skipped_rows) == (count, 0) and (written.again > 0 or not restarts)
    with zb.shards.open(store) as opened:
        assert sorted(opened) == list(range(count))
    with zb.dask.DaskExecutor(cluster.address, patience=SECONDS) as executor:
        assert zb.shards.verify(store, "results", "data", executor=executor).ok
        report = zb.exchange.export_rows(store, "results", "data", f"frames:{tmp_path / 'out'}", executor=executor)
        assert report.ok and report.done_rows == count
    found = zb.dask.from_store(store, "results", "data", range(count))
    with distributed.Client(cluster.address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        means = client.compute(found.mean(axis=(1, 2, 3))).result(timeout=SECONDS)
    assert means.tolist() == list(range(count))
