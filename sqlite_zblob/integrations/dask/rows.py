"""Write arrays as compressed rows of a sharded store, from the workers of a cluster.

Each row is one task: compute the array, compress it, and write it to the shard of its key, under that shard's lease.
The row is stored before the task is done, and storing it again replaces it. So a killed worker's tasks are done by
another one, and after a restart of the scheduler what it had not confirmed is given out again: no row is lost, and
none is there twice.
"""

from __future__ import annotations

import io
import os
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import dask
import distributed

from ...codec import DEFAULT_LEVEL
from ...errors import OptionError, WorkerError
from ...shards.store import ShardedStore
from ...shards.store import open as open_store
from .executor import require_address

PATIENCE = 60.0  # seconds to wait for a scheduler and for workers
LEASE_SECONDS = 600.0  # that a worker waits for another one to have written
RETRIES = 3  # of a task that raised, or killed its worker
EACH = 3  # tasks in flight for each thread of the cluster
PAUSE_SECONDS = 0.25  # twice that after the first failure of a task, and so on
LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class WriteReport:
    """What to_store did."""

    rows: int  # that were written by this call
    skipped_rows: int  # that were there already; only without `overwrite`
    raw_bytes: int  # of the rows written, before compression
    stored_bytes: int
    again: int  # tasks that were given out again, because a worker or the scheduler was lost
    seconds: float


def to_store(
    arrays: Any,
    pattern: str | os.PathLike[str],
    keys: Iterable[Any] | None = None,
    *,
    cluster: str | distributed.Client | None = None,
    level: int = DEFAULT_LEVEL,
    overwrite: bool = True,
    patience: float = PATIENCE,
) -> WriteReport:
    """Compute arrays and store each as a `.npy` value, compressed, in the shard of its key.

    :param arrays: a dict from keys to arrays of Dask or NumPy or delayed ones; or one array, whose first axis is that
        of `keys`.
    :param pattern: the files of a store that `zb.shards.create` has made, which the workers see under the same names.
    :param cluster: a scheduler's address, or a client. None: threads of this process.
    :param overwrite: False: leave out keys that have a row, so that an interrupted call goes on where it stopped.
    :param patience: seconds to wait for a scheduler that is gone, and for a worker where there is none.
    :raises OptionError: the keys do not fit the arrays, or there is no such store.
    :raises WorkerError: no scheduler or no worker answers for that long.

    What a task itself raises is raised here after three more attempts; the rows that are done stay.
    """
    begun = time.monotonic()
    name = os.path.abspath(os.fspath(pattern))  # noqa: PTH100 - it is a pattern, for workers in other folders
    todo = _by_key(arrays, keys)
    with open_store(name, level=level) as store:
        skipped = [] if overwrite else [key for key in todo if key in store]
        shards = {key: store.shard_of(key) for key in todo}
    for key in skipped:
        del todo[key]
    writer = _Writer(name, level, patience, shards)
    writer.run(todo, cluster)
    done = writer.done.values()
    raw, stored = (sum(each[at] for each in done) for at in (0, 1))
    return WriteReport(len(writer.done), len(skipped), raw, stored, writer.again, time.monotonic() - begun)


def _by_key(arrays: Any, keys: Iterable[Any] | None) -> dict[Any, Any]:
    if isinstance(arrays, Mapping):
        chosen = list(arrays) if keys is None else list(keys)
        if missing := [key for key in chosen if key not in arrays]:
            raise OptionError(f"there is no array for the key {missing[0]!r}")
        return {key: arrays[key] for key in chosen}
    if keys is None:
        raise OptionError("give the keys: one for each index of the first axis")
    chosen = list(keys)
    if len(chosen) != len(arrays) or len(set(chosen)) != len(chosen):
        raise OptionError(f"{len(chosen)} keys, of which {len(set(chosen))} differ, for {len(arrays)} arrays")
    return {key: arrays[at] for at, key in enumerate(chosen)}


