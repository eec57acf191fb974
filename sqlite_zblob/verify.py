"""Read every value of a column, decode every chunk, and report all that is damaged."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor

from .reports import ProgressCallback, VerifyReport


def verify(
    database: str | os.PathLike[str],
    table: str | None = None,
    column: str | None = None,
    *,
    executor: Executor | Callable[[], Executor] | None = None,
    workers: int = 0,
    progress: ProgressCallback | None = None,
) -> VerifyReport:
    """Decode every compressed value, and name each that is damaged: its row, its chunk, and the reason.

    :param table: all enabled columns, if None.
    :param column: all enabled columns of the table, if None; otherwise any column, enabled or not.
    :param executor: as for `migrate`.
    :raises OptionError: there is no such column, or nothing is enabled.
    """
    raise NotImplementedError
