"""A Dask cluster as a `concurrent.futures.Executor`, for migrate, restore and verify. Knows no database.

Workers only compute, and the process that has the executor writes. So nothing is lost, whichever process is killed; the
exception says what has failed. Dask itself gives the tasks of a killed worker to another one, and gives up a task that
has killed several (`KilledWorker`).
"""

from __future__ import annotations

import re
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from typing import Any, TypeVar

import distributed
from distributed.comm.registry import get_backend

from ...errors import WorkerError
from ...migration.workers import handshake

Result = TypeVar("Result")

PATIENCE = 30.0  # seconds without a scheduler, or without any worker
LOOK_SECONDS = 0.5  # between two looks at the cluster
LOOK_TIMEOUT = 5.0


class DaskExecutor(Executor):
    """The workers of a cluster, all with this process's version of the codec. A context manager.

    :param cluster: a scheduler's address, such as `tcp://10.0.0.1:8786`, or a `distributed.Client`, which stays open.
    :param patience: seconds to wait for a scheduler and for a worker, at the start and whenever there is none.
    :raises WorkerError: no scheduler answers, no worker joins, or a worker cannot import this package or carries
        another version of it.
    """

    def __init__(self, cluster: str | distributed.Client, *, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._is_own = not isinstance(cluster, distributed.Client)
        client: Any = _connect(cluster, patience) if isinstance(cluster, str) else cluster
        self._client = client
        self._address = str(self._client.scheduler.address)
        self._pending: dict[Future[Any], Any] = {}
        self._problem: str | None = None  # why nothing can be submitted any more
        self._lock = threading.Lock()
        self._is_closed = threading.Event()
        try:
            self._shake_hands()
        except BaseException:
            self._close_client()
            raise
        self._watch = threading.Thread(target=self._watch_cluster, name="zblob-dask", daemon=True)
        self._watch.start()

    def _shake_hands(self) -> None:
        """Every worker must answer with our own version."""
        try:
            self._client.wait_for_workers(1, timeout=self._patience)
        except TimeoutError as error:
            raise WorkerError(
                f"no worker has joined the Dask cluster at {self._address} in {self._patience:g} s"
            ) from error
        own = handshake()
        for worker, version in self._client.run(handshake, on_error="return").items():
            if isinstance(version, BaseException):
                raise WorkerError(f"the Dask worker {worker} cannot use sqlite_zblob: {version!r}") from version
            if version != own:
                raise WorkerError(f"the Dask worker {worker} has sqlite_zblob {version}, and this process {own}")

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        future: Future[Result] = Future()
        with self._lock:
            if self._problem or self._is_closed.is_set():
                raise WorkerError(self._problem or "the Dask executor was shut down")
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Sending large graph")  # values, for workers that cannot read them
                remote = self._client.submit(fn, *args, **kwargs, pure=False)
            self._pending[future] = remote
        future.add_done_callback(lambda done: remote.cancel() if done.cancelled() else None)
        remote.add_done_callback(lambda done: self._settle(future, done))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            pending = list(self._pending)
        if cancel_futures:
            for future in pending:
                future.cancel()
        elif wait and not self._is_closed.is_set():
            for future in pending:
                future.exception()
        if not self._is_closed.is_set():
            self._is_closed.set()
            self._close_client()

    def _close_client(self) -> None:
        if self._is_own:
            self._client.close(timeout=5)

    # ---- In Dask's threads and in the watching one -------------------------------------------------------------

    def _settle(self, future: Future[Any], remote: Any) -> None:
        """Tell what has become of a task to whoever waits for it."""
        outcome: Any = None
        error: BaseException | None = None
        if remote.status == "error":
            error = remote.exception()
        elif remote.status == "finished":
            try:
                outcome = remote.result(timeout=self._patience)
            except (CancelledError, OSError, TimeoutError):
                error = self._lost()
        elif not future.cancelled():
            error = self._lost()  # nobody here has cancelled it: the scheduler has forgotten it, or is gone
        self._resolve(future, outcome, error)

    def _lost(self) -> WorkerError:
        self._give_up(f"the connection to the Dask scheduler at {self._address} is lost")
        return WorkerError(self._problem)

    def _resolve(self, future: Future[Any], outcome: Any, error: BaseException | None) -> None:
        with self._lock:
            if self._pending.pop(future, None) is None or not future.set_running_or_notify_cancel():
                return
        if error is None:
            future.set_result(outcome)
        else:
            future.set_exception(error)

    def _give_up(self, problem: str) -> None:
        """End all tasks with this problem: no more of them will be done."""
        with self._lock:
            if self._is_closed.is_set():
                return
            self._problem = self._problem or problem
            pending = list(self._pending)
        for future in pending:
            self._resolve(future, None, WorkerError(self._problem))

    def _watch_cluster(self) -> None:
        """Give up when the scheduler or all workers are gone: tasks and results would wait for ever."""
        last_seen = time.monotonic()
        while not self._is_closed.wait(LOOK_SECONDS) and self._problem is None:
            if self._client.status != "running":  # it may find the scheduler again, but our tasks are forgotten there
                self._lost()
            elif self._has_workers():
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > self._patience:
                self._give_up(f"the Dask cluster at {self._address} has had no worker for {self._patience:g} s")

    def _has_workers(self) -> bool:
        try:
            return bool(self._client.sync(self._client.scheduler.nthreads, callback_timeout=LOOK_TIMEOUT))
        except (OSError, TimeoutError):
            return False


def require_address(address: str) -> None:
    """To be called before `distributed.Client`: that leaves a client behind whose end prints a traceback.

    :raises WorkerError: no scheduler can have this address.
    """
    scheme, mark, rest = address.rpartition("://")
    try:
        if scheme == "inproc":
            return
        get_backend(scheme if mark else "tcp")
        if re.search(r"[^:]:\d+(/|$)", rest):
            return
        reason = "it names no port"
    except ValueError as error:
        reason = str(error)
    raise WorkerError(f"no Dask scheduler answers at {address}: {reason}. tcp://host:8786 would be one")


def _connect(address: str, patience: float) -> Any:
    require_address(address)
    client: Any = distributed.Client  # it has no types
    try:
        return client(address, timeout=patience, set_as_default=False, name="sqlite_zblob")
    except (OSError, ValueError) as error:
        raise WorkerError(f"no Dask scheduler answers at {address}: {error}") from error
