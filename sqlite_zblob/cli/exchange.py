"""export and import: a column to a folder or object storage, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ..codec import DEFAULT_LEVEL
from ..errors import OptionError
from ..exchange import ExchangeReport, export_rows, import_rows
from ..exchange.run import CODECS, parse
from ..shards.layout import is_pattern, matching
from . import render
from .options import (
    column_argument,
    database_argument,
    executor_for,
    json_option,
    on_interrupt,
    options,
    require_database,
    table_argument,
    worker_options,
)

MOST_LINES = 20  # of failures on a terminal; --json has all

_GO_ON = "interrupted. What is done stays: run the same command again to go on."

_both: Callable[[Any], Any] = options(
    click.option(
        "--level",
        type=click.IntRange(1, 9),
        default=DEFAULT_LEVEL,
        show_default=True,
        metavar="N",
        help="For what is coded anew: 1 is fastest, 9 smallest.",
    ),
    click.option("--no-verify", is_flag=True, help="Do not read back and decode what is moved."),
    click.option(
        "--patience",
        type=click.FloatRange(0),
        default=60.0,
        show_default=True,
        metavar="S",
        help="Seconds to wait for a server that is away.",
    ),
    worker_options,
)


def _place(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        parse(value)
    except OptionError as error:
        raise click.BadParameter(str(error)) from error
    return value


@click.command("export", short_help="Write a column to Zarr, NIfTI, NRRD or raw files, also in object storage.")
@database_argument
@table_argument(required=True)
@column_argument(required=True)
@click.option(
    "--to",
    required=True,
    metavar="KIND:URL",
    callback=_place,
    help="KIND is zarr, frames, nifti, nrrd or raw; URL a folder, or s3://bucket/prefix, gs://, az:// ...",
)
@click.option(
    "--codec",
    type=click.Choice(CODECS),
    default="zblob",
    show_default=True,
    help="Of Zarr arrays. zblob: chunks are copied without decoding. zstd: for readers without this package.",
)
@_both
@json_option
def export(database: str, table: str, column: str, **given: Any) -> None:
    """Write all rows of a column to a folder or to object storage. The database stays as it is.

    From zarr, every value comes back byte for byte with `sqlite-zblob import`. DB may be a pattern. A run that is
    interrupted goes on when the command is given again; rows that are there already are left out.
    """
    for name in matching(database) if is_pattern(database) else [database]:
        require_database(name, writes=False)
    _run("export", export_rows, (database, table, column, given.pop("to")), given)


@click.command("import", short_help="Store in a column what export or other programs have written.")
@database_argument
@table_argument(required=True)
@column_argument(required=True)
@click.option("--from", "source", required=True, metavar="KIND:URL", callback=_place, help="As --to of export.")
@click.option("--overwrite", is_flag=True, help="Replace rows that are there; otherwise they are left out.")
@_both
@json_option
def import_(database: str, table: str, column: str, **given: Any) -> None:
    """Store in a column what export has written, or other programs as Zarr v3, NIfTI, NRRD or raw files.

    A table that is not there is made, with the columns key and COLUMN. DB may be the pattern of a sharded store. A run
    that is interrupted goes on when the command is given again.
    """
    if not is_pattern(database):
        require_database(database, writes=True)
    _run("import", import_rows, (database, table, column, given.pop("source")), given)


def _run(operation: str, run: Callable[..., ExchangeReport], place: tuple[str, ...], given: dict[str, Any]) -> None:
    on_interrupt(_GO_ON)
    as_json, scheduler = given.pop("as_json"), given.pop("scheduler")
    given["verify"] = not given.pop("no_verify")
    with executor_for(scheduler) as executor, render.progress_of_steps() as progress:
        report = run(*place, executor=executor, progress=progress, **given)
    render.end(operation, report, _print, as_json=as_json, ok=report.ok)


def _print(report: ExchangeReport) -> None:
    out = render.console()
    skipped = f", {report.skipped_rows:,} there already" if report.skipped_rows else ""
    out.print(
        f"{report.operation}: {report.done_rows:,} of {render.count(report.rows, 'row')}{skipped}, "
        f"{render.size(report.raw_bytes)} as {render.size(report.moved_bytes)} in "
        f"{render.count(report.requests, 'request')}, {render.duration(report.seconds)}"
    )
    if not report.rows:
        out.print("There is nothing to do: no row is there.")
        return
    out.print(f"chunks: {report.copied_chunks:,} copied as they were stored, {report.coded_chunks:,} coded")
    for name in report.unfinished:
        out.print(
            "The export that wrote this was interrupted or is going on, so that rows may lack: let it come to its end "
            f"and import again. If it will not, delete {name}",
            soft_wrap=True,
        )
    lines = [f"{render.key(each.key)}: {each.reason}" for each in report.failures]
    if lines:
        out.print(f"{render.count(len(lines), 'row')} left out:")
    shown = lines[:MOST_LINES] if out.is_terminal else lines
    for line in shown:
        out.print(f"  {line}", soft_wrap=True)
    if len(shown) < len(lines):
        out.print(f"  and {len(lines) - len(shown):,} more: --json has all")
