"""The keyword arguments that migrate, restore and compress_store share: how the work is to be done."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypedDict

from ..choices import Unpack, Vacuum
from ..errors import OptionError, ZblobError
from .reports import ProgressOption

__all__ = ["BATCH_SIZE", "ExecutorSource", "Unpack", "Work", "WorkOptions"]

ExecutorSource = Executor | Callable[[], Executor] | None

BATCH_SIZE = 64_000_000

# Small values travel together, up to so many bytes.
BUNDLE_SIZE = 1 << 20


class OutOfTimeError(ZblobError):
    """The deadline has passed. Whatever is committed is kept, and another run goes on."""


class WorkOptions(TypedDict, total=False):
    """For type checkers: `migrate` explains each of them, and `Work` has their defaults."""

    executor: ExecutorSource
    workers: int
    vacuum: Vacuum
    pace: float
    batch_size: int
    dry_run: bool
    force: bool
    progress: ProgressOption


@dataclass(frozen=True)
class Work:
    """The same, with defaults.

    :raises OptionError: a value is not allowed.
    """

    executor: ExecutorSource = None
    workers: int = 0
    vacuum: Vacuum = "none"
    pace: float = 1.0
    batch_size: int = BATCH_SIZE  # bytes before compression
    dry_run: bool = False
    force: bool = False
    progress: ProgressOption = None
    deadline: float | None = None  # of time.monotonic()

    @classmethod
    def given_to(cls, function: str, options: WorkOptions) -> Work:
        """:raises TypeError: one of them is none; it is said of the function that the program has called."""
        for name in options:
            if name not in WorkOptions.__annotations__:
                raise TypeError(f"{function}() got an unexpected keyword argument {name!r}")
        return cls(**options)

    @property
    def is_over(self) -> bool:
        """Has the deadline passed?"""
        return self.deadline is not None and time.monotonic() > self.deadline

    def check_time(self) -> None:
        """:raises OutOfTimeError: the deadline has passed. To be called where nothing has to be undone."""
        if self.is_over:
            raise OutOfTimeError("the time is over")

    def __post_init__(self) -> None:
        if not 0 < self.pace <= 1:
            raise OptionError(f"pace must be above 0 and at most 1, not {self.pace}")
        if self.batch_size < 1:
            raise OptionError(f"batch_size must be positive, not {self.batch_size}")
        if self.workers < 0:
            raise OptionError(f"workers must not be negative, not {self.workers}")


NO_LIMIT = Work()
