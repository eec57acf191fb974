"""demo: stores of real images, measured side by side."""

from __future__ import annotations

import itertools

import click

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
    "store",
    "file\nMB",
    "\nratio",
    "INSERT\nms",
    "cold\nSELECT ms",
    "warm\nSELECT ms",
    "INSERT\npeak MB",
    "SELECT\npeak MB",
)
_WITHOUT_MEMORY = 6  # columns, which fit where all do not
_MEDIUM, _WIDE = 80, 98  # characters


def _print_demo(result: bench_demo.Result) -> None:
    out = render.console()
    for image in result.images:
        size = " x ".join(map(str, image["size"]))
        about = f"{image['name']}: {size}, {image['pixel_type']}, {render.size(image['bytes'])}"
        render.print_text(out, about, hang=2)
    rounds = f"median of {result.rounds} rounds" if result.rounds > 1 else "one round"
    head = f"{render.count(result.row_count, 'row')}, {render.size(result.raw_size)}, {rounds}, ms per row:"
    render.print_text(out, head, hang=2)
    per_row = 1e3 / result.row_count
    rows = [
        (
            row.label,
            f"{row.file_size / 1e6:.1f}",
            f"{row.ratio:.2f}",
            f"{row.insert * per_row:.1f}",
            f"{row.cold_select * per_row:.1f}",
            f"{row.warm_select * per_row:.1f}",
            f"{row.insert_peak_memory / 1e6:.0f}",
            f"{row.select_peak_memory / 1e6:.0f}",
        )
        for row in result.rows
    ]
    count = _WITHOUT_MEMORY if out.is_terminal and _MEDIUM <= out.width < _WIDE else len(_DEMO_HEADINGS)
    render.print_table(out, _DEMO_HEADINGS[:count], [row[:count] for row in rows])
    if count < len(_DEMO_HEADINGS):
        out.print("Memory: --json, or a wider terminal.")
    machine = result.machine
    text = f"{machine['cpu']}, {machine['system']}, Python {machine['python']}, SQLite {machine['sqlite']}"
    render.print_text(out, text, hang=2)
