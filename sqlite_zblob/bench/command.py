"""`sqlite-zblob bench`: arguments, progress and printing of the investigation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..errors import ZblobError

_DEFAULT_FOLDER = "zblob-bench"
_QUESTION_HELP = {
    "contents": "What a pickled image holds, beside ITK's own file formats.",
    "codecs": "Ratio and speed of every codec, by modality and pixel type.",
    "speed": "Several threads, and memory.",
    "store": "Whole stores: compressed before pickling, in the application, in the database, or below it.",
    "cache": "Page cache, slow media, break-even bandwidth, bytes shipped.",
    "threshold": "Values from 20 bytes to 1 GB.",
    "migration": "Converting an existing store, and the way back.",
    "scale": "From 10 images to 100,000, and GB-months.",
}


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    short_help="Measure codecs and whole stores on your images.",
)
def bench() -> None:
    """Measure codecs and whole stores on your images, and write a report.

    Every question is a command; `all` answers them all. SOURCE is a folder of images, or a database (with --column);
    without it, the images of installed packages are taken. What is measured already is not measured again. Needs the
    extra [bench].
    """


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = (
        click.argument("source", required=False, type=click.Path(exists=True, path_type=Path)),
        click.option("--column", metavar="TABLE.COLUMN", help="Where a database keeps its images."),
        click.option("--quick", is_flag=True, help="Parts of a few images, one round: about a minute for everything."),
        click.option("--again", is_flag=True, help="Measure anew what was measured already."),
        click.option(
            "--results",
            type=click.Path(file_okay=False, path_type=Path),
            default=_DEFAULT_FOLDER,
            show_default=True,
            help="Folder for data and report.",
        ),
        click.option(
            "--report",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Where to write the report. [default: RESULTS/report.md]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _measure(
    names: list[str],
    source: Path | None,
    column: str | None,
    quick: bool,
    again: bool,
    results: Path,
    report: Path | None,
) -> None:
    run, write = _needs_extra()
    with _progress() as progress:
        task = progress.add_task("finding images", total=None)
        seen: dict[str, int] = {}

        def advance(question: str, step: str, count: int) -> None:
            seen[question] = seen.get(question, 0) + 1
            progress.update(task, description=f"{question}: {step}"[:60], completed=seen[question] - 1, total=count)

        measured = run(names, source, column, results, quick, again, advance)
    target = report or results / "report.md"
    answers = write(results, target)
    for name in names:
        before = "" if name in measured else " (measured before; --again measures anew)"
        click.echo(f"{click.style(name, bold=True)}{before}\n  {answers[name]}")
    click.echo(f"\nTables and plots: {target}; data: {results}")


def _needs_extra() -> tuple[Any, Any]:
    try:
        from .report import write
        from .run import run
    except ImportError as error:
        raise ZblobError(f"the bench needs more packages: pip install 'sqlite_zblob[bench]' ({error})") from error
    return run, write


def _progress() -> Progress:
    """On standard error, and only on a terminal: what is piped stays clean."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:60}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _add(name: str) -> None:
    @bench.command(name, help=_QUESTION_HELP[name])
    @_options
    def command(**options: Any) -> None:
        _measure([name], **options)


for _name in _QUESTION_HELP:
    _add(_name)


@bench.command("all")
@_options
def measure_all(**options: Any) -> None:
    """Answer all questions."""
    _measure(list(_QUESTION_HELP), **options)


@bench.command("report")
@click.option(
    "--results",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=_DEFAULT_FOLDER,
    show_default=True,
    help="Folder of the data.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the report. [default: RESULTS/report.md]",
)
def make_report(results: Path, report: Path | None) -> None:
    """Make the report anew from data that are there. Nothing is measured."""
    _, write = _needs_extra()
    write(results, report or results / "report.md")
    click.echo(f"report in {report or results / 'report.md'}")


@bench.command()
@click.option("--images", metavar="N", type=click.FloatRange(0), required=True, help="Images that come in each month.")
@click.option("--size-mb", metavar="MB", type=click.FloatRange(0), required=True, help="Size of an image, in MB.")
@click.option(
    "--ratio",
    metavar="R",
    type=click.FloatRange(0, min_open=True),
    required=True,
    help="Size before / after, from the report or `analyze`.",
)
@click.option(
    "--months", metavar="N", type=click.IntRange(1), default=12, show_default=True, help="How long the store grows."
)
@click.option("--price", metavar="P", type=click.FloatRange(0), default=0.0, help="Of a GB-month, in any currency.")
def cost(images: float, size_mb: float, ratio: float, months: int, price: float) -> None:
    """What a growing store costs: GB-months without and with compression."""
    _needs_extra()
    from .questions.scale import gigabyte_months

    plain, compressed = (gigabyte_months(images, size_mb * 1e6, factor, months) for factor in (1.0, ratio))
    click.echo(f"uncompressed  {plain:12,.1f} GB-months" + (f"  {plain * price:14,.2f}" if price else ""))
    click.echo(f"compressed    {compressed:12,.1f} GB-months" + (f"  {compressed * price:14,.2f}" if price else ""))
    saved = plain - compressed
    click.echo(f"saved         {saved:12,.1f} GB-months" + (f"  {saved * price:14,.2f}" if price else ""))
