"""Measurements on disk: a journal that makes a run resumable, and one CSV and one JSON file for each question.

NAME.csv holds the rows, and NAME.json everything else: machine, versions, inputs, settings. The report is made from
these two alone.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import ZblobError

Row = dict[str, Any]


class Journal:
    """Finished measurements of one question, each under a key. An interrupted run continues after the last one.

    Measurements that were made with other settings, inputs or versions are dropped.
    """

    def __init__(self, path: Path, settings: Any) -> None:
        self._path = path
        self._found: dict[str, Any] = {}
        head = json.dumps(settings, sort_keys=True)
        lines = path.read_text().splitlines() if path.exists() else []
        if lines and lines[0] == head:
            for line in lines[1:]:
                try:
                    key, value = json.loads(line)
                except ValueError:  # the last line that a killed run has written
                    break
                self._found[key] = value
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [head, *(json.dumps(item) for item in self._found.items())]
        path.write_text("\n".join(kept) + "\n")

    def take(self, key: str, measure: Callable[..., Any], *arguments: Any) -> Any:
        """The measurement of this key: one that was made before, or a new one. It must be representable in JSON."""
        if key not in self._found:
            self._found[key] = json.loads(json.dumps(measure(*arguments)))
            with self._path.open("a") as file:
                file.write(json.dumps([key, self._found[key]]) + "\n")
        return self._found[key]

    def close(self) -> None:
        """End the journal: the question is answered, and nothing is left to resume."""
        self._path.unlink()


def write(folder: Path, name: str, rows: list[Row], facts: Row) -> None:
    """Store a question's data. All rows get all columns; floats keep six significant digits."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    (folder / f"{name}.json").write_text(json.dumps(_rounded(facts), indent=1) + "\n")


def read(folder: Path, name: str) -> tuple[list[Row], Row] | None:
    """The rows and facts of a question; None: it was not measured."""
    data, facts = folder / f"{name}.csv", folder / f"{name}.json"
    if not (data.exists() and facts.exists()):
        return None
    try:
        with data.open(newline="") as file:
            rows = [{key: _value(text) for key, text in row.items()} for row in csv.DictReader(file)]
        return rows, json.loads(facts.read_text())
    except (ValueError, csv.Error) as error:
        raise ZblobError(f"{data} and {facts.name} are not what `sqlite-zblob bench` writes: {error}") from error


def is_enough(found: tuple[list[Row], Row] | None, *, quick: bool) -> bool:
    """Does it answer the question for this run? What a quick run found is no answer for one that is not quick."""
    return found is not None and (quick or not found[1]["quick"])


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value


def _cell(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text or None
