"""status: is everything that should be compressed compressed?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import click

from ..column.storage import ColumnStatus
from ..column.storage import status as run_status
from ..connect.opening import reading
from ..errors import ZblobError, one_line
from ..migration.record import Record, records
from ..shards.layout import is_pattern, matching
from . import render
from .options import database_argument, json_option, on_interrupt

_UNFINISHED = "is running or was interrupted"
_HEADINGS = ("column", "mode", "envelope", "level", "min_size", "now")


@dataclass(frozen=True)
class DatabaseStatus:
    """The columns of one of several databases."""

    database: str
    columns: tuple[ColumnStatus, ...]
    error: str | None  # why it could not be looked at; the others were
    error_kind: str | None  # the class of that error

    @property
    def ok(self) -> bool:
        return self.error is None and _is_ok(self.columns)


@dataclass(frozen=True)
class DatabasesStatus:
    """What status says of several databases."""

    databases: tuple[DatabaseStatus, ...]  # by name

    @property
    def ok(self) -> bool:
        """Is every column of each intact, with nothing unfinished?"""
        return all(each.ok for each in self.databases)


@click.command(short_help="Say which columns are compressed, and whether they still are.")
@database_argument
@json_option
def status(database: str, as_json: bool) -> None:
    """Say which columns are compressed, and whether what is written to them still is.

    Tools that rebuild a table drop its triggers with it, and nothing compresses its values from then on. The exit code
    is 1 if a column is not intact, if something in the schema looks at its values by now, or if a migration or
    restoration has not come to its end; each reason is named. DB may be a pattern.
    """
    on_interrupt("interrupted; nothing was changed")
    if is_pattern(database):
        several = DatabasesStatus(tuple(map(_of_one, matching(database))))
        render.end("status", several, _print_several, as_json=as_json, ok=several.ok)
        return
    found = _columns(database)
    render.end("status", found, lambda found: _print(database, found), as_json=as_json, ok=_is_ok(found))


def _of_one(database: str) -> DatabaseStatus:
    try:
        return DatabaseStatus(database, tuple(_columns(database)), None, None)
    except (ZblobError, OSError) as error:
        return DatabaseStatus(database, (), one_line(error), type(error).__name__)


def _columns(database: str) -> list[ColumnStatus]:
    with reading(database) as connection:
        return _with_unfinished(database, run_status(connection, schema="main"), records(connection)[0])


def _is_ok(columns: Sequence[ColumnStatus]) -> bool:
    return all(each.is_intact and not each.problems for each in columns)


def _with_unfinished(database: str, found: list[ColumnStatus], known: list[Record]) -> list[ColumnStatus]:
    """Say so where a run is going on, or was interrupted. A restoration begins with switching the column off."""
    for each in (record for record in known if record.is_running):
        again = shlex.join(["sqlite-zblob", each.operation, database, each.table, each.column])
        problem = f"{each.operation} {_UNFINISHED}: {again} goes on"
        at = next((i for i, one in enumerate(found) if one.is_column(each.table, each.column)), len(found))
        old = ColumnStatus("main", each.table, each.column, **each.settings._asdict(), is_intact=False)
        old = found[at] if at < len(found) else old
        found[at : at + 1] = [replace(old, problems=(*old.problems, problem))]
    return found


def _print(database: str, found: list[ColumnStatus]) -> None:
    out = render.console()
    if not found:
        render.print_text(out, "No column is compressed: sqlite-zblob analyze says what that would bring.")
        return
    render.print_table(out, _HEADINGS, map(_row, found), left=3)
    for line in _lines(database, found):
        out.print(line, soft_wrap=True)


def _print_several(report: DatabasesStatus) -> None:
    out = render.console()
    rows = [(each.database, *_row(column)) for each in report.databases for column in each.columns]
    if rows:
        render.print_table(out, ("database", *_HEADINGS), rows, left=4)
    for each in report.databases:
        lines = _lines(each.database, each.columns) if each.columns else ["no column is compressed"]
        for line in lines if each.error is None else [each.error]:
            out.print(render.of(each.database, line), soft_wrap=True)


def _row(each: ColumnStatus) -> tuple[str, ...]:
    settings = (each.mode, each.envelope, f"{each.level}", f"{each.min_size}")
    return (f"{each.table}.{each.column}", *settings, _state(each))


def _lines(database: str, found: Sequence[ColumnStatus]) -> Iterator[str]:
    for each in found:
        name = f"{each.table}.{each.column}"
        if each.hint:
            yield f"{name}: dtype from {each.dtype_from}, shape from {each.shape_from}"
        for problem in each.problems:
            yield f"{name}: {problem}"
        if not each.is_intact and not _is_unfinished(each):
            yield f"  to mend it: {_command(database, each)}"
            yield f"  or without the rows written meanwhile: {_call(each)}"


def _command(database: str, column: ColumnStatus) -> str:
    settings = f"--mode={column.mode} --envelope={column.envelope} --level={column.level} --min-size={column.min_size}"
    return f"sqlite-zblob migrate {shlex.join([database, column.table, column.column])} {settings}"


def _call(column: ColumnStatus) -> str:
    settings = f"envelope={column.envelope!r}, level={column.level}, min_size={column.min_size}"
    return f"sqlite_zblob.enable(connection, {column.table!r}, {column.column!r}, {settings})"


def _is_unfinished(column: ColumnStatus) -> bool:
    return any(_UNFINISHED in each for each in column.problems)


def _state(column: ColumnStatus) -> str:
    if _is_unfinished(column):
        return "unfinished"
    if not column.is_intact:
        return "NOT COMPRESSED"
    return "obstacle" if column.problems else "ok"
