"""The questions of the investigation, one module each.

`measure(bench)` gives rows and facts, `render(report)` a section from them: an answer in one sentence, a plot and
tables, in which all figures come from the measured data.
"""

from __future__ import annotations

from typing import Any, Protocol

from ..questions import cache, codecs, contents, migration, scale, speed, store, threshold
from ..results import Row


class Question(Protocol):
    NAME: str  # of the command and of its data files
    TITLE: str

    def measure(self, bench: Any) -> tuple[list[Row], Row]: ...
    def render(self, report: Any) -> list[str]: ...


QUESTIONS: dict[str, Question] = {
    question.NAME: question for question in (contents, codecs, speed, store, cache, threshold, migration, scale)
}
