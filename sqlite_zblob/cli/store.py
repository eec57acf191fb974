"""migrate, restore, verify: the commands that go through every value of a column."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .. import shards
from ..choices import ENVELOPES, MODES
from ..codec import DEFAULT_LEVEL
from ..column.virtual import DEFAULT_MIN_SIZE
from ..migration.migrate import migrate as run_migrate
from ..migration.migrate import restore as run_restore
from ..migration.reports import Report, VerifyReport
from ..migration.salvage import salvage_rows, write_salvaged
from ..migration.settings import proposes_pickle
from ..migration.verify import verify as run_verify
from ..shards.layout import is_pattern
from . import render
from .options import (
    ByteSize,
    DictionaryChoice,
    column_argument,
    database_argument,
    executor_for,
    force_option,
    hint_options,
    json_option,
    on_interrupt,
    require_database,
    side_option,
    table_argument,
    vacuum_mode,
    worker_options,
    writer_options,
)
from .several import run_several

MOST_LINES = 20  # of failures and damages on a terminal; --json has all
WORTH_SAYING = 0.01  # the share of free space in a file from which on it is mentioned

_GO_ON = "interrupted. Nothing is lost: rows are compressed or as they were. Run the same command again to go on."


@click.command(short_help="Compress a column: existing rows, and those to come.")
@database_argument
@table_argument(required=True)
@column_argument(required=True)
@click.option(
    "--mode",
    type=click.Choice(MODES),
    show_default="as it is, or in-place",
    help="in-place: an ordinary table with triggers. table: a virtual table that decompresses for all readers; it has "
    "no CREATE INDEX, and INSERT ... RETURNING does not give its keys: tables with indexes or such keys need --force.",
)
@click.option(
    "--envelope",
    type=click.Choice(ENVELOPES),
    show_default="as it is, or frame",
    help="pickle: store a pickle that unpacks itself, for programs that call pickle.loads on what they read.",
)
@click.option(
    "--level",
    type=click.IntRange(1, 9),
    show_default=f"as it is, or {DEFAULT_LEVEL}",
    metavar="N",
    help="1 is fastest, 9 smallest.",
)
@click.option(
    "--min-size",
    type=ByteSize(),
    show_default=f"as it is, or {DEFAULT_MIN_SIZE}",
    metavar="BYTES",
    help="Leave smaller values as they are.",
)
@hint_options
@click.option(
    "--dictionary",
    type=DictionaryChoice(),
    show_default="as it is, or none",
    metavar="auto|ID|0",
    help="For many small values: auto takes the newest that the column has, and trains one if it has none. 0: none.",
)
@click.option(
    "--recompress",
    is_flag=True,
    help="Also rows that are compressed already, but with another envelope, level or dictionary, or not as "
    "--dtype-from and --shape-from say.",
)
@writer_options
@force_option("the check for free space, and what --mode=table would refuse")
@side_option
@json_option
def migrate(database: str, table: str, column: str, **options: Any) -> None:
    """Compress a column: the rows that exist, and from now on all that are written.

    Options that are not given stay as they are or were recorded. On a terminal, a column of pickles that nothing is
    known of yet is asked about.

    Other programs may read and write meanwhile. Each value is decompressed again and compared before it replaces the
    original. A run that is interrupted, even killed, loses nothing, and the same command continues it.
    `sqlite-zblob restore` undoes it all.

    From then on, programs that write the column need the extension (see docs/in-place.md). The file shrinks with
    --vacuum or --incremental-vacuum; otherwise the pages that become free are used for new rows.
    """
    is_one = not is_pattern(database)
    if options["envelope"] is None and options["mode"] != "table" and not options["as_json"] and is_one:
        options["envelope"] = _ask_for_envelope(database, table, column)
    _rewrite("migrate", run_migrate, (database, table, column), options)


def _ask_for_envelope(database: str, table: str, column: str) -> str | None:
    """On a terminal. Elsewhere, `migrate` itself says what it finds."""
    if not (sys.stdin.isatty() and sys.stdout.isatty() and proposes_pickle(database, table, column)):
        return None
    question = (
        f"{table}.{column} holds pickles. Store them as pickles that unpack themselves, for programs that call "
        "pickle.loads on what they read?"
    )
    return "pickle" if click.confirm(question, default=True) else "frame"


@click.command(short_help="Decompress a column again: the inverse of migrate.")
@database_argument
@table_argument(required=True)
@column_argument(required=True)
@click.option(
    "--all-frames",
    is_flag=True,
    help="Decompress frames, too, that the program has made itself; also in a column that was never migrated.",
)
@writer_options
@force_option("the check for free space")
@side_option
@json_option
def restore(database: str, table: str, column: str, **options: Any) -> None:
    """Decompress a column again and switch its compression off: the inverse of migrate.

    Every value and the schema become what they were before. The disk needs room for the uncompressed values; this is
    checked first.
    """
    _rewrite("restore", run_restore, (database, table, column), options)


def _rewrite(name: str, run: Callable[..., Report], place: tuple[str, str, str], options: dict[str, Any]) -> None:
    """Run migrate or restore with these options, and print the report."""
    on_interrupt(_GO_ON)
    vacuum = vacuum_mode(options.pop("vacuum_full"), options.pop("vacuum_incremental"))
    side_by_side = options.pop("side_by_side")
    if is_pattern(place[0]):
        options |= {"vacuum": vacuum, "side_by_side": side_by_side}
        run_several(name, getattr(shards, name), place[0], place[1:], **options)
        return
    require_database(place[0], writes=not options["dry_run"])
    as_json, scheduler = options.pop("as_json"), options.pop("scheduler")
    with executor_for(scheduler) as executor, render.progress_of_rows() as progress:
        report = run(*place, vacuum=vacuum, executor=executor, progress=progress, **options)
    _finish(name, report, as_json)


@click.command(short_help="Check every compressed value.")
@database_argument
@table_argument(required=False)
@column_argument(required=False)
@worker_options
@side_option
@click.option(
    "--salvage",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write what is left of each damaged value into this folder: its undamaged chunks, with zeros in the holes, "
    "and a JSON file that names the holes.",
)
@json_option
def verify(
    database: str, table: str | None, column: str | None, salvage: Path | None, as_json: bool, **options: Any
) -> None:
    """Read and decode every compressed value, and name each that is damaged: row, chunk, reason.

    Without TABLE and COLUMN, it checks all columns whose compression is on. The exit code is 1 if anything is damaged.
    The database itself is never changed: with --salvage, what is left of a damaged value goes into files.
    """
    on_interrupt("interrupted: not all values were checked")
    side_by_side = options.pop("side_by_side")
    if is_pattern(database):
        if salvage:
            raise click.UsageError("--salvage takes one database at a time: name the one that has damaged values")
        several = options | {"side_by_side": side_by_side, "as_json": as_json}
        run_several("verify", shards.verify, database, (table, column), **several)
        return
    require_database(database, writes=False)
    with executor_for(options.pop("scheduler")) as executor, render.progress_of_rows() as progress:
        report = run_verify(database, table, column, executor=executor, progress=progress, **options)
    render.end("verify", report, _print_verified, as_json=as_json, ok=report.ok or salvage is not None)
    if salvage and not report.ok:
        _salvage(database, report, salvage, as_json)
        sys.exit(1)


def _salvage(database: str, report: VerifyReport, folder: Path, as_json: bool) -> None:
    out = render.console(err=as_json)
    for row in salvage_rows(database, report, progress="bar"):
        name = f"{row.table}.{row.column}, {render.key(row.key)}"
        if row.found is None:
            out.print(f"{name}: nothing can be salvaged: {row.reason}", soft_wrap=True)
            continue
        path, left = write_salvaged(row, folder), row.found.chunk_count - len(row.found.holes)
        out.print(
            f"{name}: {left:,} of {render.count(row.found.chunk_count, 'chunk')} salvaged: {path}", soft_wrap=True
        )
        for hole in row.found.holes:
            planes = f", planes {hole.planes[0]:,} to {hole.planes[1]:,}" if hole.planes else ""
            out.print(f"  missing: bytes {hole.start:,} to {hole.stop - 1:,}{planes}", soft_wrap=True)


def _finish(command: str, report: Report, as_json: bool) -> None:
    ok = not report.failures and (report.finished or report.dry_run)
    render.end(command, report, _print_report, as_json=as_json, ok=ok)


def _print_report(report: Report) -> None:
    out = render.console()
    name = f"{report.table}.{report.column}"
    rows, sizes = render.count(report.rows, "row"), (render.size(report.raw_bytes), render.size(report.stored_bytes))
    if report.dry_run:
        render.print_text(out, f"{name}: {rows} to look at, {sizes[1]} as stored now")
        _print_others(report)
        render.print_text(
            out, f"The files would grow by at most {render.size(report.growth_bytes)} on the way. Nothing was changed."
        )
        return
    if report.resumed:
        render.print_text(out, "An interrupted run was continued; the figures include it.")
    if report.operation == "migrate":
        render.print_text(
            out,
            f"{name}: {report.changed_rows:,} of {rows} compressed, {sizes[0]} to {sizes[1]}, "
            f"ratio {render.ratio(report.ratio)}, {render.duration(report.seconds)}",
        )
    else:
        render.print_text(
            out, f"{name}: {report.changed_rows:,} of {rows} restored, {sizes[1]}, {render.duration(report.seconds)}"
        )
    _print_others(report)
    if report.kept_rows:
        _print_kept(report)
    if report.missed_rows:
        render.print_text(
            out,
            f"{render.count(report.missed_rows, 'row')} left, because others kept writing: run the same command again",
        )
    if count := len(report.failures):
        render.print_text(
            out,
            f"{render.count(count, 'value')} could not be {report.operation}d and "
            f"{'stays as it is' if count == 1 else 'stay as they are'}:",
        )
        _print_lines([f"  {render.key(each.key)}: {each.reason}" for each in report.failures])
    free = ""
    if report.free_bytes >= WORTH_SAYING * report.file_bytes:
        free = f", {render.size(report.free_bytes)} of it free: --vacuum gives it back"
    render.print_text(out, f"file: {render.size(report.file_bytes)}{free}")


def _print_others(report: Report) -> None:
    """Rows that are compressed otherwise than the column's settings say."""
    for each in report.others:
        differs = "level" if each.envelope == report.envelope else "envelope"
        rows = render.count(each.rows, "row")
        render.print_text(
            render.console(),
            f"{rows} {'keeps' if each.rows == 1 else 'keep'} {differs} "
            f"{each.level if differs == 'level' else each.envelope}; --recompress changes {_them(each.rows)}",
        )


