"""What migrate, restore and verify report while they run and at the end: plain data that a program can print or store.

A row is named by its primary key, or by its rowid if the table has none: a mapping from column names to values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..bars import Bar

Key = Mapping[str, object]

MOST_NAMED = 100  # rows of a kind in a report


@dataclass(frozen=True)
class Failure:
    """A value that was left as it is."""

    key: Key
    reason: str


@dataclass(frozen=True)
class Progress:
    """How far a run is. Rows and bytes count what this run, and the interrupted ones before it, have looked at."""

    operation: str  # "migrate", "maintain", "restore" or "verify"
    table: str
    column: str
    phase: str  # "scan", "rows", "finish" or "vacuum"
    rows_done: int
    rows_total: int
    bytes_done: int  # before compression
    bytes_total: int  # before compression; an estimate while others write, and for verify
    stored_bytes: int  # bytes in the database of the values that are done
    seconds: float  # since this run began
    failures: int

    rate: float  # bytes before compression per second, over the last seconds
    eta: float | None  # seconds; None before there is a rate

    @property
    def ratio(self) -> float | None:
        return self.bytes_done / self.stored_bytes if self.stored_bytes else None


ProgressCallback = Callable[[Progress], None]
ProgressOption = ProgressCallback | Bar | None  # as long functions take it


@dataclass(frozen=True)
class OtherSettings:
    """Compressed rows that keep other settings than those of the column; `recompress` changes them."""

    envelope: str  # "frame" or "pickle"
    level: int  # 1 .. 9
    rows: int


@dataclass(frozen=True)
class Report:
    """What migrate or restore did. The figures include interrupted runs before this one, except for `seconds`."""

    operation: str  # "migrate" or "restore"
    table: str
    column: str
    mode: str  # "in-place" or "table"
    envelope: str  # "frame" or "pickle"
    rows: int  # that were looked at, or would be in a run that is not dry
    changed_rows: int  # that were replaced
    raw_bytes: int  # all values looked at, before compression
    stored_bytes: int  # the same, as they are stored now
    failures: tuple[Failure, ...]  # values that stay as they are
    missed_rows: int  # left undone, because others kept writing them; 0 if finished
    kept_rows: int  # frames that the program has made itself, and that restore leaves as they are
    kept: tuple[Key, ...]  # the first of these, at most 100
    others: tuple[OtherSettings, ...]  # migrate: rows that had been compressed before with other settings
    seconds: float
    resumed: bool  # this run continued an interrupted one
    finished: bool  # False: a dry run; some rows were missed; or restore could not give back every value (see failures)
    dry_run: bool
    growth_bytes: int  # the most by which the files were expected to grow meanwhile; that much free space was required
    file_bytes: int  # size of the database file in the end
    free_bytes: int  # bytes in it that are free, which VACUUM would give back

    @property
    def ratio(self) -> float | None:
        return self.raw_bytes / self.stored_bytes if self.stored_bytes else None


@dataclass(frozen=True)
class ColumnMaintenance:
    """What `maintain` did to one column."""

    table: str
    column: str
    trained: int | None = None  # the id of the dictionary that was trained
    changed_rows: int = 0  # that were compressed anew
    gained_bytes: int = 0  # that they take less
    resumed: bool = False  # this run continued an interrupted one
    finished: bool = True  # False: the time was over, or others kept writing; the next run goes on
    skipped: str | None = None  # why nothing was done, or no more than that
    unreadable_rows: int = 0  # of the sample: damaged, or their dictionary is missing; they stay as they are
    unreadable: tuple[Failure, ...] = ()  # the first of these, at most 100


@dataclass(frozen=True)
class MaintenanceReport:
    """What `maintain` did."""

    columns: tuple[ColumnMaintenance, ...]
    seconds: float

    @property
    def finished(self) -> bool:
        return all(each.finished for each in self.columns)


@dataclass(frozen=True)
class Damage:
    """One damaged chunk, or a value that cannot be read at all."""

    table: str
    column: str
    key: Key
    chunk: int | None  # from 1, as error messages count; None: the header, or the database itself
    reason: str


@dataclass(frozen=True)
class VerifyReport:
    columns: tuple[tuple[str, str], ...]  # table and column
    rows: int  # values that were read
    compressed_rows: int
    raw_bytes: int  # before compression
    stored_bytes: int
    damages: tuple[Damage, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        return not self.damages
