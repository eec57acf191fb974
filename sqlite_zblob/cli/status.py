"""status: is everything that should be compressed compressed?"""

from __future__ import annotations

import shlex
import sys

import click

from ..column.storage import ColumnStatus
from ..column.storage import status as run_status
from ..connect.opening import reading
from . import render
from .options import database_argument, json_option, on_interrupt


@click.command(short_help="Say which columns are compressed, and whether they still are.")
@database_argument
@json_option
def status(database: str, as_json: bool) -> None:
    """Say which columns are compressed, and whether what is written to them still is.

    Tools that rebuild a table drop its triggers with it, and nothing compresses its values from then on. The exit code
    is 1 if a column is not intact, or if something in the schema looks at its values by now; each reason is named.
    """
    on_interrupt("interrupted; nothing was changed")
    with reading(database) as connection:
        found = run_status(connection, schema="main")
    if as_json:
        render.print_json("status", found)
    else:
        _print(database, found)
    if any(each.problems or not each.is_intact for each in found):
        sys.exit(1)


def _print(database: str, found: list[ColumnStatus]) -> None:
    out = render.console()
    if not found:
        out.print("No column is compressed: sqlite-zblob analyze says what that would bring.")
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
    out.print(render.table(("column", "mode", "envelope", "level", "min_size", "now"), rows, left=3))
    for each in found:
        for problem in each.problems:
            out.print(f"{each.table}.{each.column}: {problem}", soft_wrap=True)
        if not each.is_intact:
            out.print(f"  to mend it: {_command(database, each)}", soft_wrap=True)
            out.print(f"  or without the rows written meanwhile: {_call(each)}", soft_wrap=True)


def _command(database: str, column: ColumnStatus) -> str:
    settings = f"--mode={column.mode} --envelope={column.envelope} --level={column.level} --min-size={column.min_size}"
    return f"sqlite-zblob migrate {shlex.join([database, column.table, column.column])} {settings}"


def _call(column: ColumnStatus) -> str:
    settings = f"envelope={column.envelope!r}, level={column.level}, min_size={column.min_size}"
    return f"sqlite_zblob.enable(connection, {column.table!r}, {column.column!r}, {settings})"


def _state(column: ColumnStatus) -> str:
    if not column.is_intact:
        return "NOT COMPRESSED"
    return "obstacle" if column.problems else "ok"
