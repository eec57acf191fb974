"""demo: stores of real images, measured side by side."""

from __future__ import annotations

import itertools
import sys

import click
from rich.console import Console
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
    help="How often to measure each way to store.",
)
@click.option(
    "--copies",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    metavar="N",
    help="How many rows to store for each image.",
)
@json_option
def demo(rounds: int, copies: int, as_json: bool) -> None:
    """Build a store of real images for each way to compress it, and show size, time and memory side by side.

    The images are those of the packages in the extra [demo]; generated phantoms where none is installed.
    """
    on_interrupt("interrupted; its temporary files are gone")
    steps = 2 * rounds * len(bench_demo.method_names())
    with render.progress_of_steps() as progress:
        progress("finding images")
        number = itertools.count()
        result = bench_demo.run(rounds, copies, lambda step: progress(step, next(number), steps))
    if as_json:
        render.print_json("demo", result)
    else:
        _print_demo(result)


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
