"""Make the report, Markdown with plots, from the measured data of all questions. No figure in it is typed by hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..bench import figures, recommendation, results, summary
from ..errors import ZblobError
from .markdown import ANSWER, listing
from .questions import QUESTIONS
from .results import Row

NAME = "investigation"

_QUICK_SECTION = ("*Measured by a quick run: a first look.*", "")


class Report:
    """What a question's `render` gets: the data of all questions, and a folder for plots."""

    NEUTRAL = figures.NEUTRAL
    color = staticmethod(figures.color)
    plain_log_ticks = staticmethod(figures.plain_log_ticks)
    byte_ticks = staticmethod(figures.byte_ticks)
    scatter_named = staticmethod(figures.scatter_named)

    def __init__(self, folder: Path, out: Path) -> None:
        self.results = folder
        self._plots = out.parent / out.stem
        self._home = out.parent
        self._data = {name: found for name in QUESTIONS if (found := results.read(folder, name))}
        if not self._data:
            raise ZblobError(f"{folder} holds no measurements: run `sqlite-zblob bench all` first")

    @property
    def quick_names(self) -> list[str]:
        """The questions that a quick run has answered."""
        return [name for name in self._data if self.facts(name)["quick"]]

    @property
    def cautions(self) -> list[str]:
        """Why figures may differ from those of other runs."""
        is_busy = any((self.facts(name).get("load") or 0.0) > BUSY_LOAD for name in self.names)
        return [QUICK] * bool(self.quick_names) + [BUSY] * is_busy

    def link(self, path: Path) -> str:
        """The path by which the report refers to the plot."""
        return os.path.relpath(path, self._home)

    @property
    def names(self) -> list[str]:
        return list(self._data)

    def has(self, name: str) -> bool:
        return name in self._data

    def rows(self, name: str) -> list[Row]:
        """:raises ZblobError: this question needs another one that was not measured."""
        if name not in self._data:
            raise ZblobError(f"this section needs the measurements of `sqlite-zblob bench {name}`, too")
        return self._data[name][0]

    def facts(self, name: str) -> Row:
        self.rows(name)
        return self._data[name][1]

    def inputs(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.facts(name)["inputs"]
        return found

    @contextmanager
    def figure(
        self, name: str, columns: int = 1, width: float = 8.5, height: float = 4.0
    ) -> Iterator[tuple[Any, list[Any]]]:
        self._plots.mkdir(parents=True, exist_ok=True)
        with figures.figure(self._plots / f"{name}.svg", columns, width, height) as made:
            yield made

    def image(self, name: str, text: str) -> list[str]:
        return [f"![{text}]({self._plots.name}/{name}.svg)", ""]


# Why a quick run's figures are not those of whole images.
QUICK = (
    "A quick run: the middle slices of a few images, one round, short stores. Ratios and times are not those of whole "
    "images and stores, so its conclusions may differ from those of a whole run (without --quick), such as that in "
    "docs/investigation.md."
)

# And why those of a busy machine are not those of a quiet one.
BUSY = (
    "The machine was busy with other work when this began: times are too long, and speeds too low. Sizes and ratios "
    "are not affected."
)
BUSY_LOAD = 0.5  # tasks per CPU


@dataclass(frozen=True)
class Found:
    """A question's answer, and whether it is that of a quick run."""

    answer: str
    is_quick: bool


def cautions(folder: Path) -> list[str]:
    """What is to be said beside any conclusion that is drawn from these results."""
    return Report(folder, folder / f"{NAME}.md").cautions


def write(folder: Path, out: Path) -> dict[str, Found]:
    """Make the report `out`, a Markdown file with its plots in a folder of its name, from a results folder.

    :returns: the answer to each question, by its name.
    """
    report = Report(folder, out)
    lines = _head(report)
    if all(report.has(question.NAME) and report.rows(question.NAME) for question in summary.NEEDS):
        lines += summary.render(report)
        lines += summary.since(report, folder / "sizes.json")
    lines += _OWN
    if all(report.has(name) for name in recommendation.NEEDS):
        lines += recommendation.render(report)
    answers = {}
    for i, (name, question) in enumerate(QUESTIONS.items(), 1):
        if report.has(name):
            section = question.render(report) if _is_complete(report, name) else [_incomplete(report, name), ""]
            is_quick = name in report.quick_names
            answers[name] = Found(section[0].removeprefix(ANSWER).strip(), is_quick)
            lines += [f"## {i}. {question.TITLE}", "", *(_QUICK_SECTION if is_quick else ()), *section]
    lines += _tail(report)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines).rstrip() + "\n")
    return answers


def _is_complete(report: Report, name: str) -> bool:
    needs = {"speed": ["codecs"], "scale": ["store"]}
    return bool(report.rows(name)) and all(report.has(other) for other in needs.get(name, []))


def _incomplete(report: Report, name: str) -> str:
    if not report.rows(name):
        return "None of the inputs fits this question."
    return (
        f"This section needs more than `{name}`: run `sqlite-zblob bench all`, which leaves out what has been measured."
    )


def _head(report: Report) -> list[str]:
    machine = report.facts(report.names[0])["machine"]
    lines = [
        "# Compressing images in SQLite: the investigation",
        "",
        f"Measured {_when(report)}on {machine['cpu']}, {machine['system']}, Python {machine['python']}, "
        f"SQLite {machine['sqlite']}, sqlite_zblob {machine['sqlite_zblob']}. Every figure below is computed from the "
        "CSV and JSON files that `sqlite-zblob bench` writes; every round trip was compared byte for byte, and a codec "
        "that fails is left out. "
        "MB are 10^6 bytes; ratio is bytes before / bytes after.",
        "",
    ]
    return lines + [line for each in report.cautions for line in (f"**{each}**", "")]


_OWN = (
    "To measure your own images, or a column of your database (`pip install 'sqlite_zblob[bench]'`):",
    "",
    "```sh",
    "sqlite-zblob bench all FOLDER              # --quick: about a minute",
    "sqlite-zblob bench all results.db --column results.data",
    "```",
    "",
)


def _when(report: Report) -> str:
    days = sorted({report.facts(name)["measured"] for name in report.names if "measured" in report.facts(name)})
    return f"{listing(days)} " if days else ""


def _tail(report: Report) -> list[str]:
    lines = ["## What was measured, and with what", ""]
    first = report.facts(report.names[0])
    lines += ["| image | modality | pixel type | size | MB | from |", "|---|---|---|---|---:|---|"]
    for image in first["inputs"]:
        extent = " x ".join(map(str, image["size"]))
        lines.append(
            f"| {image['name']} | {image['modality']} | {image['pixel_type']} | {extent} | "
            f"{image['bytes'] / 1e6:.1f} | {image['source']} |"
        )
    versions = ", ".join(f"{name} {version}" for name, version in first["versions"].items())
    minutes = sum(report.facts(name)["seconds"] for name in report.names) / 60
    machines = {str(report.facts(name)["machine"]) for name in report.names}
    lines += ["", f"Versions: {versions}. The measurements took {minutes:.0f} minutes."]
    if len(machines) > 1:
        lines += ["", "**Not all questions were measured on the same machine or version**; their JSON files say which."]
    return [*lines, ""]
