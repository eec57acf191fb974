"""bench: the investigation, measured on the user's own images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.padding import Padding
from rich.text import Text

from ..errors import ZblobError
from . import render
from .options import json_option, on_interrupt

_DEFAULT_FOLDER = "zblob-bench"
_QUESTION_HELP = {
    "contents": "What a pickled image holds, compared with ITK's own file formats.",
    "codecs": "Ratio and speed of every codec, by modality and pixel type.",
    "speed": "Speed with several threads, and memory.",
    "store": "Whole stores: compressed before pickling, in the application, in the database, or below it.",
    "cache": "Page cache, slow media, break-even bandwidth, bytes sent to replicas.",
    "threshold": "From which size on it pays: values from 20 bytes to 1 GB.",
    "migration": "Converting an existing store, and the way back.",
    "scale": "Stores from 10 to 100,000 images, and GB-months.",
}


@dataclass(frozen=True)
class Answer:
    """A question, answered from its data."""

    name: str
    answer: str  # one sentence
    is_new: bool  # measured now, not before
    is_quick: bool  # measured by a quick run: the figures of whole images are others


@dataclass(frozen=True)
class Investigation:
    """What `bench` has measured now or before. All figures are in the data files."""

    answers: tuple[Answer, ...]
    report: str  # path of the Markdown file
    results: str  # path of the folder with a CSV and a JSON file for each question


@dataclass(frozen=True)
class Cost:
    """What a store costs that grows by the same number of images each month."""

    months: int
    plain_gb_months: float
    compressed_gb_months: float
    price: float  # per GB-month; 0: not given

    @property
    def saved_gb_months(self) -> float:
        return self.plain_gb_months - self.compressed_gb_months


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    short_help="Measure codecs and whole stores on your images.",
)
def bench() -> None:
    """Measure codecs and whole stores on your images, and write a report.

    Every question is a command; `all` answers them all. SOURCE is a folder of images, or a database (with --column);
    without it, the images of installed packages are used. What was measured before is not measured again. This needs
    the extra [bench].
    """


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = (
        click.argument("source", required=False, type=click.Path(exists=True, path_type=Path)),
        click.option("--column", metavar="TABLE.COLUMN", help="The column of the database that holds the images."),
        click.option(
            "--quick", is_flag=True, help="Measure parts of a few images, once: about a minute for everything."
        ),
        click.option("--again", is_flag=True, help="Measure again what was measured before."),
        click.option(
            "--results",
            type=click.Path(file_okay=False, path_type=Path),
            default=_DEFAULT_FOLDER,
            show_default=True,
            help="Folder for the data and the report.",
        ),
        click.option(
            "--report",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Where to write the report. [default: RESULTS/report.md]",
        ),
        json_option,
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
    as_json: bool,
) -> None:
    on_interrupt("interrupted. What was measured is kept: the same command, without --again, continues")
    target = report or results / "report.md"
    with _extra(), render.progress_of_steps() as progress:
        from ..bench.report import cautions, write
        from ..bench.run import run

        progress("finding images")
        seen: dict[str, int] = {}

        def advance(question: str, step: str, count: int) -> None:
            seen[question] = seen.get(question, 0) + 1
            progress(f"{question}: {step}"[:60], seen[question] - 1, count)

        measured = run(names, source, column, results, quick, again, advance)
        found = write(results, target)
    answers = tuple(Answer(name, found[name].answer, name in measured, found[name].is_quick) for name in names)
    if as_json:
        render.print_json("bench", Investigation(answers, str(target), str(results)))
        return
    out = render.console()
    for each in answers:
        before = "" if each.is_new else " (measured before; --again measures again)"
        kind = ", quick run" if each.is_quick else ""
        out.print(Text(each.name, style="bold").append(kind + before, style="default"))
        out.print(Padding(each.answer, (0, 0, 0, 2)))
    for caution in cautions(results):
        out.print(f"\n{caution}")
    out.print(f"\nTables and plots: {target}; data: {results}", soft_wrap=True)


@contextmanager
def _extra() -> Iterator[None]:
    """:raises ZblobError: a package of the extra is missing, which may show in the middle of the work only."""
    try:
        yield
    except ImportError as error:
        raise ZblobError(f"the bench needs more packages: pip install 'sqlite_zblob[bench]' ({error})") from error


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
@json_option
def make_report(results: Path, report: Path | None, as_json: bool) -> None:
    """Write the report again from existing data. Nothing is measured."""
    target = report or results / "report.md"
    with _extra():
        from ..bench.report import write

        answers = write(results, target)
    if as_json:
        found = tuple(Answer(name, each.answer, False, each.is_quick) for name, each in answers.items())
        render.print_json("bench", Investigation(found, str(target), str(results)))
    else:
        click.echo(f"report in {target}")


@bench.command()
@click.option(
    "--images", metavar="N", type=click.FloatRange(0), required=True, help="How many images are added each month."
)
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
@click.option(
    "--price", metavar="P", type=click.FloatRange(0), default=0.0, help="Price of a GB-month, in any currency."
)
@json_option
def cost(images: float, size_mb: float, ratio: float, months: int, price: float, as_json: bool) -> None:
    """What a growing store costs: GB-months without and with compression."""
    with _extra():
        from ..bench.questions.scale import gigabyte_months

    plain, compressed = (gigabyte_months(images, size_mb * 1e6, factor, months) for factor in (1.0, ratio))
    found = Cost(months, plain, compressed, price)
    if as_json:
        render.print_json("bench", found)
        return
    for name, amount in (("uncompressed", plain), ("compressed", compressed), ("saved", found.saved_gb_months)):
        click.echo(f"{name:12}  {amount:12,.1f} GB-months" + (f"  {amount * price:14,.2f}" if price else ""))
