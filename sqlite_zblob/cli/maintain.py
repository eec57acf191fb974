"""maintain: the command for a timer, which keeps compressed columns in good shape."""

from __future__ import annotations

import click

from ..migration.maintain import DEFAULT_LOAD
from ..migration.maintain import maintain as run_maintain
from ..migration.reports import ColumnMaintenance, MaintenanceReport
from . import render
from .options import database_argument, json_option, on_interrupt, require_database

_MOST_SHOWN = 3  # rows of a column that cannot be read


@click.command(short_help="Train dictionaries and recompress what gains, in the time that there is.")
@database_argument
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    show_default="no limit",
    metavar="N",
    help="End after this time; the next run goes on.",
)
@click.option(
    "--load",
    type=click.FloatRange(0, 1, min_open=True),
    default=DEFAULT_LOAD,
    show_default=True,
    metavar="SHARE",
    help="Hold the write lock for no more than this share of the time, so that others can write.",
)
@click.option(
    "--workers",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    metavar="N",
    help="How many rows to compress at once. 0: one for each CPU.",
)
@json_option
def maintain(database: str, seconds: float | None, load: float, workers: int, as_json: bool) -> None:
    """Look after the small values of all compressed columns, for instance every night.

    A column with --dictionary=auto gets a new dictionary when it has twice the rows of the last time and a sample of
    them gains by it. Rows that are not compressed yet, or with another dictionary, are compressed anew where the column
    gains at least 2 % by it. Other programs may read and write meanwhile. A run that is interrupted, even killed, loses
    nothing, and the next one goes on. The exit code is 1 if values of a sample are damaged or lack their dictionary.
    """
    on_interrupt("interrupted. Nothing is lost: the next run goes on.")
    require_database(database, writes=True)
    with render.progress_of_rows() as progress:
        report = run_maintain(database, seconds=seconds, load=load, workers=workers, progress=progress)
    is_readable = not any(each.unreadable_rows for each in report.columns)
    render.end("maintain", report, _print, as_json=as_json, ok=is_readable)


def _print(report: MaintenanceReport) -> None:
    for each in report.columns:
        _print_column(each)


def _print_column(column: ColumnMaintenance) -> None:
    out, name = render.console(), f"{column.table}.{column.column}"
    for failure in column.unreadable[:_MOST_SHOWN]:
        render.print_text(out, f"{name}: {render.key(failure.key)} cannot be read: {failure.reason}")
    if column.unreadable_rows:
        rows = render.count(column.unreadable_rows, "row")
        render.print_text(out, f"{name}: {rows} of a sample cannot be read; verify names all that are damaged")
    if column.skipped is not None and not column.changed_rows:
        render.print_text(out, f"{name}: nothing done, because {column.skipped}")
        return
    if column.trained is not None:
        render.print_text(out, f"{name}: dictionary {column.trained} was trained")
    gained = f", which take {render.size(column.gained_bytes)} less now" if column.changed_rows else ""
    render.print_text(out, f"{name}: {render.count(column.changed_rows, 'row')} compressed anew{gained}")
    if column.skipped is not None:
        render.print_text(out, f"{name}: no more was done, because {column.skipped}")
    elif not column.finished:
        render.print_text(out, f"{name}: there is more to do, and the next run goes on")
