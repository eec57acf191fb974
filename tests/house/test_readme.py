"""The README, held against the code: examples run in order, tables are complete, figures are those measured."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

import sqlite_zblob as zb

from ..conftest import ROOT, open_apsw, package_file

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def test_python_examples_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nilearn = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
    shutil.copy(package_file("nilearn", "datasets", "data", nilearn), tmp_path / "brain.nii.gz")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"data": pickle.dumps(sitk.GetImageFromArray(np.ones((30, 40), "u1")))}
    try:
        for block in blocks("python"):
            exec(compile(block, "README.md", "exec"), names)
            stored = (tmp_path / "results.db").stat().st_size
            assert stored < 4e6  # of 9 MB
    finally:
        zb.uninstall()


def test_shell_example_runs(tmp_path: Path) -> None:
    (block,) = (block for block in blocks("sh") if ".load" in block)
    connection = open_apsw(str(tmp_path / "results.db"))
    connection.execute("CREATE TABLE results(id TEXT PRIMARY KEY, data BLOB)")
    value = pickle.dumps(sitk.GetImageFromArray(np.ones((30, 40), "u1")))
    connection.execute("INSERT INTO results VALUES ('a1', zcompress(?))", (value,))
    connection.close()
    command = block.replace("results.db", str(tmp_path / "results.db"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PATH": path}
    )
    assert done.stdout == "a1|[40,30]\n", done.stderr


def test_commands_for_an_existing_store_run(tmp_path: Path) -> None:
    (block,) = (block for block in blocks("sh") if "sqlite-zblob migrate" in block)
    image = sitk.GaussianSource(sitk.sitkUInt8, [60, 50, 40])
    connection = open_apsw(str(tmp_path / "results.db"))
    connection.execute("CREATE TABLE results(id TEXT PRIMARY KEY, data BLOB)")
    connection.execute("INSERT INTO results VALUES ('a1', ?)", (pickle.dumps(image),))
    connection.close()
    script = f'set -e; sqlite-zblob() {{ "{sys.executable}" -m sqlite_zblob "$@"; }}\n{block}'
    settings = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path, env=settings)
    assert done.returncode == 0, done.stderr
    for line in ("SimpleITK pickle", "1 of 1 row compressed", "No damage found.", "1 of 1 row restored"):
        assert line in done.stdout


def test_sql_example_runs() -> None:
    (block,) = blocks("sql")
    connection = open_apsw()
    connection.execute(block)
    connection.execute("INSERT INTO results(operation_id, data) VALUES ('a', ?)", (b"x" * 5000,))
    assert connection.execute("SELECT data FROM results").fetchall() == [(b"x" * 5000,)]


def test_every_sql_function_is_told() -> None:
    rows = re.findall(r"^\| (`z\w+\(.*?) \|", README, flags=re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(z\w+)\(", row)}
    functions = "SELECT name FROM pragma_function_list WHERE name LIKE 'z%'"
    tables = "SELECT name FROM pragma_module_list WHERE name LIKE 'z%' AND name NOT IN ('zblob', 'zipfile')"
    names = open_apsw().execute(f"{functions} UNION {tables}").fetchall()
    assert told == {name for (name,) in names} - {"zeroblob"}


def demo_table(result: dict[str, Any]) -> str:
    """The demo's figures, as the README gives them."""
    lines = ["| store | file MB | ratio | INSERT ms | cold SELECT ms | warm SELECT ms |", "|---|---|---|---|---|---|"]
    scale = 1e3 / result["row_count"]
    for row in result["rows"]:
        times = (f"{row[phase] * scale:.1f}" for phase in ("insert", "cold_select", "warm_select"))
        lines.append(f"| {row['label']} | {row['file_size'] / 1e6:.1f} | {row['ratio']:.2f} | {' | '.join(times)} |")
    return "\n".join(lines)


def test_figures_of_the_demo_are_those_measured() -> None:
    result = json.loads((ROOT / "benchmarks" / "results" / "demo.json").read_text())
    assert demo_table(result) in README
    assert result["machine"]["cpu"] in README


def test_factors_of_the_codec_are_those_measured() -> None:
    measured = (ROOT / "benchmarks" / "results" / "codec.md").read_text()
    rows = re.findall(r"^\| (?:sqlite_zblob|JPEG|HTJ2K|zstd 19).*\|$", README, flags=re.MULTILINE)
    assert len(rows) >= 6
    for row in rows:
        assert row in measured


def test_figures_of_the_first_screen_are_those_measured() -> None:
    rows = {
        row["label"]: row for row in json.loads((ROOT / "benchmarks" / "results" / "demo.json").read_text())["rows"]
    }
    plain, ours = rows["uncompressed"], rows["database: zcompress, level 5"]
    (line,) = re.findall(r"^\| sqlite_zblob 5 \|.*\|$", README, flags=re.MULTILINE)
    cells = [cell.strip() for cell in line.split("|")]
    said = re.findall(r"\*\*([\d.]+) times\*\*", README)
    measured = [ours["ratio"], ours["insert"] / plain["insert"], float(cells[4]), float(cells[10])]
    assert said == [f"{measured[0]:.1f}", f"{measured[1]:.1f}", f"{measured[2]:.2f}", f"{measured[3]:.1f}"]
