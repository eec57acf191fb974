"""One run of the bench: which questions, on which images, where results go. Knows no single question, no terminal."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from ..bench import results
from .harness import machine, other_load, timed, versions
from .inputs import Subject, find_subjects
from .questions import QUESTIONS


@dataclass
class Bench:
    """What a question needs in order to measure."""

    subjects: list[Subject]
    quick: bool
    work: Path  # for files that do not outlive the question
    journal: results.Journal
    advance: Callable[[str, int], None]  # what comes next, and how many steps there are in this question

    def take(self, key: str, step_count: int, measure: Callable[..., Any], *arguments: Any) -> Any:
        """A measurement, made now or in an interrupted run before."""
        self.advance(key, step_count)
        return self.journal.take(key, measure, *arguments)

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 3


def run(
    names: Sequence[str],
    source: Path | None,
    column: str | None,
    folder: Path,
    quick: bool,
    again: bool,
    advance: Callable[[str, str, int], None],
) -> list[str]:
    """Measure the questions of these names, and write the results into `folder`.

    :param quick: measure little; questions that were measured before, quickly or not, are left as they are.
    :param again: measure those that were measured already, too.
    :param advance: called before each step with the question, the step, and the number of steps in the question.
    :returns: the names of the questions that were measured now.
    """
    wanted = [name for name in names if again or not results.is_enough(results.read(folder, name), quick=quick)]
    if not wanted:
        return []
    begun = {"measured": date.today().isoformat(), "load": other_load()}
    with tempfile.TemporaryDirectory(prefix="sqlite_zblob-") as temporary:
        work = Path(temporary)
        values = work / "values"
        values.mkdir()
        subjects = find_subjects(source, column, values, quick)
        described = [subject.describe() for subject in subjects]
        head = {"inputs": described, "quick": quick, "machine": machine(), "versions": versions()}
        for name in wanted:
            scratch = work / name
            scratch.mkdir()
            journal = results.Journal(folder / f"{name}.partial.jsonl", head)
            bench = Bench(subjects, quick, scratch, journal, partial(advance, name))
            (rows, facts), seconds = timed(QUESTIONS[name].measure, bench)
            results.write(folder, name, rows, head | begun | {"seconds": seconds} | facts)
            journal.close()
    return wanted
