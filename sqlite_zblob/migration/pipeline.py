"""Run jobs in an executor: results in order, a bound on the bytes in flight, broken workers replaced.

A value that breaks its worker again and again is set aside. Knows executors and jobs, but not what the jobs are for.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from ..codec import VERSION
from ..errors import WorkerError
from ..log import log
from .work import ExecutorSource
from .workers import Job, Outcome, Result, Stopper, handshake, stand_back

Task = Callable[[Job], Result]

# How many times a job that runs alone is tried again after it has failed.
RETRIES = 2

HANDSHAKE_SECONDS = 60

# After this time, a caller that waits for a result gets control, to show progress.
TICK_SECONDS = 0.25


def cpu_count() -> int:
    """The number of CPUs that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@dataclass
class Load:
    """What goes through the pipeline: a job, or None, and whatever the caller wants to recognise it by."""

    job: Job | None
    size: int  # bytes that it holds in memory while it is in flight
    tag: Any = None


@dataclass
class _Flight:
    load: Load
    future: Future[Result] | None


class Pipeline:
    """Runs the jobs of one task. A context manager, at whose end the executors that it made itself are shut down."""

    def __init__(
        self,
        task: Task,
        source: ExecutorSource,
        *,
        workers: int,
        in_flight: int,
        fetch: Callable[[Job], Job],
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        """
        :param in_flight: how many bytes the jobs that are handed out may have together. A larger job runs alone.
        :param fetch: adds the values to a job, for workers that cannot read them.
        :param tick: called while waiting.
        """
        self.task, self.source, self.workers = task, source, workers or cpu_count()
        self.in_flight, self.fetch, self.tick = in_flight, fetch, tick
        # Held by each of our own threads while it reads; a caller that holds it keeps them from reading.
        self.reading = Lock()
        self.stopper = Stopper()
        self.sends_values = False
        self.suspects = 0  # how many of the jobs in flight may have killed a worker, so that each of them runs alone
        self.executor, self.is_own = self._open()

    def _open(self) -> tuple[Executor, bool]:
        if self.source is None:
            return ThreadPoolExecutor(self.workers, "zblob", stand_back, (self.reading, self.stopper)), True
        executor, is_own = (self.source, False) if isinstance(self.source, Executor) else (self.source(), True)
        self._shake_hands(executor)
        return executor, is_own

    def _shake_hands(self, executor: Executor) -> None:
        try:
            version = executor.submit(handshake).result(HANDSHAKE_SECONDS)
        except FutureTimeoutError as error:
            raise WorkerError(f"no worker has answered within {HANDSHAKE_SECONDS} seconds") from error
        except (RuntimeError, OSError) as error:  # a BrokenExecutor is a RuntimeError, too
            raise WorkerError(f"the workers cannot start: {error}") from error
        _require_version(version)

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.stopper.stop()
        if self.is_own:
            self.executor.shutdown(wait=True, cancel_futures=True)

    def run(self, loads: Iterator[Load]) -> Iterator[tuple[Load, tuple[Outcome, ...]]]:
        """Yield every load with the outcomes of its items, in the order in which the loads came."""
        flights: deque[_Flight] = deque()
        waiting: Load | None = None
        held = 0
        try:
            while True:
                if waiting is None:
                    waiting = next(loads, None)
                has_room = not flights or (held + waiting.size <= self.in_flight if waiting else False)
                if waiting is not None and has_room and not self.suspects:
                    flights.append(_Flight(waiting, self._submit(waiting)))
                    held, waiting = held + waiting.size, None
                    continue
                if not flights:
                    return
                flight = flights.popleft()
                held -= flight.load.size
                yield flight.load, self._land(flight, flights)
        finally:
            for flight in flights:
                if flight.future is not None:
                    flight.future.cancel()

    def _submit(self, load: Load) -> Future[Result] | None:
        """Submit the load's job. None: it has none, or the executor is broken, and `_land` will try again."""
        if load.job is None:
            return None
        try:
            return self._hand_out(self._prepare(load.job))
        except BrokenExecutor:
            return None

    def _hand_out(self, job: Job) -> Future[Result]:
        """To the executor. Where the system gives this process no thread, the calling one does the work.

        :raises BrokenExecutor: a worker was killed.
        :raises WorkerError: the executor takes no more work.
        """
        try:
            return self.executor.submit(self.task, job)
        except BrokenExecutor:
            raise
        except (RuntimeError, OSError) as error:
            if not isinstance(self.executor, ThreadPoolExecutor) or not self.is_own:
                raise WorkerError(f"the executor takes no more work: {error}") from error
            log.warning("the system gives no thread (%s): this one does the work", error)
            return _done_here(self.task, job)

    def _prepare(self, job: Job) -> Job:
        return self.fetch(job) if self.sends_values else job

    def _land(self, flight: _Flight, others: deque[_Flight]) -> tuple[Outcome, ...]:
        """Wait for a flight's outcomes, and try again, alone, where its worker has failed."""
        job = flight.load.job
        if job is None:
            return ()
        if flight.future is None:
            self.suspects = max(0, self.suspects - 1)
            return self._run_alone(job)
        try:
            return self._collect(flight.future, job)
        except WorkerError:
            raise
        except BrokenExecutor:
            # Any job in flight may have killed the worker, so each of them runs alone from now on.
            log.warning("a worker process was killed: what was in flight runs again, one value at a time")
            self._replace_executor()
            for other in others:
                other.future = None
            self.suspects = sum(other.load.job is not None for other in others)
            return self._run_alone(job)
        except Exception:
            return self._run_alone(job)

    def _run_alone(self, job: Job) -> tuple[Outcome, ...]:
        """Run a job again while no other one runs, and set aside the values that fail again."""
        for _ in range(1 + RETRIES):
            try:
                return self._collect(self._hand_out(self._prepare(job)), job)
            except WorkerError:
                raise
            except Exception as error:
                if isinstance(error, BrokenExecutor):
                    self._replace_executor()
                if len(job.items) > 1:
                    singles = [self._run_alone(replace(job, items=(item,))) for item in job.items]
                    return tuple(outcome for single in singles for outcome in single)
                reason = f"{type(error).__name__}: {error}"
        return (Outcome("failed", reason=f"set aside after {2 + RETRIES} attempts, its worker failed: {reason}"),)

    def _collect(self, future: Future[Result], job: Job) -> tuple[Outcome, ...]:
        while not wait([future], TICK_SECONDS).done:
            self.tick()
        result = future.result()
        _require_version(result.codec_version)
        if result.unreachable:
            self.sends_values = True
            return self._collect(self._hand_out(self.fetch(job)), job)
        if len(result.outcomes) != len(job.items):
            raise WorkerError("a worker has answered something else than it was asked")
        return result.outcomes

    def _replace_executor(self) -> None:
        """Use the caller's function again where one was given. Otherwise use processes: only those can break."""
        if self.is_own:
            self.executor.shutdown(wait=False, cancel_futures=True)
        if self.source is not None and not isinstance(self.source, Executor):
            self.executor = self.source()
        else:
            # Only here, as few programs come here: it takes a sixth of the time to import migrations.
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context

            self.executor = ProcessPoolExecutor(self.workers, mp_context=get_context("spawn"))
        self.is_own = True
        self._shake_hands(self.executor)


def _done_here(task: Task, job: Job) -> Future[Result]:
    future: Future[Result] = Future()
    try:
        future.set_result(task(job))
    except Exception as error:
        future.set_exception(error)
    return future


def _require_version(version: str) -> None:
    if version != VERSION:
        raise WorkerError(
            f"a worker carries version {version} of the codec, and this process {VERSION}: install the same one"
        )
