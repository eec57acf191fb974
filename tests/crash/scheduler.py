"""Threads that take turns statement by statement, in an order that a seed decides: the same seed gives the same order.

Each actor runs in a thread of its own, but only the one that has the turn does anything. Before every statement of a
connection to a file, and wherever code sleeps, the turn goes to an actor that the seed chooses. Time is the
scheduler's, too: it passes by steps and by sleeps, so that waiting for a lock costs nothing and no clock changes the
order.
"""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import apsw

STEP_SECONDS = 0.001  # that a statement takes, by the scheduler's clock

# A schedule that takes more turns than this goes round in circles.
MOST_TURNS = 200_000


class EndlessError(Exception):
    """Nobody gets on any more."""


@dataclass
class Actor:
    name: str
    work: Callable[[], object]
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    thread: threading.Thread | None = None
    error: BaseException | None = None
    dies_at: int | None = None  # KeyboardInterrupt at this one of its statements
    statements: int = 0
    is_dying: bool = False


class Scheduler:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now, self.turns = 1e6, 0
        self.actors: list[Actor] = []
        self.alive: list[Actor] = []
        self.current: Actor | None = None
        self.done = threading.Event()
        self.order = hashlib.sha256()  # of who ran which kind of statement: names of triggers are random

    def add(self, name: str, work: Callable[[], object], *, dies_at: int | None = None) -> None:
        self.actors.append(Actor(name, work, dies_at=dies_at))

    def run(self) -> dict[str, BaseException | None]:
        """Until all have ended. Returns how each of them did."""
        self.alive = list(self.actors)
        for actor in self.actors:
            actor.thread = threading.Thread(target=self._act, args=(actor,), daemon=True)
            actor.thread.start()
        self._give(self.rng.choice(self.alive))
        self.done.wait()
        for actor in self.actors:
            assert actor.thread is not None
            actor.thread.join()
        return {actor.name: actor.error for actor in self.actors}

    def _act(self, actor: Actor) -> None:
        actor.turn.acquire()
        try:
            actor.work()
        except BaseException as error:
            actor.error = error
        self.alive.remove(actor)
        if self.alive:
            self._give(self.rng.choice(self.alive))
        else:
            self.done.set()

    def _give(self, actor: Actor) -> None:
        self.current = actor
        actor.turn.release()

    def _pass_on(self) -> None:
        mine = self.current
        assert mine is not None
        self.turns += 1
        if self.turns > MOST_TURNS:
            raise EndlessError
        chosen = self.rng.choice(self.alive)
        if chosen is not mine:
            self._give(chosen)
            mine.turn.acquire()

    # ---- What the actors meet ----

    @contextmanager
    def in_charge(self) -> Iterator[None]:
        """Connections that are opened within it are stepped, and the clock is the scheduler's."""
        apsw.connection_hooks.append(self._opened)
        try:
            with patch.object(time, "monotonic", lambda: self.now), patch.object(time, "sleep", self._sleep):
                yield
        finally:
            apsw.connection_hooks.remove(self._opened)

    def _opened(self, connection: apsw.Connection) -> None:
        if connection.filename and self._is_mine():
            connection.trace_v2(apsw.SQLITE_TRACE_STMT, self._before)
            connection.set_progress_handler(self._interrupt, 10, id="scheduler")

    def _is_mine(self) -> bool:
        return self.current is not None and threading.current_thread() is self.current.thread

    def _interrupt(self) -> bool:
        """The moment to die has come: what Ctrl-C does in the middle of a statement."""
        if self._is_mine() and self.current is not None and self.current.is_dying:
            self.current.is_dying = False
            raise KeyboardInterrupt
        return False

    def _before(self, event: dict[str, Any]) -> None:
        if self._is_mine():
            assert self.current is not None
            actor = self.current
            self.now += STEP_SECONDS
            actor.statements += 1
            self.order.update(f"{actor.name}: {event['sql'].split()[0]}\n".encode())
            actor.is_dying |= actor.statements == actor.dies_at
            self._pass_on()

    def _sleep(self, seconds: float) -> None:
        if self._is_mine():
            self.now += max(seconds, 0.0)
            if seconds > 0:
                self._pass_on()
