"""Tables of README.md and of docs/, held against the code: they are complete, and figures are those measured."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ..conftest import ROOT, open_apsw

README = (ROOT / "README.md").read_text()
SQL = (ROOT / "docs" / "sql.md").read_text()
PERFORMANCE = (ROOT / "docs" / "performance.md").read_text()


def test_every_sql_function_is_told() -> None:
    rows = re.findall(r"^\| (`z\w+\(.*?) \|", SQL, flags=re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(z\w+)\(", row)}
    functions = "SELECT name FROM pragma_function_list WHERE name LIKE 'z%'"
    tables = "SELECT name FROM pragma_module_list WHERE name LIKE 'z%' AND name NOT IN ('zblob', 'zipfile')"
    names = open_apsw().execute(f"{functions} UNION {tables}").fetchall()
    assert told == {name for (name,) in names} - {"zeroblob"}


def demo_table(result: dict[str, Any]) -> str:
    """The demo's figures, as docs/performance.md gives them."""
    lines = ["| store | file MB | ratio | INSERT ms | cold SELECT ms | warm SELECT ms |", "|---|---|---|---|---|---|"]
    scale = 1e3 / result["row_count"]
    for row in result["rows"]:
        times = (f"{row[phase] * scale:.1f}" for phase in ("insert", "cold_select", "warm_select"))
        lines.append(f"| {row['label']} | {row['file_size'] / 1e6:.1f} | {row['ratio']:.2f} | {' | '.join(times)} |")
    return "\n".join(lines)


def test_figures_of_the_demo_are_those_measured() -> None:
    result = json.loads((ROOT / "benchmarks" / "results" / "demo.json").read_text())
    assert demo_table(result) in PERFORMANCE
    assert result["machine"]["cpu"] in PERFORMANCE


def test_factors_of_the_codec_are_those_measured() -> None:
    measured = (ROOT / "benchmarks" / "results" / "codec.md").read_text()
    rows = re.findall(r"^\| (?:sqlite_zblob|JPEG|HTJ2K|zstd 19).*\|$", PERFORMANCE, flags=re.MULTILINE)
    assert len(rows) >= 6
    for row in rows:
        assert row in measured


def test_figures_of_the_first_screen_are_those_measured() -> None:
    rows = {
        row["label"]: row for row in json.loads((ROOT / "benchmarks" / "results" / "demo.json").read_text())["rows"]
    }
    plain, ours = rows["uncompressed"], rows["database: zcompress, level 5"]
    (line,) = re.findall(r"^\| sqlite_zblob 5 \|.*\|$", PERFORMANCE, flags=re.MULTILINE)
    cells = [cell.strip() for cell in line.split("|")]
    said = re.findall(r"\*\*([\d.]+) times\*\*", README)
    measured = [ours["ratio"], ours["insert"] / plain["insert"], float(cells[4]), float(cells[10])]
    assert said == [f"{measured[0]:.1f}", f"{measured[1]:.1f}", f"{measured[2]:.2f}", f"{measured[3]:.1f}"]


def test_the_first_example_is_five_lines_that_print_what_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (first, *_) = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    assert len([line for line in first.splitlines() if line]) == len(ast.parse(first).body) == 5
    monkeypatch.chdir(tmp_path)
    exec(first, {})
    assert f"It prints `{capsys.readouterr().out.strip()}`" in README
