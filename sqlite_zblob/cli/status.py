"""status: is everything that should be compressed compressed?"""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace

import click

from ..column.storage import ColumnStatus
from ..column.storage import status as run_status
from ..connect.opening import reading
from ..migration.record import Record, records
from . import render
from .options import database_argument, json_option, on_interrupt

_UNFINISHED = "is running or was interrupted"


@click.command(short_help="Say which columns are compressed, and whether they still are.")
@database_argument
@json_option
def status(database: str, as_json: bool) -> None:
    """Say which columns are compressed, and whether what is written to them still is.

    Tools that rebuild a table drop its triggers with it, and nothing compresses its values from then on. The exit code
    is 1 if a column is not intact, if something in the schema looks at its values by now, or if a migration or
    restoration has not come to its end; each reason is named.
    """
    on_interrupt("interrupted; nothing was changed")
    with reading(database) as connection:
        found = _with_unfinished(database, run_status(connection, schema="main"), records(connection)[0])
    if as_json:
        render.print_json("status", found)
    else:
        _print(database, found)
    if any(each.problems or not each.is_intact for each in found):
        sys.exit(1)


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
    rows = [
        (
            f"{each.table}.{each.column}",
            each.mode,
            each.envelope,
            f"{each.level}",
            f"{each.min_size}",
            _state(each),
        )
        for each in found
    ]
    render.print_table(out, ("column", "mode", "envelope", "level", "min_size", "now"), rows, left=3)
    for each in found:
        if each.hint:
            out.print(
                f"{each.table}.{each.column}: dtype from {each.dtype_from}, shape from {each.shape_from}",
                soft_wrap=True,
            )
        for problem in each.problems:
            out.print(f"{each.table}.{each.column}: {problem}", soft_wrap=True)
        if not each.is_intact and not _is_unfinished(each):
            out.print(f"  to mend it: {_command(database, each)}", soft_wrap=True)
            out.print(f"  or without the rows written meanwhile: {_call(each)}", soft_wrap=True)


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