def _print_kept(report: Report) -> None:
    """Frames of the program's own."""
    is_one, out = report.kept_rows == 1, render.console()
    rows = f"{render.count(report.kept_rows, 'value')} {'is a frame' if is_one else 'are frames'} of the program's own"
    if report.operation == "migrate":
        render.print_text(out, f"{rows}, and restore will leave {_them(report.kept_rows)} so, unless --all-frames")
        return
    render.print_text(
        out, f"{rows} and {'stays' if is_one else 'stay'} so; --all-frames decompresses {_them(report.kept_rows)}, too:"
    )
    _print_lines([f"  {render.key(key)}" for key in report.kept])


def _them(count: int) -> str:
    return "it" if count == 1 else "them"


def _print_verified(report: VerifyReport) -> None:
    out = render.console()
    render.print_text(
        out,
        f"{render.count(report.rows, 'value')} read, {report.compressed_rows:,} of them compressed, "
        f"{render.size(report.raw_bytes)} in {render.size(report.stored_bytes)}, {render.duration(report.seconds)}",
    )
    if report.ok:
        render.print_text(out, "No damage found.")
        return
    render.print_text(out, f"{render.count(len(report.damages), 'damage')} found:")
    _print_lines(
        [
            f"  {each.table}.{each.column}, {render.key(each.key)}"
            f"{'' if each.chunk is None else f', chunk {each.chunk}'}: {each.reason}"
            for each in report.damages
        ]
    )


def _print_lines(lines: list[str]) -> None:
    out = render.console()
    shown = lines if not out.is_terminal else lines[:MOST_LINES]
    for line in shown:
        render.print_text(out, line)
    if len(shown) < len(lines):
        render.print_text(out, f"  and {len(lines) - len(shown):,} more: --json has all")
