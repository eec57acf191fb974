"""The commands on several databases at once, where DB is a pattern; and reshard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ..shards import DatabaseResult, DatabasesReport, ReshardReport
from ..shards import reshard as run_reshard
from ..shards.layout import matching
from . import render
from .options import executor_for, json_option, on_interrupt

MOST_LINES = 20  # of failures and damages on a terminal; --json has all

_DONE = {
    "migrate": "compressed",
    "restore": "restored",
    "verify": "compressed",
    "analyze": "to compress",
    "stats": "compressed",
}


def run_several(
    operation: str,
    run: Callable[..., DatabasesReport],
    pattern: str,
    place: tuple[str | None, str | None],
    *,
    as_json: bool,
    **options: Any,
) -> None:
    """Run it on all files that match, and print one report; exit code 1 if anything was not as it should be.

    A file that is no database, or may not be written, is a line of the report.
    """
    names = matching(pattern)
    if "scheduler" in options:
        with executor_for(options.pop("scheduler")) as executor, render.progress_of_rows() as progress:
            report = run(names, *place, executor=executor, progress=progress, **options)
    else:
        with render.progress_of_steps() as steps:
            report = run(names, *place, progress=steps, **options)
    render.end(operation, report, _print, as_json=as_json, ok=report.ok)


def _print(report: DatabasesReport) -> None:
    out = render.console()
    last = _DONE[report.operation]
    headings = ("database", "values", last, "before", "stored", "ratio")
    total = ("all", f"{report.rows:,}", f"{report.changed_rows:,}", *_sizes(report.raw_bytes, report.stored_bytes))
    render.print_table(out, headings, [*map(_row, report.databases), total])
    lines = [line for each in report.databases for line in _problems(each)]
    shown = lines[:MOST_LINES] if out.is_terminal else lines
    for line in shown:
        out.print(line, soft_wrap=True)
    if len(shown) < len(lines):
        out.print(f"and {len(lines) - len(shown):,} more: --json has all")
    databases = render.count(len(report.databases), "database")
    state = "no problem" if report.ok else render.count(report.problems, "problem")
    out.print(f"{databases}, {state}, {render.duration(report.seconds)}")


def _row(each: DatabaseResult) -> tuple[str, ...]:
    if each.report is None:
        return each.database, "-", "-", "-", "-", "-"
    return each.database, f"{each.rows:,}", f"{each.changed_rows:,}", *_sizes(each.raw_bytes, each.stored_bytes)


def _sizes(raw: int, stored: int) -> tuple[str, str, str]:
    return render.size(raw), render.size(stored), render.ratio(raw / stored if stored else None)


def _problems(each: DatabaseResult) -> list[str]:
    if each.error is not None:
        return [render.of(each.database, each.error)]
    report: Any = each.report
    failures = [f"{each.database}: {render.key(one.key)}: {one.reason}" for one in getattr(report, "failures", ())]
    damages = [
        f"{each.database}: {one.table}.{one.column}, {render.key(one.key)}"
        f"{'' if one.chunk is None else f', chunk {one.chunk}'}: {one.reason}"
        for one in getattr(report, "damages", ())
    ]
    return failures + damages


@click.command(short_help="Move a sharded store to another number of files.")
@click.argument("old", metavar="STORE")
@click.argument("new", metavar="NEW")
@click.option("--shards", type=click.IntRange(1), required=True, metavar="N", help="How many files NEW is to have.")
@json_option
def reshard(old: str, new: str, shards: int, as_json: bool) -> None:
    """Copy a sharded store into a new one with another number of files, and compare both.

    STORE is a pattern that matches its files, such as 'store-*.db'; NEW is the same for the files to be made. Values
    are copied as they are stored. A run that is interrupted, even killed, goes on when the command is given again.

    STORE is sealed: sqlite_zblob.shards does not write to it any more. Delete it when NEW is in use.
    """
    on_interrupt("interrupted. Nothing is lost: run the same command again to go on.")
    with render.progress_of_steps() as progress:
        report = run_reshard(old, new, shards, progress=progress)
    if as_json:
        render.print_json("reshard", report)
    else:
        _print_resharded(report)


def _print_resharded(report: ReshardReport) -> None:
    out = render.console()
    if report.resumed:
        out.print("An interrupted run was continued.")
    rows = render.count(report.rows, "row")
    out.print(
        f"{report.sources} to {report.targets} shards: {rows}, {report.copied_rows:,} copied now, "
        f"{render.size(report.stored_bytes)}; both stores compared, {render.duration(report.seconds)}"
    )
