"""Existing rows into compressed ones and back: migrate, restore, and migrate for all columns of a database."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor

from .codec import DEFAULT_LEVEL
from .reports import ProgressCallback, Report
from .storage import DEFAULT_MIN_SIZE

BATCH_SIZE = 64 << 20


def migrate(
    database: str | os.PathLike[str],
    table: str,
    column: str,
    *,
    mode: str = "in-place",
    envelope: str = "frame",
    level: int = DEFAULT_LEVEL,
    min_size: int = DEFAULT_MIN_SIZE,
    executor: Executor | Callable[[], Executor] | None = None,
    workers: int = 0,
    vacuum: str = "none",
    pace: float = 1.0,
    batch_size: int = BATCH_SIZE,
    dry_run: bool = False,
    progress: ProgressCallback | None = None,
) -> Report:
    """Enable a column's compression and compress the rows that are there, while others read and write.

    A run that was interrupted, however, is continued by calling it again; nothing is lost in between.

    :param database: a path, or a `file:` URI.
    :param mode: as for `enable`, and so `envelope`, `level` and `min_size`.
    :param executor: where values are compressed and verified: any `concurrent.futures.Executor`, or a function that
        makes one, which is called again when a value kills its worker process. Threads, if None.
    :param workers: how many tasks run at once. 0: the executor's own number, or as many as the process has CPUs.
    :param vacuum: afterwards: "none", "full" (VACUUM, which locks the database), or "incremental" (in steps; needs
        PRAGMA auto_vacuum = INCREMENTAL).
    :param pace: the share of time, 0 to 1, for which the write lock may be held.
    :param batch_size: bytes before compression that one transaction replaces at most, unless one value has more.
    :param dry_run: only look, and say what there is to do.
    :param progress: called at least after every batch, in the calling thread.
    :raises OptionError: the column cannot be compressed so; every reason is named.
    :raises DiskSpaceError: there is not enough free space; nothing has been changed, or nothing since the last batch.
    :raises MetadataError: a newer version of sqlite_zblob has worked on this database.
    :raises WorkerError: the workers carry another version of the codec.
    """
    raise NotImplementedError


def restore(
    database: str | os.PathLike[str],
    table: str,
    column: str,
    *,
    executor: Executor | Callable[[], Executor] | None = None,
    workers: int = 0,
    vacuum: str = "none",
    pace: float = 1.0,
    batch_size: int = BATCH_SIZE,
    dry_run: bool = False,
    progress: ProgressCallback | None = None,
) -> Report:
    """Switch a column's compression off and give back every value: the inverse of `migrate`.

    Values and schema are those of before, but that mode "table" leaves the table's name quoted in the schema. A value
    that is damaged stays as it is and is reported; in mode "table" the table then stays a virtual one, so that
    reading that value is still an error. Parameters and errors are those of `migrate`.
    """
    raise NotImplementedError


def compress_store(
    database: str | os.PathLike[str],
    *,
    executor: Executor | Callable[[], Executor] | None = None,
    workers: int = 0,
    vacuum: str = "none",
    pace: float = 1.0,
    batch_size: int = BATCH_SIZE,
    dry_run: bool = False,
    progress: ProgressCallback | None = None,
) -> list[Report]:
    """`migrate` every enabled column of a database, with the settings that it has. Vacuums once, at the end."""
    raise NotImplementedError
