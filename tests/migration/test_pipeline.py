"""Executors that break, workers of another version, poisonous values, and memory that stays bounded."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import pytest

import sqlite_zblob as zb
from sqlite_zblob.errors import WorkerError
from sqlite_zblob.migration.pipeline import Load, Pipeline
from sqlite_zblob.migration.values import Place
from sqlite_zblob.migration.workers import Item, Job, Outcome, Result, Source, compress_task

SOURCE = Source("nowhere.db", "nowhere.db", ("host", 0, 0), Place("t", "d", ("rowid",), ("BINARY",), True), "UTF-8")


def make_job(*bodies: bytes) -> Job:
    items = tuple(Item((number,), "blob", len(body), body) for number, body in enumerate(bodies))
    return Job(SOURCE, items, has_values=True)


def some_task(job: Job) -> Result:
    """Kills its process for one value, fails for another."""
    for item in job.items:
        if item.value == b"poison":
            os.kill(os.getpid(), signal.SIGKILL)
        if item.value == b"fault":
            raise ValueError("no such luck")
    return Result(zb.__version__, tuple(Outcome("keep", raw_size=item.size) for item in job.items))


def processes() -> Executor:
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


def run(jobs: list[Job], source: Any, task: Callable[[Job], Result] = some_task) -> list[tuple[Outcome, ...]]:
    loads = (Load(job, 10, number) for number, job in enumerate(jobs))
    with Pipeline(task, source, workers=2, in_flight=40, fetch=lambda job: job) as pipeline:
        found = list(pipeline.run(loads))
    assert [load.tag for load, _ in found] == list(range(len(jobs)))
    return [outcomes for _, outcomes in found]


@pytest.mark.parametrize("kind", ["function", "executor"])
def test_a_poisonous_value_is_set_aside(kind: str) -> None:
    jobs = [make_job(b"good", b"good") for _ in range(3)] + [make_job(b"good", b"poison", b"good")]
    jobs += [make_job(b"fine") for _ in range(4)]
    executor = processes()
    with executor:
        found = run(jobs, processes if kind == "function" else executor)
    kinds = [[outcome.kind for outcome in outcomes] for outcomes in found]
    assert kinds == [["keep"] * 2] * 3 + [["keep", "failed", "keep"]] + [["keep"]] * 4
    assert "set aside after" in found[3][1].reason


def test_a_fault_is_that_of_one_value() -> None:
    found = run([make_job(b"good", b"fault"), make_job(b"good")], None)
    assert [[outcome.kind for outcome in outcomes] for outcomes in found] == [["keep", "failed"], ["keep"]]
    assert "ValueError: no such luck" in found[0][1].reason


def other_version(job: Job) -> Result:
    return replace(compress_task(job), codec_version="99.0")


def test_workers_of_another_version_are_refused() -> None:
    with pytest.raises(WorkerError, match=r"version 99\.0 of the codec"):
        run([make_job(b"x" * 999)], None, other_version)


class Silent(Executor):
    """A cluster without workers."""

    def submit(self, function: Any, /, *_: Any, **__: Any) -> Future[Any]:
        return Future()


def test_no_worker_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlite_zblob.migration.pipeline.HANDSHAKE_SECONDS", 0.1)
    with pytest.raises(WorkerError, match="no worker has answered"):
        run([make_job(b"x")], Silent())


def test_in_flight_is_bounded_by_bytes() -> None:
    """40 bytes at 10 a job are 4 jobs; a larger one goes alone."""
    lock, now, most = threading.Lock(), [0], [0]

    def jobs() -> Iterator[Load]:
        for number in range(30):
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            yield Load(make_job(b"good"), 400 if number == 20 else 10, number)

    with (
        ThreadPoolExecutor(8) as pool,
        Pipeline(some_task, pool, workers=8, in_flight=40, fetch=lambda job: job) as pipeline,
    ):
        for load, _ in pipeline.run(jobs()):
            with lock:
                now[0] -= 1
            assert load.tag is not None
    assert most[0] <= 5  # four in flight, and one that waits


def test_workers_elsewhere_are_sent_the_values() -> None:
    sent = []

    def fetch(job: Job) -> Job:
        sent.append(job)
        return replace(job, items=tuple(replace(item, value=b"abc" * 300) for item in job.items), has_values=True)

    job = replace(make_job(b"abc" * 300), items=(Item((1,), "blob", 900),), has_values=False)
    loads = (Load(job, 10, number) for number in range(5))
    with Pipeline(compress_task, None, workers=2, in_flight=100, fetch=fetch) as pipeline:
        found = [outcomes[0] for _, outcomes in pipeline.run(loads)]
    assert [outcome.kind for outcome in found] == ["replace"] * 5
    assert len(sent) == 5
    assert zb.decompress(found[0].value) == b"abc" * 300
