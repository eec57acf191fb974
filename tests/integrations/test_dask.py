"""A real Dask cluster, scheduler and worker processes on 127.0.0.1, killed in the middle of the work; and one on a host
of its own, as far as network and files go."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import distributed
import pytest
import SimpleITK as sitk

import sqlite_zblob as zb
from sqlite_zblob.integrations.dask import DaskExecutor

from ..conftest import ROOT, one, open_apsw
from .cluster import ELSEWHERE, SECONDS, Cluster, wait_for

ROWS = 16


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One worker that reads the file itself, one that gets the values. Tests leave it with two again."""
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        started.start_worker()
        started.start_worker(("-c", ELSEWHERE))
        yield started
    finally:
        started.end()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, brain: sitk.Image) -> Path:
    path = tmp_path_factory.mktemp("store") / "store.db"
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF").fetchall()
    connection.execute("CREATE TABLE results(id TEXT PRIMARY KEY, data BLOB)")
    for number in range(ROWS):
        value = pickle.dumps(brain[:, :, 60 + number : 90 + number])  # 1.4 MB
        connection.execute("INSERT INTO results VALUES (?, ?)", (f"k{number}", value))
    connection.close()
    return path


@pytest.fixture
def database(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(template, tmp_path / "store.db"))


def start_migrate(database: Path, *options: str) -> subprocess.Popen[str]:
    """Slow enough to be killed in the middle."""
    command = [sys.executable, "-m", "sqlite_zblob", "migrate", str(database), "results", "data", "--json", *options]
    return subprocess.Popen(
        [*command, "--pace=0.4", "--batch-size=2M", "--level=9"],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    out, err = process.communicate(timeout=2 * SECONDS)
    return process.returncode, json.loads(out) if out else {}, err


def frame_count(database: Path) -> int:
    connection = open_apsw(str(database))
    try:
        connection.set_busy_timeout(10_000)
        return int(one(connection, "SELECT sum(zis_frame(data)) FROM results"))
    finally:
        connection.close()


def digests(database: Path) -> dict[str, str]:
    """Of all values, decompressed. The database is whole."""
    connection = open_apsw(str(database))
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute("SELECT id, zdecompress(data) FROM results")
        return {key: hashlib.sha256(value).hexdigest() for key, value in rows}
    finally:
        connection.close()


def test_a_killed_worker(cluster: Cluster, database: Path) -> None:
    before = digests(database)
    process = start_migrate(database, "--dask", cluster.address)
    wait_for(lambda: process.poll() is not None or frame_count(database) >= 2)
    assert process.poll() is None
    cluster.kill_worker()
    cluster.start_worker()
    code, report, err = finish(process)
    assert (code, report.get("changed_rows"), report.get("failures")) == (0, ROWS, []), err
    assert frame_count(database) == ROWS
    assert digests(database) == before
    with DaskExecutor(cluster.address) as executor:
        checked = zb.verify(database, executor=executor)
    assert (checked.ok, checked.compressed_rows) == (True, ROWS)


def test_a_killed_coordinator(cluster: Cluster, database: Path) -> None:
    before = digests(database)
    process = start_migrate(database, "--dask", cluster.address)
    wait_for(lambda: process.poll() is not None or frame_count(database) >= 2)
    process.send_signal(signal.SIGKILL)
    finish(process)
    assert 2 <= frame_count(database) < ROWS
    assert digests(database) == before
    code, report, err = finish(start_migrate(database, "--dask", cluster.address))
    assert (code, report.get("resumed"), report.get("changed_rows")) == (0, True, ROWS), err
    assert digests(database) == before


def test_a_task_that_kills_its_worker(cluster: Cluster) -> None:
    """It is given up with an exception, which the pipeline takes for a reason to set the value aside; others go on."""
    with DaskExecutor(cluster.address) as executor:
        error = executor.submit(os._exit, 1).exception(timeout=SECONDS)
        assert type(error).__name__ == "KilledWorker"
        assert executor.submit(len, b"abc").result(timeout=SECONDS) == 3
        raised = executor.submit(int, "x").exception(timeout=SECONDS)
        assert isinstance(raised, ValueError)
        missing = executor.submit(os.stat, "/nowhere").exception(timeout=SECONDS)
        assert isinstance(missing, FileNotFoundError)
    (dead,) = wait_for(lambda: [each for each in cluster.workers if each.poll() is not None])
    cluster.workers.remove(dead)
    cluster.start_worker()


def test_a_killed_scheduler(cluster: Cluster, database: Path) -> None:
    """The last one for this cluster."""
    before = digests(database)
    process = start_migrate(database, "--dask", cluster.address)
    wait_for(lambda: process.poll() is not None or frame_count(database) >= 2)
    cluster.scheduler.kill()
    code, report, err = finish(process)
    assert code == 1
    assert report["error"]["kind"] == "WorkerError"
    said = [line for line in err.splitlines() if not line.startswith("migrate results.data: ")]
    assert said[-1].startswith("sqlite-zblob: the connection to the Dask scheduler")
    assert all(line.startswith("sqlite-zblob: note: ") for line in said[:-1])
    assert 2 <= frame_count(database) < ROWS
    assert digests(database) == before
    code, report, err = finish(start_migrate(database))
    assert (code, report.get("resumed"), report.get("changed_rows")) == (0, True, ROWS), err
    assert digests(database) == before


def test_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(zb.WorkerError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        DaskExecutor("tcp://127.0.0.1:9", patience=0.5)
    monkeypatch.setattr(distributed.Client, "__init__", None)  # of these none is made
    for odd in ("nonsense://", "nonsense", "http://localhost:8786", "tcp://localhost"):
        with pytest.raises(zb.WorkerError, match=f"no Dask scheduler answers at {odd}: "):
            DaskExecutor(odd, patience=0.5)


def test_workers_that_cannot_be_used(tmp_path: Path) -> None:
    """None at all, one of another version, one without this package; and one that goes away."""
    other = tmp_path / "other" / "sqlite_zblob"
    shutil.copytree(ROOT / "sqlite_zblob", other, ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "codec.py").open("a") as file:
        file.write('\nVERSION = "0.0.1"\n')
    (tmp_path / "none" / "sqlite_zblob").mkdir(parents=True)
    (tmp_path / "none" / "sqlite_zblob" / "__init__.py").write_text("raise ImportError('not here')")
    started = Cluster(tmp_path)
    try:
        with pytest.raises(zb.WorkerError, match="no worker has joined"):
            DaskExecutor(started.address, patience=0.5)
        for folder, complaint in (("other", r"has sqlite_zblob 0\.0\.1"), ("none", "cannot use sqlite_zblob")):
            started.start_worker(PYTHONPATH=str(tmp_path / folder))
            with pytest.raises(zb.WorkerError, match=complaint):
                DaskExecutor(started.address, patience=SECONDS)
            started.kill_worker()
        started.start_worker()
        with DaskExecutor(started.address, patience=SECONDS) as executor:
            executor._patience = 1.0
            future = executor.submit(time.sleep, 60)
            started.kill_worker()
            assert isinstance(future.exception(timeout=SECONDS), Exception)
            wait_for(lambda: executor._problem)
            with pytest.raises(zb.WorkerError, match="has had no worker"):
                executor.submit(len, b"")
    finally:
        started.end()


# ---- Two hosts ---------------------------------------------------------------------------------------------

HERE, THERE = "192.0.2.1", "192.0.2.2"  # addresses for examples


def ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


@pytest.fixture
def hosts() -> Iterator[tuple[str, str]]:
    """The names of two network namespaces with a cable between them, and nothing else."""
    if not shutil.which("ip"):
        pytest.skip("there is no ip(8)")
    here, there = names = (f"zblob-{os.getpid()}-here", f"zblob-{os.getpid()}-there")
    try:
        for name in names:
            ip("netns", "add", name)
        ip("-n", here, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", there)
        for name, address in ((here, HERE), (there, THERE)):
            ip("-n", name, "address", "add", f"{address}/30", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")
            ip("-n", name, "link", "set", "lo", "up")
        subprocess.run(on_host(there, hidden=Path("/mnt"), command=["true"]), check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)
        pytest.skip(f"no namespaces here: {error}")
    yield names
    for name in names:
        ip("netns", "delete", name)


def on_host(name: str, *, hidden: Path | None = None, command: Sequence[str] = ()) -> list[str]:
    """The words that start a command there, with nothing in the hidden folder: `ip` gives it mounts of its own."""
    hide = ["sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(hidden)] if hidden else []
    return ["ip", "netns", "exec", name, *hide, *command]


def test_workers_without_the_file(hosts: tuple[str, str], template: Path, tmp_path: Path) -> None:
    """They get the values by the cable, and all of the work is theirs."""
    here, there = hosts
    for name in ("data", "cluster"):
        (tmp_path / name).mkdir()
    database = Path(shutil.copy(template, tmp_path / "data" / "store.db"))
    before = digests(database)
    cluster = Cluster(tmp_path / "cluster", THERE, on_host(there, hidden=database.parent))
    try:
        cluster.start_worker()
        work = [sys.executable, "-m", "sqlite_zblob"]
        options = [str(database), "results", "data", "--json", "--dask", cluster.address]
        for operation, count in (("migrate", "changed_rows"), ("verify", "compressed_rows")):
            stored, carried = stored_size(database), carried_size(here)
            command = on_host(here, command=[*work, operation, *options])
            process = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            code, report, err = finish(process)
            assert (code, report.get(count)) == (0, ROWS), err
            carried = carried_size(here) - carried
            print(f"{operation}: {stored:,} bytes stored, {carried:,} sent to the worker")
            assert stored < carried < 1.5 * stored
            assert digests(database) == before
    finally:
        cluster.end()


def stored_size(database: Path) -> int:
    """Of all values, as they are."""
    connection = apsw.Connection(str(database))
    try:
        return int(one(connection, "SELECT sum(length(data)) FROM results"))
    finally:
        connection.close()


def carried_size(host: str) -> int:
    """Bytes that this host has sent."""
    (cable,) = json.loads(ip("-n", host, "-json", "-statistics", "link", "show", "cable"))
    return int(cable["stats64"]["tx"]["bytes"])
