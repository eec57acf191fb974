"""The command line: arguments and printing only."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from .bench import demo as bench_demo
from .bench.command import bench
from .codec import VERSION
from .errors import ZblobError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="sqlite-zblob")
def cli() -> None:
    """Compressed BLOBs and medical images inside SQLite."""


cli.add_command(bench)


@cli.command()
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="How often each way is measured.")
@click.option("--copies", type=click.IntRange(1), default=3, show_default=True, help="Rows for each image.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def demo(rounds: int, copies: int, as_json: bool) -> None:
    """Build a store of real images for each way to compress it, and show size, time and memory side by side.

    The images are those of the packages in the extra [demo]; generated phantoms where none is installed.
    """
    steps = 2 * rounds * len(bench_demo.method_names())
    with _progress() as progress:
        task = progress.add_task("finding images", total=steps)

        def advance(step: str) -> None:
            done = progress.tasks[task].completed + (progress.tasks[task].description != "finding images")
            progress.update(task, description=step, completed=done)

        result = bench_demo.run(rounds, copies, advance)
        progress.update(task, description="done", completed=steps)
    if as_json:
        click.echo(bench_demo.as_json(result))
        return
    _print_demo(result)


def _progress() -> Progress:
    """On standard error, and only on a terminal: what is piped stays clean."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:45}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


_DEMO_HEADINGS = (
    "file\nMB",
    "\nratio",
    "INSERT\nms",
    "cold\nSELECT ms",
    "warm\nSELECT ms",
    "INSERT\npeak MB",
    "SELECT\npeak MB",
)


def _print_demo(result: bench_demo.Result) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    for image in result.images:
        size = " x ".join(map(str, image["size"]))
        console.print(f"{image['name']}: {size}, {image['pixel_type']}, {image['bytes'] / 1e6:.1f} MB", highlight=False)
    table = Table(title=f"{result.row_count} rows, {result.raw_size / 1e6:.0f} MB, median of {result.rounds} rounds")
    table.add_column("store")
    for heading in _DEMO_HEADINGS:
        table.add_column(heading, justify="right")
    for row in result.rows:
        per_row = 1e3 / result.row_count
        table.add_row(
            row.label,
            f"{row.file_size / 1e6:.1f}",
            f"{row.ratio:.2f}",
            f"{row.insert * per_row:.1f}",
            f"{row.cold_select * per_row:.1f}",
            f"{row.warm_select * per_row:.1f}",
            f"{row.insert_peak_memory / 1e6:.0f}",
            f"{row.select_peak_memory / 1e6:.0f}",
        )
    console.print(table)
    machine = result.machine
    console.print(
        f"ms a row; {machine['cpu']}, {machine['system']}, Python {machine['python']}, SQLite {machine['sqlite']}",
        highlight=False,
    )


def main() -> None:
    """Entry point: errors are one sentence and exit code 1; usage errors have exit code 2."""
    try:
        cli()
    except ZblobError as error:
        click.echo(f"sqlite-zblob: {error}", err=True)
        sys.exit(1)
