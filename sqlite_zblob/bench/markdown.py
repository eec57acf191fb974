"""Make Markdown of figures: tables, and numbers with as many digits as make sense."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

ANSWER = "**Answer.**"


def number(value: float | None, digits: int = 3) -> str:
    """The number with this many significant digits, without an exponent: 0.0123, 1.23, 123, 12,300."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if value == 0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, decimals):,.{max(0, decimals)}f}"


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def size(count: float) -> str:
    """Bytes in a unit that suits them (decimal units)."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{number(count / factor)} {unit}"
    return f"{count:.0f} bytes"


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]], text_columns: int = 1) -> list[str]:
    """A table. The first columns are text; the others are figures and aligned to the right."""
    rule = "|" + "---|" * text_columns + "---:|" * (len(headings) - text_columns)
    lines = ["| " + " | ".join(headings) + " |", rule]
    return [*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows), ""]


def answer(text: str) -> list[str]:
    return [f"{ANSWER} {text}", ""]


def listing(names: Sequence[str]) -> str:
    """Join the names: a, b and c."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1] if names else "")))
