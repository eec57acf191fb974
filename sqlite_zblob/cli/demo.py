"""demo: stores of real images, measured side by side."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..bench import demo as bench_demo
from . import render
from .options import json_option, on_interrupt


@click.command(short_help="Measure stores of real images, side by side.")
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    metavar="N",
    help="How often each way is measured.",
)
@click.option(
    "--copies", type=click.IntRange(1), default=3, show_default=True, metavar="N", help="Rows for each image."
)
@json_option
def demo(rounds: int, copies: int, as_json: bool) -> None:
    """Build a store of real images for each way to compress it, and show size, time and memory side by side.

    The images are those of the packages in the extra [demo]; generated phantoms where none is installed.
    """
    on_interrupt("interrupted; its temporary files are gone")
    steps = 2 * rounds * len(bench_demo.method_names())
    with _progress() as progress:
        task = progress.add_task("finding images", total=steps)

        def advance(step: str) -> None:
            done = progress.tasks[task].completed + (progress.tasks[task].description != "finding images")
            progress.update(task, description=step, completed=done)

        result = bench_demo.run(rounds, copies, advance)
        progress.update(task, description="done", completed=steps)
    if as_json:
        render.print_json("demo", result)
    else:
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
