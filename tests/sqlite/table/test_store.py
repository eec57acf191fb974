"""A program's store, unchanged, on the virtual table: images through restarts, and several processes at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import SimpleITK as sitk

import sqlite_zblob as zb

from ...conftest import ROOT, one, open_autocommit
from ...samples.images import same_image
from ...samples.store import Store
from .statements import RESULTS

PROCESSES, THREADS = 4, 3
SECONDS = float(os.environ.get("ZBLOB_PROCESSES_SECONDS", "5"))


@pytest.fixture
def store_path(path: str) -> Iterator[str]:
    """A store whose table was made virtual once, before the program that uses it starts."""
    connection = open_autocommit(path)
    connection.execute(RESULTS)
    connection.close()
    zb.install()
    yield path
    zb.uninstall()


def test_the_store_runs_unchanged(store_path: str, brain: sitk.Image) -> None:
    blurred = sitk.Cast(sitk.SmoothingRecursiveGaussian(brain, 2.0), sitk.sitkFloat32)
    mask = sitk.BinaryThreshold(brain, 60, 255)
    values: dict[str, Any] = {"image": brain, "blurred": blurred, "mask": mask, "number": 2.5, "nothing": None}
    store = Store(store_path)
    for key, value in values.items():
        store.store(key, value)
    store.close()
    for _ in range(2):  # starts
        store = Store(store_path)
        for key, value in values.items():
            read = store.read(key)
            assert same_image(read, value) if isinstance(value, sitk.Image) else read == value
        with pytest.raises(KeyError):
            store.read("no such operation")
        count, total, mean = store.statistics()
        assert (count, mean) == (len(values), total / count)
        store.store("number", 3.5)
        assert store.read("number") == 3.5
        store.store("number", 2.5)
        store.delete("nothing")
        store.store("nothing", None)
        store.close()
    connection = open_autocommit(store_path)
    assert one(connection, "SELECT sum(length(data)) FROM results_rows") < total * 0.6
    assert one(connection, "SELECT group_concat(state, '') FROM execution_state") == "done" * len(values)
    assert one(connection, "PRAGMA integrity_check") == "ok"
    connection.close()


def test_a_killed_writer_leaves_a_sound_store(store_path: str) -> None:
    command = [sys.executable, "-m", "tests.sqlite.table.store_process", store_path, "0", "2", "60"]
    for _ in range(2):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        connection = open_autocommit(store_path)
        deadline = time.monotonic() + 60
        while not one(connection, "SELECT count(*) FROM results") and time.monotonic() < deadline:
            time.sleep(0.05)
        connection.close()
        time.sleep(1)  # amid its work
        process.kill()
        process.wait()
        connection = open_autocommit(store_path)
        assert one(connection, "PRAGMA integrity_check") == "ok"
        assert one(connection, "SELECT count(*) FROM results WHERE length(data) = size_bytes") > 0
        assert one(connection, "SELECT min(zverify(data) = 'ok') FROM results_rows") == 1
        connection.execute("DELETE FROM results")
        connection.close()


def test_processes_and_threads_share_a_store(store_path: str) -> None:
    command = [sys.executable, "-m", "tests.sqlite.table.store_process", store_path]
    processes = [
        subprocess.Popen(
            [*command, str(i), str(THREADS), str(SECONDS)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for i in range(PROCESSES)
    ]
    for process in processes:
        out, err = process.communicate()
        assert process.returncode == 0, out + err
        report = json.loads(out)
        assert report["errors"] == []
        assert report["stored"] > 0 and report["read"] > 0
        print(report)
    connection = open_autocommit(store_path)
    assert one(connection, "PRAGMA integrity_check") == "ok"
    assert one(connection, "SELECT count(*) FROM results WHERE length(data) = size_bytes") == one(
        connection, "SELECT count(*) FROM results"
    )
    assert one(connection, "SELECT min(zverify(data) = 'ok') FROM results_rows") == 1
    connection.close()
