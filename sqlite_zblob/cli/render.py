"""How results are printed: tables and progress bars on a terminal, plain lines elsewhere, JSON. Knows no command."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from ..bars import StepCallback, bar, show_step
from ..bars import console as console
from ..codec import VERSION
from ..migration.reports import ProgressCallback
from ..migration.shown import show_rows
from ..units import count_text, duration_text, key_text, size_text

R = TypeVar("R")


def print_json(command: str, result: Any) -> None:
    """One object: the command, our version, and the fields of the result or, for a list, its `items`."""
    fields = to_json(result)
    body = {"items": fields} if isinstance(fields, list) else fields
    click.echo(json.dumps({"command": command, "sqlite_zblob": VERSION} | body, indent=1))


def end(command: str, report: R, show: Callable[[R], None], *, as_json: bool, ok: bool) -> None:
    """The last words of a command: its report, as JSON or as `show` prints it, and exit code 1 if it is not ok."""
    if as_json:
        print_json(command, report)
    else:
        show(report)
    if not ok:
        sys.exit(1)


def to_json(value: Any) -> Any:
    """Dataclasses become objects with their fields and properties; bytes become hexadecimal text."""
    if dataclasses.is_dataclass(value):
        names = [each.name for each in dataclasses.fields(value)]
        names += [name for name, each in vars(type(value)).items() if isinstance(each, property)]
        return {name: to_json(getattr(value, name)) for name in names}
    if isinstance(value, dict):
        return {str(name): to_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(each) for each in value]
    return value.hex() if isinstance(value, bytes) else value


def print_table(
    out: Console, headings: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1, title: str | None = None
) -> None:
    """Aligned columns, the first `left` of them to the left. Lines are drawn on a terminal only.

    No cell is ever broken within a word or a number. Where the columns do not fit beside each other, texts are broken
    between words; where that is not enough, each row becomes lines of its own.

    :param headings: a heading may have two lines.
    """
    rows = [tuple(row) for row in rows]
    if title and out.is_terminal:
        out.print(title)
    gap, edges = (2, 2) if out.is_terminal else (2, 0)  # what the box and its padding take
    wide = [max(map(_width, column)) for column in zip(headings, *rows, strict=True)]
    room = out.width - gap * (len(headings) - 1) - edges
    if sum(wide) > room:
        narrow = [
            max(map(_longest_word if 0 < at < left else _width, column))
            for at, column in enumerate(zip(headings, *rows, strict=True))
        ]
        if sum(narrow) > room:
            _print_rows(out, headings, rows)
            return
        wide = _widths(narrow, wide, room)
    padding = (0, 1, 0, 0) if out.is_terminal else (0, 1)
    made = Table(box=box.SIMPLE_HEAD if out.is_terminal else None, pad_edge=False, padding=padding)
    for at, heading in enumerate(headings):
        made.add_column(heading, justify="left" if at < left else "right", width=wide[at], vertical="bottom")
    for row in rows:
        made.add_row(*row)
    if out.is_terminal:
        out.print(made)
        return
    with out.capture() as captured:
        out.print(made)
    out.print("\n".join(line.rstrip() for line in captured.get().splitlines()), soft_wrap=True)


# Where a line is not broken: within "512 x 512 x 61", and between a figure and its unit.
_TOGETHER = re.compile(r"(?<=\d) (?=x \d|(?:[kMGTP]?B|bytes?|ms|s|min|h|MB/s)\b)|(?<=\d x) (?=\d)")
_NO_BREAK = "\ue000"


def print_text(out: Console, text: str, *, hang: int = 0) -> None:
    """A line; on a terminal several, if it is long. Words, figures with their units, and sizes of images stay whole.

    :param hang: by how many characters further lines are indented.
    """
    if out.is_terminal:
        text = textwrap.fill(
            _TOGETHER.sub(_NO_BREAK, text),
            out.width,
            subsequent_indent=" " * hang,
            break_long_words=False,
            break_on_hyphens=False,
        ).replace(_NO_BREAK, " ")
    out.print(text, soft_wrap=True)


def print_command(out: Console, command: str) -> None:
    """A command to be copied: one line, or on a narrow terminal several that a shell reads as one."""
    lines = [" "]
    for word in map(shlex.quote, shlex.split(command)):
        if out.is_terminal and lines[-1].strip() and cell_len(f"{lines[-1]} {word} \\") > out.width:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {word}"
    out.print("\n".join(lines), soft_wrap=True)


def _width(text: str) -> int:
    return max(map(cell_len, text.split("\n")))


def _longest_word(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)


def _widths(narrow: Sequence[int], wide: Sequence[int], room: int) -> list[int]:
    """Give the room that is left to the columns that need more, from left to right."""
    left, found = room - sum(narrow), []
    for least, most in zip(narrow, wide, strict=True):
        more = min(left, most - least)
        found.append(least + more)
        left -= more
    return found


def _print_rows(out: Console, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Each row under the text of its first cell, as `heading: cell`, as many to a line as fit."""
    for row in rows:
        out.print(row[0], soft_wrap=True)
        line = ""
        for heading, cell in zip(headings[1:], row[1:], strict=True):
            pair = f"{' '.join(heading.split())}: {cell}"
            if line and cell_len(f"  {line}, {pair}") > out.width - 1:
                out.print(f"  {line},", soft_wrap=True)
                line = ""
            line = f"{line}, {pair}" if line else pair
        out.print(f"  {line}", soft_wrap=True)


# ---- Figures -----------------------------------------------------------------------------------------------


def size(count: float) -> str:
    """Bytes, in powers of 1000."""
    return size_text(count)


def duration(seconds: float) -> str:
    return duration_text(seconds)


def ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def key(values: Any) -> str:
    """A row's key, as `name=value`."""
    return ", ".join(f"{name}={key_text(value)}" for name, value in values.items())


def of(database: str, text: str) -> str:
    """What is said of one of several databases, which is named once."""
    return text if text.startswith(database) else f"{database}: {text}"


def count(number: int, noun: str) -> str:
    return count_text(number, noun)


# ---- Progress ----------------------------------------------------------------------------------------------


@contextmanager
def progress_of_rows() -> Iterator[ProgressCallback]:
    """Show a bar on a terminal, or a line every ten seconds elsewhere; both on standard error."""
    with bar() as show:
        yield show_rows(show)


@contextmanager
def progress_of_steps() -> Iterator[StepCallback]:
    """The same for work that consists of steps. It may know how many they are."""
    with bar() as show:
        yield show_step(show)
