"""The pool of threads: any number of them gives the same frame, and many callers share it."""

from __future__ import annotations

import threading

import sqlite_zblob as zb


def test_threads_give_the_same_frame(brain_pickle: bytes) -> None:
    frames = {zb.compress(brain_pickle, threads=threads) for threads in (0, 1, 2, 7)}
    assert len(frames) == 1
    (frame,) = frames
    assert all(zb.decompress(frame, threads=threads) == brain_pickle for threads in (0, 1, 2, 7))


def test_many_threads_share_the_pool(brain_pickle: bytes) -> None:
    failures: list[object] = []

    def work(seed: int) -> None:
        part = brain_pickle[seed * 100_000 :]
        for _ in range(3):
            if zb.decompress(zb.compress(part, codec="planes")) != part:
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