class _Writer:
    """Gives out the tasks of one call, again if need be, until each is confirmed."""

    def __init__(self, pattern: str, level: int, patience: float, shards: Mapping[Any, int]) -> None:
        self.pattern, self.level, self.patience, self.shards = pattern, level, patience, shards
        self.done: dict[Any, tuple[int, int]] = {}
        self.again = 0
        self._failures: dict[Any, int] = {}
        self._not_before: dict[Any, float] = {}  # the scheduler keeps the error of a task's parts for a while

    def _task(self, key: Any, array: Any) -> Any:
        return dask.delayed(store_row, pure=False)(array, self.pattern, key, self.level)

    def run(self, todo: dict[Any, Any], cluster: str | distributed.Client | None) -> None:
        if cluster is None:
            waiting = deque(todo.items())
            while waiting:
                part = [waiting.popleft() for _ in range(min(len(waiting), 64))]
                results = dask.compute(*(self._task(*each) for each in part), scheduler="threads")
                self.done.update(zip((key for key, _ in part), results, strict=True))
            return
        is_own = isinstance(cluster, str)
        client: Any = self._connect(cluster) if isinstance(cluster, str) else cluster
        address = str(client.scheduler.address)
        try:
            while len(self.done) < len(todo):
                left = {key: array for key, array in todo.items() if key not in self.done}
                if self._go_on(client, left):
                    break
                if is_own:
                    client.close(timeout=1)
                client, is_own = self._connect(address), True
        finally:
            if is_own:
                client.close(timeout=5)

    def _connect(self, address: str) -> Any:
        """A client of a scheduler that has a worker; waits for both."""
        require_address(address)
        deadline = time.monotonic() + self.patience
        while True:
            client: Any = None
            try:
                make: Any = distributed.Client
                client = make(address, timeout=min(5, self.patience), set_as_default=False, name="sqlite_zblob")
                client.wait_for_workers(1, timeout=max(1.0, deadline - time.monotonic()))
                return client
            except (OSError, ValueError, TimeoutError) as error:
                if client is not None:
                    client.close(timeout=1)
                if time.monotonic() > deadline or isinstance(error, ValueError):
                    raise WorkerError(f"no Dask scheduler with a worker answers at {address}: {error}") from error
                time.sleep(0.2)

    def _go_on(self, client: Any, todo: Mapping[Any, Any]) -> bool:
        """False: the scheduler was lost, with all that it knew."""
        waiting = deque(todo)
        flying: dict[Any, Any] = {}  # futures and their keys
        last_seen = time.monotonic()
        while waiting or flying:
            workers = sorted(self._workers(client))
            if workers:
                last_seen = time.monotonic()
            elif client.status != "running":
                break
            elif time.monotonic() - last_seen > self.patience:
                raise WorkerError(f"the Dask cluster has had no worker for {self.patience:g} s")
            self._fill(client, waiting, flying, todo, workers)
            for future in _finished(flying):
                key = flying.pop(future)
                if not self._take(key, future):
                    waiting.append(key)
                    self.again += 1
            if flying and client.status != "running":
                break
        self.again += len(flying)
        return not waiting and not flying

    def _fill(
        self, client: Any, waiting: deque[Any], flying: dict[Any, Any], todo: Mapping[Any, Any], workers: Sequence[str]
    ) -> None:
        """Give out tasks, as many as the workers are kept busy with. Those that have failed wait for their time."""
        for _ in range(min(len(waiting), EACH * len(workers) + len(self._not_before))):
            if len(flying) >= EACH * len(workers):
                return
            key = waiting.popleft()
            if time.monotonic() < self._not_before.get(key, 0.0):
                waiting.append(key)
            else:
                flying[self._submit(client, key, todo[key], workers)] = key
        if not flying:
            time.sleep(0.05)

    def _workers(self, client: Any) -> Sequence[str]:
        try:
            return list(client.scheduler_info(n_workers=-1)["workers"])
        except (OSError, TimeoutError, KeyError, TypeError):
            return []

    def _submit(self, client: Any, key: Any, array: Any, workers: Sequence[str]) -> Any:
        """To the worker of the key's shard; to any other if that is gone."""
        home = workers[self.shards[key] % len(workers)]
        return client.compute(self._task(key, array), workers=[home], allow_other_workers=True)

    def _take(self, key: Any, future: Any) -> bool:
        """False: it has to be done again."""
        if future.status == "cancelled":
            return False
        try:
            self.done[key] = future.result(timeout=self.patience)
        except (CancelledError, TimeoutError):
            return False
        except Exception:
            self._failures[key] = self._failures.get(key, 0) + 1
            if self._failures[key] > RETRIES:
                raise
            future.cancel()
            self._not_before[key] = time.monotonic() + PAUSE_SECONDS * 2 ** self._failures[key]
            return False
        return True


def _finished(flying: Mapping[Any, Any]) -> list[Any]:
    """Those that have come to an end, in whatever way; waits a moment for the first."""
    deadline = time.monotonic() + LOOK_SECONDS
    while True:
        ended = [future for future in flying if future.status != "pending"]
        if ended or not flying or time.monotonic() >= deadline:
            return ended
        time.sleep(0.01)


# ---- In workers --------------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def _store_of(process: int, pattern: str, level: int) -> ShardedStore:
    return open_store(pattern, level=level, patience=LEASE_SECONDS)


def store_row(array: Any, pattern: str, key: Any, level: int) -> tuple[int, int]:
    """Bytes of the value before and after compression."""
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array), allow_pickle=False)
    store = _store_of(os.getpid(), pattern, level)
    frame = store.pack(buffer.getvalue())
    try:
        store.put_frame(key, frame)
    finally:
        store.release(store.shard_of(key))
    return buffer.tell(), len(frame)
